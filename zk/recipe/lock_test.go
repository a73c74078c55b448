package recipe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t testing.TB, s *fake.Server) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(t.Context(), "fake", zk.Options{Dial: s.Dial, SessionTimeout: 9 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		s.Close()
	})
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func acquire(t testing.TB, l *Lock) *Held {
	t.Helper()
	h, err := l.Acquire(t.Context())
	must(t, err)
	return h
}

func isLost(h *Held) bool {
	select {
	case <-h.Lost():
		return true
	default:
		return false
	}
}

// waitContenders waits until n znodes are in line.
func waitContenders(t testing.TB, c *zk.Conn, dir string, n int) {
	t.Helper()
	for {
		names, w, err := c.ChildrenW(t.Context(), dir)
		if errors.Is(err, zk.ErrConnectionLoss) {
			continue
		}
		must(t, err)
		if len(names) == n {
			w.Stop()
			return
		}
		if _, err := w.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockExcludes(t *testing.T) {
	s := fake.New()
	shared := connect(t, s)
	var wg sync.WaitGroup
	holders, rounds := 0, 0
	var token zk.Zxid
	for i := range 6 {
		c := shared
		if i%2 == 0 {
			c = connect(t, s)
		}
		wg.Go(func() {
			l := NewLock(c, "/locks/a", LockOptions{})
			for range 10 {
				h, err := l.Acquire(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if holders++; holders != 1 { // the race detector watches, too
					t.Errorf("%d holders", holders)
				}
				if h.Token() <= token {
					t.Errorf("token %v after %v", h.Token(), token)
				}
				token = h.Token()
				rounds++
				holders--
				if err := h.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if rounds != 60 {
		t.Errorf("%d rounds", rounds)
	}
	waitContenders(t, shared, "/locks/a", 0)
}

func TestLockIsFair(t *testing.T) {
	s := fake.New()
	c := connect(t, s)
	l := NewLock(c, "/lock", LockOptions{})
	first := acquire(t, l)
	var order []int
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			h, err := l.Acquire(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, i)
			if err := h.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
		waitContenders(t, c, "/lock", i+2)
	}
	must(t, first.Release(t.Context()))
	wg.Wait()
	if !slices.IsSorted(order) || len(order) != 5 {
		t.Errorf("served in order %v", order)
	}
}

// A release wakes the next in line and nobody else.
func TestNoHerd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connect(t, s)
		l := NewLock(c, "/lock", LockOptions{})
		first := acquire(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		held := make(chan *Held, 10)
		for range 10 {
			go func() {
				if h, err := l.Acquire(ctx); err == nil {
					held <- h
				}
			}()
		}
		synctest.Wait()
		lists := 0
		s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
			if op == proto.OpGetChildren {
				lists++
			}
			return fake.Pass
		})
		must(t, first.Release(t.Context()))
		synctest.Wait()
		s.SetHook(nil)
		if lists != 1 || len(held) != 1 {
			t.Errorf("a release made %d contenders look, %d hold the lock", lists, len(held))
		}
		cancel()
		must(t, (<-held).Release(t.Context()))
	})
}

func TestTryAcquire(t *testing.T) {
	c := connect(t, fake.New())
	l := NewLock(c, "/lock", LockOptions{Data: []byte("me")})
	h, err := l.TryAcquire(t.Context())
	must(t, err)
	if data, stat, err := c.Get(t.Context(), h.Path()); string(data) != "me" || stat.EphemeralOwner != c.SessionID() || err != nil {
		t.Errorf("%q, %+v, %v", data, stat, err)
	}
	if _, err := l.TryAcquire(t.Context()); err != ErrHeld {
		t.Errorf("second: %v", err)
	}
	must(t, h.Release(t.Context()))
	must(t, h.Release(t.Context()))
	waitContenders(t, c, "/lock", 0)
	if h, err = l.TryAcquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, h.Release(t.Context()))
	if isLost(h) {
		t.Error("a released lock counts as lost")
	}
}

func TestOthersInTheDirectoryDoNotCount(t *testing.T) {
	s := fake.New()
	for _, path := range []string{"/lock", "/lock/config", "/lock/lock-x", "/lock/0000000000"} {
		s.Write(path, nil)
	}
	h, err := NewLock(connect(t, s), "/lock", LockOptions{}).TryAcquire(t.Context())
	must(t, err)
	must(t, h.Release(t.Context()))
}

// Whatever becomes of the create, exactly one znode stands in line for it.
func TestConnectionLossWhileJoining(t *testing.T) {
	for name, tc := range map[string]struct{ creates, syncs []fake.Fate }{
		"reply lost":              {[]fake.Fate{fake.DropAfter}, []fake.Fate{fake.Pass}},
		"request lost":            {[]fake.Fate{fake.DropBefore, fake.Pass}, []fake.Fate{fake.Pass}},
		"both":                    {[]fake.Fate{fake.DropBefore, fake.DropAfter}, []fake.Fate{fake.Pass, fake.Pass}},
		"reply lost, then syncs":  {[]fake.Fate{fake.DropAfter}, []fake.Fate{fake.DropBefore, fake.DropAfter, fake.Pass}},
		"request and a sync lost": {[]fake.Fate{fake.DropBefore, fake.Pass}, []fake.Fate{fake.DropBefore, fake.Pass}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New()
			s.Write("/lock", nil)
			next := func(fates *[]fake.Fate) (fate fake.Fate) {
				if len(*fates) > 0 {
					fate, *fates = (*fates)[0], (*fates)[1:]
				}
				return fate
			}
			s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
				switch op {
				case proto.OpCreate2:
					return next(&tc.creates)
				case proto.OpSync: // without it, a lagging server could hide the znode
					return next(&tc.syncs)
				}
				return fake.Pass
			})
			c := connect(t, s)
			h := acquire(t, NewLock(c, "/lock", LockOptions{}))
			waitContenders(t, c, "/lock", 1)
			stat, ok, err := c.Exists(t.Context(), h.Path())
			if !ok || err != nil || stat.Czxid != h.Token() {
				t.Errorf("%+v, %v, %v", stat, ok, err)
			}
			must(t, h.Release(t.Context()))
			waitContenders(t, c, "/lock", 0)
			if len(tc.syncs) != 0 {
				t.Errorf("%d syncs are missing", len(tc.syncs))
			}
		})
	}
}

