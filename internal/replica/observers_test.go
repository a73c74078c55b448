package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

func feeding(o *Options) { o.Masters.Feed = true }

// join brings an observer on a link to the follower b up to date.
func (b *bench) join(link LinkID, id proto.PeerID) {
	b.step(Connected{Link: link, Master: true})
	b.message(link, zab.FollowerInfo{ID: id, Observer: true})
	b.message(link, zab.AckEpoch{})
	b.message(link, zab.Ack{Zxid: proto.MakeZxid(1, 0)})
}

// TestAnObserversRequests: what an observer's clients want goes to the leader, and the answers find their way back
// among those to this server's own clients.
func TestAnObserversRequests(t *testing.T) {
	b := newFollower(t, feeding)
	b.join(7, 4)
	b.join(8, 5)
	write, sync := forward(create(0x400, 1, "/o")), forward(request(0x400, 2, proto.OpSync, nil))
	expect(t, "a write", b.message(7, write), Send{Link: 1, Msg: write})
	expect(t, "an observer's sync", b.message(7, sync), Send{Link: 1, Msg: sync})
	own := request(0x200, 9, proto.OpSync, nil)
	expect(t, "an own sync", b.step(own), Send{Link: 1, Msg: forwarded(own)})
	other := forward(request(0x500, 3, proto.OpSync, nil))
	expect(t, "another observer's", b.message(8, other), Send{Link: 1, Msg: other})

	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Session: 0x400, Cxid: 1, Zxid: proto.MakeZxid(1, 1)}, Body: &proto.ErrorTxn{}, Raw: []byte("raw")}
	b.message(1, zab.Proposal{Txn: txn})
	expect(t, "its commit", b.message(1, zab.Commit{Zxid: txn.Zxid}), Apply{Txn: txn}, Send{Link: 7, Msg: zab.Inform{Txn: txn}}, Send{Link: 8, Msg: zab.Inform{Txn: txn}})
	expect(t, "first answer", b.message(1, zab.Sync{}), Send{Link: 7, Msg: zab.Sync{}})
	expect(t, "second answer", b.message(1, zab.Sync{}), Synced{0x200, 9})
	expect(t, "third answer", b.message(1, zab.Sync{}), Send{Link: 8, Msg: zab.Sync{}})
	if n := b.r.Pending(); n != 0 {
		t.Errorf("%d requests wait for ever", n)
	}

	ask := zab.Revalidate{ID: 0x700, TimeoutMs: 5000}
	expect(t, "a session comes to an observer", b.message(7, ask), Send{Link: 1, Msg: ask})
	expect(t, "and another here", b.step(&Request{Resume: &Revalidate{ID: 0x701, TimeoutMs: 4000, Conn: 3}}),
		Send{Link: 1, Msg: zab.Revalidate{ID: 0x701, TimeoutMs: 4000}})
	expect(t, "the leader knows it", b.message(1, zab.Revalidated{ID: 0x700, Valid: true}), Send{Link: 7, Msg: zab.Revalidated{ID: 0x700, Valid: true}})
	expect(t, "but not the other", b.message(1, zab.Revalidated{ID: 0x701}), Revalidated{0x701, 3, false})
	b.message(8, zab.Ping{Touches: []Touch{{ID: 0x500, TimeoutMs: 6000}}})
	expect(t, "signs of life go on", b.message(1, zab.Ping{Zxid: 1}),
		Send{Link: 1, Msg: zab.Ping{Zxid: 1, Touches: []Touch{{ID: 0x500, TimeoutMs: 6000}, {ID: 0x700, TimeoutMs: 5000}}}})

	b.step(Disconnected{Link: 8, Reason: "gone"})
	out := b.step(Disconnected{Link: 1, Reason: "gone"})
	if !slices.ContainsFunc(out, func(a Action) bool { h, ok := a.(Hangup); return ok && h.Link == 7 }) {
		t.Errorf("the observer is not sent away when the leader is lost: %v", out)
	}
}

func forwarded(q *Request) *zab.Forward {
	return &zab.Forward{Session: q.Session, Cxid: q.Cxid, Op: q.Op, Raw: q.Raw}
}

