package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// openSession makes a session on the leader, through a learner's link or, with
// link 0, by its own client.
func (b *bench) openSession(id proto.SessionID, link LinkID) {
	b.t.Helper()
	q := request(id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 9000})
	if err := b.propose(b.submit(link, q)); err != proto.OK {
		b.t.Fatalf("session %s: error %d", id, err)
	}
}

// submit hands a request to the leader as its own, or over a learner's link.
func (b *bench) submit(link LinkID, q *Request) []Action {
	if link == 0 {
		return b.step(q)
	}
	return b.message(link, forward(q))
}

// TestSessionChecks: a write must come from where its session lives.
func TestSessionChecks(t *testing.T) {
	b := newLeader(t)
	b.openSession(7, 1)
	b.openSession(8, 0)
	cxid := int32(0)
	try := func(what string, link LinkID, id proto.SessionID, want proto.ErrCode) {
		t.Helper()
		cxid++
		q := create(id, cxid, "/"+string(rune('a'+cxid)))
		if got := b.propose(b.submit(link, q)); got != want {
			t.Errorf("%s: error %d, want %d", what, got, want)
		}
	}
	try("unknown", 1, 99, proto.ErrSessionExpired)
	try("owner", 1, 7, proto.OK)
	try("another learner", 3, 7, proto.ErrSessionMoved)
	try("the leader's client", 0, 7, proto.ErrSessionMoved)
	try("the leader's own", 0, 8, proto.OK)
	try("the leader's own, elsewhere", 1, 8, proto.ErrSessionMoved)

	expect(t, "revalidate by 3", b.message(3, zab.Revalidate{ID: 7, TimeoutMs: 9000}), Send{Link: 3, Msg: zab.Revalidated{ID: 7, Valid: true}})
	try("moved to 3", 3, 7, proto.OK)
	try("old owner", 1, 7, proto.ErrSessionMoved)
	expect(t, "revalidate by the leader's client", b.step(&Request{Resume: &Revalidate{ID: 7, TimeoutMs: 9000, Conn: 5}}), Revalidated{7, 5, true})
	try("moved to the leader", 0, 7, proto.OK)
	expect(t, "revalidate by 1, from the leader", b.message(1, zab.Revalidate{ID: 7, TimeoutMs: 9000}),
		SessionMoved{7}, Send{Link: 1, Msg: zab.Revalidated{ID: 7, Valid: true}})
	expect(t, "revalidate by the leader again", b.step(&Request{Resume: &Revalidate{ID: 7, TimeoutMs: 9000, Conn: 6}}), Revalidated{7, 6, true})
	expect(t, "revalidate an unknown one", b.message(3, zab.Revalidate{ID: 99}), Send{Link: 3, Msg: zab.Revalidated{ID: 99}})

	// Closing by whomever; from then on there is no session.
	if err := b.propose(b.submit(3, request(7, 9, proto.OpCloseSession, nil))); err != proto.OK {
		t.Errorf("close: error %d", err)
	}
	try("closed", 0, 7, proto.ErrSessionExpired)
	expect(t, "revalidate a closed one", b.message(3, zab.Revalidate{ID: 7}), Send{Link: 3, Msg: zab.Revalidated{ID: 7}})
}

