package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// link names a directed pair of servers: dialer and listener.
type link struct{ from, to int }

// mesh is an ensemble in which every server reaches every other through a relay of the pair's own, so
// that each connection is recorded and the dialer is known. Servers 1 to 3 vote, server 4 observes.
//
// One way around the relays is left: a server that was dialed on the election port by a smaller id dials
// back the address that the initial message names, which is the real one.
type mesh struct {
	servers  map[int]*peers.Server
	quorum   map[link]*relay
	election map[link]*relay
}

const (
	voters   = 3
	observer = 4
)

// leaderPatience is how long a follower may be ahead of the leader it elected.
const leaderPatience = 3 * time.Second

// newMesh lays out the servers below home and starts the relays.
func newMesh(in *peers.Installation, home string) (*mesh, error) {
	const perServer = 3
	ports, err := peers.FreePorts(perServer * observer)
	if err != nil {
		return nil, err
	}
	port := func(id, k int) int { return ports[(id-1)*perServer+k] }
	m := &mesh{servers: map[int]*peers.Server{}, quorum: map[link]*relay{}, election: map[link]*relay{}}
	for id := 1; id <= observer; id++ {
		cfg := peers.Config{Home: filepath.Join(home, fmt.Sprint(id)), ID: id, ClientPort: port(id, 2)}
		for other := 1; other <= observer; other++ {
			seen := peers.Member{ID: other, QuorumPort: port(other, 0), ElectionPort: port(other, 1), Observer: other == observer}
			if other != id {
				l := link{id, other}
				if m.quorum[l], err = relayToPort(seen.QuorumPort, leaderPatience, splitQuorum); err != nil {
					return nil, err
				}
				if m.election[l], err = relayToPort(seen.ElectionPort, 0, splitElection); err != nil {
					return nil, err
				}
				seen.QuorumPort, seen.ElectionPort = portOf(m.quorum[l]), portOf(m.election[l])
			}
			cfg.Members = append(cfg.Members, seen)
		}
		if id == observer {
			cfg.Settings = map[string]string{"peerType": "observer"}
		}
		if m.servers[id], err = peers.NewServer(peers.Java{Installation: in}, cfg); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// relayToPort starts a relay on a free port.
func relayToPort(port int, patience time.Duration, split func(bool) splitter) (*relay, error) {
	ports, err := peers.FreePorts(1)
	if err != nil {
		return nil, err
	}
	return newRelay(fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", port), patience, split)
}

func portOf(r *relay) int {
	var port int
	_, _ = fmt.Sscanf(r.listener.Addr().String(), "127.0.0.1:%d", &port)
	return port
}

func (m *mesh) kill() {
	for _, s := range m.servers {
		s.Kill()
	}
	for l, r := range m.quorum {
		r.close()
		m.election[l].close()
	}
}

// start starts servers one after another without waiting for them to serve.
func (m *mesh) start(ids ...int) error {
	for _, id := range ids {
		if err := m.servers[id].Start(); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the servers serve in these modes.
func (m *mesh) await(mode string, ids ...int) error {
	for _, id := range ids {
		err := eventually(fmt.Sprintf("%v as a %s", m.servers[id], mode), func(ctx context.Context) error {
			st, err := m.servers[id].Status(ctx)
			if err == nil && st.Mode != mode {
				err = fmt.Errorf("is a %s", st.Mode)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// captureQuorum drives one Java ensemble through joins of every kind and keeps what passed.
func captureQuorum(c *capture) error {
	m, err := newMesh(c.peers, filepath.Join(c.work, "quorum"))
	if err != nil {
		return err
	}
	defer m.kill()
	for _, act := range []func(*capture, *mesh) error{fresh, traffic, diff, snap, trunc} {
		if err := act(c, m); err != nil {
			return err
		}
	}
	return c.noteFile("internal/election/testdata/java", "quorum", "Frames of the election port between Java servers 1 to 3 of a fresh ensemble, by dialer and listener.")
}

// fresh forms the ensemble: 1 and 3 elect 3, then 2 and the observer join an established leader.
func fresh(c *capture, m *mesh) error {
	if err := m.start(1); err != nil {
		return err
	}
	// Server 1 must listen before 3 dials, so that the connection 3 keeps is one through a relay.
	if err := awaitLog(m.servers[1], "is accepting connections now"); err != nil {
		return err
	}
	if err := m.start(3); err != nil {
		return err
	}
	if err := m.await("leader", 3); err != nil {
		return err
	}
	if err := m.start(2, observer); err != nil {
		return err
	}
	if err := m.await("follower", 1, 2); err != nil {
		return err
	}
	return m.await("observer", observer)
}

// awaitLog waits until the server's log has the text.
func awaitLog(s *peers.Server, text string) error {
	return eventually(fmt.Sprintf("the log of %v to say so", s), func(context.Context) error {
		b, err := os.ReadFile(s.LogPath())
		if err == nil && !bytes.Contains(b, []byte(text)) {
			err = fmt.Errorf("no %q", text)
		}
		return err
	})
}

// traffic makes followers send requests of every kind, sync, touch and revalidate sessions.
func traffic(c *capture, m *mesh) error {
	quiet := &golden.Transcript{}
	err := golden.Catch(func() {
		s := golden.Connect(quiet, m.servers[1].Addr(), "")
		s.Ask(golden.OpCreate, golden.Create("/q", []byte("through a follower"), golden.Open, 0), "")
		s.Ask(golden.OpCreate, golden.Create("/q", nil, golden.Open, 0), "")
		s.Ask(golden.OpCreate2, golden.Create("/q/e", nil, golden.Open, 1), "")
		s.Ask(golden.OpCreate, golden.Create("/q/seq-", nil, golden.Open, 2), "")
		s.Ask(golden.OpSetData, golden.Record{}.Ustring("/q").Buffer([]byte("changed")).Int(0), "")
		s.Ask(golden.OpSetACL, golden.Record{}.Ustring("/q/seq-0000000001").ACL([]golden.Entry{golden.Allow(31, "ip", "127.0.0.1")}).Int(0), "")
		s.Ask(golden.OpSync, golden.Record{}.Ustring("/q"), "")
		s.Ask(golden.OpCreateContainer, golden.Create("/q/c", nil, golden.Open, 4), "")
		s.Ask(golden.OpMulti, golden.Multi(golden.Part(golden.OpCheck, golden.Record{}.Ustring("/q").Int(1)), golden.Part(golden.OpCreate, golden.Create("/q/m", nil, golden.Open, 0))), "")
		s.Ask(golden.OpMulti, golden.Multi(golden.Part(golden.OpCheck, golden.Record{}.Ustring("/q").Int(9)), golden.Part(golden.OpCreate, golden.Create("/q/n", nil, golden.Open, 0))), "")
		s.Ask(golden.OpDelete, golden.Record{}.Ustring("/q/m").Int(-1), "")
		s.AskAs(-4, golden.OpAuth, golden.Record{}.Int(0).Ustring("digest").Buffer([]byte("bob:secret")), "")
		s.Ask(golden.OpCreate, golden.Create("/q/auth", nil, []golden.Entry{golden.Allow(31, "auth", "")}, 0), "")
		id, password := s.ID, s.Password
		moved := golden.Dial(quiet, m.servers[2].Addr())
		moved.Handshake(golden.Handshake{TimeoutMs: 10000, ID: id, Password: password}, "")
		moved.Ask(golden.OpSetData, golden.Record{}.Ustring("/q").Buffer([]byte("from the next server")).Int(-1), "")
		s.Drop()
		unknown := golden.Dial(quiet, m.servers[2].Addr())
		unknown.Handshake(golden.Handshake{TimeoutMs: 10000, ID: 0x0100000000001234, Password: derivedPassword(0x0100000000001234)}, "")
		watching := golden.Connect(quiet, m.servers[observer].Addr(), "")
		watching.Ask(golden.OpCreate, golden.Create("/q/o", nil, golden.Open, 0), "")
		watching.Ask(golden.OpSync, golden.Record{}.Ustring("/"), "")
		watching.Close()
		moved.Close()
	})
	if err != nil {
		return err
	}
	// Two pings a tick: wait until each learner has answered one after the traffic.
	for _, id := range []int{1, 2, observer} {
		if err := m.awaitPing(link{id, 3}); err != nil {
			return err
		}
	}
	for _, k := range []struct {
		id   int
		name string
		what string
	}{
		{1, "fresh_follower", "a fresh follower whose vote made the quorum, then requests, sync, pings with touches"},
		{2, "second_follower", "a fresh follower that joins an established leader, then revalidations and requests"},
		{observer, "observer", "a fresh observer, then informs, a request and a sync"},
	} {
		if err := m.keepOpen(c, link{k.id, 3}, k.name, k.what); err != nil {
			return err
		}
	}
	return m.keepElections(c)
}

// derivedPassword is ZooKeeperServer.generatePasswd: java.util.Random seeded with the id and a constant.
func derivedPassword(id int64) []byte {
	state := (uint64(id) ^ 0xB3415C00 ^ 0x5DEECE66D) & (1<<48 - 1)
	var b []byte
	for range 4 {
		state = (state*0x5DEECE66D + 0xB) & (1<<48 - 1)
		v := uint32(state >> 16)
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return b
}

// awaitPing waits until the newest connection of the link has passed two more pings each way.
func (m *mesh) awaitPing(l link) error {
	count := func() int {
		r := m.quorum[l]
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.transcripts) == 0 {
			return 0
		}
		return bytes.Count([]byte(r.transcripts[len(r.transcripts)-1].Text()), []byte("# PING"))
	}
	before := count()
	return eventually("pings", func(context.Context) error {
		if n := count(); n < before+4 {
			return fmt.Errorf("%d pings more", n-before)
		}
		return nil
	})
}

// keepOpen writes what the newest connection of the learner to the leader has passed so far.
func (m *mesh) keepOpen(c *capture, l link, name, what string) error {
	r := m.quorum[l]
	r.mu.Lock()
	if len(r.transcripts) == 0 {
		r.mu.Unlock()
		return fmt.Errorf("%s: server %d never connected to server %d", name, l.from, l.to)
	}
	text := r.transcripts[len(r.transcripts)-1].Text()
	r.mu.Unlock()
	header := &golden.Transcript{}
	header.Note("%s: server %d to leader %d, Java %s, tickTime 500", what, l.from, l.to, c.peers.Version())
	return golden.Save(c.path("proto/testdata/java/quorum", name+".frames"), []byte(header.Text()+text))
}

// keepElections writes the first lasting election connection of each pair of voters.
func (m *mesh) keepElections(c *capture) error {
	for from := 1; from <= voters; from++ {
		for to := 1; to <= voters; to++ {
			if from == to {
				continue
			}
			r := m.election[link{from, to}]
			r.mu.Lock()
			var text string
			for i, t := range r.transcripts {
				text += fmt.Sprintf("# connection %d\n", i+1) + t.Text()
			}
			r.mu.Unlock()
			if text == "" {
				continue
			}
			header := &golden.Transcript{}
			header.Note("fresh ensemble, started in the order 1, 3, 2: server %d dials the election port of server %d, Java %s", from, to, c.peers.Version())
			name := fmt.Sprintf("%d-to-%d.frames", from, to)
			if err := golden.Save(c.path("internal/election/testdata/java", name), []byte(header.Text()+text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// diff has a follower miss a few transactions.
func diff(c *capture, m *mesh) error {
	m.servers[1].Kill()
	err := golden.Catch(func() {
		s := golden.Connect(&golden.Transcript{}, m.servers[3].Addr(), "")
		s.Ask(golden.OpCreate, golden.Create("/diff", []byte("missed"), golden.Open, 0), "")
		s.Ask(golden.OpCreate, golden.Create("/diff/a", nil, golden.Open, 0), "")
		s.Ask(golden.OpDelete, golden.Record{}.Ustring("/diff/nothing").Int(-1), "")
		s.Close()
	})
	if err != nil {
		return err
	}
	return m.rejoin(c, 1, 3, "diff", "a follower that missed a few transactions")
}

// rejoin starts a server, waits until it follows the leader and pinged, and keeps the connection.
func (m *mesh) rejoin(c *capture, id, leader int, name, what string) error {
	m.quorum[link{id, leader}].recorded() // forget the earlier ones
	if err := m.start(id); err != nil {
		return err
	}
	if err := m.await("follower", id); err != nil {
		return err
	}
	if err := m.awaitPing(link{id, leader}); err != nil {
		return err
	}
	return m.keepOpen(c, link{id, leader}, name, what)
}

// snap has a follower come back with an empty directory to a leader that is told to send snapshots.
func snap(c *capture, m *mesh) error {
	m.servers[1].Kill()
	m.servers[3].Properties = map[string]string{"zookeeper.forceSnapshotSync": "true"}
	if err := os.RemoveAll(m.servers[1].VersionDir()); err != nil {
		return fmt.Errorf("empty the follower's directory: %w", err)
	}
	// The property is read when the leader starts, and 3 leads again because its id is the highest.
	m.servers[2].Kill()
	m.servers[3].Kill()
	if err := m.start(2, 3); err != nil {
		return err
	}
	if err := m.await("leader", 3); err != nil {
		return err
	}
	var session *golden.Session
	err := golden.Catch(func() {
		session = golden.Connect(&golden.Transcript{}, m.servers[3].Addr(), "")
		session.Ask(golden.OpCreate, golden.Create("/snap", []byte("in the tree"), []golden.Entry{golden.Allow(31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=")}, 0), "")
		session.Ask(golden.OpCreate, golden.Create("/e", []byte("ephemeral"), golden.Open, 1), "")
	})
	if err != nil {
		return err
	}
	if err := m.rejoin(c, 1, 3, "snap", "a follower with an empty directory, zookeeper.forceSnapshotSync on the leader"); err != nil {
		return err
	}
	return golden.Catch(session.Close)
}

// trunc leaves the leader with a transaction that nobody else has: its followers are stopped, it logs a
// proposal, and all are killed. The two others elect 2, and the old leader must cut its log.
func trunc(c *capture, m *mesh) error {
	m.servers[3].Kill()
	m.servers[3].Properties = nil
	leader, follower := 2, 1
	if err := m.await("leader", leader); err != nil {
		return err
	}
	if err := m.start(3); err != nil {
		return err
	}
	if err := m.await("follower", 3); err != nil {
		return err
	}
	m.servers[observer].Kill()
	const lost = "never committed"
	err := golden.Catch(func() {
		s := golden.Connect(&golden.Transcript{}, m.servers[leader].Addr(), "")
		s.Ask(golden.OpCreate, golden.Create("/trunc", []byte("committed"), golden.Open, 0), "")
		golden.Must(m.servers[follower].Pause(), "pause a follower")
		golden.Must(m.servers[3].Pause(), "pause a follower")
		s.Send(append(golden.Record{}.Int(100).Int(golden.OpCreate), golden.Create("/lost", []byte(lost), golden.Open, 0)...), "")
	})
	if err != nil {
		return err
	}
	if err := awaitInLogs(m.servers[leader].VersionDir(), lost); err != nil {
		return err
	}
	for id := 1; id <= voters; id++ {
		m.servers[id].Kill()
	}
	if err := keepDirectory(c, c.peers, m.servers[leader].VersionDir(), filepath.Join(storageDir, "before_trunc"), nil); err != nil {
		return err
	}
	if err := m.start(follower, 3); err != nil {
		return err
	}
	if err := m.await("leader", 3); err != nil {
		return err
	}
	if err := m.rejoin(c, leader, 3, "trunc", "a former leader with a proposal that nobody else logged"); err != nil {
		return err
	}
	return m.keepMembers(c, leader)
}

// awaitInLogs waits until the text is in one of the directory's logs.
func awaitInLogs(dir, text string) error {
	return eventually("the proposal in the log", func(context.Context) error {
		logs, _ := filepath.Glob(filepath.Join(dir, "log.*"))
		for _, l := range logs {
			if b, err := os.ReadFile(l); err == nil && bytes.Contains(b, []byte(text)) {
				return nil
			}
		}
		return fmt.Errorf("not in %v", logs)
	})
}

// keepMembers keeps the directories of the follower, of the leader and of the truncated server, with
// one more transaction behind the truncation.
func (m *mesh) keepMembers(c *capture, truncated int) error {
	err := golden.Catch(func() {
		s := golden.Connect(&golden.Transcript{}, m.servers[1].Addr(), "")
		s.Ask(golden.OpCreate, golden.Create("/end", []byte("the last"), golden.Open, 0), "")
		s.Ask(golden.OpCreate, golden.Create("/end/e", nil, golden.Open, 1), "")
	})
	if err != nil {
		return err
	}
	dump, err := dumpTree(c, m.servers[truncated].Addr())
	if err != nil {
		return err
	}
	for id := 1; id <= voters; id++ {
		m.servers[id].Kill()
	}
	for id, dir := range map[int]string{1: "follower", 3: "leader", truncated: "after_trunc"} {
		if err := keepDirectory(c, c.peers, m.servers[id].VersionDir(), filepath.Join(storageDir, dir), dump); err != nil {
			return err
		}
	}
	return nil
}
