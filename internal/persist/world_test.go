package persist_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// world is an ensemble in one goroutine: real replicas, disks' operations, repair
// machines and packets over file systems in memory. Nothing is lost or late.
type world struct {
	t       testing.TB
	ens     ensemble.Ensemble
	now     time.Duration
	servers map[proto.PeerID]*server // those that run
	queue   []delivery
	links   zab.LinkID
}

type delivery struct {
	to *server
	ev replica.Event
}

type server struct {
	w       *world
	id      proto.PeerID
	mem     *vfs.Mem
	store   *storage.Store
	tree    *tree.Tree
	replica *replica.Replica
	disk    persist.Disk
	repair  *repair.Machine
	fresh   *persist.Recovered
	peers   map[zab.LinkID]end
	role    replica.Role
	failed  error // what ended it
}

// end is the other end of a link.
type end struct {
	s     *server
	link  zab.LinkID
	leads bool // this end is the leader's
}

const tick = 200 * time.Millisecond

func newWorld(t testing.TB, voters int) *world {
	text := ""
	for i := range voters {
		text += fmt.Sprintf("server.%d=127.0.0.1:%d:%d:participant\n", i+1, 2000+i, 3000+i)
	}
	ens, err := ensemble.Parse(text + "version=0")
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, ens: ens, servers: map[proto.PeerID]*server{}}
}

// start starts a server over a file system. An error says that it does not start.
func (w *world) start(id proto.PeerID, mem *vfs.Mem) (*server, error) { return w.startOn(id, mem, mem) }

// serve is start for a server that starts.
func (w *world) serve(t testing.TB, id proto.PeerID, mem *vfs.Mem) {
	t.Helper()
	if _, err := w.start(id, mem); err != nil {
		t.Fatal(err)
	}
}

// startOn is start with a file system that may fail in front of mem.
func (w *world) startOn(id proto.PeerID, mem *vfs.Mem, fs vfs.FS) (*server, error) {
	store, err := storage.Open(storage.Options{FS: fs, DataDir: "/d", PreallocBytes: -1})
	if err != nil {
		return nil, err
	}
	rec, durable, damage, err := persist.Open(store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	s := &server{w: w, id: id, mem: mem, store: store, tree: rec.Tree, peers: map[zab.LinkID]end{}}
	s.disk = persist.Disk{
		Store: store, Tree: s.tree, MaxBatch: 1000, Logger: slog.New(slog.DiscardHandler),
		Report:   func(ev replica.Event) { w.queue = append(w.queue, delivery{s, ev}) },
		Reloaded: func(r *persist.Recovered) { s.fresh = r },
		Damage:   damage, Damaged: s.damaged,
	}
	s.replica = replica.New(replica.Options{
		Self: id, Ensemble: w.ens, Tick: tick, InitTimeout: 10 * tick, SyncTimeout: 5 * tick,
	}, s.tree, &rec.Hist, durable)
	w.servers[id] = s
	if damage != nil {
		s.damaged(damage)
	}
	s.run(s.replica.Start(w.now, 0, nil))
	return s, nil
}

// kill ends a server as kill -9 does.
func (s *server) kill() {
	delete(s.w.servers, s.id)
	for _, e := range s.peers {
		delete(e.s.peers, e.link)
		s.w.queue = append(s.w.queue, delivery{e.s, replica.Disconnected{Link: e.link, Reason: "killed"}})
	}
}

func (s *server) damaged(d *persist.Damage) {
	if s.repair = nil; d == nil {
		return
	}
	opts := repair.Options{Self: s.id, AcceptedLost: d.Lost.Accepted, CurrentLost: d.Lost.Current}
	if d.Tries >= 3 {
		opts.GiveUp = "mended in vain"
	}
	for _, id := range s.w.ens.Voters() {
		if proto.PeerID(id) != s.id {
			opts.Peers = append(opts.Peers, proto.PeerID(id))
		}
	}
	opts.Voters = opts.Peers
	s.repair = repair.New(opts, d.Survey)
}

// run lets time pass until ok holds or it has lasted long.
func (w *world) run(long time.Duration, ok func() bool) bool {
	for stop := w.now + long; w.now < stop; {
		for len(w.queue) > 0 {
			d := w.queue[0]
			w.queue = w.queue[1:]
			if w.servers[d.to.id] == d.to {
				d.to.step(d.ev)
			}
		}
		if ok() {
			return true
		}
		w.now += tick / 4
		for id := proto.PeerID(1); int(id) <= len(w.ens.Members); id++ {
			if s := w.servers[id]; s != nil {
				s.step(replica.Tick{Wall: int64(w.now / time.Millisecond)})
				s.ask(repair.Tick{})
			}
		}
	}
	return ok()
}

func (s *server) step(ev replica.Event) {
	switch ev.(type) {
	case replica.Reloaded, replica.Truncated:
		s.tree.Replace(s.fresh.Tree)
	}
	s.run(s.replica.Step(s.w.now, ev, nil))
}

func (s *server) send(to *server, ev replica.Event) {
	s.w.queue = append(s.w.queue, delivery{to, ev})
}

func (s *server) run(actions []replica.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case replica.SendVote:
			if p := s.w.servers[a.To]; p != nil {
				s.send(p, replica.Vote{From: s.id, Note: a.Note})
			}
		case replica.Dial:
			s.dial(a.Leader)
		case replica.Hangup:
			if e, ok := s.peers[a.Link]; ok {
				delete(s.peers, a.Link)
				delete(e.s.peers, e.link)
				s.send(e.s, replica.Disconnected{Link: e.link, Reason: a.Reason})
			}
		case replica.Send:
			if e, ok := s.peers[a.Link]; ok {
				s.send(e.s, replica.Message{Link: e.link, Msg: s.travel(a.Msg, e.leads)})
			}
		case replica.SendSnapshot:
			s.sendTree(a)
		case replica.Append:
			s.write(a.Txn)
		case replica.SaveEpoch, replica.Truncate, replica.SaveSnapshot, replica.Reload:
			s.write(a)
		case replica.Install:
			s.tree.Replace(a.State.(*tree.Tree))
			s.tree.SetLastZxid(a.Zxid)
		case replica.SetLast:
			s.tree.SetLastZxid(a.Zxid)
		case replica.Apply:
			var res tree.Result
			s.tree.Apply(a.Txn, &res)
			s.run(s.replica.Step(s.w.now, replica.Applied{Zxid: a.Txn.Zxid}, nil))
		case replica.Serve:
			s.role = a.Role
		case replica.StopServing:
			s.role = zab.RoleNone
		}
	}
}