// TestObserversThatMayNotAsk: before it is up to date, and on a server that leads or feeds nobody, an observer gets
// nothing done.
func TestObserversThatMayNotAsk(t *testing.T) {
	b := newFollower(t, feeding)
	b.step(Connected{Link: 7, Master: true})
	b.message(7, zab.FollowerInfo{ID: 4, Observer: true})
	expect(t, "too early", b.message(7, forward(create(0x400, 1, "/o"))))
	l := newLeader(t, feeding)
	expect(t, "on a leader", l.step(Connected{Link: 7, Master: true}), Hangup{Link: 7, Reason: leaderFeedsNone})
	n := newFollower(t)
	expect(t, "without the port", n.step(Connected{Link: 7, Master: true}), Hangup{Link: 7, Reason: "no observers are fed here"})
}

// TestEarlyObservers: an observer that finds its follower still joining waits for it, but for no longer than a tick.
func TestEarlyObservers(t *testing.T) {
	b := newBench(t, feeding)
	b.step(Connected{Link: 7, Master: true})
	b.message(7, zab.FollowerInfo{ID: 4, Observer: true})
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 1})
	b.step(EpochSaved{zab.AcceptedEpoch, 1})
	b.message(1, zab.Diff{})
	b.message(1, zab.NewLeader{Epoch: 1})
	b.step(EpochSaved{zab.CurrentEpoch, 1})
	out := b.message(1, zab.UpToDate{})
	expect(t, "it is told the epoch", out[len(out)-1:], Send{Link: 7, Msg: zab.LeaderInfo{Epoch: 1}})

	b = newBench(t, feeding)
	b.step(Connected{Link: 7, Master: true})
	b.now = benchTick
	expect(t, "not for ever", b.step(Tick{}), Hangup{Link: 7, Reason: "no leader was elected here in time"})
	b = newBench(t, feeding)
	b.step(Connected{Link: 7, Master: true})
	expect(t, "the server leads", b.elect(2)[:1], Hangup{Link: 7, Reason: leaderFeedsNone})
}

// TestAnObserversChoice: an observer tries one follower after the other, and the leader when none will have it.
func TestAnObserversChoice(t *testing.T) {
	ens, err := ensemble.Parse("server.1=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2:observer\nversion=0")
	if err != nil {
		t.Fatal(err)
	}
	observer := func(o *Options) { o.Ensemble, o.Observer = ens, true }
	b := newBench(t, observer, feeding)
	now := func(d time.Duration) { // let the next election begin
		b.now += d
		b.step(Tick{})
	}
	fail := func(id proto.PeerID) { b.step(DialFailed{Leader: id, Reason: "refused"}) }
	expect(t, "first", b.elect(3), Dial{Leader: 1, Master: true}) // of 1 and 4, place 2 mod 2
	fail(1)
	now(time.Second)
	expect(t, "second", b.elect(3), Dial{Leader: 4, Master: true})
	fail(4)
	now(time.Second)
	expect(t, "third", b.elect(3), Dial{Leader: 1, Master: true})
	fail(1)
	now(4 * time.Second)
	expect(t, "the leader", b.elect(3), Dial{Leader: 3})
	b = newBench(t, observer, feeding, func(o *Options) { o.Self = 5 })
	expect(t, "another observer", b.elect(3), Dial{Leader: 4, Master: true})
	b = newBench(t, observer)
	expect(t, "without masters", b.elect(3), Dial{Leader: 3})
}

// TestPausesOfObservers: an observer that has lost its leader waits a part of each delay.
func TestPausesOfObservers(t *testing.T) {
	ens, err := ensemble.Parse("server.1=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2\nserver.4=d:1:2\nversion=0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(o *Options) {
		o.Ensemble, o.Observer = ens, true
		o.Masters.ElectionDelay, o.Masters.ReconnectDelay = time.Hour, time.Minute
	})
	expect(t, "no dial at once", b.elect(3))
	at := b.r.Deadline()
	if at == 0 || at >= time.Minute {
		t.Fatalf("it dials after %v, of a minute", at)
	}
	b.now = at
	expect(t, "a dial then", b.step(Tick{}), Dial{Leader: 3})
	b.step(Connected{Link: 1, Dialed: true})
	b.now = b.r.Deadline()
	b.step(Tick{}) // the leader is silent
	if wait := b.r.Deadline() - b.now; b.r.state != draining || wait == 0 || wait >= time.Hour {
		t.Fatalf("it looks again after %v, of an hour", wait)
	}
}

