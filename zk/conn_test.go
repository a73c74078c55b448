package zk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestCalls(t *testing.T) {
	for _, servers := range []string{"fake", "fake/app"} {
		t.Run(servers, func(t *testing.T) {
			s := fake.New()
			s.Write("/app", nil)
			testCalls(t, connectTo(t, s, servers, Options{}))
		})
	}
}

func testCalls(t *testing.T, c *Conn) {
	ctx := t.Context()
	path, err := c.Create(ctx, "/a", []byte("one"), Persistent, OpenACL)
	if path != "/a" || err != nil {
		t.Fatalf("create: %q, %v", path, err)
	}
	path, stat, err := c.CreateStat(ctx, "/a/n-", nil, EphemeralSequential, OpenACL)
	if path != "/a/n-0000000000" || stat.EphemeralOwner != c.SessionID() || err != nil {
		t.Fatalf("create: %q, %+v, %v", path, stat, err)
	}
	data, stat, err := c.Get(ctx, "/a")
	if string(data) != "one" || stat.NumChildren != 1 || err != nil {
		t.Errorf("get: %q, %+v, %v", data, stat, err)
	}
	if data, _, err := c.Get(ctx, path); data != nil || err != nil {
		t.Errorf("null data reads as %v, %v", data, err)
	}
	if stat, err = c.Set(ctx, "/a", []byte{}, 0); stat.Version != 1 || err != nil {
		t.Errorf("set: %+v, %v", stat, err)
	}
	if data, _, err = c.Get(ctx, "/a"); data == nil || len(data) != 0 || err != nil {
		t.Errorf("empty data reads as %v, %v", data, err)
	}
	names, stat, err := c.ChildrenStat(ctx, "/a")
	if !slices.Equal(names, []string{"n-0000000000"}) || stat.Version != 1 || err != nil {
		t.Errorf("children: %q, %+v, %v", names, stat, err)
	}
	if names, err = c.Children(ctx, path); len(names) != 0 || err != nil {
		t.Errorf("children: %q, %v", names, err)
	}
	if _, err = c.SetACL(ctx, "/a", ReadACL, AnyVersion); err != nil {
		t.Errorf("setACL: %v", err)
	}
	if acl, stat, err := c.GetACL(ctx, "/a"); !reflect.DeepEqual(acl, ReadACL) || stat.Aversion != 1 || err != nil {
		t.Errorf("getACL: %+v, %+v, %v", acl, stat, err)
	}
	if _, err = c.SetACL(ctx, "/a", OpenACL, AnyVersion); err != nil {
		t.Errorf("setACL: %v", err)
	}
	if acl, _, err := c.GetACL(ctx, "/a"); err != nil || !reflect.DeepEqual(acl, OpenACL) {
		t.Errorf("%v, %v", acl, err)
	} else if acl[0].Perms = PermRead; OpenACL[0].Perms == PermRead {
		t.Error("a result's ACL is not the caller's own")
	}
	must(t, c.Sync(ctx, "/"))
	must(t, c.AddAuth(ctx, "digest", []byte("bob:secret")))
	must(t, c.Delete(ctx, path, AnyVersion))
	if stat, ok, err := c.Exists(ctx, path); ok || err != nil {
		t.Errorf("exists: %+v, %v, %v", stat, ok, err)
	}
	if stat, ok, err := c.Exists(ctx, "/a"); !ok || stat.Version != 1 || err != nil {
		t.Errorf("exists: %+v, %v, %v", stat, ok, err)
	}
	names, err = c.Children(ctx, "/")
	if !slices.Contains(names, "a") || err != nil {
		t.Errorf("children of the root: %q, %v", names, err)
	}
}

func TestSequentialUnderTheRoot(t *testing.T) {
	s := fake.New()
	s.Write("/app", nil)
	c := connectTo(t, s, "fake/app", Options{})
	path, err := c.Create(t.Context(), "/", nil, PersistentSequential, OpenACL)
	if path != "/0000000000" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
}

