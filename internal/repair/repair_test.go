package repair

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

// entry returns a transaction that differs by zxid.
func entry(z proto.Zxid) storage.Entry {
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpDelete}, Body: &proto.DeleteTxn{Path: fmt.Sprintf("/%d", z)}}
	txn.Encode(100)
	return storage.Entry{Zxid: z, Payload: txn.Raw}
}

func ids(zs ...proto.Zxid) (v []storage.EntryID) {
	for _, z := range zs {
		v = append(v, storage.IDOf(entry(z)))
	}
	return v
}

func entries(zs ...proto.Zxid) (v []storage.Entry) {
	for _, z := range zs {
		v = append(v, entry(z))
	}
	return v
}

func zxids(es []storage.Entry) (v []proto.Zxid) {
	for _, e := range es {
		v = append(v, e.Zxid)
	}
	return v
}

// player drives a machine by hand.
type player struct {
	*Machine
	now  time.Duration
	asks map[proto.PeerID]Question // not answered yet
	fill *Fill
	said []string
}

func play(opts Options, v *storage.Survey) *player {
	opts.Self, opts.Peers, opts.Voters = 1, []proto.PeerID{2, 3}, []proto.PeerID{1, 2, 3}
	p := &player{Machine: New(opts, v), asks: map[proto.PeerID]Question{}}
	p.step(Tick{})
	return p
}

func (p *player) step(ev Event) {
	for _, a := range p.Step(p.now, ev, nil) {
		switch a := a.(type) {
		case Ask:
			p.asks[a.Peer] = a.Question
		case Fill:
			p.fill = &a
		case Note:
			p.said = append(p.said, fmt.Sprintf("%d %d %d %s", a.Fact, a.Peer, a.Count, a.Text))
		}
	}
}

func (p *player) answer(peer proto.PeerID, parts ...Part) {
	delete(p.asks, peer)
	p.step(Answered{peer, Answer{From: peer, Accepted: 7, Parts: parts}})
}

func lost(gaps ...storage.Gap) *storage.Survey { return &storage.Survey{Gaps: gaps} }

func TestNamed(t *testing.T) {
	p := play(Options{}, lost(storage.Gap{Lost: ids(3, 4, 5)}, storage.Gap{Lost: ids(9)}))
	if len(p.asks) != 2 || len(p.asks[2].Wants) != 2 || len(p.asks[3].Wants[0].Lost) != 3 {
		t.Fatalf("asks %+v", p.asks)
	}
	p.answer(2, Part{Entries: entries(3, 5)}, Part{})
	if w := p.asks[2].Wants; len(w) != 2 || !slices.Equal(w[0].Lost, ids(4)) {
		t.Fatalf("asks again for %+v", w)
	}
	p.answer(2, Part{}, Part{})
	if _, asked := p.asks[2]; asked {
		t.Error("asks again at once though there was nothing")
	}
	bad := entry(9)
	bad.Payload = append(slices.Clone(bad.Payload), 0)
	p.answer(3, Part{Entries: entries(4, 8)}, Part{Entries: []storage.Entry{bad}})
	if p.fill != nil {
		t.Fatalf("took a transaction that was not here: %+v", p.fill)
	}
	p.answer(3, Part{Entries: entries(9)}) // one want now
	if p.fill == nil || !slices.Equal(zxids(p.fill.Entries), []proto.Zxid{3, 4, 5, 9}) || p.fill.Accepted != -1 {
		t.Fatalf("fill %+v", p.fill)
	}
	if out := p.Step(p.now+time.Hour, Tick{}, nil); out != nil || p.Deadline() != Never {
		t.Errorf("and on: %+v", out)
	}
}

func TestStretch(t *testing.T) {
	gap := storage.Gap{After: ids(2)[0], Until: ids(proto.MakeZxid(1, 1))[0]}
	p := play(Options{}, lost(gap))
	p.answer(2, Part{Entries: entries(3, 4)})
	if w := p.asks[2].Wants[0]; w.After != ids(4)[0] || w.Until != gap.Until {
		t.Fatalf("asks again for %+v", w)
	}
	p.answer(3, Part{Entries: entries(3, 4, 5)}) // from the beginning, as it was asked
	p.answer(2, Part{Entries: entries(7), Whole: true})
	if p.fill != nil {
		t.Fatal("took a stretch with a hole")
	}
	p.now += time.Minute
	p.step(Tick{})
	p.answer(3, Part{Entries: entries(6), Whole: true})
	if p.fill == nil || !slices.Equal(zxids(p.fill.Entries), []proto.Zxid{3, 4, 5, 6}) {
		t.Fatalf("fill %+v", p.fill)
	}

	p = play(Options{}, lost(gap))
	if p.answer(3, Part{Whole: true}); p.fill == nil || len(p.fill.Entries) != 0 {
		t.Errorf("nothing was missing: %+v", p.fill)
	}
}

