package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestReconnect(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	id := c.SessionID()
	_, err := c.Create(t.Context(), "/e", nil, Ephemeral, OpenACL)
	must(t, err)
	for range 3 {
		states, stop := c.Subscribe()
		s.Drop()
		waitState(t, states, Disconnected)
		stop()
		if _, _, err := c.Get(t.Context(), "/e"); err != nil { // waits for the next connection
			t.Fatal(err)
		}
	}
	if c.SessionID() != id {
		t.Errorf("session %v became %v", id, c.SessionID())
	}
}

func TestConnectionLossIsNeverRepeated(t *testing.T) {
	for name, fate := range map[string]fake.Fate{"executed": fake.DropAfter, "not executed": fake.DropBefore} {
		t.Run(name, func(t *testing.T) {
			s := fake.New()
			creates := 0
			s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
				if op == proto.OpCreate {
					creates++
					return fate
				}
				return fake.Pass
			})
			c := connect(t, s, Options{})
			_, err := c.Create(t.Context(), "/a", nil, Persistent, OpenACL)
			if !errors.Is(err, ErrConnectionLoss) || SafeToRetry(err) {
				t.Errorf("create: %v", err)
			}
			_, ok, err := c.Exists(t.Context(), "/a")
			if ok != (fate == fake.DropAfter) || err != nil || creates != 1 {
				t.Errorf("exists %v, %v, after %d creates", ok, err, creates)
			}
		})
	}
}

func TestCallsWaitOnlyAsLongAsTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connect(t, s, Options{})
		s.SetDown(true)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, _, err := c.Get(ctx, "/")
		if !errors.Is(err, context.DeadlineExceeded) || !SafeToRetry(err) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// Watches survive a reconnect, and what they missed is reported.
func TestWatchesAcrossReconnect(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	ctx := t.Context()
	for _, path := range []string{"/changed", "/removed", "/same", "/parent"} {
		s.Write(path, nil)
	}
	get := func(path string) *Watch {
		_, _, w, err := c.GetW(ctx, path)
		must(t, err)
		return w
	}
	changed, removed, same := get("/changed"), get("/removed"), get("/same")
	_, _, created, err := c.ExistsW(ctx, "/created")
	must(t, err)
	_, _, absent, err := c.ExistsW(ctx, "/absent")
	must(t, err)
	_, child, err := c.ChildrenW(ctx, "/parent")
	must(t, err)

	s.SetDown(true)
	s.Write("/changed", []byte("x"))
	s.Remove("/removed")
	s.Write("/created", nil)
	s.Write("/parent/kid", nil)
	s.SetDown(false)
	mustEvent(t, changed, EventNodeDataChanged, "/changed")
	mustEvent(t, removed, EventNodeDeleted, "/removed")
	mustEvent(t, created, EventNodeCreated, "/created")
	mustEvent(t, child, EventNodeChildrenChanged, "/parent")

	s.Write("/same", []byte("x"))
	s.Write("/absent", nil)
	mustEvent(t, same, EventNodeDataChanged, "/same")
	mustEvent(t, absent, EventNodeCreated, "/absent")
}

func TestManyWatchesFitIntoFrames(t *testing.T) {
	s := fake.New()
	paths := map[string]int{}
	requests := 0
	s.SetHook(func(_ proto.OpCode, req proto.Request) fake.Fate {
		if r, ok := req.(*proto.SetWatchesRequest); ok {
			requests++
			size := 0
			for _, p := range r.Exist {
				paths[p]++
				size += len(p) + 4
			}
			if size > setWatchesBytes {
				t.Errorf("%d bytes of paths in one request", size)
			}
		}
		return fake.Pass
	})
	c := connect(t, s, Options{MaxInFlight: 10, MaxFrame: 1 << 10})
	const n = 1000
	for i := range n {
		_, _, _, err := c.ExistsW(t.Context(), fmt.Sprintf("/%s/%d", strings.Repeat("x", 500), i))
		must(t, err)
	}
	s.Drop()
	for requests < 4 { // a request later, all setWatches before it are done
		if err := c.Sync(t.Context(), "/"); err != nil && !errors.Is(err, ErrConnectionLoss) {
			t.Fatal(err)
		}
	}
	if len(paths) != n || requests != 4 {
		t.Errorf("%d watches came back in %d requests", len(paths), requests)
	}
}