// TestClosingSession: between the proposal of the closing and its commit.
func TestClosingSession(t *testing.T) {
	b := newLeader(t)
	b.openSession(7, 1)
	b.submit(1, request(7, 1, proto.OpCloseSession, nil))
	out := b.submit(1, create(7, 2, "/late"))
	if e, ok := appended(out)[0].Body.(*proto.ErrorTxn); !ok || e.Err != proto.ErrSessionExpired {
		t.Errorf("a write behind the closing: %v", show(out))
	}
	expect(t, "revalidate", b.message(3, zab.Revalidate{ID: 7}), Send{Link: 3, Msg: zab.Revalidated{ID: 7}})
	b.step(Touched{[]Touch{{ID: 7, TimeoutMs: 9000}}})
	if n := b.r.Status().Sessions; n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestOwnersOfANewTerm: a new leader does not know who owns what; the first
// that uses a session does.
func TestOwnersOfANewTerm(t *testing.T) {
	b := newLeader(t)
	b.openSession(7, 1)
	b.r.serve(b.now, Serve{Role: zab.RoleLeader, Epoch: 1})
	if n := b.r.Status().Sessions; n != 1 {
		t.Fatalf("%d sessions", n)
	}
	if err := b.propose(b.submit(3, create(7, 1, "/a"))); err != proto.OK {
		t.Errorf("first use: %d", err)
	}
	if err := b.propose(b.submit(1, create(7, 2, "/b"))); err != proto.ErrSessionMoved {
		t.Errorf("use elsewhere: %d", err)
	}
}

// TestLeaderServesItsLearnersOnly: who is not synchronised gets nothing.
func TestLeaderServesItsLearnersOnly(t *testing.T) {
	b := newLeader(t)
	b.openSession(7, 1)
	b.step(Connected{Link: 9, Dialed: false})
	expect(t, "a stranger's request", b.message(9, forward(create(7, 1, "/a"))))
	expect(t, "a stranger's question", b.message(9, zab.Revalidate{ID: 7, TimeoutMs: 9000}))
	expect(t, "a stranger's sync", b.message(9, forward(request(7, 1, proto.OpSync, nil))))
	if s := b.r.sessions.byID[7]; s.owner != 1 {
		t.Errorf("the session belongs to link %d", s.owner)
	}
}

func TestMalformedCreateSession(t *testing.T) {
	b := newLeader(t)
	f := &zab.Forward{Session: 7, Op: proto.OpCreateSession, Raw: []byte{1}, Malformed: true}
	if err := b.propose(b.message(1, f)); err == proto.OK {
		t.Error("it was accepted")
	}
	if n := b.r.Status().Sessions; n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestExpiry: sessions end when neither pings nor requests nor questions
// prolong them, and each once.
func TestExpiry(t *testing.T) {
	b := newLeader(t)
	for id, link := range map[proto.SessionID]LinkID{1: 1, 2: 1, 3: 3, 4: 0, 5: 0} {
		b.openSession(id, link)
	}
	alive := func() {
		b.message(1, zab.Ping{Touches: []Touch{{ID: 1, TimeoutMs: 9000}, {ID: 99, TimeoutMs: 9000}}})
		b.message(3, zab.Revalidate{ID: 3, TimeoutMs: 9000})
		b.step(Touched{[]Touch{{ID: 4, TimeoutMs: 9000}}})
	}
	var closed []proto.SessionID
	tick := func(at time.Duration) {
		b.now = at
		alive()
		for _, txn := range appended(b.step(Tick{})) {
			closed = append(closed, txn.Session)
			if txn.Type != proto.OpCloseSession || txn.Cxid != 0 {
				t.Errorf("expiry proposes %+v", txn)
			}
			b.step(Persisted{txn.Zxid})
			b.message(1, zab.Ack{Zxid: txn.Zxid})
			b.message(3, zab.Ack{Zxid: txn.Zxid})
		}
	}
	for at := time.Second; at <= 9*time.Second; at += time.Second {
		if tick(at); len(closed) > 0 {
			t.Fatalf("%v end at %v", closed, at)
		}
	}
	b.submit(1, create(2, 1, "/alive")) // prolongs 2
	for at := 10 * time.Second; at <= 12*time.Second; at += time.Second {
		tick(at)
	}
	if len(closed) != 1 || closed[0] != 5 {
		t.Fatalf("%v ended", closed)
	}
	for at := 13 * time.Second; at <= 40*time.Second; at += time.Second {
		tick(at)
	}
	if len(closed) != 2 || closed[1] != 2 || b.r.Status().Sessions != 3 {
		t.Errorf("%v ended, %d are left", closed, b.r.Status().Sessions)
	}
	if v, local := b.r.Expiries(b.now); local != nil || len(v) != 3 || v[0].ID != 1 || v[0].In <= 9*time.Second || v[0].In > 9*time.Second+benchTick {
		t.Errorf("%v", v)
	}
}

// TestFollowerCounts: whatever is sent to the leader is counted until it is
// decided, in every way in which it can be.
func TestFollowerCounts(t *testing.T) {
	z := proto.MakeZxid(1, 0)
	txn := func(id proto.SessionID, cxid int32, body proto.TxnBody, typ proto.OpCode) *proto.Txn {
		z++
		return &proto.Txn{TxnHeader: proto.TxnHeader{Session: id, Cxid: cxid, Zxid: z, Type: typ}, Body: body}
	}
	decide := func(b *bench, v *proto.Txn) {
		b.message(1, zab.Proposal{Txn: v})
		b.message(1, zab.Commit{Zxid: v.Zxid})
	}
	failure := &proto.ErrorTxn{Err: proto.ErrNoNode}
	for name, story := range map[string]func(b *bench){
		"create session": func(b *bench) {
			b.step(request(7, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 1}))
			decide(b, txn(7, 0, &proto.CreateSessionTxn{Timeout: 1}, proto.OpCreateSession))
		},
		"error": func(b *bench) {
			b.step(create(7, 1, "/a/b"))
			decide(b, txn(7, 1, failure, proto.OpError))
		},
		"close session": func(b *bench) {
			b.step(request(7, 1, proto.OpCloseSession, nil))
			decide(b, txn(7, 1, &proto.CloseSessionTxn{}, proto.OpCloseSession))
		},
		"sync": func(b *bench) {
			b.step(request(7, 1, proto.OpSync, nil))
			b.message(1, zab.Sync{})
		},
		"expired with requests on the way": func(b *bench) {
			b.step(create(7, 1, "/a"))
			b.step(create(7, 2, "/b"))
			decide(b, txn(7, 0, &proto.CloseSessionTxn{}, proto.OpCloseSession))
			decide(b, txn(7, 1, &proto.ErrorTxn{Err: proto.ErrSessionExpired}, proto.OpError))
			decide(b, txn(7, 2, &proto.ErrorTxn{Err: proto.ErrSessionExpired}, proto.OpError))
		},
		"moved away with requests on the way": func(b *bench) {
			b.step(create(7, 1, "/a"))
			decide(b, txn(7, 1, &proto.ErrorTxn{Err: proto.ErrSessionMoved}, proto.OpError))
			decide(b, txn(7, 2, failure, proto.OpError)) // of the other server
		},
		"moved here, others' on the way": func(b *bench) {
			b.step(create(7, 3, "/a"))
			b.step(request(7, 4, proto.OpSync, nil))
			decide(b, txn(7, 2, failure, proto.OpError)) // of the other server
			decide(b, txn(7, 3, failure, proto.OpError))
			b.message(1, zab.Sync{})
		},
		"others": func(b *bench) {
			b.step(create(7, 1, "/a"))
			decide(b, txn(8, 1, failure, proto.OpError))
			if b.r.Pending() != 1 {
				b.t.Errorf("%d pending after another session's transaction", b.r.Pending())
			}
			decide(b, txn(7, 1, failure, proto.OpError))
		},
		"role lost": func(b *bench) {
			b.step(create(7, 1, "/a"))
			b.step(request(7, 2, proto.OpSync, nil))
			b.step(&Request{Resume: &Revalidate{ID: 9, Conn: 1}})
			b.step(Disconnected{1, "x"})
		},
	} {
		b := newFollower(t)
		z = proto.MakeZxid(1, 0)
		story(b)
		if b.r.Pending() != 0 || len(b.r.inflight) != 0 || len(b.r.syncs.waiting) != 0 || len(b.r.queries) != 0 {
			t.Errorf("%s: %d pending, %v, %v, %v", name, b.r.Pending(), b.r.inflight, b.r.syncs, b.r.queries)
		}
	}
}

// TestSyncOrder: the leader's answers belong to the requests in their order,
// whatever their session; and without a question there is no answer.
func TestSyncOrder(t *testing.T) {
	b := newFollower(t)
	for i, id := range []proto.SessionID{7, 8, 7} {
		out := b.step(request(id, int32(i+1), proto.OpSync, nil))
		if f := sent[*zab.Forward](out); len(f) != 1 || f[0].Op != proto.OpSync || f[0].Session != id {
			t.Errorf("forwarded %v", show(out))
		}
	}
	expect(t, "first", b.message(1, zab.Sync{}), Synced{7, 1})
	expect(t, "of another link", b.message(2, zab.Sync{}))
	expect(t, "second", b.message(1, zab.Sync{}), Synced{8, 2})
	expect(t, "third", b.message(1, zab.Sync{}), Synced{7, 3})
	expect(t, "nobody's", b.message(1, zab.Sync{}))

	out := b.step(Requests{
		request(7, 4, proto.OpSync, nil), request(8, 3, proto.OpSync, nil), create(8, 4, "/a"), request(8, 5, proto.OpSync, nil),
	})
	var cxids []int32
	for _, f := range sent[*zab.Forward](out) {
		cxids = append(cxids, f.Cxid)
	}
	if want := []int32{3, 4, 5}; !slices.Equal(cxids, want) {
		t.Errorf("of a batch %v are forwarded, want %v", cxids, want)
	}
	expect(t, "of two", b.message(1, zab.Sync{}), Synced{7, 4}, Synced{8, 3})
	expect(t, "behind a write", b.message(1, zab.Sync{}), Synced{8, 5})

	l := newLeader(t)
	asked := sent[zab.Ping](l.step(request(7, 1, proto.OpSync, nil)))
	if len(asked) != 2 {
		t.Fatalf("%d voters are asked for the leader's own sync", len(asked))
	}
	expect(t, "a learner's", l.message(3, forward(request(7, 1, proto.OpSync, nil))))
	if n := l.r.Pending(); n != 1 {
		t.Errorf("%d own requests pending", n)
	}
	out = l.message(1, asked[0])
	if len(out) == 0 || out[0] != (Synced{7, 1}) {
		t.Errorf("the leader's own: %v", show(out))
	}
	if asked = sent[zab.Ping](out); len(asked) != 2 {
		t.Fatalf("%d voters are asked for the learner's", len(asked))
	}
	expect(t, "a learner's, confirmed", l.message(1, asked[0]), Send{Link: 3, Msg: zab.Sync{}})
	asked = sent[zab.Ping](l.step(Requests{request(7, 2, proto.OpSync, nil), request(8, 2, proto.OpSync, nil)}))
	expect(t, "the leader's own two", l.message(1, asked[0]), Synced{7, 2}, Synced{8, 2})
	z := appended(l.step(create(7, 2, "/a")))[0].Zxid
	asked = sent[zab.Ping](l.message(3, forward(request(7, 1, proto.OpSync, nil))))
	expect(t, "behind a proposal", l.message(1, asked[0]))
	l.message(1, zab.Ack{Zxid: z})
	if v := sent[zab.Sync](l.message(3, zab.Ack{Zxid: z})); len(v) != 1 {
		t.Errorf("%d answers behind the commit", len(v))
	}
}

// TestRevalidateRoundTrip: answers are matched by session, questions for one
// session in their order.
func TestRevalidateRoundTrip(t *testing.T) {
	b := newFollower(t)
	for conn, id := range []proto.SessionID{7, 8, 7} {
		expect(t, "ask", b.step(&Request{Resume: &Revalidate{ID: id, TimeoutMs: 500, Conn: uint64(conn)}}), Send{Link: 1, Msg: zab.Revalidate{ID: id, TimeoutMs: 500}})
	}
	expect(t, "8", b.message(1, zab.Revalidated{ID: 8, Valid: true}), Revalidated{8, 1, true})
	expect(t, "first 7", b.message(1, zab.Revalidated{ID: 7, Valid: true}), Revalidated{7, 0, true})
	expect(t, "unknown", b.message(1, zab.Revalidated{ID: 5, Valid: true}))
	expect(t, "second 7", b.message(1, zab.Revalidated{ID: 7}), Revalidated{7, 2, false})
	expect(t, "no more", b.message(1, zab.Revalidated{ID: 7, Valid: true}))

	l := newBench(t)
	expect(t, "while looking", l.step(&Request{Resume: &Revalidate{ID: 7}}))
	expect(t, "a request while looking", l.step(create(7, 1, "/a")))
}

// TestPingCarriesTouches: every ping takes the signs of life since the last
// one along, by id; before UPTODATE there is no answer at all.
func TestPingCarriesTouches(t *testing.T) {
	b := newFollower(t)
	b.step(Touched{[]Touch{{ID: 9, TimeoutMs: 1}, {ID: -3, TimeoutMs: 2}}})
	b.step(Touched{[]Touch{{ID: 9, TimeoutMs: 4}}})
	expect(t, "ping", b.message(1, zab.Ping{Zxid: 5}), Send{Link: 1, Msg: zab.Ping{Zxid: 5, Touches: []Touch{{ID: -3, TimeoutMs: 2}, {ID: 9, TimeoutMs: 4}}}})
	expect(t, "next ping", b.message(1, zab.Ping{Zxid: 6}), Send{Link: 1, Msg: zab.Ping{Zxid: 6, Touches: []Touch{}}})

	// A Java leader that waits for the ACK of NEWLEADER pings already, but
	// takes no other packet (LearnerHandler.run).
	b = newBench(t)
	b.elect(3)
	b.step(Connected{Link: 1, Dialed: true})
	b.message(1, zab.LeaderInfo{Epoch: 1})
	b.step(EpochSaved{zab.AcceptedEpoch, 1})
	b.message(1, zab.Diff{})
	b.message(1, zab.NewLeader{Epoch: 1})
	expect(t, "ping before the ACK", b.message(1, zab.Ping{}))
	b.step(EpochSaved{zab.CurrentEpoch, 1})
	expect(t, "ping before UPTODATE", b.message(1, zab.Ping{}))
}

// TestQuotaExceeded: a leader tells what is more than a quota allows.
func TestQuotaExceeded(t *testing.T) {
	b := newLeader(t, func(o *Options) { o.Prep.EnforceQuota = true })
	b.openSession(7, 0)
	for cxid, r := range []proto.CreateRequest{
		{Path: "/q"},
		{Path: "/zookeeper/quota/q"},
		{Path: "/zookeeper/quota/q/zookeeper_limits", Data: []byte("countHardLimit=1")},
		{Path: "/zookeeper/quota/q/zookeeper_stats"},
	} {
		r.ACL = proto.OpenACL
		if err := b.propose(b.step(request(7, int32(cxid), proto.OpCreate, &r))); err != proto.OK {
			t.Fatalf("%s: %v", r.Path, err)
		}
	}
	out := b.step(create(7, 9, "/q/n"))
	want := QuotaExceeded{prep.Excess{Path: "/q", Namespace: "q", Used: 2, Limit: 1, Hard: true, Refused: true}}
	if len(out) == 0 || out[0] != want {
		t.Errorf("%v, want %+v first", show(out), want)
	}
	if e, ok := appended(out)[0].Body.(*proto.ErrorTxn); !ok || e.Err != proto.ErrQuotaExceeded {
		t.Errorf("proposed %+v", appended(out)[0])
	}
}

// What a leader still answers in the batch in which it resigned goes to nobody.
func TestAnswersBehindAResignation(t *testing.T) {
	b := newLeader(t)
	out := b.r.absorb(0, 0, []Action{zab.Resign{Reason: "x"}, zab.OwnSynced{}, zab.OwnSynced{}, zab.OwnSynced{}})
	for _, a := range out {
		if _, ok := a.(zab.OwnSynced); ok {
			t.Fatalf("an action that nobody outside knows: %v", show(out))
		}
	}
}

// TestResumeWaitsInLine: the requests of a session's earlier connection reach the
// leader before the question whether the session is alive, or they would count as
// those of a session that has come back.
func TestResumeWaitsInLine(t *testing.T) {
	b := newFollower(t)
	out := b.step(Requests{
		request(7, 1, proto.OpDelete, &proto.DeleteRequest{Path: "/a", Version: -1}),
		{Resume: &Revalidate{ID: 7, TimeoutMs: 4000, Conn: 3}},
		request(8, 1, proto.OpDelete, &proto.DeleteRequest{Path: "/b", Version: -1}),
	})
	var order []string
	for _, a := range out {
		if s, ok := a.(Send); ok {
			order = append(order, fmt.Sprintf("%T", s.Msg))
		}
	}
	if got := strings.Join(order, " "); got != "*zab.Forward zab.Revalidate *zab.Forward" {
		t.Error(got)
	}
}
