package interop

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/zk"
)

var (
	migrationSeconds = flag.Int("migration.seconds", 120, "how long the migration there and back takes, at least")
	migrationLoad    = flag.Int("migration.znodes", 5000, "znodes of 1 KiB that are there before it")
	migrationMembers = flag.Bool("migration.reconfig", true, "change the members in the middle of it")
)

// A stage is what lies between two steps: six of them, and the ones before and after; and behind each of two changes
// of the members.
const (
	migrationStages = 9
	stageWrites     = 100 // of each client, at least
)

// TestMigration replaces the servers of a loaded Java ensemble by Paddock, one after the other and with their
// directories, and puts Java back in the same way, while clients of three kinds work on (clients/PROTOCOL.md, the
// steady story). When Paddock has taken over from the first server, a fourth is added and the first removed. None of
// the clients may lose a write, a session, a lock or an event. How long each had to wait is printed for every step.
func TestMigration(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	like := peers.Config{}
	if *migrationMembers {
		like.Settings = map[string]string{"reconfigEnabled": "true"}
		like.Properties = map[string]string{"zookeeper.skipACL": "yes"}
	}
	e := peers.StartEnsembleLike(t, like, java, java, java)
	m := &migration{witness: witness{t: t, e: e, acked: map[string]string{}}}
	m.load(*migrationLoad)
	m.startClients()
	m.work("java")
	m.replaceNext(paddock)
	if *migrationMembers {
		m.addServer(paddock)
		m.removeServer(paddock)
	}
	for _, to := range []peers.Software{paddock, java} {
		for m.replaceNext(to) {
		}
	}
	m.finish()
}

// migration is an ensemble that changes its software under load.
type migration struct {
	witness
	clients []*steadyClient
	longest time.Duration
}

// steadyClient is one program that goes through the steady story.
type steadyClient struct {
	*conversation
	root          string
	wrote, events int
}

// load fills the ensemble before the clients come.
func (m *migration) load(n int) {
	m.t.Helper()
	c := connectZK(m.t, m.e.ConnectString())
	_, err := c.Create(m.t.Context(), "/load", nil, zk.Persistent, zk.OpenACL)
	check(m.t, err)
	data := bytes.Repeat([]byte("load"), 256)
	for i := 0; i < n; i += 100 {
		var ops []zk.Op
		for j := i; j < min(i+100, n); j++ {
			ops = append(ops, zk.CreateOp(fmt.Sprintf("/load/n%d", j), data, zk.Persistent, zk.OpenACL))
		}
		_, err := c.Multi(m.t.Context(), ops...)
		check(m.t, err)
	}
}

// startClients starts one program of each kind and waits until all of them work.
func (m *migration) startClients() {
	m.t.Helper()
	in, dir := peers.Require(m.t), m.t.TempDir()
	for _, build := range [][]string{
		{"javac", "-nowarn", "-d", dir, "-cp", in.Classpath(), "clients/SteadyClient.java"},
		{"go", "build", "-o", filepath.Join(dir, "steady"), "./clients/steady"},
	} {
		if out, err := exec.Command(build[0], build[1:]...).CombinedOutput(); err != nil {
			m.t.Fatalf("%s: %v\n%s", build[0], err, out)
		}
	}
	for name, argv := range map[string][]string{
		"java":  in.JavaClient(in.Classpath()+string(os.PathListSeparator)+dir, "SteadyClient").Args,
		"kazoo": {in.Python(), "clients/kazoo_steady.py"},
		"go":    {filepath.Join(dir, "steady")},
	} {
		root := "/steady-" + name
		argv = append(argv, m.e.ConnectString(), root, sessionTimeout)
		m.clients = append(m.clients, &steadyClient{conversation: converse(m.t, name, exec.Command(argv[0], argv[1:]...), false), root: root})
	}
	for _, c := range m.clients {
		c.line(`connected 0x[0-9a-f]+`)
		c.line("working")
	}
}

