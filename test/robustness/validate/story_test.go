package validate

import (
	"path"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// Sessions of the story. The first is alive at the end, the second was closed,
// the third expired.
const (
	alice history.Session = 0xa11ce
	bob   history.Session = 0xb0b
	carol history.Session = 0xca401
)

// story tells a small history in which all goes well: one request after the
// other, one millisecond each.
type story struct {
	h       *history.History
	now     time.Duration
	zxid    int64
	submits map[history.Session]int
	nodes   map[string]history.Node
}

func (s *story) client(id history.Session) int {
	return map[history.Session]int{alice: 1, bob: 2, carol: 3}[id]
}

// add records a request that is answered at the present zxid.
func (s *story) add(id history.Session, op history.Op) *history.Record {
	s.now += 2 * time.Millisecond
	s.submits[id]++
	s.h.Records = append(s.h.Records, history.Record{
		Client: s.client(id), Session: id, Submit: s.submits[id], Arrive: s.submits[id], Server: 1, Op: op,
		Call: s.now - time.Millisecond, Return: s.now, Outcome: history.OK, Zxid: s.zxid,
	})
	return &s.h.Records[len(s.h.Records)-1]
}

func (s *story) open(id history.Session) {
	s.add(id, history.Op{Kind: history.Open}).Timeout = time.Second
}

// create is for all kinds of znodes; name is what the server made of the path.
func (s *story) create(id history.Session, op history.Op, name string) *history.Record {
	s.zxid++
	n := history.Node{Path: name, Data: op.Data, Stat: history.Stat{Czxid: s.zxid, Mzxid: s.zxid}}
	if op.Ephemeral {
		n.Stat.Owner = id
	}
	s.nodes[name] = n
	op.Kind, op.Name, op.Stat = history.Create, name, &n.Stat
	return s.add(id, op)
}

func (s *story) set(id history.Session, path, data string) *history.Record {
	s.zxid++
	st := s.write(path, data)
	return s.add(id, history.Op{Kind: history.Set, Path: path, Data: data, Version: -1, Stat: &st})
}

// write changes a znode at the present zxid.
func (s *story) write(path, data string) history.Stat {
	n := s.nodes[path]
	n.Data, n.Stat.Mzxid, n.Stat.Version = data, s.zxid, n.Stat.Version+1
	s.nodes[path] = n
	return n.Stat
}

func (s *story) get(id history.Session, path string, latest bool) *history.Record {
	op := history.Op{Kind: history.Get, Path: path}
	n, ok := s.nodes[path]
	if ok {
		st := n.Stat
		op.Data, op.Stat = n.Data, &st
	}
	r := s.add(id, op)
	r.Latest = latest
	if !ok {
		r.Outcome, r.Err = history.Failed, "NoNode"
	}
	return r
}

func (s *story) wire(id history.Session, w history.Wire) {
	w.Client, w.Conn, w.Session, w.At = s.client(id), s.client(id), id, s.now
	s.h.Wire = append(s.h.Wire, w)
}

// list records a read of children.
func (s *story) list(id history.Session, parent string) {
	r := s.add(id, history.Op{Kind: history.Children, Path: parent})
	for name := range s.nodes {
		if path.Dir(name) == parent {
			r.Children = append(r.Children, path.Base(name))
		}
	}
}

// tell makes the story.
func tell() *history.History {
	s := &story{h: &history.History{Seed: 1, Tick: 200 * time.Millisecond}, submits: map[history.Session]int{}, nodes: map[string]history.Node{}}
	s.open(alice)
	s.open(bob)
	s.open(carol)
	s.zxid = 100
	s.create(alice, history.Op{Path: "/reg/x", Data: "x0"}, "/reg/x") // 101
	s.create(bob, history.Op{Path: "/reg/y", Data: "y0"}, "/reg/y")   // 102
	s.get(bob, "/reg/x", true).Watch = true
	s.wire(bob, history.Wire{Frame: history.Reply, Op: "getData", Path: "/reg/x", Watch: true, Zxid: s.zxid})
	s.wire(carol, history.Wire{Frame: history.Reply, Op: "addWatch", Path: "/", Mode: 1, Zxid: s.zxid})

	s.set(alice, "/reg/x", "x1") // 103
	s.wire(carol, history.Wire{Frame: history.Event, Type: dataChanged, Path: "/reg/x", Zxid: 103})
	s.wire(bob, history.Wire{Frame: history.Event, Type: dataChanged, Path: "/reg/x", Zxid: 103})
	s.get(bob, "/reg/x", false)
	s.wire(bob, history.Wire{Frame: history.Reply, Op: "getData", Path: "/reg/x", Zxid: s.zxid})

	s.zxid++ // 104: a multi
	x, y := s.write("/reg/x", "mx"), s.write("/reg/y", "my")
	s.add(alice, history.Op{Kind: history.Multi}).Parts = []history.Op{
		{Kind: history.Set, Path: "/reg/x", Data: "mx", Version: -1, Stat: &x},
		{Kind: history.Set, Path: "/reg/y", Data: "my", Version: -1, Stat: &y},
	}
	s.wire(carol, history.Wire{Frame: history.Event, Type: dataChanged, Path: "/reg/x", Zxid: 104})
	s.wire(carol, history.Wire{Frame: history.Event, Type: dataChanged, Path: "/reg/y", Zxid: 104})
	s.get(bob, "/reg/x", true)
	s.get(bob, "/reg/y", true)

	s.create(alice, history.Op{Path: "/seq/s-", Data: "s0", Sequence: true}, "/seq/s-0000000000") // 105
	s.list(alice, "/seq")
	s.create(bob, history.Op{Path: "/seq/s-", Data: "s1", Sequence: true}, "/seq/s-0000000001") // 106
	s.create(alice, history.Op{Path: "/queue/q-", Data: "qa", Sequence: true, Ephemeral: true}, "/queue/q-0000000000")
	s.create(bob, history.Op{Path: "/eph/lock", Data: "lb", Ephemeral: true}, "/eph/lock")
	s.create(carol, history.Op{Path: "/queue/q-", Data: "qc", Sequence: true, Ephemeral: true}, "/queue/q-0000000001")
	for _, n := range []string{"/seq/s-0000000000", "/seq/s-0000000001", "/queue/q-0000000000", "/eph/lock", "/queue/q-0000000001"} {
		s.wire(carol, history.Wire{Frame: history.Event, Type: nodeCreated, Path: n, Zxid: s.nodes[n].Stat.Czxid})
	}
	s.get(alice, "/eph/lock", true)
	s.wire(carol, history.Wire{Frame: history.Reply, Op: "ping", Zxid: s.zxid})

	lost := s.set(bob, "/reg/y", "y-lost") // 110: without an answer, but somebody sees it
	lost.Outcome, lost.Zxid, lost.Stat = history.Unknown, 0, nil
	s.get(alice, "/reg/y", true)
	s.set(bob, "/reg/x", "x-after") // 111
	s.add(bob, history.Op{Kind: history.Close})
	s.zxid++
	delete(s.nodes, "/eph/lock")
	s.get(alice, "/eph/lock", true)
	s.now += 3 * time.Second // carol, who was heard of last before 110, expires
	s.zxid++
	delete(s.nodes, "/queue/q-0000000001")
	s.get(alice, "/queue/q-0000000001", true)
	s.wire(carol, history.Wire{Frame: history.Expired})
	s.add(alice, history.Op{Kind: history.Delete, Path: "/reg/y", Version: -1}).Zxid++ // 114
	s.zxid++
	delete(s.nodes, "/reg/y")
	s.list(alice, "/reg")
	s.end()
	return s.h
}

// end lets both servers show what they hold.
func (s *story) end() {
	s.h.Alive = []history.Session{alice}
	for server := 1; server <= 2; server++ {
		s.now += 2 * time.Millisecond
		t := history.Tree{Server: server, Zxid: s.zxid, Call: s.now - time.Millisecond, Return: s.now}
		for _, path := range []string{"/queue/q-0000000000", "/reg/x", "/seq/s-0000000000", "/seq/s-0000000001"} {
			t.Nodes = append(t.Nodes, s.nodes[path])
		}
		s.h.Trees = append(s.h.Trees, t)
	}
}