func TestWatchFunctionAndStop(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	var order []string
	op := GetOp("/").OnEvent(func(ev Event) { order = append(order, ev.Type.String()) })
	_, err := c.Do(t.Context(), op)
	must(t, err)
	_, _, stopped, err := c.GetW(t.Context(), "/")
	must(t, err)
	stopped.Stop()
	stopped.Stop()
	_, _, kept, err := c.GetW(t.Context(), "/")
	must(t, err)
	done := make(chan struct{})
	must(t, c.Go(SetOp("/", nil, AnyVersion), func(Result) { order = append(order, "reply"); close(done) }))
	<-done
	if fmt.Sprint(order) != "[NodeDataChanged reply]" { // never the other way round
		t.Errorf("order %v", order)
	}
	mustEvent(t, kept, EventNodeDataChanged, "/")
	if _, open := <-kept.C(); open {
		t.Error("the channel is open after the event")
	}
	select {
	case ev := <-stopped.C():
		t.Errorf("stopped watch got %+v", ev)
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.watches.once) != 0 {
		t.Errorf("%d watches left", len(c.watches.once))
	}
}

func TestFailedReadLeavesNoWatch(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	_, _, w, err := c.GetW(t.Context(), "/none")
	if !errors.Is(err, ErrNoNode) || w != nil {
		t.Errorf("%v, %v", w, err)
	}
	w.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.watches.once) != 0 {
		t.Errorf("%d watches left", len(c.watches.once))
	}
}

func TestExpiry(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	_, _, w, err := c.GetW(t.Context(), "/")
	must(t, err)
	s.Expire(c.SessionID())
	ev, err := w.Wait(t.Context())
	if err != error(ErrSessionExpired) || ev.Type != EventNone || ev.Path != "/" {
		t.Errorf("watch: %+v, %v", ev, err)
	}
	<-c.Done()
	if c.State() != Expired || c.Err() != error(ErrSessionExpired) {
		t.Errorf("state %v, error %v", c.State(), c.Err())
	}
	if _, _, err := c.Get(t.Context(), "/"); !errors.Is(err, ErrSessionExpired) {
		t.Errorf("call: %v", err)
	}
	must(t, c.Close())
	if n := s.Sessions(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

// A client cut off from every server knows by itself when its session is gone.
func TestExpiryWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connect(t, s, Options{SessionTimeout: 9 * time.Second})
		s.SetDown(true)
		synctest.Wait()
		began := time.Now()
		if _, _, err := c.Get(t.Context(), "/"); !errors.Is(err, ErrSessionExpired) {
			t.Errorf("call: %v", err)
		}
		if took := time.Since(began); took != 12*time.Second {
			t.Errorf("expired after %v, want 4/3 of 9s", took)
		}
		<-c.Done()
		// Rounds are at most a second apart and never in a tight loop.
		if n := len(s.Dialed()); n < 12 || n > 30 {
			t.Errorf("%d attempts in 12 s", n)
		}
	})
}

func TestPings(t *testing.T) {
	for timeout, every := range map[time.Duration]time.Duration{
		9 * time.Second: 3 * time.Second, 60 * time.Second: 10 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := fake.New()
			began := time.Now()
			var pings []time.Duration
			s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
				if op == proto.OpPing {
					pings = append(pings, time.Since(began)/every)
				}
				return fake.Pass
			})
			c := connect(t, s, Options{SessionTimeout: timeout})
			<-time.After(10*every + every/2)
			must(t, c.Sync(t.Context(), "/"))
			<-time.After(3 * every / 4) // the request counts as a ping
			must(t, c.Close())
			if got := fmt.Sprint(pings); got != "[1ns 2ns 3ns 4ns 5ns 6ns 7ns 8ns 9ns 10ns]" {
				t.Errorf("timeout %v: pings after %v times %v", timeout, got, every)
			}
		})
	}
}

func TestSilentServerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		silent := atomic.Bool{}
		s.SetHook(func(proto.OpCode, proto.Request) fake.Fate {
			if silent.Load() {
				return fake.Silent
			}
			return fake.Pass
		})
		c := connect(t, s, Options{SessionTimeout: 9 * time.Second})
		states, stop := c.Subscribe()
		defer stop()
		silent.Store(true)
		began := time.Now()
		waitState(t, states, Disconnected)
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("left after %v, want 2/3 of 9s", took)
		}
		silent.Store(false)
		waitState(t, states, Connected)
	})
}

// A server that accepts and says nothing costs its share of the session
// timeout; then the next one has its turn.
func TestBlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		defer s.Close()
		var holes []net.Conn
		attempts := 0
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			if attempts++; attempts == 3 {
				return s.Dial(ctx, network, addr)
			}
			client, hole := net.Pipe()
			holes = append(holes, hole)
			return client, nil
		}
		began := time.Now()
		c, err := Connect(t.Context(), "h1,h2,h3", Options{SessionTimeout: 30 * time.Second, Dial: dial})
		must(t, err)
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("connected after %v, want two shares of 10s", took)
		}
		must(t, c.Close())
		for _, h := range holes {
			h.Close()
		}
	})
}

func TestFailedRoundsPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		s.SetDown(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Connect(ctx, "h1,h2,h3", Options{Dial: s.Dial})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "fake: server is down") {
			t.Errorf("error %v", err)
		}
		if n := len(s.Dialed()); n < 3*60 || n > 3*140 {
			t.Errorf("%d attempts in a minute", n)
		}
	})
}