func TestErrors(t *testing.T) {
	c := connectTo(t, fake.New(), "fake", Options{MaxFrame: 1 << 10})
	ctx := t.Context()
	_, err := c.Create(ctx, "/a", nil, Persistent, OpenACL)
	must(t, err)
	for name, tc := range map[string]struct {
		call func() error
		want error
		text string
		sent bool
	}{
		"answered": {func() error { return c.Delete(ctx, "/x", AnyVersion) }, ErrNoNode, "zk: delete /x: NoNode", true},
		"version":  {func() error { _, err := c.Set(ctx, "/a", nil, 9); return err }, ErrBadVersion, "zk: setData /a: BadVersion", true},
		"exists":   {func() error { _, err := c.Create(ctx, "/a", nil, Ephemeral, OpenACL); return err }, ErrNodeExists, "zk: create /a: NodeExists", true},
		"size":     {func() error { _, err := c.Set(ctx, "/a", make([]byte, 1<<10), 0); return err }, ErrTooLarge, "zk: setData /a: zk: request is too large", false},
		"zero op":  {func() error { _, err := c.Do(ctx, Op{}); return err }, ErrBadArguments, "zk: notification: BadArguments", false},
		"nested":   {func() error { _, err := c.Multi(ctx, MultiOp()); return err }, ErrBadArguments, "zk: multi: BadArguments", false},
	} {
		err := tc.call()
		var e *Error
		if !errors.Is(err, tc.want) || !errors.As(err, &e) || e.Sent != tc.sent || err.Error() != tc.text {
			t.Errorf("%s: %v (%+v), want %s, sent %v", name, err, e, tc.text, tc.sent)
		}
	}
	if _, _, err := c.Get(ctx, "/a"); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

func TestPathsCannotLeaveTheChroot(t *testing.T) {
	s := fake.New()
	s.Write("/app", nil)
	s.Write("/apple", []byte("secret"))
	c := connectTo(t, s, "fake/app", Options{})
	for _, path := range []string{"le", ""} {
		if _, _, err := c.Get(t.Context(), path); !errors.Is(err, ErrBadArguments) {
			t.Errorf("get %q: %v", path, err)
		}
		if _, err := c.Multi(t.Context(), DeleteOp(path, AnyVersion)); !errors.Is(err, ErrBadArguments) {
			t.Errorf("delete %q in a multi: %v", path, err)
		}
	}
}

func TestSafeToRetry(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{context.Canceled, false},
		{&Error{Err: context.Canceled}, true},
		{&Error{Err: context.Canceled, Sent: true}, false},
		{&Error{Err: ErrConnectionLoss, Sent: true}, false},
		{&Error{Err: ErrConnectionLoss}, true},
		{&Error{Err: ErrBusy}, true},
		{&Error{Err: ErrThrottledOp, Sent: true}, true},
		{&Error{Err: ErrSessionExpired}, false},
		{&Error{Err: ErrClosed}, false},
		{fmt.Errorf("wrapped: %w", &Error{Err: ErrBusy}), true},
	} {
		if got := SafeToRetry(tc.err); got != tc.want {
			t.Errorf("SafeToRetry(%v) = %v", tc.err, got)
		}
	}
}

func TestMulti(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	ctx := t.Context()
	results, err := c.Multi(ctx,
		CreateOp("/a", nil, Persistent, OpenACL), CreateStatOp("/a/s-", nil, PersistentSequential, OpenACL),
		SetOp("/a", []byte("x"), 0), CheckOp("/a", 1), DeleteOp("/a/s-0000000000", AnyVersion))
	must(t, err)
	if results[0].Path != "/a" || results[1].Path != "/a/s-0000000000" || results[1].Stat.Czxid == 0 || results[2].Stat.Version != 1 {
		t.Errorf("results %+v", results)
	}
	results, err = c.Multi(ctx, DeleteOp("/a", AnyVersion), CheckOp("/b", 0), CreateOp("/c", nil, Persistent, OpenACL))
	var e *Error
	if !errors.As(err, &e) || e.Path != "/b" || e.Code() != ErrNoNode {
		t.Errorf("failed multi: %v", err)
	}
	if len(results) != 3 || results[0].Err != nil || results[1].Err != err || !errors.Is(results[2].Err, ErrRuntimeInconsistency) {
		t.Errorf("results %+v", results)
	}
	if _, ok, err := c.Exists(ctx, "/a"); !ok || err != nil {
		t.Errorf("the failed multi had an effect: %v", err)
	}
	if results, err := c.Multi(ctx); len(results) != 0 || err != nil {
		t.Errorf("empty multi: %v, %v", results, err)
	}
}