// TestSessionsThatMoveBehindAFollower: a write from where its session is not claimed ends the connection that it came
// on, whichever way the session has moved; the leader could not tell.
func TestSessionsThatMoveBehindAFollower(t *testing.T) {
	b := newFollower(t, feeding)
	const id = 0x400
	observers := map[LinkID]proto.PeerID{7: 4, 8: 5}
	for link, peer := range observers {
		b.join(link, peer)
	}
	resume := func(link LinkID) {
		if link == 0 {
			b.step(&Request{Resume: &Revalidate{ID: id, TimeoutMs: 5000, Conn: 3}})
		} else {
			b.message(link, zab.Revalidate{ID: id, TimeoutMs: 5000})
		}
	}
	say := func(link LinkID, q *Request) Action {
		t.Helper()
		if link != 0 {
			return b.message(link, forward(q))[0]
		}
		return b.step(q)[0]
	}
	lives := func(home LinkID) {
		t.Helper()
		for _, from := range []LinkID{7, 8, 0} {
			ends := true
			switch a := say(from, create(id, 1, "/o")).(type) {
			case Send:
				ends = false
			case Hangup:
				if a.Link != from {
					t.Errorf("%d is hung up for a write from %d", a.Link, from)
				}
				b.join(from, observers[from])
			case SessionMoved:
				if a.Session != id || from != 0 {
					t.Errorf("session %s has moved, by a write from %d", a.Session, from)
				}
			default:
				t.Errorf("%s", show([]Action{a}))
			}
			if ends == (from == home) {
				t.Errorf("it lives at %d, and a write from %d ends the connection: %v", home, from, ends)
			}
		}
	}
	if _, goes := say(7, create(id, 1, "/o")).(Send); !goes {
		t.Error("a session that has not moved is not served")
	}
	resume(8)
	lives(8)
	resume(0)
	b.message(1, zab.Revalidated{ID: id, Valid: true})
	lives(0)
	resume(7)
	lives(7)
	for _, op := range []proto.OpCode{proto.OpSync, proto.OpCloseSession} {
		if s, goes := say(8, request(id, 1, op, nil)).(Send); !goes || s.Msg.(*zab.Forward).Op != op {
			t.Errorf("%s does not go on: %v", op, s)
		}
	}
	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Session: id, Cxid: 1, Zxid: proto.MakeZxid(1, 1), Type: proto.OpCloseSession}, Raw: []byte("raw")}
	b.message(1, zab.Proposal{Txn: txn})
	if b.message(1, zab.Commit{Zxid: txn.Zxid}); len(b.r.homes) != 0 {
		t.Errorf("a session that is over lives at %v", b.r.homes)
	}
	b.message(8, zab.Revalidate{ID: 0x9, TimeoutMs: 5000})
	if b.message(1, zab.Revalidated{ID: 0x9}); len(b.r.homes) != 0 {
		t.Errorf("a session that there is not lives at %v", b.r.homes)
	}
	resume(8)
	if b.step(Disconnected{Link: 1, Reason: "gone"}); b.r.homes != nil {
		t.Error("homes outlive the role")
	}
}

// TestClaimOfALocalSession: one that lives with an observer and becomes a global one there is at home there, though a
// client has claimed it here a moment ago; the leader, who does not know it, will say no.
func TestClaimOfALocalSession(t *testing.T) {
	b := newFollower(t, feeding)
	b.join(7, 4)
	const id = 0x400
	b.step(&Request{Resume: &Revalidate{ID: id, TimeoutMs: 5000, Conn: 3}})
	for _, q := range []*Request{
		request(id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 5000}), create(id, 1, "/o"),
	} {
		if out := b.message(7, forward(q)); len(out) != 1 || out[0].(Send).Link != 1 {
			t.Errorf("%s does not go on: %s", q.Op, show(out))
		}
	}
}