// mark asks a client how far it is and returns the longest time between two writes since the last mark.
func (c *steadyClient) mark(name string) time.Duration {
	c.say(name)
	found := c.line("mark " + name + ` wrote (\d+) flagged (\d+) pause (\d+)`)
	c.wrote, _ = strconv.Atoi(found[1])
	c.events, _ = strconv.Atoi(found[2])
	ms, _ := strconv.Atoi(found[3])
	return time.Duration(ms) * time.Millisecond
}

// work waits until a stage is over and every client has done its writes, and prints how long each had to wait
// at worst since the last step.
func (m *migration) work(step string) {
	m.t.Helper()
	line := fmt.Sprintf("%-34s", step)
	over := time.Now().Add(time.Duration(*migrationSeconds) * time.Second / migrationStages)
	for _, c := range m.clients {
		target, pause := c.wrote+stageWrites, time.Duration(0)
		ctx, cancel := context.WithDeadline(m.t.Context(), over.Add(2*peers.StartTimeout))
		err := peers.Await(ctx, c.name+" to write on", func(context.Context) error {
			if pause = max(pause, c.mark("on")); c.wrote < target || time.Now().Before(over) {
				return errors.New("it goes on")
			}
			return nil
		})
		cancel()
		check(m.t, err)
		m.longest = max(m.longest, pause)
		line += fmt.Sprintf("  %s %6d writes %5d events, longest pause %4d ms", c.name, c.wrote, c.events, pause.Milliseconds())
	}
	m.t.Log(line)
}

// replaceNext replaces one server that does not run that software yet, the leader last, and reports whether
// there was one.
func (m *migration) replaceNext(to peers.Software) bool {
	m.t.Helper()
	leader := m.leader()
	var next *peers.Server
	for _, s := range m.e.Servers {
		if s.Software != to && (next == nil || next == leader) {
			next = s
		}
	}
	if next == nil {
		return false
	}
	role := "follower"
	if next == leader {
		role = "leader"
	}
	step := fmt.Sprintf("server %d, %s: %v to %v", next.ID, role, next.Software, to)
	check(m.t, next.Stop())
	next.Software = to
	m.start(next)
	m.work(step)
	m.digestsMatch()
	return true
}

// addServer has a further server of that software join and vote.
func (m *migration) addServer(of peers.Software) {
	m.t.Helper()
	ports, err := peers.FreePorts(3)
	check(m.t, err)
	like, id := m.e.Servers[0].Config, len(m.e.Servers)+1
	added := peers.Member{ID: id, QuorumPort: ports[0], ElectionPort: ports[1], ClientPort: ports[2]}
	like.Home, like.ID, like.ClientPort = m.t.TempDir(), id, ports[2]
	like.Members = append(slices.Clone(like.Members), added)
	s, err := peers.NewServer(of, like)
	check(m.t, err)
	peers.EndWith(m.t, s)
	m.e.Servers = append(m.e.Servers, s)
	m.start(s)
	m.reconfig(zk.Reconfiguration{Joining: []string{serverLine(added)}})
	m.work(fmt.Sprintf("server %d, %v, added", id, of))
	m.digestsMatch()
}

// removeServer removes the first server of that software and ends it.
func (m *migration) removeServer(of peers.Software) {
	m.t.Helper()
	i := slices.IndexFunc(m.e.Servers, func(s *peers.Server) bool { return s.Software == of })
	s := m.e.Servers[i]
	m.e.Servers = slices.Delete(m.e.Servers, i, i+1)
	m.reconfig(zk.Reconfiguration{Leaving: []string{strconv.Itoa(s.ID)}})
	check(m.t, s.Stop())
	m.work(fmt.Sprintf("server %d, %v, removed", s.ID, of))
	m.digestsMatch()
}

// reconfig changes the members to those of m.e, through one that stays.
func (m *migration) reconfig(change zk.Reconfiguration) {
	m.t.Helper()
	c := connectZK(m.t, m.e.ConnectString())
	defer c.Close()
	text, _, err := c.Reconfig(m.t.Context(), change, zk.AnyConfig)
	if err != nil || strings.Count(string(text), "server.") != len(m.e.Servers) {
		m.t.Fatalf("%+v: %v\n%s", change, err, text)
	}
}