func TestManyGoroutines(t *testing.T) {
	c := connect(t, fake.New(), Options{MaxInFlight: 7}) // fewer than callers, so that some wait
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			path := fmt.Sprintf("/g%d", g)
			if _, err := c.Create(t.Context(), path, nil, Persistent, OpenACL); err != nil {
				t.Error(err)
			}
			for i := range 50 {
				want := fmt.Appendf(nil, "%d", i)
				if _, err := c.Set(t.Context(), path, want, int32(i)); err != nil {
					t.Error(err)
				}
				if got, _, err := c.Get(t.Context(), path); !bytes.Equal(got, want) {
					t.Errorf("%s: %q, %v, want %q", path, got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestGoKeepsOrder(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	const n = 1000
	var got []string
	done := make(chan struct{})
	for range n {
		must(t, c.Go(CreateOp("/s-", nil, PersistentSequential, OpenACL), func(r Result) {
			if got = append(got, r.Path); len(got) == n {
				close(done)
			}
		}))
	}
	<-done
	for i, path := range got {
		if want := fmt.Sprintf("/s-%010d", i); path != want {
			t.Fatalf("request %d created %s", i, path)
		}
	}
}

func TestGoNeverWaits(t *testing.T) {
	s := fake.New()
	s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
		if op == proto.OpGetData {
			return fake.Silent
		}
		return fake.Pass
	})
	c := connect(t, s, Options{MaxInFlight: 2})
	results := make(chan Result, 3)
	must(t, c.Go(GetOp("/"), func(r Result) { results <- r }))
	must(t, c.Go(GetOp("/"), func(r Result) { results <- r }))
	if err := c.Go(GetOp("/"), nil); !errors.Is(err, ErrBusy) || !SafeToRetry(err) {
		t.Errorf("third of two: %v", err)
	}
	states, stop := c.Subscribe()
	defer stop()
	s.SetDown(true)
	waitState(t, states, Disconnected)
	for range 2 {
		if r := <-results; !errors.Is(r.Err, ErrConnectionLoss) || SafeToRetry(r.Err) {
			t.Errorf("under way: %v", r.Err)
		}
	}
	if err := c.Go(GetOp("/"), nil); !errors.Is(err, ErrConnectionLoss) || !SafeToRetry(err) {
		t.Errorf("while disconnected: %v", err)
	}
	c.Detach()
	if err := c.Go(GetOp("/"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Detach: %v", err)
	}
}

// Go may be called by the function that Go calls.
func TestGoFromDone(t *testing.T) {
	c := connect(t, fake.New(), Options{MaxInFlight: 1})
	done := make(chan error)
	left := 100
	var next func(Result)
	next = func(r Result) {
		if left--; left == 0 || r.Err != nil {
			done <- r.Err
			return
		}
		if err := c.Go(ExistsOp("/"), next); err != nil {
			done <- err
		}
	}
	must(t, c.Go(ExistsOp("/"), next))
	must(t, <-done)
}

// Calls wait while MaxInFlight are under way, and go on when one is answered.
func TestCallsWaitForReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, peers := dialPeers(t)
		c, err := Open("h", Options{Dial: dial, MaxInFlight: 1})
		must(t, err)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := c.Sync(t.Context(), "/"); err != nil {
					t.Error(err)
				}
			})
		}
		for xid := 1; xid <= 2; xid++ {
			synctest.Wait() // one is under way, the other waits
			p.expect("0000000d" + hexInt(xid) + "00000009 000000012f")
			p.send("00000015" + hexInt(xid) + "0000000000000001 00000000 000000012f")
		}
		wg.Wait()
		c.Detach()
	})
}