func (s *server) dial(leader proto.PeerID) {
	p := s.w.servers[leader]
	if p == nil {
		s.send(s, replica.DialFailed{Leader: leader, Reason: "refused"})
		return
	}
	mine, its := s.w.links+1, s.w.links+2
	s.w.links += 2
	s.peers[mine], p.peers[its] = end{p, its, false}, end{s, mine, true}
	s.send(s, replica.Connected{Link: mine, Dialed: true})
	s.send(p, replica.Connected{Link: its})
}

// travel takes a message through its bytes.
func (s *server) travel(m zab.Message, leads bool) zab.Message {
	p, err := wire.ReadPacket(bufio.NewReader(bytes.NewReader(wire.AppendMessage(nil, m, leads))), 1<<20)
	if err != nil {
		s.w.t.Fatal(err)
	}
	if leads {
		m, err = wire.FromLeader(p)
	} else {
		m, err = wire.FromLearner(p)
	}
	if err != nil {
		s.w.t.Fatal(err)
	}
	return m
}

func (s *server) sendTree(a replica.SendSnapshot) {
	e, ok := s.peers[a.Link]
	if !ok {
		return
	}
	var b bytes.Buffer
	if err := persist.WriteTree(&b, s.tree); err != nil {
		s.w.t.Fatal(err)
	}
	t, err := persist.ReadTree(bufio.NewReader(&b))
	if err != nil {
		s.w.t.Fatal(err)
	}
	s.send(e.s, replica.Message{Link: e.link, Msg: zab.Snap{Zxid: a.Zxid, State: t}})
	s.send(s, replica.SnapshotSent{Link: a.Link})
}

// write runs a disk operation; a failure ends the server.
func (s *server) write(op persist.Op) {
	if err := s.disk.Work([]persist.Op{op}); err != nil {
		s.failed = err
		s.kill()
	}
}

// ask gives the repair machine an event; questions are answered at once.
func (s *server) ask(ev repair.Event) {
	if s.repair == nil {
		return
	}
	for _, a := range s.repair.Step(s.w.now, ev, nil) {
		switch a := a.(type) {
		case repair.Ask:
			p := s.w.servers[a.Peer]
			if p == nil {
				s.ask(repair.Failed{Peer: a.Peer, Reason: "refused"})
				continue
			}
			answer := p.answer(a.Question)
			s.ask(repair.Answered{Peer: a.Peer, Answer: answer})
		case repair.Fill:
			s.write(persist.Mend{Entries: a.Entries, Accepted: a.Accepted})
		}
	}
}

func (s *server) answer(q repair.Question) repair.Answer {
	q, err := repair.DecodeQuestion(q.Append(nil))
	if err != nil {
		s.w.t.Fatal(err)
	}
	a := repair.Answer{From: s.id, Accepted: -1}
	if s.disk.Damage == nil || !s.disk.Damage.Lost.Accepted {
		a.Accepted = s.store.AcceptedEpoch()
	}
	for _, w := range q.Wants {
		var p repair.Part
		if p.Entries, p.Whole, err = s.store.Lookup(w, 2000, nil); err != nil {
			s.w.t.Fatal(err)
		}
		a.Parts = append(a.Parts, p)
	}
	if a, err = repair.DecodeAnswer(a.Append(nil)); err != nil {
		s.w.t.Fatal(err)
	}
	return a
}

// serving returns how many servers serve.
func (w *world) serving() (n int) {
	for _, s := range w.servers {
		if s.role != zab.RoleNone {
			n++
		}
	}
	return n
}

// copyOf copies a file system as if its process had been killed. What does not
// read does not read in the copy.
func copyOf(t testing.TB, mem *vfs.Mem) *vfs.Mem {
	out := vfs.NewMem()
	for _, path := range mem.Files() {
		f, err := mem.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Size()
		b := make([]byte, size)
		var bad []int64
		if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
			for at := int64(0); at < size; at += vfs.SectorSize {
				if _, err := f.ReadAt(b[at:min(at+vfs.SectorSize, size)], at); err != nil && err != io.EOF {
					bad = append(bad, at)
				}
			}
		}
		g, err := create(out, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.Sync(), out.SyncDir(filepath.Dir(path))); err != nil {
			t.Fatal(err)
		}
		for _, at := range bad {
			out.Unreadable(path, at, 1)
		}
	}
	return out
}

func create(mem *vfs.Mem, path string) (vfs.File, error) {
	if err := mem.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return mem.Create(path)
}

// ids returns the servers that run, in order.
func (w *world) ids() []proto.PeerID {
	var ids []proto.PeerID
	for id := range w.servers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
