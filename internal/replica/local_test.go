package replica

import (
	"reflect"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Sessions of these tests: their ids tell which server made them.
const (
	ourSession   proto.SessionID = 2<<56 | 7
	otherSession proto.SessionID = 3<<56 | 7
)

func withLocal(upgrade bool) func(*Options) {
	return func(o *Options) { o.LocalSessions, o.UpgradeSessions = true, upgrade }
}

func opening(id proto.SessionID) *Request {
	return request(id, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 9000})
}

func shortLived(id proto.SessionID, cxid int32, path string) *Request {
	return request(id, cxid, proto.OpCreate, &proto.CreateRequest{Path: path, ACL: proto.OpenACL, Flags: proto.Ephemeral})
}

// TestLocalSession: its life on a follower takes no transaction.
func TestLocalSession(t *testing.T) {
	b := newFollower(t, withLocal(true))
	expect(t, "opened", b.step(opening(ourSession)), SessionOpened{ourSession})
	if s := b.r.Status(); s.LocalSessions != 1 || s.Outstanding != 0 {
		t.Errorf("%+v", s)
	}
	write := create(ourSession, 1, "/a")
	expect(t, "a write", b.step(write), Send{Link: 1, Msg: raw(forward(write))})
	expect(t, "resumed here", b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 9000, Conn: 5}}), Revalidated{ourSession, 5, true})
	expect(t, "another server's", b.step(&Request{Resume: &Revalidate{ID: otherSession, TimeoutMs: 9000, Conn: 5}}),
		Send{Link: 1, Msg: zab.Revalidate{ID: otherSession, TimeoutMs: 9000}})
	expect(t, "closed", b.step(request(ourSession, 2, proto.OpCloseSession, nil)), SessionEnded{Session: ourSession, Cxid: 2})
	if out := b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 9000, Conn: 6}}); len(sent[zab.Revalidate](out)) != 1 {
		t.Errorf("a closed session is resumed: %v", show(out))
	}
	// Of the opening and the closing, the leader learns nothing.
	if got := b.r.takeTouches(); len(got) != 0 {
		t.Errorf("touches %v", got)
	}
}

// raw is a request as it is sent: the body travels undecoded.
func raw(f *zab.Forward) *zab.Forward { f.Body = nil; return f }

// TestLocalSessionExpires on its own server, in that server's time.
func TestLocalSessionExpires(t *testing.T) {
	for name, b := range map[string]*bench{"leader": newLeader(t, withLocal(true)), "follower": newFollower(t, withLocal(true))} {
		b.step(opening(ourSession))
		b.step(opening(ourSession + 1))
		var ended []Action
		for at := time.Second; at <= 14*time.Second; at += time.Second {
			b.now = at
			if at < 5*time.Second {
				b.step(Touched{[]Touch{{ID: ourSession, TimeoutMs: 9000}}})
			}
			b.alive()
			for _, a := range b.step(Tick{}) {
				if e, ok := a.(SessionEnded); ok {
					ended = append(ended, e)
					if least := map[proto.SessionID]time.Duration{ourSession: 13 * time.Second, ourSession + 1: 9 * time.Second}[e.Session]; at < least || at > least+benchTick {
						t.Errorf("%s: session %s ends at %v", name, e.Session, at)
					}
				}
			}
		}
		expect(t, name, ended, SessionEnded{Session: ourSession + 1, Expired: true}, SessionEnded{Session: ourSession, Expired: true})
		if n := b.r.Status().LocalSessions; n != 0 {
			t.Errorf("%s: %d are left", name, n)
		}
	}
}

// alive has the other servers show that they are there.
func (b *bench) alive() {
	if b.r.state == learning {
		b.message(1, zab.Ping{})
		return
	}
	b.message(1, zab.Ping{})
	b.message(3, zab.Ping{})
}

