package zk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestPersistentWatch(t *testing.T) {
	for _, servers := range []string{"fake", "fake/app"} {
		t.Run(servers, func(t *testing.T) {
			s := fake.New()
			s.Write("/app", nil)
			testPersistentWatch(t, connectTo(t, s, servers, Options{}))
			s.Write("/apple", nil) // outside, and heard of only without a chroot
		})
	}
}

func testPersistentWatch(t *testing.T, c *Conn) {
	ctx := t.Context()
	add := func(path string, mode AddWatchMode) *PersistentWatch {
		t.Helper()
		w, err := c.AddWatch(ctx, path, mode)
		must(t, err)
		if w.Path() != path || w.Mode() != mode {
			t.Errorf("watch is on %s, %v", w.Path(), w.Mode())
		}
		return w
	}
	all, tree, node := add("/", WatchPersistentRecursive), add("/a", WatchPersistentRecursive), add("/a", WatchPersistent)
	_, _, once, err := c.ExistsW(ctx, "/a")
	must(t, err)
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/ab"} {
		_, err := c.Create(ctx, path, nil, Persistent, OpenACL)
		must(t, err)
	}
	_, err = c.Set(ctx, "/a", nil, AnyVersion)
	must(t, err)
	must(t, c.Delete(ctx, "/a/b/c", AnyVersion))
	must(t, c.Delete(ctx, "/a/b", AnyVersion))
	must(t, c.Delete(ctx, "/a", AnyVersion))
	mustEvent(t, once, EventNodeCreated, "/a")
	mustEvents(t, node, "NodeCreated /a", "NodeChildrenChanged /a", "NodeDataChanged /a", "NodeChildrenChanged /a", "NodeDeleted /a")
	below := []string{"NodeCreated /a", "NodeCreated /a/b", "NodeCreated /a/b/c", "NodeDataChanged /a", "NodeDeleted /a/b/c", "NodeDeleted /a/b", "NodeDeleted /a"}
	mustEvents(t, tree, below...)
	mustEvents(t, all, slices.Insert(below, 3, "NodeCreated /ab")...)
	for _, w := range []*PersistentWatch{all, tree, node} {
		if n := len(w.C()); n != 0 {
			t.Errorf("%d events more: %+v", n, <-w.C())
		}
	}
}

// A gap comes before anything that happens after a reconnect, and everything
// after it is heard of.
func TestPersistentWatchesAcrossReconnect(t *testing.T) {
	s := fake.New()
	s.Write("/app", nil)
	c := connectTo(t, s, "fake/app", Options{})
	tree, err := c.AddWatch(t.Context(), "/", WatchPersistentRecursive)
	must(t, err)
	node, err := c.AddWatch(t.Context(), "/a", WatchPersistent)
	must(t, err)
	for range 3 {
		s.SetDown(true)
		s.Write("/app/a", nil) // missed
		s.SetDown(false)
		mustEvents(t, tree, "Gap /")
		mustEvents(t, node, "Gap /a")
		s.Write("/app/a", nil)
		mustEvents(t, tree, "NodeDataChanged /a")
		mustEvents(t, node, "NodeDataChanged /a")
	}
}

// A read after a gap shows what was missed, or it comes as an event: there is
// nothing in between.
func TestReadAfterGap(t *testing.T) {
	s := fake.New()
	s.Write("/a", []byte("0"))
	c := connect(t, s, Options{})
	gaps := make(chan Result, 100)
	_, err := c.AddWatchFunc(t.Context(), "/a", WatchPersistent, func(ev Event) {
		if ev.Type == EventGap {
			must(t, c.Go(GetOp("/a"), func(r Result) { gaps <- r })) // the connection is usable already
		}
	})
	must(t, err)
	for i := range 5 {
		s.SetDown(true)
		want := fmt.Sprint(i)
		s.Write("/a", []byte(want))
		s.SetDown(false)
		if r := <-gaps; r.Err != nil || string(r.Data) != want {
			t.Fatalf("read %q, %v, want %q", r.Data, r.Err, want)
		}
	}
}

