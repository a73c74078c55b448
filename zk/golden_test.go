package zk

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// The bytes of this file are those of a conversation with ZooKeeper 3.9 for a
// session 0x0100019a2b3c0000 with 30 s.

const (
	goldenConnect = "0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 00000000000000000000000000000000 00"
	goldenWelcome = "00000025 00000000 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00"
	goldenExpired = "00000025 00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00"
	goldenAuth    = "00000024 fffffffc 00000064 00000000 00000006646967657374 0000000a626f623a736563726574"
	goldenAuthOK  = "00000010 fffffffc 0000000000000000 00000000"
)

var goldenCalls = []struct {
	name     string
	op       Op
	request  string // behind length and xid
	reply    string // behind length and xid
	want     Result
	wantCode Code
}{
	{
		name:    "create",
		op:      CreateOp("/a", []byte("hi"), Persistent, OpenACL),
		request: "00000001 | 000000022f61 | 000000026869 | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000000",
		reply:   "0000000100000005 00000000 000000022f61",
		want:    Result{Path: "/a", Zxid: 0x100000005},
	},
	{
		name:    "create2",
		op:      CreateStatOp("/a/n-", nil, EphemeralSequential, OpenACL),
		request: "0000000f | 000000052f612f6e2d | ffffffff | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000003",
		reply:   "0000000100000006 | 00000000 | 0000000f2f612f6e2d30303030303030303030 | 0000000100000006 | 0000000100000006 | 0000018bcfe56800 | 0000018bcfe56800 | 00000000 | 00000000 | 00000000 | 0100019a2b3c0000 | 00000000 | 00000000 | 0000000100000006",
		want: Result{Path: "/a/n-0000000000", Zxid: 0x100000006, Stat: Stat{
			Czxid: 0x100000006, Mzxid: 0x100000006, Ctime: 1700000000000, Mtime: 1700000000000,
			EphemeralOwner: 0x0100019a2b3c0000, Pzxid: 0x100000006,
		}},
	},
	{
		name:    "createTTL",
		op:      CreateTTLOp("/a/n-", nil, PersistentTTL, OpenACL, 1500*time.Millisecond),
		request: "00000015 | 000000052f612f6e2d | ffffffff | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000005 | 00000000000005dc",
		reply:   "0000000100000006 | fffffffa",
		want:    Result{Zxid: 0x100000006}, wantCode: ErrUnimplemented,
	},
	{
		name:    "getData",
		op:      watched(GetOp("/a")),
		request: "00000004 | 000000022f61 | 01",
		reply:   "0000000100000006 | 00000000 | 000000026869 | 0000000100000005 | 0000000100000005 | 0000018bcfe56800 | 0000018bcfe56800 | 00000000 | 00000001 | 00000000 | 0000000000000000 | 00000002 | 00000001 | 0000000100000006",
		want: Result{Data: []byte("hi"), Zxid: 0x100000006, Stat: Stat{
			Czxid: 0x100000005, Mzxid: 0x100000005, Ctime: 1700000000000, Mtime: 1700000000000,
			Cversion: 1, DataLength: 2, NumChildren: 1, Pzxid: 0x100000006,
		}},
	},
	{
		name:     "exists of a missing znode",
		op:       ExistsOp("/b"),
		request:  "00000003 | 000000022f62 | 00",
		reply:    "0000000100000006 ffffff9b",
		want:     Result{Zxid: 0x100000006},
		wantCode: ErrNoNode,
	},
	{
		name: "multi",
		op:   MultiOp(CheckOp("/a", 0), CreateOp("/b", []byte{}, Persistent, OpenACL), DeleteOp("/old", AnyVersion)),
		request: "0000000e | 0000000d00ffffffff | 000000022f61 | 00000000 | 0000000100ffffffff | 000000022f62 | 00000000 | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000000 | " +
			"0000000200ffffffff | 000000042f6f6c64 | ffffffff | ffffffff01ffffffff",
		reply: "0000000100000008 | 00000000 | 0000000d0000000000 | 000000010000000000 | 000000022f62 | 000000020000000000 | ffffffff01ffffffff",
		want:  Result{Zxid: 0x100000008, Results: []OpResult{{}, {Path: "/b"}, {}}},
	},
	{
		name:    "multi that fails",
		op:      MultiOp(CheckOp("/a", 0), CreateOp("/b", nil, Persistent, OpenACL), DeleteOp("/old", AnyVersion)),
		request: "0000000e | 0000000d00ffffffff | 000000022f61 | 00000000 | 0000000100ffffffff | 000000022f62 | ffffffff | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000000 | 0000000200ffffffff | 000000042f6f6c64 | ffffffff | ffffffff01ffffffff",
		reply:   "0000000100000008 | 00000000 | ffffffff0000000000 | 00000000 | ffffffff00ffffff92 | ffffff92 | ffffffff00fffffffe | fffffffe | ffffffff01ffffffff",
		want: Result{Zxid: 0x100000008, Results: []OpResult{
			{},
			{Err: &Error{Op: "create", Path: "/b", Err: ErrNodeExists, Sent: true}},
			{Err: &Error{Op: "delete", Path: "/old", Err: ErrRuntimeInconsistency, Sent: true}},
		}},
		wantCode: ErrNodeExists,
	},
	{
		name:    "getChildren2 of a fresh root",
		op:      ChildrenStatOp("/"),
		request: "0000000c | 000000012f | 00",
		reply:   "0000000000000000 | 00000000 | 00000001 | 000000097a6f6f6b6565706572 | 0000000000000000 | 0000000000000000 | 0000000000000000 | 0000000000000000 | 00000000 | ffffffff | 00000000 | 0000000000000000 | 00000000 | 00000001 | 0000000000000000",
		want:    Result{Children: []string{"zookeeper"}, Stat: Stat{Cversion: -1, NumChildren: 1}},
	},
	{
		name:     "unknown operation",
		op:       SyncOp("/"),
		request:  "00000009 | 000000012f",
		reply:    "ffffffffffffffff fffffffa",
		want:     Result{Zxid: -1},
		wantCode: ErrUnimplemented,
	},
}

