package quorum

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// TestDialFirst: whichever address answers is connected, whatever the others do, and nothing stays behind.
func TestDialFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		addrs []string // named for what they do
		want  string
		after time.Duration // on the bubble's clock
	}{
		"one":                        {[]string{"good"}, "good", 0},
		"the first is silent":        {[]string{"silent", "good"}, "good", dialLead},
		"two are silent":             {[]string{"silent", "silent", "good", "silent"}, "good", 2 * dialLead},
		"the first refuses":          {[]string{"refuses", "good"}, "good", 0},
		"the first is preferred":     {[]string{"good", "other"}, "good", 0},
		"the first takes its time":   {[]string{"slow", "silent"}, "slow", time.Second},
		"all refuse":                 {[]string{"refuses", "refuses"}, "", 0},
		"one refuses, one is silent": {[]string{"refuses", "silent"}, "", time.Minute},
		"there is none":              {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				open := map[net.Conn]string{}
				dial := func(ctx context.Context, _, addr string) (net.Conn, error) {
					switch addr {
					case "silent":
						<-ctx.Done()
						return nil, ctx.Err()
					case "refuses":
						return nil, syscall.ECONNREFUSED
					case "slow":
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
							return nil, ctx.Err()
						}
					}
					nc, _ := net.Pipe()
					open[nc] = addr
					return nc, nil
				}
				began := time.Now()
				nc, err := dialFirst(ctx, dial, tc.addrs)
				if took := time.Since(began); took != tc.after {
					t.Errorf("it took %v, want %v", took, tc.after)
				}
				var failed *dialError
				switch {
				case tc.want == "" && (nc != nil || !errors.As(err, &failed)):
					t.Errorf("a connection to %q, %v", open[nc], err)
				case tc.want != "" && (err != nil || open[nc] != tc.want):
					t.Errorf("a connection to %q, want %q: %v", open[nc], tc.want, err)
				}
				if name == "all refuse" && !failed.refused() {
					t.Error("not known to be refused")
				}
			})
		})
	}
}

// TestDeadAddresses: servers of which the first address can neither be bound nor reached find each other by the second.
func TestDeadAddresses(t *testing.T) {
	servers := ensembleOf(t, 3)
	members := servers[0].opts.Ensemble.Members
	for i := range members {
		m := &members[i]
		m.QuorumAddrs = append([]ensemble.Addr{{Host: "dead", Port: 1}}, m.QuorumAddrs...)
		m.ElectionAddrs = append([]ensemble.Addr{{Host: "dead", Port: 2}}, m.ElectionAddrs...)
	}
	dead := func(addr string) bool { return strings.HasPrefix(addr, "dead:") }
	for _, s := range servers {
		s.opts.BindRetries = 1
		s.opts.Listen = func(network, addr string) (net.Listener, error) {
			if dead(addr) {
				return nil, syscall.EADDRNOTAVAIL
			}
			return net.Listen(network, addr)
		}
		s.opts.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dead(addr) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
		s.start()
	}
	allServe(t, servers...)
	for _, s := range servers {
		if s.serves() {
			s.session(7)
			if err := s.create(7, 0, "x"); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
}

// TestNoAddressToBind: a server that can be reached nowhere ends.
func TestNoAddressToBind(t *testing.T) {
	s := ensembleOf(t, 3)[0]
	s.opts.Listen = func(string, string) (net.Listener, error) { return nil, syscall.EADDRNOTAVAIL }
	s.start()
	var exit *ExitError
	if err := s.wait(); !errors.As(err, &exit) || exit.Code != ExitBind || !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("Run ends with %v", err)
	}
}

// TestListenOnEveryAddress: quorumListenOnAllIPs binds each port once, on every address of the machine.
func TestListenOnEveryAddress(t *testing.T) {
	p := &Peer{opts: Options{ListenAll: true}}
	addrs := []ensemble.Addr{{Host: "a", Port: 7}, {Host: "b", Port: 7}, {Host: "c", Port: 8}}
	if got := strings.Join(p.listenAddrs(addrs), " "); got != ":7 :8" {
		t.Errorf("bound would be %s", got)
	}
}