// TestBacklog is a model of a reader that may fall behind: whoever takes every
// event, and at each gap all that has been sent so far, has missed nothing in
// the end, whatever the interleaving.
func TestBacklog(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		w := &PersistentWatch{path: "/a", ch: make(chan Event, 1+rnd.IntN(5)+2)}
		var sent, known Zxid
		read := func() {
			switch ev := <-w.ch; {
			case ev.Type == EventGap:
				known = sent
			case ev.Zxid > known+1:
				t.Fatalf("seed %#x: %d came without %d and no gap", seed, ev.Zxid, known+1)
			default:
				known = max(known, ev.Zxid)
			}
		}
		for range 300 {
			switch n := rnd.IntN(10); {
			case n < 5:
				sent++
				w.deliver(Event{Type: EventNodeDataChanged, Zxid: sent})
			case n < 6:
				sent++ // happens without a connection
				w.deliver(Event{Type: EventGap, Zxid: -1})
			case len(w.ch) > 0:
				read()
			}
		}
		w.finish(Event{Type: EventNone, Zxid: sent, Err: ErrClosed}) // always fits
		for len(w.ch) > 1 {
			read()
		}
		if ev := <-w.ch; ev.Err != ErrClosed || known != sent {
			t.Fatalf("seed %#x: knows %d of %d, last event %+v", seed, known, sent, ev)
		}
		if _, open := <-w.ch; open {
			t.Fatal("open after the end")
		}
		w.deliver(Event{Type: EventNodeDataChanged}) // to no effect
	}
}

func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{WatchBacklog: 3})
	w, err := c.AddWatch(t.Context(), "/", WatchPersistent)
	must(t, err)
	for range 100 {
		_, err := c.Set(t.Context(), "/", nil, AnyVersion)
		must(t, err)
	}
	mustEvents(t, w, "NodeDataChanged /", "NodeDataChanged /", "NodeDataChanged /", "Gap /")
	_, err = c.Set(t.Context(), "/", nil, AnyVersion)
	must(t, err)
	mustEvents(t, w, "NodeDataChanged /")
}

// requestsSeen records the watch requests that a server gets.
func requestsSeen(s *fake.Server) *[]string {
	var seen []string
	s.SetHook(func(op proto.OpCode, req proto.Request) fake.Fate {
		if r, ok := req.(*fake.PathInt); ok {
			seen = append(seen, fmt.Sprintf("%v %s %d", op, r.Path, r.N))
		}
		return fake.Pass
	})
	return &seen
}

