package quorum

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/proto"
)

const logDir = "/data/version-2/"

// logged is where an entry of a server's log lies.
type logged struct {
	file     string
	off, end int64
	id       storage.EntryID
}

// log returns the entries of a server that does not run.
func (s *server) log() []logged {
	s.t.Helper()
	var all []logged
	for _, path := range s.mem.Files() {
		if !strings.HasPrefix(path, logDir+"log.") {
			continue
		}
		if _, err := storage.VerifyLog(s.mem, path, func(at int64, e storage.Entry) error {
			all = append(all, logged{path, at, at + 13 + int64(len(e.Payload)), storage.IDOf(e)})
			return nil
		}); err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

// lose zeroes an entry.
func (s *server) lose(e logged) {
	s.t.Helper()
	if _, ok := s.mem.Zero(e.file, e.off, e.end-e.off); !ok {
		s.t.Fatalf("%s has no byte %d", e.file, e.off)
	}
}

// written returns three stopped servers with the same history of 20 writes and
// a session.
func written(t *testing.T) []*server {
	t.Helper()
	servers := ensembleOf(t, 3)
	for _, s := range servers {
		s.start()
	}
	leader, _ := leaderOf(t, servers)
	leader.session(7)
	leader.write(7, 1, 20)
	sameTrees(t, servers...)
	for _, s := range servers {
		s.halt()
	}
	return servers
}

// whole checks that a server has all that was written and is not damaged any more.
func (s *server) whole() {
	s.t.Helper()
	for i := 1; i <= 20; i++ {
		if _, ok := s.peer.Tree().Get(fmt.Sprintf("/s7-%d", i)); !ok {
			s.t.Errorf("server %d has lost write %d", s.opts.Self, i)
		}
	}
	eventually(s.t, "it is whole", func() bool { return s.peer.Metrics().Damaged.Load() == 0 })
}

// TestDamagedServersHealEachOther damages two servers in different places; the
// third is away, so that nobody could lead before they are whole.
func TestDamagedServersHealEachOther(t *testing.T) {
	servers := written(t)
	a, b := servers[0], servers[1]
	log := a.log()
	a.lose(log[3])
	a.lose(log[len(log)-1])
	b.lose(log[4])
	b.lose(log[5])
	a.start()
	b.start()
	allServe(t, a, b)
	for _, s := range servers[:2] {
		s.whole()
		if n := s.peer.Metrics().Fetched.Load(); n != 2 {
			t.Errorf("server %d has fetched %d transactions", s.opts.Self, n)
		}
	}
	leader, _ := leaderOf(t, servers[:2])
	leader.write(7, 100, 3)
	servers[2].start()
	allServe(t, servers...)
	sameTrees(t, servers...)
	for _, s := range servers {
		s.halt()
		if got := s.log(); len(got) < len(log)+3 {
			t.Errorf("server %d has %d entries on disk", s.opts.Self, len(got))
		}
	}
}

// TestDamagedServerGetsSnapshot damages one so that nobody can say what is lost:
// the others' leader brings it everything.
func TestDamagedServerGetsSnapshot(t *testing.T) {
	for name, damage := range map[string]func(s *server, log []logged){
		"open end, no index": func(s *server, log []logged) {
			last := log[len(log)-1]
			s.mem.Fill(last.file, last.off+20, []byte{0xff, 0xff, 0xff})
			s.mem.Lose(strings.Replace(last.file, "log.", "index.", 1))
		},
		"no snapshot": func(s *server, log []logged) {
			s.mem.Lose(logDir + "snapshot.0")
			s.mem.Lose(strings.Replace(log[0].file, "log.", "index.", 1)) // which knows that none is needed
		},
		"snapshot and log": func(s *server, log []logged) {
			s.mem.Fill(logDir+"snapshot.0", 30, []byte{1, 2, 3})
			s.lose(log[2])
		},
		"currentEpoch": func(s *server, log []logged) {
			s.mem.Zero(logDir+"currentEpoch", 0, 1)
			s.mem.Zero(logDir+"acceptedEpoch", 0, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			servers := written(t)
			victim := servers[2] // the highest id, which would lead
			damage(victim, victim.log())
			victim.start()
			eventually(t, "it has said that it waits", func() bool { return victim.peer.Metrics().Damaged.Load() == 1 })
			if victim.serves() {
				t.Error("it serves")
			}
			servers[0].start()
			servers[1].start()
			allServe(t, servers...)
			victim.whole()
			sameTrees(t, servers...)
			victim.halt()
			servers[0].halt()
			victim.start() // what it has now is worth a vote
			allServe(t, victim, servers[1])
			victim.whole()
		})
	}
}

// TestLostPromise: only acceptedEpoch cannot be read, and too few are there for
// a leader without this server: the others say what it can have been.
func TestLostPromise(t *testing.T) {
	servers := written(t)
	s := servers[0]
	s.mem.Fill(logDir+"acceptedEpoch", 0, []byte("x"))
	s.start()
	servers[1].start()
	eventually(t, "server 2 looks", func() bool { return servers[1].peer.Metrics().Elections.Load() > 0 })
	if s.serves() || servers[1].serves() {
		t.Error("somebody serves before the third has said what it has accepted")
	}
	servers[2].start()
	allServe(t, servers...)
	for _, s := range servers {
		s.whole()
	}
}

// TestLostEverywhere damages the same transaction on all servers: none of them
// serves until one copy is back.
func TestLostEverywhere(t *testing.T) {
	servers := written(t)
	log := servers[0].log()
	file := log[7].file
	copy, ok := servers[1].mem.Content(file)
	if !ok {
		t.Fatalf("no %s", file)
	}
	for _, s := range servers {
		s.lose(log[7])
		s.start()
	}
	for _, s := range servers {
		eventually(t, "everybody has been asked", func() bool {
			said := make(chan string, 1)
			s.peer.post(func(time.Duration) {
				if m := s.peer.loop.repair; m != nil {
					said <- m.Said()
				}
				close(said)
			})
			return strings.Contains(<-said, log[7].id.Zxid.String())
		})
		if s.serves() || s.peer.Metrics().Damaged.Load() != 1 {
			t.Errorf("server %d serves", s.opts.Self)
		}
	}
	servers[1].halt()
	servers[1].mem.Restore(file, copy)
	servers[1].start()
	allServe(t, servers...)
	sameTrees(t, servers...)
	for _, s := range servers {
		s.whole()
	}
}

// TestNoSnapshotIsNeeded: two of three have lost their only snapshot, and their
// logs begin with the first transaction.
func TestNoSnapshotIsNeeded(t *testing.T) {
	servers := written(t)
	servers[0].mem.Lose(logDir + "snapshot.0")
	servers[1].mem.Zero(logDir+"snapshot.0", 0, 40)
	servers[0].start()
	servers[1].start()
	allServe(t, servers[:2]...)
	for _, s := range servers[:2] {
		s.whole()
	}
}

// TestAlone: a server that nobody could help does not start.
func TestAlone(t *testing.T) {
	s := standalone(t)
	s.start()
	allServe(t, s)
	s.session(7)
	s.write(7, 1, 5)
	s.halt()
	log := s.log()
	s.lose(log[len(log)-1])
	var c *storage.CorruptionError
	if err := s.open(); !errors.As(err, &c) || c.File != log[0].file {
		t.Errorf("New = %v", err)
	}
}

// TestQuestions asks a running ensemble what it may and what it may not be asked.
func TestQuestions(t *testing.T) {
	v := newTarget(t)
	v.write(10)
	sameTrees(t, v.servers...)
	whole := func(from proto.PeerID) []byte {
		q := repair.Question{From: from, Wants: []storage.Want{{Until: storage.EntryID{Zxid: 1 << 40}}}}
		return wire.AppendPacket(nil, wire.PacketQuestion, q.Append(nil))
	}
	for name, b := range map[string][]byte{
		"a stranger":         whole(77),
		"itself":             whole(v.leader.opts.Self),
		"no question":        wire.AppendPacket(nil, wire.PacketQuestion, []byte{1, 2, 3}),
		"a large question":   fromHex(t, "50444b51 0000000000000000 7fffffff 00"),
		"half a question":    whole(1)[:20],
		"an answer":          wire.AppendPacket(nil, wire.PacketAnswer, nil),
		"a question too far": append(whole(77), whole(77)...),
	} {
		nc := v.leader.connect()
		if _, err := nc.Write(b); err != nil {
			t.Logf("%s: %v", name, err)
		}
		if name == "half a question" {
			nc.Close()
			continue
		}
		closes(t, name, nc)
	}
	asker := v.servers[0]
	if asker == v.leader {
		asker = v.servers[1]
	}
	nc := v.leader.connect()
	if _, err := nc.Write(whole(asker.opts.Self)); err != nil {
		t.Fatal(err)
	}
	p, err := wire.ReadPacket(bufio.NewReader(nc), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := repair.DecodeAnswer(p.Data); err != nil || a.From != v.leader.opts.Self || a.Accepted != v.epoch || len(a.Parts) != 1 {
		t.Errorf("answer %+v, %v", a, err)
	}
	v.untouched()
}

// TestManyQuestions: while logs are read for a few damaged servers, more of them
// are sent away, no learner's place is taken, and the server can stop.
func TestManyQuestions(t *testing.T) {
	v := newTarget(t)
	p := v.leader.peer
	member := v.servers[0].opts.Self
	if v.servers[0] == v.leader {
		member = v.servers[1].opts.Self
	}
	inbound := func() int {
		p.netMu.Lock()
		defer p.netMu.Unlock()
		return p.inbound
	}
	before := inbound()
	p.lookups <- struct{}{} // one that reads on and on
	ask := func() net.Conn {
		q := repair.Question{From: member, Wants: []storage.Want{{Until: storage.EntryID{Zxid: 1 << 40}}}}
		nc := v.leader.connect()
		if _, err := nc.Write(wire.AppendPacket(nil, wire.PacketQuestion, q.Append(nil))); err != nil {
			t.Fatal(err)
		}
		return nc
	}
	var held []net.Conn
	for range maxQuestions {
		held = append(held, ask())
	}
	eventually(t, "questions wait", func() bool { return len(p.questions) == maxQuestions })
	for range 3 {
		closes(t, "one more", ask())
	}
	eventually(t, "learners' places are free", func() bool { return inbound() == before })
	v.untouched()
	v.leader.halt()
	for _, nc := range held {
		closes(t, "a server that stops", nc)
	}
}
