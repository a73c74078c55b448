package zab

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// FuzzLeader has learners that say anything, under any id. Whatever they say,
// the leader tells no epoch before it is on its disk, serves and decides only
// with voters who have said what that takes, and sends each learner a history
// without holes.
func FuzzLeader(f *testing.F) {
	// One voter follows, a second one joins, and something is decided with each.
	follow := func(link, id byte) []byte {
		return []byte{link, 0, link, 2, id, 0, 0, link, 6, link, 3, 0, 0, link, 6, link, 4}
	}
	decide := func(link byte) []byte { return []byte{link, 8, link, 6, link, 5, 0, link, 8, link, 5, 0, link, 6} }
	one := append(follow(1, 0), decide(1)...)
	two := append(append(one[:len(one):len(one)], follow(2, 1)...), decide(2)...)
	f.Add(one)
	f.Add(two)
	f.Add(append(two[:len(two):len(two)], 1, 1, 3, 0, 3, 2, 6, 0, 0, 3, 3, 0, 0, 3, 11, 0, 0))
	f.Add(append(follow(1, 0), 1, 8, 2, 0, 2, 2, 1, 0, 0, 2, 3, 0, 0, 2, 5, 0, 1, 6, 2, 4)) // an early ACK
	text := ""
	for id, role := range []string{"participant", "participant", "participant", "observer"} {
		text += fmt.Sprintf("server.%d=h%d:2888:3888:%s;0.0.0.0:2181\n", id+1, id+1, role)
	}
	ens, err := ensemble.Parse(text + "version=0")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1000 {
			return
		}
		p := &tape{b}
		hist := &History{}
		hist.Reset(proto.MakeZxid(4, 1))
		hist.Add(txnAt(proto.MakeZxid(4, 2)))
		hist.Add(txnAt(proto.MakeZxid(4, 3)))
		opts := Options{Self: 1, Ensemble: ens, InitTimeout: 20 * time.Second, SyncTimeout: 20 * time.Second, Tick: time.Second}
		l := BecomeLeader(opts, Durable{AcceptedEpoch: 4, CurrentEpoch: 4, LastZxid: hist.Last()}, hist)
		w := &followers{t: t, links: map[LinkID]*said{}, durable: hist.Last(), highest: 4}
		w.run(l.Start(0, nil))
		now, links := time.Duration(0), LinkID(0)
		for len(p.b) > 0 && !w.ended {
			link := LinkID(p.next()) % 4
			if links > 4 {
				link += links - 4
			}
			switch p.next() % 12 {
			case 0:
				links++
				l.Connected(now, links)
				w.links[links] = &said{}
			case 1:
				w.run(l.Disconnected(link, "gone", nil))
			case 2:
				info := FollowerInfo{ID: []proto.PeerID{2, 3, 2, 3, 4, 1, 9, -1}[p.next()%8], AcceptedEpoch: 4, Observer: p.next()%4 == 3}
				if v := p.next(); v%4 == 3 {
					info.AcceptedEpoch = []int64{0, 5, 6, -1, math.MaxInt32, math.MaxInt32 - 1, math.MaxInt32 - 2, 3}[v/4%8]
				}
				w.told(link, info)
				w.run(l.Message(now, link, info, nil))
			case 3:
				m := AckEpoch{CurrentEpoch: []int64{4, -1, 3, 5, math.MaxInt32, math.MinInt32, 4, 4}[p.next()%8], LastZxid: p.zxid(proto.MakeZxid(4, 2), 4)}
				w.run(l.Message(now, link, m, nil))
			case 4:
				m := Ack{proto.MakeZxid(l.Epoch(), 0)}
				w.told(link, m)
				w.run(l.Message(now, link, m, nil))
			case 5:
				z := p.zxid(l.LastProposed()-1, l.Epoch())
				var m Message = Ack{z}
				if z%3 == 0 {
					m = Acks{z, z + 1}
				}
				w.told(link, m)
				w.run(l.Message(now, link, m, nil))
			case 6, 7:
				if len(w.ops) > 0 {
					w.run(w.answer(now, l))
				}
			case 8:
				z, out, ok := l.NextZxid(nil)
				if w.run(out); ok {
					w.run(l.Propose(now, txnAt(z), nil))
				}
			case 9:
				w.run(l.SnapshotSent(now, link, nil))
			case 10:
				now += time.Duration(p.next()) * 20 * time.Millisecond
				w.run(l.Tick(now, nil))
			case 11:
				m := []Message{Ping{Zxid: -proto.Zxid(p.next())}, Revalidate{}, &Forward{}, UpToDate{}, Ping{}, LeaderInfo{5}}[p.next()%6]
				w.run(l.Message(now, link, m, nil))
				if _, joined := l.Learner(link); joined && p.next()%4 == 0 {
					w.run(l.Sync(link, nil))
				}
			}
		}
	})
}