// A server that welcomes its clients and drops them at once is not hammered.
func TestDroppingServerIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		s.SetHook(func(proto.OpCode, proto.Request) fake.Fate { return fake.DropBefore })
		c := connect(t, s, Options{Auth: []Auth{{"digest", nil}}})
		<-time.After(time.Minute)
		if n := len(s.Dialed()); n < 60 || n > 140 {
			t.Errorf("%d attempts in a minute", n)
		}
		c.Detach()
	})
}

func TestConnectGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Connect(ctx, "fake", Options{Dial: fake.New().Dial}); err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", c, err)
	}
}

func TestResume(t *testing.T) {
	s := fake.New()
	first := connect(t, s, Options{})
	_, err := first.Create(t.Context(), "/e", nil, Ephemeral, OpenACL)
	must(t, err)
	session := first.Session()
	first.Detach()
	if first.State() != Closed {
		t.Errorf("detached state is %v", first.State())
	}
	second := connect(t, s, Options{Resume: session})
	if second.SessionID() != session.ID {
		t.Errorf("session %v, want %v", second.SessionID(), session.ID)
	}
	if _, ok, err := second.Exists(t.Context(), "/e"); !ok || err != nil {
		t.Errorf("ephemeral: %v, %v", ok, err)
	}
	must(t, second.Close())
	if _, err := Connect(t.Context(), "fake", Options{Dial: s.Dial, Resume: session}); !errors.Is(err, ErrSessionExpired) {
		t.Errorf("resume after close: %v", err)
	}
}

func TestCloseEndsTheSession(t *testing.T) {
	s := fake.New()
	c := connect(t, s, Options{})
	_, _, w, err := c.GetW(t.Context(), "/")
	must(t, err)
	created := make(chan Result, 1)
	must(t, c.Go(CreateOp("/e", nil, Ephemeral, OpenACL), func(r Result) { created <- r }))
	must(t, c.Close())
	must(t, c.Close())
	if r := <-created; r.Err != nil {
		t.Errorf("request before Close: %v", r.Err)
	}
	if _, err := w.Wait(t.Context()); err != ErrClosed {
		t.Errorf("watch: %v", err)
	}
	if _, _, err := c.Get(t.Context(), "/"); !errors.Is(err, ErrClosed) {
		t.Errorf("request after Close: %v", err)
	}
	if n := s.Sessions(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
}

func TestCloseSaysWhenTheSessionStays(t *testing.T) {
	for name, prepare := range map[string]func(*fake.Server){
		"disconnected": func(s *fake.Server) { s.SetDown(true) },
		"dropped": func(s *fake.Server) {
			s.SetHook(func(proto.OpCode, proto.Request) fake.Fate { return fake.DropBefore })
		},
		"silent": func(s *fake.Server) {
			s.SetHook(func(proto.OpCode, proto.Request) fake.Fate { return fake.Silent })
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := fake.New()
			c := connect(t, s, Options{})
			prepare(s)
			synctest.Wait()
			if err := c.Close(); err == nil || !strings.Contains(err.Error(), "0x101") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func TestAuthIsReplayed(t *testing.T) {
	s := fake.New()
	var seen []string
	s.SetHook(func(_ proto.OpCode, req proto.Request) fake.Fate {
		if r, ok := req.(*proto.AuthPacket); ok {
			if seen = append(seen, r.Scheme+" "+string(r.Auth)); len(seen) == 2 {
				return fake.DropAfter // AddAuth waits for the next connection
			}
		}
		return fake.Pass
	})
	c := connect(t, s, Options{Auth: []Auth{{"digest", []byte("a:b")}}})
	must(t, c.AddAuth(t.Context(), "digest", []byte("c:d")))
	c.Detach()
	s.Close()
	// Once on the first connection and, after the loss, once more each, plus
	// the call that waited.
	want := "[digest a:b digest c:d digest a:b digest c:d digest c:d]"
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("presented %v, want %v", got, want)
	}
}

func TestRefusedAuthEndsTheConn(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	if err := c.AddAuth(t.Context(), fake.RefusedScheme, nil); !errors.Is(err, ErrAuthFailed) {
		t.Errorf("AddAuth: %v", err)
	}
	<-c.Done()
	if _, _, err := c.Get(t.Context(), "/"); !errors.Is(err, ErrAuthFailed) || c.State() != AuthFailed {
		t.Errorf("afterwards: %v, %v", err, c.State())
	}
}

func TestXidWraps(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	c.mu.Lock()
	c.xid = 1<<31 - 3
	c.mu.Unlock()
	for range 5 {
		must(t, c.Sync(t.Context(), "/"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.xid != 3 {
		t.Errorf("xid is %d", c.xid)
	}
}