// finish ends the clients and looks on every server for all that was acknowledged.
func (m *migration) finish() {
	m.t.Helper()
	total := 0
	for _, c := range m.clients {
		c.say("stop")
		found := c.line(`wrote (\d+) flagged (\d+)`)
		c.wrote, _ = strconv.Atoi(found[1])
		c.line("held")
		c.line("ok")
		c.end()
		total += c.wrote
	}
	for _, s := range m.e.Servers {
		conn := connectZK(m.t, s.Addr())
		check(m.t, conn.Sync(m.t.Context(), "/"))
		for _, c := range m.clients {
			m.allWritten(conn, c)
		}
		loaded, err := conn.AllChildrenNumber(m.t.Context(), "/load")
		if err != nil || loaded != *migrationLoad {
			m.t.Errorf("%v has %d znodes of the %d that were loaded, %v", s, loaded, *migrationLoad, err)
		}
		conn.Close()
	}
	m.t.Logf("%d writes acknowledged, all there on every server; longest pause %d ms", total, m.longest.Milliseconds())
}

func (m *migration) allWritten(conn *zk.Conn, c *steadyClient) {
	m.t.Helper()
	missing := 0
	for i := range c.wrote {
		want := strconv.Itoa(i)
		data, _, err := conn.Get(m.t.Context(), c.root+"/writes/w"+want)
		if err != nil || string(data) != want {
			if missing++; missing == 1 {
				m.t.Errorf("w%s of %s is %q on %s: %v", want, c.name, data, conn.Server(), err)
			}
		}
	}
	if missing > 1 {
		m.t.Errorf("and %d more", missing-1)
	}
	if names, err := conn.Children(m.t.Context(), c.root+"/writes"); err != nil || len(names) < c.wrote {
		m.t.Errorf("%d znodes of %s, %d acknowledged, %v", len(names), c.name, c.wrote, err)
	}
	if names, err := conn.Children(m.t.Context(), c.root+"/lock"); err != nil || len(names) > 0 {
		m.t.Errorf("%s/lock has %v after its sessions have ended, %v", c.root, names, err)
	}
}

// TestSwapAfterKill kills servers of both kinds in the middle of writes, and gives what they leave on their disks to the
// other kind.
func TestSwapAfterKill(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	e := peers.StartEnsemble(t, java, paddock, java)
	w := &witness{t: t, e: e, acked: map[string]string{}}
	for round := range 6 {
		victim := e.Server(round%3 + 1)
		w.writeEverywhere(fmt.Sprintf("before%d", round))
		flood := w.flood(fmt.Sprintf("/flood%d", round), victim)
		victim.Kill()
		t.Logf("killed %v", victim)
		flood()
		if victim.Software == peers.Software(java) {
			victim.Software = paddock
		} else {
			victim.Software = java
		}
		w.start(victim)
		w.agree()
	}
	w.digestsMatch()
}

// flood begins to write through the servers other than s as fast as they go, and returns when some writes are
// acknowledged. What it returns ends that.
func (w *witness) flood(top string, s *peers.Server) (stop func()) {
	w.t.Helper()
	c := connectZK(w.t, w.e.Server(s.ID%len(w.e.Servers)+1).Addr())
	_, err := c.Create(w.t.Context(), top, nil, zk.Persistent, zk.OpenACL)
	check(w.t, err)
	begun, over := make(chan struct{}), make(chan struct{})
	var ending atomic.Bool
	go func() {
		defer close(over)
		for i := 0; !ending.Load(); i++ {
			path := fmt.Sprintf("%s/n%d", top, i)
			if _, err := c.Create(w.t.Context(), path, []byte(top), zk.Persistent, zk.OpenACL); err == nil {
				w.acked[path] = top
			}
			if i == 100 {
				close(begun)
			}
		}
	}()
	<-begun
	return func() {
		ending.Store(true)
		<-over
		c.Close()
	}
}
