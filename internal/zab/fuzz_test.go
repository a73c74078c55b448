package zab

import (
	"math"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// tape gives out a fuzzer's bytes as choices; at its end everything is 0.
type tape struct{ b []byte }

func (p *tape) next() byte {
	if len(p.b) == 0 {
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

// zxid returns one near z, or one that no honest server has.
func (p *tape) zxid(z proto.Zxid, epoch int64) proto.Zxid {
	switch v := p.next(); v % 16 {
	default:
		return z + 1
	case 8:
		return proto.MakeZxid(epoch, 1)
	case 9:
		return z + proto.Zxid(v/16) - 8
	case 10:
		return proto.MakeZxid(epoch, uint32(v/16))
	case 11:
		return proto.MakeZxid(epoch+int64(v/16)-8, 1)
	case 12:
		return proto.MakeZxid(z.Epoch()+1, uint32(v/16))
	case 13:
		return []proto.Zxid{0, -1, math.MinInt64, math.MaxInt64, proto.MakeZxid(math.MaxInt32, 1), proto.MakeZxid(z.Epoch(), math.MaxUint32)}[v/16%6]
	case 14:
		return z
	case 15:
		return proto.MakeZxid(epoch, 0)
	}
}

// FuzzLearner has a leader that says anything, and a disk that answers when it
// likes. What the learner gives to its disk must be what a restart accepts, and
// what it acknowledges must be there.
func FuzzLearner(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 4, 0, 5, 0, 4, 0, 6, 0, 0, 0, 7})
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x02\x05\x06\x00\x00\x07\x04\x05\x00\x00"))
	f.Add([]byte{0, 0, 0, 3, 14, 4, 9, 4, 0, 5, 6, 0, 0, 0, 7, 4, 0, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1000 {
			return
		}
		p := &tape{b}
		last := proto.MakeZxid(4, 3)
		hist := &History{}
		hist.Reset(last)
		d := &disk{t: t, last: last, durable: last, held: last, accepted: 4 + int64(p.next()%2), current: 4}
		opts := Options{Self: 3, InitTimeout: time.Second, SyncTimeout: time.Second, Tick: time.Second, Observer: p.next()%4 == 1}
		l := BecomeLearner(opts, Durable{AcceptedEpoch: d.accepted, CurrentEpoch: d.current, LastZxid: last}, hist, 1)
		d.run(l.Start(0, nil))
		d.run(l.Connected(0, 1, nil))
		epoch, z := int64(5), last
		for len(p.b) > 0 {
			if p.next()%3 == 0 && len(d.ops) > 0 {
				d.run(d.answer(l))
				continue
			}
			var m Message
			switch p.next() % 14 {
			case 0:
				if v := p.next(); v%8 == 7 {
					epoch = []int64{0, -1, 4, 6, math.MaxInt32, math.MaxInt32 - 1, math.MinInt32}[v/8%7]
				}
				m = LeaderInfo{epoch}
			case 1:
				m = Diff{p.zxid(z, epoch)}
			case 2:
				z = p.zxid(z, epoch)
				m = Trunc{z}
			case 3:
				z = p.zxid(z, epoch)
				m = Snap{Zxid: z}
			case 4, 8, 9:
				z = p.zxid(z, epoch)
				m = Proposal{txnAt(z)}
			case 5, 10:
				at := z
				if len(l.pending) > 0 && p.next()%8 > 0 {
					at = l.pending[0].Zxid
				}
				if m = Message(Commit{at}); at%3 == 0 {
					m = Commits{at, at + 1 + at%7}
				}
			case 6:
				m = NewLeader{Epoch: epoch}
			case 7:
				m = UpToDate{}
			case 11:
				z = p.zxid(z, epoch)
				m = Inform{txnAt(z)}
			case 12:
				m = Ping{}
			case 13:
				m = Sync{}
			}
			d.run(l.Message(0, 1, m, nil))
		}
		for len(d.ops) > 0 {
			d.run(d.answer(l))
		}
		for _, txn := range l.EndTerm() {
			if txn.Zxid > d.durable || txn.Zxid <= d.held {
				t.Fatalf("%s is left to be applied, the log ends at %s, the tree at %s", txn.Zxid, d.durable, d.held)
			}
		}
	})
}

// disk is a learner's disk and tree, and what must be true of them.
type disk struct {
	t                 *testing.T
	ops               []Action   // queued, oldest first
	last              proto.Zxid // newest given to the log
	durable           proto.Zxid // newest on the disk
	held              proto.Zxid // newest in the tree
	accepted, current int64
	ended             bool
}

func (d *disk) run(out []Action) {
	d.t.Helper()
	for _, a := range out {
		if d.ended {
			d.t.Fatalf("%s after the end", show(a))
		}
		switch a := a.(type) {
		case Append:
			if !follows(d.last, a.Txn.Zxid) {
				d.t.Fatalf("%s is logged behind %s", a.Txn.Zxid, d.last)
			}
			d.last = a.Txn.Zxid
			d.ops = append(d.ops, a)
		case SaveEpoch:
			if a.Epoch < 0 || a.Epoch > maxEpoch || a.Kind == AcceptedEpoch && a.Epoch < d.accepted || a.Kind == CurrentEpoch && a.Epoch > d.accepted {
				d.t.Fatalf("%s with accepted epoch %d", show(a), d.accepted)
			}
			d.ops = append(d.ops, a)
		case Truncate:
			d.ops = append(d.ops, a)
		case SaveSnapshot:
			if a.Zxid < 0 || a.Zxid != d.held {
				d.t.Fatalf("%s of a tree at %s", show(a), d.held)
			}
			d.last = a.Zxid
			d.ops = append(d.ops, a)
		case Install:
			d.held = a.Zxid
		case Apply:
			if a.Txn.Zxid <= d.held {
				d.t.Fatalf("%s is applied to a tree at %s", a.Txn.Zxid, d.held)
			}
			d.held = a.Txn.Zxid
		case Send:
			if m, ok := a.Msg.(Acks); ok && m.Last > d.durable {
				d.t.Fatalf("%s, the disk holds %s", show(a), d.durable)
			}
			if m, ok := a.Msg.(Ack); ok && (m.Zxid.Counter() != 0 && m.Zxid > d.durable || m.Zxid.Counter() == 0 && d.current != m.Zxid.Epoch()) {
				d.t.Fatalf("%s, but the disk holds %s and epoch %d", show(a), d.durable, d.current)
			}
			if m, ok := a.Msg.(AckEpoch); ok && m.CurrentEpoch != NoEpoch && m.CurrentEpoch != d.current {
				d.t.Fatalf("%s with current epoch %d", show(a), d.current)
			}
		case Resign:
			d.ended = true
		}
	}
}

// answer completes the oldest operation, appends together.
func (d *disk) answer(l *Learner) []Action {
	op := d.ops[0]
	d.ops = d.ops[1:]
	switch op := op.(type) {
	case Append:
		for d.durable = op.Txn.Zxid; len(d.ops) > 0; d.ops = d.ops[1:] {
			next, ok := d.ops[0].(Append)
			if !ok {
				break
			}
			d.durable = next.Txn.Zxid
		}
		return l.Persisted(0, d.durable, nil)
	case SaveEpoch:
		if op.Kind == AcceptedEpoch {
			d.accepted = op.Epoch
		} else {
			d.current = op.Epoch
		}
		return l.EpochSaved(0, op.Kind, op.Epoch, nil)
	case Truncate:
		if op.Zxid >= 0 && op.Zxid < d.durable { // else it is refused
			d.durable, d.last, d.held = op.Zxid, op.Zxid, op.Zxid
		}
		return l.Truncated(0, op.Zxid, d.durable, nil)
	case SaveSnapshot:
		d.durable = op.Zxid
		return l.SnapshotSaved(0, op.Zxid, nil)
	}
	panic("unreachable")
}