// TestUpgrade: the first ephemeral makes a session global, once, with the
// timeout it was opened with, before the request itself.
func TestUpgrade(t *testing.T) {
	b := newFollower(t, withLocal(true))
	b.step(opening(ourSession))
	b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 20000, Conn: 5}}) // changes what a touch is worth, nothing else
	first, second := shortLived(ourSession, 1, "/e"), shortLived(ourSession, 2, "/f")
	expect(t, "the first", b.step(first),
		Send{Link: 1, Msg: raw(forward(opening(ourSession)))}, Send{Link: 1, Msg: raw(forward(first))})
	expect(t, "the second", b.step(second), Send{Link: 1, Msg: raw(forward(second))})
	if s := b.r.Status(); s.LocalSessions != 0 || s.Outstanding != 3 {
		t.Errorf("%+v", s)
	}
	// From now on the leader is responsible, even before anything is decided.
	b.step(Touched{[]Touch{{ID: ourSession, TimeoutMs: 9000}}})
	if got := b.r.takeTouches(); len(got) != 1 {
		t.Errorf("touches %v", got)
	}
	expect(t, "revalidated", b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 9000}}), Send{Link: 1, Msg: zab.Revalidate{ID: ourSession, TimeoutMs: 9000}})
	closing := request(ourSession, 3, proto.OpCloseSession, nil)
	expect(t, "closed", b.step(closing), Send{Link: 1, Msg: raw(forward(closing))})
}

// TestUpgradeOnTheLeader does the same without a link.
func TestUpgradeOnTheLeader(t *testing.T) {
	b := newLeader(t, withLocal(true))
	b.step(opening(ourSession))
	if err := b.propose(b.step(create(ourSession, 1, "/a"))); err != proto.OK {
		t.Fatalf("a write: error %d", err)
	}
	txns := appended(b.step(shortLived(ourSession, 2, "/e")))
	if len(txns) != 2 || txns[0].Type != proto.OpCreateSession || txns[0].Cxid != 0 || txns[1].Type != proto.OpCreate {
		t.Fatalf("%d transactions: %+v", len(txns), txns)
	}
	if body := txns[0].Body.(*proto.CreateSessionTxn); body.Timeout != 9000 || txns[0].Session != ourSession {
		t.Errorf("%+v %+v", txns[0], body)
	}
	if s := b.r.Status(); s.LocalSessions != 0 || s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatUpgrades(t *testing.T) {
	c := func(op proto.OpCode, flags proto.CreateFlags) proto.MultiOp {
		return proto.MultiOp{Type: op, Req: &proto.CreateRequest{Path: "/n", ACL: proto.OpenACL, Flags: flags}}
	}
	ttl := func(flags proto.CreateFlags) proto.MultiOp {
		return proto.MultiOp{Type: proto.OpCreateTTL, Req: &proto.CreateRequest{Path: "/n", ACL: proto.OpenACL, Flags: flags, HasTTL: true, TTL: 5000}}
	}
	multi := func(ops ...proto.MultiOp) proto.MultiOp {
		return proto.MultiOp{Type: proto.OpMulti, Req: &proto.MultiRequest{Ops: ops}}
	}
	set := proto.MultiOp{Type: proto.OpSetData, Req: &proto.SetDataRequest{Path: "/n"}}
	for name, tc := range map[string]struct {
		op   proto.MultiOp
		want bool
	}{
		"create":                       {c(proto.OpCreate, proto.Persistent), false},
		"create sequential":            {c(proto.OpCreate, proto.PersistentSequential), false},
		"create ephemeral":             {c(proto.OpCreate, proto.Ephemeral), true},
		"create2 ephemeral sequential": {c(proto.OpCreate2, proto.EphemeralSequential), true},
		"createContainer":              {c(proto.OpCreateContainer, proto.Container), false},
		"createContainer, ephemeral":   {c(proto.OpCreateContainer, proto.Ephemeral), false},
		"setData":                      {set, false},
		"empty multi":                  {multi(), false},
		"multi without":                {multi(set, c(proto.OpCreate, proto.Persistent)), false},
		"multi with one":               {multi(set, c(proto.OpCreate2, proto.Ephemeral)), true},
		"multi with a container":       {multi(c(proto.OpCreateContainer, proto.Container)), false},
		"multi with a createTTL":       {multi(ttl(proto.Ephemeral)), true},
		"multi with a time to live":    {multi(ttl(proto.PersistentTTL)), false},
		"createTTL, ephemeral":         {ttl(proto.Ephemeral), false},
		"multi that will fail":         {multi(ttl(99), c(proto.OpCreate, proto.Ephemeral)), false},
		"no record":                    {proto.MultiOp{Type: proto.OpSync}, false},
	} {
		b := newFollower(t, withLocal(true))
		b.step(opening(ourSession))
		q := &Request{}
		q.Session, q.Cxid, q.Op, q.Body = ourSession, 1, tc.op.Type, tc.op.Req
		if got := len(b.step(q)) == 2; got != tc.want {
			t.Errorf("%s: upgraded %t", name, got)
		}
	}
}

// TestLeaderBelievesOthers: it cannot know their local sessions, but its own.
func TestLeaderBelievesOthers(t *testing.T) {
	const gone, local, ok, moved = proto.ErrSessionExpired, proto.ErrEphemeralOnLocalSession, proto.OK, proto.ErrSessionMoved
	mine, known, foreign := ourSession, ourSession+1, otherSession
	for _, tc := range []struct {
		what         string
		options      func(*Options)
		link         LinkID
		id           proto.SessionID
		plain, ephem proto.ErrCode
	}{
		{"another's local session", withLocal(true), 1, foreign, ok, gone},
		{"another's local session, as our own client", withLocal(true), 0, foreign, gone, gone},
		{"our own that has ended", withLocal(true), 1, mine, gone, gone},
		{"our own client's that has ended", withLocal(true), 0, mine, gone, gone},
		{"our own, without upgrading", withLocal(false), 0, known, ok, local},
		{"our own, from elsewhere", withLocal(false), 1, known, moved, moved},
		{"without local sessions", func(*Options) {}, 1, foreign, gone, gone},
	} {
		b := newLeader(t, tc.options)
		if b.r.opts.LocalSessions {
			b.step(opening(known))
		}
		if got := b.propose(b.submit(tc.link, create(tc.id, 1, "/a"))); got != tc.plain {
			t.Errorf("%s: a write gives %d, want %d", tc.what, got, tc.plain)
		}
		if got := b.propose(b.submit(tc.link, shortLived(tc.id, 2, "/e"))); got != tc.ephem {
			t.Errorf("%s: an ephemeral gives %d, want %d", tc.what, got, tc.ephem)
		}
	}
	// Nor is a local session of ours to be had by moving.
	b := newLeader(t, withLocal(true))
	b.step(opening(ourSession))
	expect(t, "revalidated elsewhere", b.message(1, zab.Revalidate{ID: ourSession, TimeoutMs: 9000}), Send{Link: 1, Msg: zab.Revalidated{ID: ourSession}})
	expect(t, "revalidated here", b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 9000, Conn: 4}}), Revalidated{ourSession, 4, true})
}