func TestStopPersistentWatch(t *testing.T) {
	s := fake.New()
	s.Write("/app", nil)
	seen := requestsSeen(s)
	c := connectTo(t, s, "fake/app", Options{})
	ctx := t.Context()
	one, err := c.AddWatch(ctx, "/", WatchPersistentRecursive)
	must(t, err)
	two, err := c.AddWatch(ctx, "/", WatchPersistentRecursive)
	must(t, err)
	one.Stop() // two goes on
	one.Stop()
	s.Write("/app/a", nil)
	mustEvents(t, two, "NodeCreated /a")
	if ev, open := <-one.C(); open {
		t.Errorf("stopped watch got %+v", ev)
	}
	if _, err := one.Next(ctx); err != ErrClosed {
		t.Errorf("stopped watch: %v", err)
	}

	// The last one's end is told, unless another is on its way.
	three := make(chan Result, 1)
	must(t, c.Go(AddWatchOp("/", WatchPersistentRecursive).OnEvent(func(Event) {}), func(r Result) { three <- r }))
	two.Stop()
	if r := <-three; r.Err != nil {
		t.Fatal(r.Err)
	}
	must(t, c.CheckWatches(ctx, "/", WatcherPersistentRecursive))
	must(t, c.RemoveWatches(ctx, "/", WatcherPersistentRecursive, false))
	four, err := c.AddWatch(ctx, "/b", WatchPersistent)
	must(t, err)
	four.Stop()
	if err := c.CheckWatches(ctx, "/b", WatcherPersistent); !errors.Is(err, ErrNoWatcher) {
		t.Errorf("check: %v", err)
	}
	want := []string{
		"addWatch /app 1", "addWatch /app 1", "addWatch /app 1", "checkWatches /app 5", "removeWatches /app 5",
		"addWatch /app/b 0", "removeWatches /app/b 4", "checkWatches /app/b 4",
	}
	if got := *seen; !slices.Equal(got, want) {
		t.Errorf("server saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	(*PersistentWatch)(nil).Stop()
}

// A watch whose caller has gone before the answer came is taken back.
func TestAddWatchWithoutPatience(t *testing.T) {
	dial, peers := dialPeers(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := <-peers
		p.expect(goldenConnect)
		p.send(goldenWelcome)
		p.expect("00000012 00000001 0000006a 000000022f70 00000001")
		cancel()
		p.expect("0000000d 00000002 00000009 000000012f") // sent after AddWatch has returned
		p.send("00000014 00000001 0000000100000005 00000000 00000000")
		p.expect("00000012 00000003 00000012 000000022f70 00000005")
		p.send("00000015 00000002 0000000100000005 00000000 000000012f")
		p.send("00000010 00000003 0000000100000005 00000000")
	}()
	c, err := Connect(t.Context(), "h", Options{Dial: dial})
	must(t, err)
	if w, err := c.AddWatch(ctx, "/p", WatchPersistentRecursive); w != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", w, err)
	}
	must(t, c.Sync(t.Context(), "/"))
	<-done
	c.mu.Lock()
	if n := len(c.watches.lasting); n != 0 {
		t.Errorf("%d watches left", n)
	}
	c.mu.Unlock()
	c.Detach()
}

func TestStopFromWithin(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	calls := 0
	var w *PersistentWatch
	ready := make(chan struct{})
	w, err := c.AddWatchFunc(t.Context(), "/", WatchPersistent, func(Event) {
		<-ready
		calls++
		w.Stop()
	})
	must(t, err)
	close(ready)
	for range 3 {
		_, err := c.Set(t.Context(), "/", nil, AnyVersion)
		must(t, err)
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestRemoveWatches(t *testing.T) {
	for _, local := range []bool{false, true} {
		s := fake.New()
		s.Write("/app", nil)
		s.Write("/app/a", nil)
		c := connectTo(t, s, "fake/app", Options{})
		ctx := t.Context()
		for typ, want := range map[WatcherType]string{
			WatcherChildren:            "ChildWatchRemoved",
			WatcherData:                "DataWatchRemoved DataWatchRemoved",
			WatcherPersistent:          "PersistentWatchRemoved",
			WatcherPersistentRecursive: "PersistentWatchRemoved",
			WatcherAny:                 "ChildWatchRemoved DataWatchRemoved DataWatchRemoved PersistentWatchRemoved PersistentWatchRemoved",
		} {
			s.SetDown(false)
			var got []string
			note := func(ev Event) {
				if ev.Type == EventGap {
					return
				}
				if ev.Path != "/a" || ev.Err != nil {
					t.Errorf("event %+v", ev)
				}
				got = append(got, ev.Type.String())
			}
			for _, op := range []Op{
				GetOp("/a"), ExistsOp("/a"), ChildrenOp("/a"), AddWatchOp("/a", WatchPersistent), AddWatchOp("/a", WatchPersistentRecursive),
			} {
				_, err := c.Do(ctx, op.OnEvent(note))
				must(t, err)
			}
			if local {
				states, stop := c.Subscribe()
				s.SetDown(true)
				waitState(t, states, Disconnected)
				stop()
			}
			must(t, c.RemoveWatches(ctx, "/a", typ, local))
			slices.Sort(got)
			if got := strings.Join(got, " "); got != want {
				t.Errorf("local %v, type %d: events %q, want %q", local, typ, got, want)
			}
			err := c.RemoveWatches(ctx, "/a", typ, local)
			if typ != WatcherAny && !errors.Is(err, ErrNoWatcher) {
				t.Errorf("local %v, type %d again: %v", local, typ, err)
			}
			c.RemoveWatches(ctx, "/a", WatcherAny, local)
		}
	}
}

func TestRemovedPersistentWatchEnds(t *testing.T) {
	c := connect(t, fake.New(), Options{WatchBacklog: 1})
	w, err := c.AddWatch(t.Context(), "/", WatchPersistent)
	must(t, err)
	for range 5 { // more than the backlog
		_, err := c.Set(t.Context(), "/", nil, AnyVersion)
		must(t, err)
	}
	must(t, c.RemoveWatches(t.Context(), "/", WatcherAny, false))
	mustEvents(t, w, "NodeDataChanged /", "Gap /")
	if ev, err := w.Next(t.Context()); ev.Type != EventPersistentWatchRemoved || !errors.Is(err, ErrNoWatcher) {
		t.Errorf("%+v, %v", ev, err)
	}
	if _, err := w.Next(t.Context()); err != ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

func TestPersistentWatchesEndWithTheSession(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	w, err := c.AddWatch(t.Context(), "/", WatchPersistent)
	must(t, err)
	ended := make(chan Event, 1)
	_, err = c.AddWatchFunc(t.Context(), "/", WatchPersistentRecursive, func(ev Event) { ended <- ev })
	must(t, err)
	s.Expire(c.SessionID())
	if ev, err := w.Next(t.Context()); ev.Type != EventNone || !errors.Is(err, ErrSessionExpired) {
		t.Errorf("%+v, %v", ev, err)
	}
	if ev := <-ended; ev.Err != error(ErrSessionExpired) {
		t.Errorf("function: %+v", ev)
	}
}

// A server that does not take the watches over after a reconnect is no reason
// to wait for events for ever.
func TestRefusedWatchesEnd(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	lasting, err := c.AddWatch(t.Context(), "/", WatchPersistent)
	must(t, err)
	_, _, once, err := c.GetW(t.Context(), "/")
	must(t, err)
	s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
		if op == proto.OpSetWatches2 {
			return fake.Refuse
		}
		return fake.Pass
	})
	s.Drop()
	if ev, err := lasting.Next(t.Context()); ev.Type != EventNone || !errors.Is(err, ErrMarshalling) {
		t.Errorf("persistent: %+v, %v", ev, err)
	}
	if ev, err := once.Wait(t.Context()); ev.Type != EventNone || !errors.Is(err, ErrMarshalling) {
		t.Errorf("one-shot: %+v, %v", ev, err)
	}
}

func TestAddWatchOpNeedsSomebody(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	if _, err := c.Do(t.Context(), AddWatchOp("/", WatchPersistent)); !errors.Is(err, ErrBadArguments) {
		t.Errorf("error %v", err)
	}
}

func TestManyPersistentWatchesFitIntoFrames(t *testing.T) {
	s := fake.New()
	paths := map[string]int{}
	s.SetHook(func(op proto.OpCode, req proto.Request) fake.Fate {
		if r, ok := req.(*proto.SetWatchesRequest); ok {
			size := 0
			for _, p := range slices.Concat(r.Exist, r.Persist, r.Recursive) {
				paths[p]++
				size += len(p) + 4
			}
			if v2 := len(r.Persist)+len(r.Recursive) > 0; size > setWatchesBytes || v2 != (op == proto.OpSetWatches2) {
				t.Errorf("%d bytes of paths in one %v", size, op)
			}
		}
		return fake.Pass
	})
	c := connect(t, s, Options{WatchBacklog: 1})
	const n = 900
	var last *PersistentWatch
	for i := range n {
		path := fmt.Sprintf("/%s/%d", strings.Repeat("x", 500), i)
		var err error
		if i%3 == 2 {
			_, _, _, err = c.ExistsW(t.Context(), path)
		} else {
			last, err = c.AddWatch(t.Context(), path, AddWatchMode(i%3))
		}
		must(t, err)
	}
	s.Drop()
	mustEvents(t, last, "Gap "+last.Path())
	must(t, c.Sync(t.Context(), "/")) // all setWatches before it are done
	if len(paths) != n {
		t.Errorf("%d watches came back", len(paths))
	}
}

// FuzzReached compares the look-up of persistent watches with asking each of
// them.
func FuzzReached(f *testing.F) {
	f.Add("/a/b", "/a", "/", uint8(1))
	f.Add("//", "", "/a//", uint8(3))
	f.Fuzz(func(t *testing.T, path, first, second string, typ uint8) {
		table := newWatchTable()
		var all []*PersistentWatch
		for _, p := range []string{first, second} {
			for _, mode := range []AddWatchMode{WatchPersistent, WatchPersistentRecursive} {
				w := &PersistentWatch{path: p, mode: mode}
				table.addLasting(w, watchKey{kindOf(mode), p})
				all = append(all, w)
			}
		}
		got := table.reached(EventType(typ%8), path, nil)
		for _, w := range all {
			want := 0
			if typ%8 >= 1 && typ%8 <= 4 {
				exact := w.path == path
				above := w.path == "/" || exact || w.path != "" && strings.HasPrefix(path, w.path+"/")
				if w.mode == WatchPersistent && exact || w.mode == WatchPersistentRecursive && above && typ%8 != 4 {
					want = 1
				}
			}
			n := 0
			for _, g := range got {
				if g == w {
					n++
				}
			}
			if n != want {
				t.Fatalf("event %d of %q: watch on %q, mode %d, heard of it %d times, want %d", typ%8, path, w.path, w.mode, n, want)
			}
		}
	})
}
