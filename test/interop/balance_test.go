package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/zk"
)

// TestHostProvider compares what Java's StaticHostProvider decides with the file that the Go client's tests expect it
// to decide by. PADDOCK_UPDATE writes the file.
func TestHostProvider(t *testing.T) {
	in := peers.Require(t)
	dir := t.TempDir()
	compile := exec.Command("javac", "-d", dir, "-cp", in.Classpath(), "clients/HostProviderTrace.java")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	trace := in.JavaClient(in.Classpath()+string(os.PathListSeparator)+dir, "HostProviderTrace")
	trace.Stderr = os.Stderr
	got, err := trace.Output()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("..", "..", "zk", "testdata", "hosts-java-3.9.5.txt")
	if os.Getenv("PADDOCK_UPDATE") != "" {
		check(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	if string(got) != string(want) {
		t.Errorf("Java %s decides otherwise than %s says", in.Version(), golden)
	}
}

// TestFollowConfig: clients that know one server of an ensemble spread over those that the configuration names, and
// leave the one that a reconfiguration removes, with their sessions.
func TestFollowConfig(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	t.Run("java", func(t *testing.T) { followConfig(t, java, java, java) })
	paddock := peers.RequirePaddock(t)
	t.Run("paddock", func(t *testing.T) { followConfig(t, paddock, paddock, paddock) })
	t.Run("both", func(t *testing.T) { followConfig(t, paddock, java, paddock) })
}

func followConfig(t *testing.T, software ...peers.Software) {
	e := peers.StartEnsembleLike(t, peers.Config{
		Settings:   map[string]string{"reconfigEnabled": "true"},
		Properties: map[string]string{"zookeeper.skipACL": "yes"},
	}, software...)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const n = 16
	var clients []*zk.Conn
	for range n {
		c, err := zk.Connect(ctx, e.Server(1).Addr(), zk.Options{FollowConfig: true})
		check(t, err)
		t.Cleanup(func() { c.Close() })
		clients = append(clients, c)
	}
	sessions := map[zk.SessionID]bool{}
	// One of them stays where it is with a chance of 1/3, all of them once in 40 million runs.
	on := func(s *peers.Server) (k int) {
		for _, c := range clients {
			if c.Server() == s.Addr() {
				k++
			}
		}
		return k
	}
	check(t, peers.Await(ctx, "clients on other servers", func(ctx context.Context) error {
		for _, c := range clients {
			check(t, c.Sync(ctx, "/"))
			sessions[c.SessionID()] = true
		}
		if on(e.Server(2))+on(e.Server(3)) == 0 || on(e.Server(1))+on(e.Server(2))+on(e.Server(3)) != n {
			return fmt.Errorf("%d, %d and %d", on(e.Server(1)), on(e.Server(2)), on(e.Server(3)))
		}
		return nil
	}))
	t.Logf("%d clients of server 1 are on 1, 2, 3: %d, %d, %d", n, on(e.Server(1)), on(e.Server(2)), on(e.Server(3)))
	admin, err := zk.Connect(ctx, e.Server(1).Addr(), zk.Options{})
	check(t, err)
	defer admin.Close()
	leader, err := e.Leader(ctx)
	check(t, err)
	leaves := e.Server(2) // a follower
	if leader == leaves {
		leaves = e.Server(3)
	}
	_, _, err = admin.Reconfig(ctx, zk.Reconfiguration{Leaving: []string{fmt.Sprint(leaves.ID)}}, zk.AnyConfig)
	check(t, err)
	check(t, peers.Await(ctx, "clients to leave the removed server", func(ctx context.Context) error {
		if k := on(leaves); k != 0 {
			return fmt.Errorf("%d are there", k)
		}
		return nil
	}))
	for _, c := range clients {
		check(t, c.Sync(ctx, "/"))
		if !sessions[c.SessionID()] {
			t.Errorf("session %v is new", c.SessionID())
		}
	}
	if len(sessions) != n {
		t.Errorf("%d sessions, want %d", len(sessions), n)
	}
	t.Logf("server %d removed; clients on 1, 2, 3: %d, %d, %d", leaves.ID, on(e.Server(1)), on(e.Server(2)), on(e.Server(3)))
}

// behind is a cluster whose clients are given the address of a front.
type behind struct {
	*peers.Ensemble
	front string
}

func (b behind) ConnectString() string { return b.front }

// startFront runs paddock balance before some servers and returns its address.
func startFront(t *testing.T, servers string, flags ...string) string {
	t.Helper()
	ports, err := peers.FreePorts(1)
	check(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", ports[0])
	args := append([]string{"balance", "-listen", addr, "-drain", "0"}, append(flags, servers)...)
	cmd := exec.Command(peers.RequirePaddock(t).Binary, args...)
	cmd.Stderr = t.Output()
	check(t, cmd.Start())
	t.Cleanup(func() {
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		if err := cmd.Wait(); err != nil {
			t.Errorf("paddock balance: %v", err)
		}
	})
	return addr
}

// TestClientsThroughFront walks other people's clients through their story by way of a front, before Java and Paddock
// servers in one ensemble. The server behind the front that serves them is killed in the middle.
func TestClientsThroughFront(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	e := peers.StartEnsembleLike(t, extended, java, paddock, java)
	c := behind{e, startFront(t, e.ConnectString(), "-by", "connection")}
	for _, p := range clientPrograms(t) {
		if p.name == "kazoo" || p.name == "java" || p.name == "c" {
			t.Run(p.name, func(t *testing.T) { runStory(t, c, p) })
		}
	}
}

// TestFrontWithoutWord: a Java server that does not allow srvr is found serving all the same, and without a session made
// for it.
func TestFrontWithoutWord(t *testing.T) {
	s := peers.StartJava(t, peers.Config{Settings: map[string]string{"4lw.commands.whitelist": "ruok,dump,stat"}})
	c := connectZK(t, startFront(t, s.Addr(), "-check", "100ms"))
	if _, err := c.Create(t.Context(), "/a", nil, zk.Persistent, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	stat, _, err := c.Exists(t.Context(), "/a")
	check(t, err)
	if want := c.LastZxid(); stat.Czxid != 2 { // the session took 1
		t.Errorf("created by %v, the last is %v: somebody else writes", stat.Czxid, want)
	}
}