func TestGoldenConversation(t *testing.T) {
	dial, peers := dialPeers(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		for i, g := range goldenCalls {
			xid := hexInt(i + 1)
			p.expect(frameHex(t, xid+g.request))
			p.send(frameHex(t, xid+g.reply))
		}
		xid := hexInt(len(goldenCalls) + 1)
		p.expect("00000008" + xid + "fffffff5")
		p.send("00000010" + xid + "0000000100000009 00000000")
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial})
	must(t, err)
	if c.SessionID() != 0x0100019a2b3c0000 || c.Timeout().Seconds() != 30 || len(c.Passwd()) != 16 {
		t.Errorf("session %v, timeout %v, password %x", c.SessionID(), c.Timeout(), c.Passwd())
	}
	for _, g := range goldenCalls {
		res, err := c.Do(t.Context(), g.op)
		if (g.wantCode == 0 && err != nil) || (g.wantCode != 0 && !errors.Is(err, g.wantCode)) {
			t.Errorf("%s: %v, want code %d", g.name, err, g.wantCode)
		}
		if res.Err = nil; !reflect.DeepEqual(res, g.want) {
			t.Errorf("%s: %+v, want %+v", g.name, res, g.want)
		}
	}
	if got := c.LastZxid(); got != 0x100000008 {
		t.Errorf("last zxid %v", got)
	}
	must(t, c.Close())
	<-done
}

// A session that returns presents itself, its credentials and its watches, in
// this order and before anything else.
func TestGoldenResume(t *testing.T) {
	dial, peers := dialPeers(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		p.expect(goldenAuth)
		p.send(goldenAuthOK)
		p.expect("0000000f 00000001 00000004 000000022f61 01")
		p.send("0000005a 00000001 0000000100000006 00000000 000000026869 0000000100000005 0000000100000005 0000018bcfe56800 0000018bcfe56800 00000000 00000001 00000000 0000000000000000 00000002 00000001 0000000100000006")
		p.nc.Close()

		p = <-peers
		p.expect("0000002d 00000000 0000000100000006 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00")
		p.send(goldenWelcome)
		p.expect(goldenAuth)
		p.expect("00000022 00000001 00000065 0000000100000006 00000001000000022f61 00000000 00000000")
		p.send("00000010 00000001 0000000100000006 00000000")
		p.send(goldenAuthOK) // out of turn is fine
		p.send("0000001e ffffffff 0000000100000007 00000000 00000003 00000003 000000022f61")
		p.nc.Close()

		p = <-peers
		p.expect("0000002d 00000000 0000000100000006 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00")
		p.send(goldenExpired)
		p.nc.Close()
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial, Auth: []Auth{{"digest", []byte("bob:secret")}}})
	must(t, err)
	_, _, w, err := c.GetW(t.Context(), "/a")
	must(t, err)
	ev, err := w.Wait(t.Context())
	if want := (Event{EventNodeDataChanged, "/a", 0x100000007, nil}); ev != want || err != nil {
		t.Errorf("event %+v, %v; want %+v", ev, err, want)
	}
	<-c.Done()
	if c.Err() != error(ErrSessionExpired) {
		t.Errorf("ended with %v", c.Err())
	}
	<-done
}

func TestDigestID(t *testing.T) {
	if got, want := DigestID("bob", "secret"), (ID{Scheme: "digest", ID: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
