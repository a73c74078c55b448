package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// capturePrograms records what real clients send: the stories of clients/ and a row of commands typed
// to Java's shell. In the middle of each story the relay cuts the connections, which shows how each
// library comes back.
func capturePrograms(c *capture) error {
	s, err := startStandalone(c.peers, filepath.Join(c.work, "programs"), golden.Properties)
	if err != nil {
		return err
	}
	defer s.Kill()
	programs, err := buildPrograms(c)
	if err != nil {
		return err
	}
	for _, p := range programs {
		r, err := relayTo(s)
		if err != nil {
			return err
		}
		err = p.drive(r)
		r.close()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for i, t := range r.recorded() {
			name := fmt.Sprintf("%s-%d.frames", p.name, i+1)
			header := &golden.Transcript{}
			header.Note("connection %d of %s to Java %s, standalone, in the order of their opening", i+1, p.what, c.peers.Version())
			header.Append(t)
			if err := header.Save(c.path("proto/testdata/java/sessions", name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// relayTo starts a relay in front of the server's client port.
func relayTo(s *peers.Server) (*relay, error) {
	return newRelay("127.0.0.1:0", s.Addr(), 0, splitClient)
}

// program is a client to record.
type program struct {
	name, what string
	argv       []string // the connect string is put where CONNECT stands
	typed      []string // standard input; for a story the relay cuts before the line go is sent
	story      bool
}

// shellCommands make Java's client send what the stories do not.
var shellCommands = []string{
	"create -c /shell container", "create -t 60000 /shell/ttl x", "create -s -e /shell/es- x", "create /shell/n x auth::crwda",
	"addauth digest bob:secret", "create /shell/n x auth::crwda", "getAcl -s /shell/n", "setAcl -s /shell/n world:anyone:r,auth::cdrwa",
	"get -s -w /shell/n", "set /shell/n y", "set -v 9 /shell/n z", "ls -s -w /shell", "ls -R /shell", "stat -w /shell",
	"addWatch -m PERSISTENT_RECURSIVE /shell", "create /shell/n/child x", "removewatches /shell", "getAllChildrenNumber /shell",
	"getEphemerals /shell", "sync /shell", "whoami", "config", "version", "listquota /shell", "setquota -n 100 /shell", "delquota /shell",
	"delete -v 5 /shell/n/child", "deleteall /shell", "quit",
}

// buildPrograms compiles the stories into the scratch directory.
func buildPrograms(c *capture) ([]program, error) {
	for _, argv := range [][]string{
		{"javac", "-nowarn", "-d", c.work, "-cp", c.peers.Classpath(), "clients/JavaClient.java"},
		{"gcc", "-DTHREADED", "-o", filepath.Join(c.work, "c_client"), "clients/c_client.c", "-lzookeeper_mt", "-lpthread"},
		{"go", "build", "-o", filepath.Join(c.work, "goclient"), "./clients/goclient"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", argv[0], err, out)
		}
	}
	story := func(root string, argv ...string) []string { return append(argv, "CONNECT", root, "8000") }
	java := c.peers.JavaClient(c.peers.Classpath()+string(os.PathListSeparator)+c.work, "JavaClient")
	shell := c.peers.JavaClient(c.peers.Classpath(), "org.apache.zookeeper.ZooKeeperMain", "-server", "CONNECT")
	return []program{
		{name: "kazoo", what: "kazoo", argv: story("/kazoo", c.peers.Python(), "clients/kazoo_client.py"), story: true},
		{name: "java", what: "ZooKeeper's Java client", argv: story("/java", java.Args...), story: true},
		{name: "c", what: "the C client", argv: story("/c", filepath.Join(c.work, "c_client")), story: true},
		{name: "go-zookeeper", what: "go-zookeeper", argv: story("/go", filepath.Join(c.work, "goclient")), story: true},
		{name: "zkcli", what: "Java's shell", argv: shell.Args, typed: shellCommands},
	}, nil
}

// drive runs the program through the relay to its end.
func (p program) drive(r *relay) error {
	argv := append([]string{}, p.argv...)
	for i := range argv {
		if argv[i] == "CONNECT" {
			argv[i] = r.listener.Addr().String()
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	overdue := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	if !p.story {
		if _, err := io.WriteString(stdin, strings.Join(p.typed, "\n")+"\n"); err != nil {
			return err
		}
	}
	last := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		last = lines.Text()
		if p.story && last == "ready" {
			r.cut()
			if _, err := io.WriteString(stdin, "go\n"); err != nil {
				return err
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("ended with %w after %q", err, last)
	}
	return nil
}