// TestLocalSessionsEndWithTheRole, and a standalone server has none.
func TestLocalSessionsEndWithTheRole(t *testing.T) {
	b := newFollower(t, withLocal(true))
	b.step(opening(ourSession))
	b.step(Disconnected{1, "x"})
	if s := b.r.Status(); s.LocalSessions != 0 || s.Role != zab.RoleNone {
		t.Errorf("%+v", s)
	}
	alone := newBench(t, withLocal(true), func(o *Options) { o.Standalone = true })
	if err := alone.propose(alone.step(opening(ourSession))); err != proto.OK || alone.r.local != nil {
		t.Errorf("standalone: error %d", err)
	}
}

func withReading(o *Options) { o.ReadOnlyAfter = 2 * time.Second }

// TestReadOnly: a server that finds no leader lets readers in after a while,
// and out again when it has found one.
func TestReadOnly(t *testing.T) {
	b := newBench(t, withReading, withLocal(true))
	b.now = 2*time.Second - 1
	expect(t, "too early", b.step(Tick{}))
	b.now++
	expect(t, "now", b.step(Tick{}), Serve{Role: zab.RoleReadOnly})
	expect(t, "once", b.step(Tick{}))
	if s := b.r.Status(); s.Role != zab.RoleReadOnly || !s.Looking {
		t.Errorf("%+v", s)
	}
	expect(t, "a session", b.step(opening(ourSession)), SessionOpened{ourSession})
	expect(t, "resumed", b.step(&Request{Resume: &Revalidate{ID: ourSession, TimeoutMs: 9000, Conn: 1}}), Revalidated{ourSession, 1, true})
	expect(t, "unknown", b.step(&Request{Resume: &Revalidate{ID: otherSession, TimeoutMs: 9000, Conn: 1}}), Revalidated{otherSession, 1, false})
	expect(t, "a write goes nowhere", b.step(create(ourSession, 1, "/a")))
	expect(t, "closed", b.step(request(ourSession, 2, proto.OpCloseSession, nil)), SessionEnded{Session: ourSession, Cxid: 2})
	b.step(opening(ourSession))
	out := b.elect(3)
	if len(out) != 2 || !reflect.DeepEqual(out[0], StopServing{"a leader was found"}) || !reflect.DeepEqual(out[1], Dial{Leader: 3}) {
		t.Errorf("elected: %v", show(out))
	}
	if s := b.r.Status(); s.Role != zab.RoleNone || s.LocalSessions != 0 {
		t.Errorf("%+v", s)
	}
	// A search that comes to nothing waits anew.
	b.now = 10 * time.Second
	b.step(DialFailed{3, "x"})
	b.now = 30 * time.Second
	for b.r.state != looking {
		b.step(Tick{})
		b.now += time.Second
	}
	from := b.now
	for b.r.role == zab.RoleNone {
		b.now += 100 * time.Millisecond
		b.step(Tick{})
	}
	if took := b.now - from; took < time.Second || took > 3*time.Second {
		t.Errorf("again after %v", took)
	}
}

