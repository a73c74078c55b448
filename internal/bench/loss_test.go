package bench

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node/nodetest"
)

// cutter passes connections on to a server until it cuts them.
type cutter struct {
	ln net.Listener

	mu    sync.Mutex
	to    string
	conns []net.Conn
}

func newCutter(t *testing.T, to string) *cutter {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &cutter{ln: ln, to: to}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			x.pass(near, &wg)
		}
	})
	t.Cleanup(func() {
		ln.Close()
		x.cut("")
		wg.Wait()
	})
	return x
}

func (x *cutter) pass(near net.Conn, wg *sync.WaitGroup) {
	x.mu.Lock()
	defer x.mu.Unlock()
	far, err := net.Dial("tcp", x.to)
	if err != nil {
		near.Close()
		return
	}
	x.conns = append(x.conns, near, far)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		wg.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			near.Close()
			far.Close()
		})
	}
}

// cut ends all connections; those to come go to another server.
func (x *cutter) cut(to string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.to = to
	for _, nc := range x.conns {
		nc.Close()
	}
	x.conns = nil
}

// TestLostConnections: the load goes on after all its connections were lost; at a
// server that does not know its sessions it opens new ones.
func TestLostConnections(t *testing.T) {
	addr := nodetest.Standalone(t, "maxClientCnxns=0")
	old, foreign := nodetest.Standalone(t, "maxClientCnxns=0"), nodetest.Standalone(t, "maxClientCnxns=0")
	run(t, Config{Work: Load, Servers: foreign, Keys: 3000}) // a server that is behind a client lets nobody in
	for name, tc := range map[string]struct {
		cfg      Config
		from, to string
	}{
		"closed loop":     {Config{Sessions: 5}, addr, addr},
		"wide":            {Config{Sessions: 3, Size: 50_000}, addr, addr},
		"open loop":       {Config{Sessions: 5, Rate: 1000}, addr, addr},
		"unknown session": {Config{Sessions: 5, Reads: 1}, old, foreign},
	} {
		t.Run(name, func(t *testing.T) {
			x := newCutter(t, tc.from)
			cfg := tc.cfg
			cfg.Servers, cfg.Duration, cfg.Keys, cfg.Keep, cfg.Root = x.ln.Addr().String(), time.Hour, 20, true, "/lost-"+name[:4]
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cut, after := false, 0
			cfg.Progress = func(_, perSecond float64) {
				switch {
				case !cut && perSecond > 0:
					x.cut(tc.to)
					cut = true
				case cut && perSecond > 0:
					if after++; after == 3 {
						cancel()
					}
				}
			}
			r, err := Run(ctx, cfg)
			if err != nil || r.Errors == 0 && cfg.Rate == 0 || r.PerSecond == 0 || after < 3 { // in an open loop nothing may have been under way
				t.Errorf("%v; %d times answers after the cut", err, after)
			}
		})
	}
}