func TestConnectionLossElsewhere(t *testing.T) { synctest.Test(t, testConnectionLossElsewhere) }

func testConnectionLossElsewhere(t *testing.T) {
	s := fake.New()
	seen := map[proto.OpCode]bool{}
	s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
		if !seen[op] { // each kind of request breaks the connection once
			seen[op] = true
			return fake.DropAfter
		}
		return fake.Pass
	})
	c := connect(t, s)
	l := NewLock(c, "/locks/a", LockOptions{})
	first := acquire(t, l)
	second := make(chan *Held)
	go func() {
		h, err := l.Acquire(t.Context())
		if err != nil {
			t.Error(err)
		}
		second <- h
	}()
	waitContenders(t, c, "/locks/a", 2)
	must(t, first.Release(t.Context()))
	must(t, (<-second).Release(t.Context()))
	waitContenders(t, c, "/locks/a", 0)
}

func TestGivingUpLeavesNothing(t *testing.T) {
	s := fake.New()
	c := connect(t, s)
	l := NewLock(c, "/lock", LockOptions{})
	h := acquire(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitContenders(t, c, "/lock", 2)
		cancel()
	}()
	if _, err := l.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
	waitContenders(t, c, "/lock", 1)
	must(t, h.Release(t.Context()))
}

// A create whose reply is not waited for is found and undone.
func TestGivingUpWhileJoining(t *testing.T) {
	s := fake.New()
	s.Write("/lock", nil)
	c := connect(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
		if op == proto.OpCreate2 {
			cancel()
			return fake.DropAfter
		}
		return fake.Pass
	})
	if _, err := NewLock(c, "/lock", LockOptions{}).Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("joining: %v", err)
	}
	waitContenders(t, c, "/lock", 0)
}

func TestLost(t *testing.T) {
	for name, lose := range map[string]func(s *fake.Server, c *zk.Conn, h *Held){
		"session expired": func(s *fake.Server, c *zk.Conn, _ *Held) { s.Expire(c.SessionID()) },
		"znode removed":   func(s *fake.Server, _ *zk.Conn, h *Held) { s.Remove(h.Path()) },
		"closed":          func(_ *fake.Server, c *zk.Conn, _ *Held) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New()
			c := connect(t, s)
			h := acquire(t, NewLock(c, "/lock", LockOptions{}))
			s.Write(h.Path(), []byte("changed")) // does not matter
			must(t, c.Sync(t.Context(), "/"))
			if isLost(h) {
				t.Fatal("lost at once")
			}
			lose(s, c, h)
			<-h.Lost()
			if err := h.Release(t.Context()); err != nil && c.Err() == nil {
				t.Errorf("release: %v", err)
			}
		})
	}
}

// A short loss of connection does no harm; a long one is as good as expiry,
// and told before anybody else can hold the lock.
func TestLostInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connect(t, s)
		h := acquire(t, NewLock(c, "/lock", LockOptions{}))
		s.SetDown(true)
		<-time.After(2 * time.Second)
		s.SetDown(false)
		<-time.After(20 * time.Second)
		if isLost(h) {
			t.Error("lost after a short silence")
		}
		s.SetDown(true)
		<-h.Lost()
		if silent := time.Since(c.Confirmed()); silent != 9*time.Second {
			t.Errorf("lost after %v of silence, want the timeout of 9s", silent)
		}
		s.SetDown(false)
		must(t, h.Release(t.Context()))
	})
}

func TestLockNames(t *testing.T) {
	for name, want := range map[string]struct {
		n  int32
		ok bool
	}{
		newPrefix() + "0000000012": {12, true},
		"lock-2147483647":          {1<<31 - 1, true},
		"lock--000000001":          {-1, true},
		"lock--2147483648":         {-1 << 31, true},
		"0000000012":               {0, false},
		"lock-":                    {0, false},
		"lock-99999999999":         {0, false},
	} {
		if n, ok := sequence(name); ok != want.ok || ok && n != want.n {
			t.Errorf("sequence(%s) = %d, %v", name, n, ok)
		}
	}
	if p := newPrefix(); p == newPrefix() || len(p) != 45 || !strings.HasPrefix(p, "_c_") {
		t.Errorf("prefix %q", p)
	}
}

func TestPredecessor(t *testing.T) {
	for name, tc := range map[string]struct {
		own   string
		names []string
		want  string
		ok    bool
	}{
		"alone":        {"a-lock-5", []string{"a-lock-5"}, "", true},
		"first":        {"a-lock-5", []string{"b-lock-9", "a-lock-5"}, "", true},
		"the nearest":  {"a-lock-5", []string{"x-lock-1", "b-lock-4", "a-lock-5", "c-lock-3", "d-lock-6"}, "b-lock-4", true},
		"removed":      {"a-lock-5", []string{"x-lock-1"}, "", false},
		"others":       {"a-lock-5", []string{"config", "a-lock-5"}, "", true},
		"empty":        {"a-lock-5", nil, "", false},
		"wrapped over": {"a-lock--2147483648", []string{"b-lock-2147483647", "a-lock--2147483648"}, "b-lock-2147483647", true},
	} {
		if got, err := predecessor(tc.names, tc.own); got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