// TestObserversQuestionsAreBounded: an observer that asks faster than the leader answers loses its connection.
func TestObserversQuestionsAreBounded(t *testing.T) {
	b := newFollower(t, feeding)
	b.join(7, 4)
	for i := range maxQuestions + 1 {
		out := b.message(7, zab.Revalidate{ID: proto.SessionID(i), TimeoutMs: 5000})
		if _, ends := out[0].(Hangup); ends != (i == maxQuestions) {
			t.Fatalf("question %d: %s", i, show(out))
		}
	}
}

// TestAnObserverThatJoinsInARun: what an observer gets as its history it does not hear
// again as decided, though the follower has heard of both at once.
func TestAnObserverThatJoinsInARun(t *testing.T) {
	b := newFollower(t, feeding)
	var txns []*proto.Txn
	for i := range uint32(3) {
		txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, i+1)}, Body: &proto.ErrorTxn{}, Raw: []byte("raw")}
		b.message(1, zab.Proposal{Txn: txn})
		txns = append(txns, txn)
	}
	b.step(Connected{Link: 7, Master: true})
	b.message(7, zab.FollowerInfo{ID: 4, Observer: true})
	b.message(7, zab.AckEpoch{CurrentEpoch: 1, LastZxid: txns[0].Zxid}) // it waits for this follower to hear of that
	var got []proto.Zxid
	for _, a := range b.step(Messages{Link: 1, Msgs: []zab.Message{zab.Commits{First: txns[0].Zxid, Last: txns[2].Zxid}, zab.Ping{}}}) {
		if s, ok := a.(Send); ok && s.Link == 7 {
			if p, ok := s.Msg.(zab.Proposal); ok {
				got = append(got, p.Txn.Zxid)
			}
		}
	}
	if want := []proto.Zxid{txns[1].Zxid, txns[2].Zxid}; !slices.Equal(got, want) {
		t.Errorf("the observer gets %v, want %v", got, want)
	}
}

// TestRunsOfStrangers: a run of commits on a link that is not to the leader decides
// nothing, and is not gone through one by one: there is no end to what may be called one.
func TestRunsOfStrangers(t *testing.T) {
	first := proto.MakeZxid(1, 1)
	endless := zab.Commits{First: first, Last: proto.MakeZxid(1<<30, 0)}
	for name, tc := range map[string]struct {
		link zab.LinkID
		want []Action
	}{
		"an observer's link":     {7, []Action{Hangup{Link: 7, Reason: "unexpected zab.Commits from an observer"}}},
		"a link of another time": {99, nil},
	} {
		b := newFollower(t, feeding)
		b.join(7, 4)
		txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: first}, Body: &proto.ErrorTxn{}, Raw: []byte("raw")}
		b.message(1, zab.Proposal{Txn: txn})
		expect(t, name, b.step(Messages{Link: tc.link, Msgs: []zab.Message{endless}}), tc.want...)
		if b.r.master == nil || b.r.state != learning {
			t.Errorf("%s: the role has ended", name)
		}
	}
}

// TestARunThatDoesNotFit: what a leader's run has behind a commit that does not fit is
// dropped with the role.
func TestARunThatDoesNotFit(t *testing.T) {
	b := newFollower(t, feeding)
	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: proto.MakeZxid(1, 1)}, Body: &proto.ErrorTxn{}, Raw: []byte("raw")}
	b.message(1, zab.Proposal{Txn: txn})
	applied, stopped := 0, 0
	for _, a := range b.step(Message{Link: 1, Msg: zab.Commits{First: txn.Zxid, Last: proto.MakeZxid(1<<30, 0)}}) {
		switch a.(type) {
		case Apply:
			applied++
		case StopServing:
			stopped++
		}
	}
	if applied != 1 || stopped != 1 || b.r.state == learning {
		t.Errorf("%d applied, stopped %d times, state %d", applied, stopped, b.r.state)
	}
}