// TestReadOnlyInTime: votes are repeated ever more seldom, so that nothing else
// may wake the server.
func TestReadOnlyInTime(t *testing.T) {
	const after = 40 * time.Second
	b := newBench(t, func(o *Options) { o.ReadOnlyAfter = after })
	for b.r.role == zab.RoleNone {
		b.now = max(b.now+time.Millisecond, b.r.Deadline())
		b.step(Tick{})
	}
	if b.now != after {
		t.Errorf("after %v", b.now)
	}
}

// TestUntrustedIsNotReadOnly: a voter that may have lost its disk has nothing
// that readers should see.
func TestUntrustedIsNotReadOnly(t *testing.T) {
	b := newBench(t, withReading)
	b.r.hist.Reset(-1)
	for b.now = 0; b.now < time.Minute; b.now += time.Second {
		expect(t, "untrusted", b.step(Tick{}))
	}
}

func TestNoReadOnlyUnlessWanted(t *testing.T) {
	b := newBench(t)
	for b.now = 0; b.now < time.Minute; b.now += time.Second {
		expect(t, "looking", b.step(Tick{}))
	}
}

// TestEndedIsNotLocal: what a slow link brings for a global session that has ended
// is no local session's write.
func TestEndedIsNotLocal(t *testing.T) {
	b := newLeader(t, withLocal(true))
	write := create(otherSession, 1, "/late")
	if code, _ := b.r.checkSession(b.now, 1, &write.Request); code != proto.OK {
		t.Fatalf("a local session of another server: %v", code)
	}
	b.r.sessions.add(b.now, otherSession, time.Second)
	b.r.applying(b.now, &proto.Txn{TxnHeader: proto.TxnHeader{Session: otherSession, Type: proto.OpCloseSession}})
	for _, tc := range []struct {
		after time.Duration
		want  proto.ErrCode
	}{{0, proto.ErrSessionExpired}, {2 * b.r.opts.SyncTimeout, proto.ErrSessionExpired}, {2*b.r.opts.SyncTimeout + 1, proto.OK}} {
		if code, _ := b.r.checkSession(b.now+tc.after, 1, &write.Request); code != tc.want {
			t.Errorf("%v after its end: %v, want %v", tc.after, code, tc.want)
		}
	}
	if len(b.r.ended.queue) != 0 || len(b.r.ended.at) != 0 {
		t.Errorf("remembered for ever: %+v", b.r.ended)
	}
}
