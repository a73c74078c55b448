package cluster

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// Software is a program that serves a zoo.cfg, and is not Paddock. That of
// test/interop/peers is Java's.
type Software interface {
	fmt.Stringer

	// Command returns the command that serves a configuration file in the
	// foreground; properties are Java's.
	Command(zooCfg string, properties map[string]string) *exec.Cmd
}

// Paddock reports whether the server runs Paddock.
func (s *Server) Paddock() bool { return s.other == nil }

// command returns the command that runs the server.
func (s *Server) command() *exec.Cmd {
	cfg := filepath.Join(s.Dir, "zoo.cfg")
	if s.other != nil {
		return s.other.Command(cfg, nil)
	}
	return exec.Command(s.cluster.bin, "server", cfg)
}

// snapped is what a Java learner writes down when it begins to read a leader's
// snapshot. Source: Learner.syncWithLeader.
var snapped = []byte("Getting a snapshot from leader")

// DigestsInDoubt reports whether the server is one of Java that a leader has sent
// its snapshot since the process began. The leader goes on while it writes that, so
// the tree that comes is of no one moment until the transactions that follow have
// been applied again. A Java server that is loaded from its disk waits for that
// moment with the digests, a Java learner does not: it counts mismatches, and notes
// digests, that mean nothing.
func (s *Server) DigestsInDoubt() bool {
	if s.Paddock() {
		return false
	}
	text, _ := os.ReadFile(s.LogFile())
	return bytes.Contains(text[min(s.logged, int64(len(text))):], snapped)
}

// began is what a Java leader writes down before it serves. Source:
// Leader.startZkServer.
var began = regexp.MustCompile(`Have quorum of supporters, .* setting last processed zxid: 0x([0-9a-f]+)00000000\b`)

// JavaLed calls f for each epoch whose leader was a Java server.
func (c *Cluster) JavaLed(f func(epoch int64, server int)) {
	for _, s := range c.Servers {
		if s.Paddock() {
			continue
		}
		text, _ := os.ReadFile(s.LogFile()) // no file: it has never run
		for _, m := range began.FindAllSubmatch(text, -1) {
			if epoch, err := strconv.ParseInt(string(m[1]), 16, 64); err == nil {
				f(epoch, s.ID)
			}
		}
	}
}
