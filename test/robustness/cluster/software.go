package cluster

import (
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
