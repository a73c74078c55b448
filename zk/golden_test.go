package zk

import (
	"crypto/sha256"
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
		name:    "createTTL that succeeds",
		op:      CreateTTLOp("/t", nil, PersistentTTL, OpenACL, time.Hour),
		request: "00000015 | 000000022f74 | ffffffff | 00000001 | 0000001f | 00000005776f726c64 | 00000006616e796f6e65 | 00000005 | 000000000036ee80",
		reply:   "0000000000000003 | 00000000 | 000000022f74 | 0000000000000003 | 0000000000000003 | 000001a21426e2e9 | 000001a21426e2e9 | 00000000 | 00000000 | 00000000 | 0000000000000000 | 00000000 | 00000000 | 0000000000000003",
		want:    Result{Path: "/t", Zxid: 3, Stat: Stat{Czxid: 3, Mzxid: 3, Ctime: 0x1a21426e2e9, Mtime: 0x1a21426e2e9, Pzxid: 3}},
	},
	{
		name:    "addWatch",
		op:      AddWatchOp("/p", WatchPersistentRecursive).OnEvent(func(Event) {}),
		request: "0000006a | 000000022f70 | 00000001",
		reply:   "0000000000000003 | 00000000 | 00000000",
		want:    Result{Zxid: 3},
	},
	{
		name:    "checkWatches",
		op:      CheckWatchesOp("/p", WatcherPersistentRecursive),
		request: "00000011 | 000000022f70 | 00000005",
		reply:   "0000000000000003 | 00000000",
		want:    Result{Zxid: 3},
	},
	{
		name:    "removeWatches",
		op:      RemoveWatchesOp("/p", WatcherPersistentRecursive),
		request: "00000012 | 000000022f70 | 00000005",
		reply:   "0000000000000003 | 00000000",
		want:    Result{Zxid: 3},
	},
	{
		name:     "removeWatches without any",
		op:       RemoveWatchesOp("/p", WatcherAny),
		request:  "00000012 | 000000022f70 | 00000003",
		reply:    "0000000000000003 | ffffff87",
		want:     Result{Zxid: 3},
		wantCode: ErrNoWatcher,
	},
	{
		name:    "multiRead",
		op:      MultiReadOp(GetOp("/e"), ChildrenOp("/none"), ChildrenOp("/e")),
		request: "00000016 | 0000000400ffffffff | 000000022f65 | 00 | 0000000800ffffffff | 000000052f6e6f6e65 | 00 | 0000000800ffffffff | 000000022f65 | 00 | ffffffff01ffffffff",
		reply: "0000000000000003 | 00000000 | 000000040000000000 | 000000026869 | 0000000000000002 | 0000000000000002 | 000001a21426e2df | 000001a21426e2df | 00000000 | 00000000 | 00000000 | 01000012ef920000 | 00000002 | 00000000 | 0000000000000002 | " +
			"ffffffff00ffffff9b | ffffff9b | 000000080000000000 | 00000000 | ffffffff01ffffffff",
		want: Result{Zxid: 3, Results: []OpResult{
			{Data: []byte("hi"), Stat: Stat{
				Czxid: 2, Mzxid: 2, Ctime: 0x1a21426e2df, Mtime: 0x1a21426e2df, EphemeralOwner: 0x01000012ef920000, DataLength: 2, Pzxid: 2,
			}},
			{Err: &Error{Op: "getChildren", Path: "/none", Err: ErrNoNode, Sent: true}},
			{Children: []string{}},
		}},
	},
	{
		name:    "getEphemerals",
		op:      EphemeralsOp("/"),
		request: "00000067 | 000000012f",
		reply:   "0000000000000003 | 00000000 | 00000001 | 000000022f65",
		want:    Result{Zxid: 3, Children: []string{"/e"}},
	},
	{
		name:    "getAllChildrenNumber",
		op:      AllChildrenNumberOp("/"),
		request: "00000068 | 000000012f",
		reply:   "0000000000000003 | 00000000 | 00000005",
		want:    Result{Zxid: 3, Count: 5},
	},
	{
		name:    "whoAmI",
		op:      WhoAmIOp(),
		request: "0000006b",
		reply:   "0000000000000003 | 00000000 | 00000001 | 000000026970 | 000000093132372e302e302e31",
		want:    Result{Zxid: 3, IDs: []ID{{Scheme: "ip", ID: "127.0.0.1"}}},
	},
	{
		name:     "reconfig",
		op:       ReconfigOp(Reconfiguration{Joining: []string{"server.4=h:1:2;3", "server.5=h:1:2;3"}, Leaving: []string{"1", "2"}}, AnyConfig),
		request:  "00000010 | 000000217365727665722e343d683a313a323b332c7365727665722e353d683a313a323b33 | 00000003312c32 | ffffffff | ffffffffffffffff",
		reply:    "0000000000000004 | ffffff85",
		want:     Result{Zxid: 4},
		wantCode: ErrReconfigDisabled,
	},
	{
		name:    "the configuration of a server alone",
		op:      GetConfigOp(),
		request: "00000004 | 000000112f7a6f6f6b65657065722f636f6e666967 | 00",
		reply:   "0000000000000004 | 00000000 | 00000000 | 0000000000000000 | 0000000000000000 | 0000000000000000 | 0000000000000000 | 00000000 | 00000000 | ffffffff | 0000000000000000 | 00000000 | 00000000 | 0000000000000000",
		want:    Result{Zxid: 4, Data: []byte{}, Stat: Stat{Aversion: -1}},
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
		p.expect("00000022 00000002 00000065 0000000100000006 00000001000000022f61 00000000 00000000")
		p.send("00000010 00000002 0000000100000006 00000000")
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

// Persistent watches make a session that returns use setWatches2.
func TestGoldenResumeWithPersistentWatch(t *testing.T) {
	dial, peers := dialPeers(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		p.expect("00000012 00000001 0000006a 000000022f70 00000000")
		p.send("00000014 00000001 0000000100000005 00000000 00000000")
		p.expect("00000012 00000002 0000006a 000000022f71 00000001")
		p.send("00000014 00000002 0000000100000005 00000000 00000000")
		p.nc.Close()

		p = <-peers
		p.expect("0000002d 00000000 0000000100000005 00007530 0100019a2b3c0000 00000010 065c5bdc1bc4b0bd548d586f5cedbfae 00")
		p.send(goldenWelcome)
		p.expect("00000030 00000003 00000069 0000000100000005 00000000 00000000 00000000 00000001000000022f70 00000001000000022f71")
		p.send("00000010 00000003 0000000100000008 00000000")
		p.send("0000001e ffffffff 0000000100000007 00000000 00000003 00000003 000000022f70")
		p.nc.Close()
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial})
	must(t, err)
	w, err := c.AddWatch(t.Context(), "/p", WatchPersistent)
	must(t, err)
	_, err = c.AddWatch(t.Context(), "/q", WatchPersistentRecursive)
	must(t, err)
	mustEvents(t, w, "Gap /p", "NodeDataChanged /p")
	c.Detach()
	<-done
}

func TestDigestID(t *testing.T) {
	if got, want := DigestID("bob", "secret"), (ID{Scheme: "digest", ID: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := DigestIDWith(sha256.New, "bob", "secret").ID, "bob:huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE="; got != want {
		t.Errorf("SHA-256: %s, want %s", got, want)
	}
}