// Calls wait while much is still to be sent, and go on when it leaves.
func TestCallsWaitForTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, peers := dialPeers(t)
		c, err := Open("h", Options{Dial: dial})
		must(t, err)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		synctest.Wait()
		op := SetOp("/", make([]byte, 3<<20), AnyVersion)
		sent := 0
		for ; sent < 10; sent++ {
			if err := c.Go(op, func(Result) {}); err != nil {
				if !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
				break
			}
			synctest.Wait()
		}
		if sent != 3 { // one is being written, two wait
			t.Errorf("%d requests taken", sent)
		}
		got := make(chan error)
		go func() {
			_, err := c.Do(t.Context(), op)
			got <- err
		}()
		synctest.Wait()
		in := frameReader{r: p.nc, max: 4 << 20}
		for xid := int32(1); xid <= 4; xid++ {
			frame, _, err := in.next()
			if err != nil || int32(binary.BigEndian.Uint32(frame)) != xid {
				t.Fatalf("request %d: %d bytes, %v", xid, len(frame), err)
			}
		}
		c.Detach()
		if err := <-got; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestContextEndsACall(t *testing.T) {
	s := fake.New()
	got := make(chan struct{}, 1)
	s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
		if op != proto.OpGetData {
			return fake.Pass
		}
		got <- struct{}{}
		return fake.Silent
	})
	c := connect(t, s, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-got
		cancel()
	}()
	_, _, err := c.Get(ctx, "/")
	var e *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || !e.Sent {
		t.Errorf("under way: %v", err)
	}
	_, _, err = c.Get(ctx, "/")
	if !errors.Is(err, context.Canceled) || !SafeToRetry(err) {
		t.Errorf("already cancelled: %v", err)
	}
}

func TestLargeData(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	_, err := c.Create(t.Context(), "/a", nil, Persistent, OpenACL)
	must(t, err)
	for _, size := range []int{minReadBuffer, maxReadBuffer - 100, maxReadBuffer + 1, 3 << 20} {
		want := bytes.Repeat([]byte{byte(size >> 8), 1}, size/2)
		_, err := c.Set(t.Context(), "/a", want, AnyVersion)
		must(t, err)
		var wg sync.WaitGroup
		for range 4 { // data handed out must not be reused
			wg.Go(func() {
				for range 3 {
					if got, _, err := c.Get(t.Context(), "/a"); !bytes.Equal(got, want) {
						t.Errorf("%d bytes of %d, %v", len(got), size, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestSubscribe(t *testing.T) { synctest.Test(t, testSubscribe) }

func testSubscribe(t *testing.T) {
	s := fake.New()
	var told []State
	c := connect(t, s, Options{OnState: func(s State) { told = append(told, s) }})
	states, _ := c.Subscribe()
	for range stateBacklog { // the reader sleeps; the oldest are forgotten
		watcher, stop := c.Subscribe()
		s.Drop()
		waitState(t, watcher, Disconnected)
		waitState(t, watcher, Connected)
		stop()
		if _, open := <-watcher; open {
			t.Error("stop leaves the channel open")
		}
	}
	must(t, c.Close())
	var got []State
	for s := range states {
		got = append(got, s)
	}
	if len(got) != stateBacklog || got[len(got)-1] != Closed {
		t.Errorf("slow subscriber got %v", got)
	}
	if len(told) != 1+2*stateBacklog+1 || told[0] != Connected || told[1] != Disconnected || told[len(told)-1] != Closed {
		t.Errorf("OnState was told %v", told)
	}
	if late, _ := c.Subscribe(); <-late != Closed {
		t.Error("late subscriber is not told the end")
	}
}
