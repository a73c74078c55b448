package walkthrough

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

func TestThreeServers(t *testing.T) { walk(t, 3) }

func TestFiveServers(t *testing.T) {
	if testing.Short() {
		t.Skip("three servers do for a first look")
	}
	walk(t, 5)
}

// walk is the tutorial for n servers, and what its reader tries next.
func walk(t *testing.T, n int) {
	t.Parallel()
	servers := ensemble(t, n)
	quorum := n/2 + 1

	// Started in order, the server that makes a quorum complete has the highest id of those there, and nobody has
	// more data, so it leads; who comes later follows.
	for i, s := range servers {
		s.want(0, "Starting zookeeper ... STARTED\n", "start")
		if i+1 == quorum {
			s.awaitMode("leader")
		}
	}
	for i, s := range servers {
		if i+1 == quorum {
			s.awaitMode("leader")
		} else {
			s.awaitMode("follower")
		}
	}
	startsTwice(t, servers[0])

	clients(t, servers, "/first")
	killMinority(t, servers, quorum-1)
	restarts(t, servers[0])
	clients(t, servers, "/last")
	stops(t, servers)
}

// ensemble unpacks and configures n servers, as the tutorial does.
func ensemble(t *testing.T, n int) []*install {
	base := basePort(t, n)
	var lines []string
	for id := 1; id <= n; id++ {
		port := base + id - 1
		lines = append(lines, fmt.Sprintf("server.%d=127.0.0.1:%d:%d", id, port+quorumOffset, port+electionOffset))
	}
	dir := t.TempDir()
	servers := make([]*install, n)
	for i := range servers {
		s := unpack(t, filepath.Join(dir, fmt.Sprintf("zookeeper-%d", i+1)))
		s.configure(base+i, lines...)
		s.write("data/myid", fmt.Sprintf("%d\n", i+1))
		servers[i] = s
	}
	return servers
}

// startsTwice: a second start changes nothing and says why.
func startsTwice(t *testing.T, s *install) {
	pid := s.pid()
	if pid == 0 || !alive(pid) {
		t.Fatalf("the pid file says %d, which does not run", pid)
	}
	s.want(1, fmt.Sprintf("Starting zookeeper ... already running as process %d.\n", pid), "start")
	if s.pid() != pid || !alive(pid) {
		t.Errorf("the second start left pid %d, was %d", s.pid(), pid)
	}
	if r := s.run("zkServer.sh", "status"); r.err != s.header() {
		t.Errorf("the standard error of status is\n%swant\n%s", r.err, s.header())
	}
}

// clients writes prefix through each server, and reads every write from every server.
func clients(t *testing.T, servers []*install, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conns := make([]*zk.Conn, len(servers))
	for i, s := range servers {
		conns[i] = connect(t, ctx, s)
		defer conns[i].Close()
		path := fmt.Sprintf("%s-%d", prefix, i+1)
		if _, err := conns[i].Create(ctx, path, []byte(path), zk.Persistent, zk.OpenACL); err != nil {
			t.Fatalf("create %s through server %d: %v", path, i+1, err)
		}
	}
	for i, c := range conns {
		for j := range servers {
			path := fmt.Sprintf("%s-%d", prefix, j+1)
			holds(t, ctx, c, i, path)
		}
	}
}

func connect(t *testing.T, ctx context.Context, servers ...*install) *zk.Conn {
	t.Helper()
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, fmt.Sprintf("127.0.0.1:%d", s.port))
	}
	c, err := zk.Connect(ctx, strings.Join(addrs, ","), zk.Options{})
	if err != nil {
		t.Fatalf("connect to %v: %v", addrs, err)
	}
	return c
}

// holds checks that a server has the znode path, which holds its own name.
func holds(t *testing.T, ctx context.Context, c *zk.Conn, server int, path string) {
	t.Helper()
	err := c.Sync(ctx, path)
	if err != nil {
		t.Errorf("sync on server %d: %v", server+1, err)
		return
	}
	if data, _, err := c.Get(ctx, path); err != nil || string(data) != path {
		t.Errorf("%s on server %d: %q, %v", path, server+1, data, err)
	}
}

// killMinority kills the leader, and with it as many followers as a quorum can spare, by kill -9. The others go on.
// Those killed start again over their stale pid files and catch up.
func killMinority(t *testing.T, servers []*install, leader int) {
	victims := []*install{servers[leader]}
	for i, s := range servers {
		if i != leader && len(victims) < (len(servers)-1)/2 {
			victims = append(victims, s)
		}
	}
	var survivors []*install
	for _, s := range servers {
		if contains(victims, s) {
			s.kill()
		} else {
			survivors = append(survivors, s)
		}
	}
	for _, s := range survivors {
		s.awaitMode("leader", "follower")
	}
	clients(t, survivors, "/meanwhile")
	for _, s := range victims {
		s.want(1, fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\n"+
			"Error contacting service. It is probably not running.\n", s.port), "status")
		s.want(0, "Starting zookeeper ... STARTED\n", "start")
		s.awaitMode("follower")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range victims {
		c := connect(t, ctx, s)
		defer c.Close()
		for i := range survivors {
			holds(t, ctx, c, s.port-servers[0].port, fmt.Sprintf("/meanwhile-%d", i+1))
		}
	}
}

func contains(list []*install, s *install) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// restarts: another process serves the same data.
func restarts(t *testing.T, s *install) {
	pid := s.pid()
	s.want(0, "Stopping zookeeper ... STOPPED\nStarting zookeeper ... STARTED\n", "restart")
	if s.pid() == pid || alive(pid) {
		t.Errorf("after a restart process %d is still there", pid)
	}
	s.awaitMode("follower", "leader")
}

// stops: stop ends each server, and stop without a server is no mistake.
func stops(t *testing.T, servers []*install) {
	for _, s := range servers {
		pid := s.pid()
		s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
		s.awaitGone(pid)
		if s.pid() != 0 {
			t.Errorf("stop leaves the pid file of process %d", pid)
		}
		s.want(0, fmt.Sprintf("Stopping zookeeper ... no zookeeper to stop (could not find file %s)\n",
			s.path("data/zookeeper_server.pid")), "stop")
	}
}
