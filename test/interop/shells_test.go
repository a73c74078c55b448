package interop

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestCliMT types to the C client's shell: create, read, watch, an ephemeral node as a lock between two
// shells, and the death of the server that the shell is on.
func TestCliMT(t *testing.T) {
	onEachCluster(t, func(t *testing.T, in *peers.Installation, c cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*replyTimeout)
		defer cancel()
		root := rootOf(t)
		a, session := openCliMT(t, in, c)
		b, _ := openCliMT(t, in, c)

		a.say("create " + root)
		a.until(`\[` + root + `\]: rc = 0`)
		a.say("set " + root + " hello")
		a.until(`: rc = 0`)
		a.say("get " + root)
		a.until(`hello`)
		a.say("ls /")
		a.until(strings.TrimPrefix(root, "/") + `\n`)

		a.say("wexists " + root) // prints nothing when the node is there
		a.say("ls " + root)      // so this answer says that the watch is set
		a.until(root + `: rc = 0`)
		b.say("set " + root + " seen")
		b.until(`: rc = 0`)
		a.until(`Watcher CHANGED_EVENT state = CONNECTED_STATE for path ` + root)

		a.say("create +e " + root + "/lock")
		a.until(`\[` + root + `/lock\]: rc = 0`)
		b.say("create +e " + root + "/lock")
		b.until(`\[` + root + `/lock\]: rc = -110`) // NodeExists

		killHolder(ctx, t, c, session)
		retype(t, a, "get "+root, `seen`)
		retype(t, b, "create +e "+root+"/lock", `\[`+root+`/lock\]: rc = -110`) // A's session lives on
		a.say("quit")
		a.end()
		retype(t, b, "create +e "+root+"/lock", `\[`+root+`/lock\]: rc = 0`)
		b.say("quit")
		b.end()
	})
}

// openCliMT starts cli_mt and returns it with its session id.
func openCliMT(t *testing.T, in *peers.Installation, c cluster) (*conversation, string) {
	t.Helper()
	talk := converse(t, "cli_mt", exec.Command(in.CliMT, c.ConnectString()), true)
	return talk, talk.until(`Got a new session id: (0x[0-9a-f]+)`)[1]
}

// retype says the line again and again until the answer is as wanted: a command typed while the
// connection was away has failed.
func retype(t *testing.T, talk *conversation, line, want string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(replyTimeout); time.Now().Before(deadline); {
		talk.say(line)
		if _, err = talk.search(want, time.Second); err == nil {
			return
		}
	}
	talk.fail("%v", err)
}

// TestZkCli runs Java's shell: single commands with their exit codes, then two interactive shells
// through the death of a server.
func TestZkCli(t *testing.T) {
	onEachCluster(t, func(t *testing.T, in *peers.Installation, c cluster) {
		t.Run("one-shot", func(t *testing.T) { zkCliOneShot(t, in, c) })
		t.Run("interactive", func(t *testing.T) { zkCliInteractive(t, in, c) })
	})
}

// zkCli returns a command of zkCli.sh, whose script does no more than set the class path.
func zkCli(in *peers.Installation, c cluster, command ...string) *exec.Cmd {
	args := append([]string{"org.apache.zookeeper.ZooKeeperMain", "-timeout", sessionTimeout,
		"-server", c.ConnectString()}, command...)
	return in.JavaClient(in.Classpath(), args...)
}

func zkCliOneShot(t *testing.T, in *peers.Installation, c cluster) {
	root := rootOf(t)
	for _, step := range []struct {
		command string
		want    string // in what it prints
		fails   bool   // ends with a status other than 0
	}{
		{"create " + root + " one", "Created " + root, false},
		{"create " + root + " one", "Node already exists: " + root, true},
		{"get " + root, "one", false},
		{"set -s " + root + " two", "dataVersion = 1", false},
		{"set -v 7 " + root + " x", "version No is not valid : " + root, true},
		{"create " + root + "/child two", "Created " + root + "/child", false},
		{"getAcl " + root, "'world,'anyone", false},
		{"delete " + root, "Node not empty: " + root, true},
		{"deleteall " + root, "", false},
	} {
		out, err := zkCli(in, c, strings.Fields(step.command)...).CombinedOutput()
		if (err != nil) != step.fails || !strings.Contains(string(out), step.want) {
			t.Fatalf("zkCli.sh %s: %v\n%s\nexpected %q", step.command, err, out, step.want)
		}
	}
}

func zkCliInteractive(t *testing.T, in *peers.Installation, c cluster) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*replyTimeout)
	defer cancel()
	root := rootOf(t)
	a := converse(t, "zkCli A", zkCli(in, c), true)
	b := converse(t, "zkCli B", zkCli(in, c), true)
	a.say("create " + root + " one")
	a.until(`Created ` + root + `\n`)
	a.say("create -e " + root + "/lock a")
	a.until(`Created ` + root + `/lock\n`)
	a.say("stat " + root + "/lock")
	session := a.until(`ephemeralOwner = (0x[0-9a-f]+)`)[1]
	b.say("create -e " + root + "/lock b")
	b.until(`Node already exists: ` + root + `/lock`)

	a.say("get -w " + root)
	a.until(`one\n`)
	b.say("set " + root + " seen")
	a.until(`type:NodeDataChanged path:` + root)
	a.say("ls -w " + root)
	a.until(`\[lock\]`)

	killHolder(ctx, t, c, session)
	retype(t, a, "get "+root, `\nseen\n|\) \d+\] seen\n`)
	retype(t, b, "create "+root+"/other x", `Created `+root+`/other\n|Node already exists: `+root+`/other`)
	a.until(`type:NodeChildrenChanged path:` + root) // the watch moved with the session
	retype(t, b, "create -e "+root+"/lock b", `Node already exists: `+root+`/lock`)
	a.say("quit")
	a.end()
	retype(t, b, "create -e "+root+"/lock b", `Created `+root+`/lock\n`)
	b.say("quit")
	b.end()
}