// said is what the two ends of a link have told each other.
type said struct {
	id        proto.PeerID
	voter     bool
	newLeader bool       // NEWLEADER was sent
	synced    bool       // and acknowledged by its zxid
	acked     proto.Zxid // the newest proposal that was acknowledged
	sent      proto.Zxid // the newest proposal behind what the learner began with
}

// followers is what a leader has to go by.
type followers struct {
	t       *testing.T
	links   map[LinkID]*said
	highest int64    // epoch that a member has said it accepted, or the leader has
	saved   [2]int64 // by EpochKind
	ops     []Action
	durable proto.Zxid
	ended   bool
}

// told notes what a learner says, before the leader sees it.
func (w *followers) told(link LinkID, m Message) {
	k := w.links[link]
	if k == nil {
		return
	}
	switch m := m.(type) {
	case FollowerInfo:
		if k.id == 0 {
			k.id, k.voter = m.ID, (m.ID == 2 || m.ID == 3) && !m.Observer
		}
		if m.ID >= 2 && m.ID <= 4 && m.AcceptedEpoch < maxEpoch {
			w.highest = max(w.highest, m.AcceptedEpoch)
		}
	case Ack:
		if k.voter && k.newLeader {
			k.synced = k.synced || m.Zxid.Counter() == 0
			k.acked = max(k.acked, m.Zxid)
		}
	case Acks:
		if k.voter && k.newLeader {
			k.acked = max(k.acked, m.Last)
		}
	}
}

// votes counts the voters that hold the initial history and have acknowledged z;
// self is the leader's.
func (w *followers) votes(self bool, z proto.Zxid) int {
	n := 0
	if self {
		n++
	}
	for _, id := range []proto.PeerID{2, 3} {
		for _, k := range w.links {
			if k.id == id && k.voter && k.synced && k.acked >= z {
				n++
				break
			}
		}
	}
	return n
}

func (w *followers) run(out []Action) {
	w.t.Helper()
	for _, a := range out {
		switch a := a.(type) {
		case SaveEpoch:
			if a.Epoch <= 4 || a.Epoch > w.highest+1 || a.Epoch > maxEpoch || a.Kind == CurrentEpoch && a.Epoch != w.saved[AcceptedEpoch] {
				w.t.Fatalf("%s, the members have accepted %d", show(a), w.highest)
			}
			w.ops = append(w.ops, a)
		case Append:
			w.ops = append(w.ops, a)
		case Serve:
			if w.votes(true, -1) < 2 || w.saved[CurrentEpoch] != a.Epoch {
				w.t.Fatalf("%s with nobody who follows", show(a))
			}
		case Apply:
			z := a.Txn.Zxid
			if w.votes(w.durable >= z, z) < 2 {
				w.t.Fatalf("%s, which no quorum holds; the leader holds %s", show(a), w.durable)
			}
		case SendSnapshot:
			if k := w.links[a.Link]; k != nil {
				k.sent = a.Zxid
			}
		case Send:
			w.sent(a)
		case Resign:
			w.ended = true
		}
	}
}

func (w *followers) sent(a Send) {
	w.t.Helper()
	k := w.links[a.Link]
	if k == nil {
		w.t.Fatalf("%s to nobody", show(a))
	}
	switch m := a.Msg.(type) {
	case LeaderInfo:
		if m.Epoch != w.saved[AcceptedEpoch] {
			w.t.Fatalf("%s, the disk holds %d", show(a), w.saved[AcceptedEpoch])
		}
	case Trunc:
		k.sent = m.Zxid
	case Proposal:
		if k.sent != 0 && !follows(k.sent, m.Txn.Zxid) {
			w.t.Fatalf("%s behind %s", show(a), k.sent)
		}
		k.sent = m.Txn.Zxid
	case NewLeader:
		if m.Epoch != w.saved[CurrentEpoch] {
			w.t.Fatalf("%s, the disk holds %d", show(a), w.saved[CurrentEpoch])
		}
		k.newLeader = true
	case UpToDate:
		if !k.newLeader || k.voter && !k.synced {
			w.t.Fatalf("%s to a learner that has not said it is", show(a))
		}
	}
}

// answer completes the oldest disk operation.
func (w *followers) answer(now time.Duration, l *Leader) []Action {
	op := w.ops[0]
	w.ops = w.ops[1:]
	if e, ok := op.(SaveEpoch); ok {
		w.saved[e.Kind] = e.Epoch
		return l.EpochSaved(now, e.Kind, e.Epoch, nil)
	}
	w.durable = op.(Append).Txn.Zxid
	return l.Persisted(now, w.durable, nil)
}