func TestAcceptedLost(t *testing.T) {
	p := play(Options{AcceptedLost: true}, lost())
	p.answer(2)
	if p.fill != nil {
		t.Fatal("one voter is enough")
	}
	delete(p.asks, 3)
	p.step(Answered{3, Answer{From: 3, Accepted: -1}}) // lost there, too
	if p.fill != nil || len(p.asks) != 0 {
		t.Fatalf("fill %+v, asks %+v", p.fill, p.asks)
	}
	p.now += p.Deadline()
	p.step(Tick{})
	p.step(Answered{3, Answer{From: 3, Accepted: 9}})
	if p.fill == nil || p.fill.Accepted != 9 {
		t.Fatalf("fill %+v", p.fill)
	}
}

// TestAnsweredByAnother: two addresses of one server are not two voices.
func TestAnsweredByAnother(t *testing.T) {
	p := play(Options{AcceptedLost: true}, lost(storage.Gap{Lost: ids(3)}))
	p.answer(2, Part{Entries: entries(3), Whole: true})
	p.step(Answered{3, Answer{From: 2, Accepted: 7, Parts: []Part{{Entries: entries(3), Whole: true}}}})
	if p.fill != nil {
		t.Fatalf("fill %+v", p.fill)
	}
	delete(p.asks, 3)
	if p.Deadline() <= p.now { // server 2 has said all that it can
		t.Fatalf("wants a tick at %v, now is %v", p.Deadline(), p.now)
	}
	p.now = p.Deadline()
	p.step(Tick{})
	p.answer(3)
	if p.fill == nil || p.fill.Accepted != 7 {
		t.Errorf("fill %+v", p.fill)
	}
}

func TestPausesAndSays(t *testing.T) {
	p := play(Options{}, lost(storage.Gap{Lost: ids(3, 4)}))
	p.step(Failed{2, "refused"})
	p.answer(3, Part{Entries: entries(4)})
	p.answer(3, Part{})
	if said := p.Said(); said != "" {
		t.Errorf("said %q before everybody had said what it has", said)
	}
	var pauses []time.Duration
	for range 6 {
		at := p.Deadline()
		pauses = append(pauses, at-p.now)
		p.now = at
		p.step(Tick{})
		for peer := range p.asks {
			delete(p.asks, peer)
			p.step(Failed{peer, "refused"})
		}
	}
	if p.Said() != "no other server could be asked yet" {
		t.Errorf("said %q", p.Said())
	}
	if n := len(slices.Compact(slices.Clone(p.said))); n != len(p.said) || n > 5 {
		t.Errorf("said it again and again: %q", p.said)
	}
	p.now = p.Deadline()
	p.step(Tick{})
	p.step(Failed{2, "refused"})
	p.answer(3, Part{})
	if p.Said() != "transaction 0x3; no answer from server 2" {
		t.Errorf("said %q", p.Said())
	}
	if pauses[0] > time.Second || slices.Max(pauses) > 10*time.Second || slices.Max(pauses) < 4*time.Second {
		t.Errorf("pauses %v", pauses)
	}
}

func TestHopeless(t *testing.T) {
	for name, tc := range map[string]struct {
		opts Options
		v    *storage.Survey
		why  string
	}{
		"open end":      {Options{}, lost(storage.Gap{Lost: ids(3)}, storage.Gap{After: ids(3)[0]}), "nobody can know what may have come behind 0x3"},
		"no snapshot":   {Options{}, &storage.Survey{Base: -1}, "no snapshot"},
		"moved away":    {Options{}, &storage.Survey{Base: -1, SetAside: true}, "moved away"},
		"current lost":  {Options{CurrentLost: true}, lost(), "currentEpoch"},
		"far too much":  {Options{MaxBytes: 50}, lost(storage.Gap{Lost: ids(1, 2, 3)}), "bytes of transactions"},
		"mended before": {Options{GiveUp: "in vain"}, lost(storage.Gap{Lost: ids(3)}), "in vain"},
	} {
		p := play(tc.opts, tc.v)
		if len(p.asks) > 0 || p.fill != nil || !strings.Contains(p.Said(), tc.why) || p.Deadline() != Never {
			t.Errorf("%s: asks %+v, said %q, deadline %v", name, p.asks, p.Said(), p.Deadline())
		}
	}
	p := play(Options{MaxBytes: 200}, lost(storage.Gap{After: ids(2)[0], Until: ids(100)[0]}))
	for z := proto.Zxid(3); len(p.asks) > 0 && z < 90; z++ {
		p.answer(2, Part{Entries: entries(z)})
		delete(p.asks, 3)
	}
	if !strings.Contains(p.Said(), "more is lost") {
		t.Errorf("a stretch without end: said %q", p.Said())
	}
}

// TestManyNames: a whole log that is gone is asked for in portions.
func TestManyNames(t *testing.T) {
	var all []storage.EntryID
	for z := proto.Zxid(1); z <= maxNames+10; z++ {
		all = append(all, storage.EntryID{Zxid: z, Length: 40, Sum: 1})
	}
	p := play(Options{}, lost(storage.Gap{Lost: all}, storage.Gap{Lost: ids(maxNames + 20)}))
	w := p.asks[2].Wants
	if len(w) != 1 || len(w[0].Lost) != maxNames {
		t.Errorf("%d wants, the first of %d", len(w), len(w[0].Lost))
	}
	q := p.asks[2]
	if n := len(q.Append(nil)); n > MaxQuestion {
		t.Errorf("a question of %d bytes", n)
	}
}
