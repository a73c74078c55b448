package balance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/memnet"
	"github.com/paddock-io/paddock/internal/proxyproto"
)

func TestMain(m *testing.M) {
	if raced {
		runtime.GOMAXPROCS(1) // see test/nodes: bubbles with timers crash the race detector of Go 1.26
	}
	goleak.VerifyTestMain(m)
}

// world is a network in memory with a front and servers that answer srvr, and
// to a line say who they are.
type world struct {
	t       *testing.T
	net     *memnet.Network
	servers map[string]*fakeServer
	front   *Front
	stop    context.CancelFunc
	ended   chan struct{}
}

type fakeServer struct {
	w    *world
	name string
	host *memnet.Host

	mu   sync.Mutex
	mode string   // of srvr; "" does not serve, "silent" says nothing
	from []string // whom the headers of its connections name
}

// inBubble runs a test with a front before servers s1 to sn, which serve.
func inBubble(t *testing.T, n int, o Options, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memnet.New(1), servers: map[string]*fakeServer{}, ended: make(chan struct{})}
		for i := range n {
			name := fmt.Sprintf("s%d", i+1)
			s := &fakeServer{w: w, name: name, mode: "follower"}
			w.servers[name] = s
			s.start(o.ProxyHeader)
			o.Servers = append(o.Servers, name+":2181")
		}
		host := w.net.Host("front")
		o.Dial = host.Dial
		l, err := host.Listen("tcp", "front:2180")
		must(t, err)
		w.front, err = New(o)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		w.stop = cancel
		go func() {
			defer close(w.ended)
			if err := w.front.Run(ctx, l); err != nil {
				t.Errorf("front: %v", err)
			}
		}()
		f(w)
		cancel()
		<-w.ended
		for _, s := range w.servers {
			s.host.Kill()
		}
		synctest.Wait() // a goroutine that is left fails the test
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start listens; the goroutines end with the host.
func (s *fakeServer) start(header int) {
	s.host = s.w.net.Host(s.name)
	l, err := s.host.Listen("tcp", s.name+":2181")
	must(s.w.t, err)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(nc, header)
		}
	}()
}

func (s *fakeServer) serve(nc net.Conn, header int) {
	defer nc.Close()
	if header != 0 {
		h, err := proxyproto.Read(nc)
		if err != nil {
			s.w.t.Errorf("%s: %v", s.name, err)
			return
		}
		if h.Known() {
			s.mu.Lock()
			s.from = append(s.from, h.Source.Addr().String())
			s.mu.Unlock()
		}
	}
	first := make([]byte, 4)
	if _, err := io.ReadFull(nc, first); err != nil {
		return
	}
	if string(first) == "srvr" {
		switch mode := s.how(); mode {
		case "silent":
			io.Copy(io.Discard, nc)
		case "":
			io.WriteString(nc, "This ZooKeeper instance is not currently serving requests\n")
		default:
			io.WriteString(nc, "Zookeeper version: test\nMode: "+mode+"\nNode count: 5\n")
		}
		return
	}
	r := bufio.NewReader(nc)
	for {
		if _, err := r.ReadString('\n'); err != nil {
			io.WriteString(nc, "bye from "+s.name+"\n")
			return
		}
		if _, err := io.WriteString(nc, s.name+"\n"); err != nil {
			return
		}
	}
}

func (s *fakeServer) become(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

func (s *fakeServer) how() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

// client is a connection to the front.
type client struct {
	nc net.Conn
	r  *bufio.Reader
}

// dial connects from a host of that name.
func (w *world) dial(host string) *client {
	w.t.Helper()
	nc, err := w.net.Host(host).Dial(w.t.Context(), "tcp", "front:2180")
	must(w.t, err)
	w.t.Cleanup(func() { nc.Close() })
	_, err = io.WriteString(nc, "conn")
	must(w.t, err)
	return &client{nc, bufio.NewReader(nc)}
}

// who asks which server it is, "" if the connection has ended.
func (c *client) who() string {
	io.WriteString(c.nc, "who\n")
	c.nc.SetReadDeadline(time.Now().Add(time.Minute))
	line, err := c.r.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(line)
}

// A client has the same server each time, and all servers have clients.
func TestFrontSpreads(t *testing.T) {
	inBubble(t, 3, Options{}, func(w *world) {
		on := map[string]int{}
		for i := range 60 {
			host := fmt.Sprintf("c%d", i)
			a, b := w.dial(host).who(), w.dial(host).who()
			if a != b || a == "" {
				w.t.Errorf("%s is first on %q, then on %q", host, a, b)
			}
			on[a]++
		}
		if len(on) != 3 {
			w.t.Errorf("clients on %v", on)
		}
	})
	inBubble(t, 3, Options{ByConnection: true}, func(w *world) {
		on := map[string]int{}
		for range 60 {
			on[w.dial("c").who()]++
		}
		if len(on) != 3 {
			w.t.Errorf("connections of one client on %v", on)
		}
	})
}

// settle lets checks find out what has changed.
func settle() { <-time.After(10 * time.Second); synctest.Wait() }

// A server that serves no more gets no new connections. Those it has are closed
// after the grace, but not if it is back by then. Nobody else is touched.
func TestFrontGrace(t *testing.T) {
	inBubble(t, 3, Options{Grace: time.Minute}, func(w *world) {
		on := map[string][]*client{}
		for i := range 30 {
			c := w.dial(fmt.Sprintf("c%d", i))
			s := c.who()
			on[s] = append(on[s], c)
		}
		for _, mode := range []string{"", "silent", "read-only", "garbage"} {
			w.servers["s1"].become(mode)
			settle()
			for i := range 30 {
				if s := w.dial(fmt.Sprintf("c%d", i)).who(); s == "s1" || s == "" {
					w.t.Fatalf("%q: a new connection to %q", mode, s)
				}
			}
			w.servers["s1"].become("leader")
			settle()
			<-time.After(time.Minute)
			for s, list := range on {
				for _, c := range list {
					if got := c.who(); got != s {
						w.t.Fatalf("%q: a connection to %s is now to %q", mode, s, got)
					}
				}
			}
		}
		w.servers["s1"].become("")
		<-time.After(time.Minute + 20*time.Second)
		for s, list := range on {
			for _, c := range list {
				if got := c.who(); (got == "") != (s == "s1") {
					w.t.Errorf("a connection to %s after the grace: %q", s, got)
				}
			}
		}
	})
}

// The grace begins anew when a server fails anew.
func TestFrontGraceAfterReturn(t *testing.T) {
	inBubble(t, 1, Options{Grace: time.Minute}, func(w *world) {
		c := w.dial("c")
		if s := c.who(); s != "s1" {
			w.t.Fatalf("on %q", s)
		}
		w.servers["s1"].become("")
		settle()
		w.servers["s1"].become("leader")
		settle()
		w.servers["s1"].become("")
		<-time.After(55 * time.Second) // 75 s after the first failure
		if s := c.who(); s != "s1" {
			w.t.Errorf("on %q", s)
		}
	})
}

// Who is lost from the list is left, who is new gets clients, and a list that is
// empty changes nothing.
func TestFrontSetServers(t *testing.T) {
	inBubble(t, 3, Options{Grace: time.Second}, func(w *world) {
		must(w.t, w.front.SetServers([]string{"s1:2181"}))
		settle()
		c := w.dial("c")
		if s := c.who(); s != "s1" {
			w.t.Fatalf("on %s", s)
		}
		if err := w.front.SetServers(nil); err == nil {
			w.t.Error("no servers accepted")
		}
		must(w.t, w.front.SetServers([]string{"s2:2181"}))
		settle()
		if s := c.who(); s != "" {
			w.t.Errorf("still on %s", s)
		}
		if s := w.dial("c").who(); s != "s2" {
			w.t.Errorf("on %s", s)
		}
	})
}

// A server that is dead and not yet found to be is passed over.
func TestFrontDeadServer(t *testing.T) {
	inBubble(t, 2, Options{CheckEvery: time.Hour}, func(w *world) {
		synctest.Wait()
		w.servers["s1"].host.Kill()
		for i := range 20 {
			if s := w.dial(fmt.Sprintf("c%d", i)).who(); s != "s2" {
				w.t.Fatalf("on %q", s)
			}
		}
		settle() // an hour has not passed: the failed attempt had it checked
		if c := w.front.pool.counts(); !strings.Contains(fmt.Sprint(c.servers), "s1:2181 down") {
			w.t.Errorf("%v", c.servers)
		}
		w.servers["s2"].host.Kill()
		settle()
		if s := w.dial("c").who(); s != "" {
			w.t.Errorf("on %q, which is dead", s)
		}
	})
}

func TestFrontReadOnly(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		inBubble(t, 1, Options{ReadOnly: allowed}, func(w *world) {
			w.servers["s1"].become("read-only")
			settle()
			if s := w.dial("c").who(); (s == "s1") != allowed {
				w.t.Errorf("allowed %v: on %q", allowed, s)
			}
		})
	}
}

// Servers are told whom a connection is for.
func TestFrontProxyHeader(t *testing.T) {
	for version := 1; version <= 2; version++ {
		inBubble(t, 1, Options{ProxyHeader: version}, func(w *world) {
			c := w.dial("c")
			if s := c.who(); s != "s1" {
				w.t.Fatalf("on %q", s)
			}
			want := addrOf(c.nc.LocalAddr()).Addr().String()
			if from := w.servers["s1"].from; !slices.Equal(from, []string{want}) {
				w.t.Errorf("version %d: from %v, want %s", version, from, want)
			}
		})
	}
}

func TestFrontLimit(t *testing.T) {
	inBubble(t, 1, Options{MaxConns: 2}, func(w *world) {
		a, b := w.dial("a"), w.dial("b")
		if a.who() != "s1" || b.who() != "s1" {
			w.t.Fatal("not connected")
		}
		if s := w.dial("c").who(); s != "" {
			w.t.Errorf("one too many is on %s", s)
		}
		a.nc.Close()
		synctest.Wait()
		if s := w.dial("c").who(); s != "s1" {
			w.t.Errorf("on %q though there is room", s)
		}
	})
}

// A side that ends goes on hearing the other one, as clients of four-letter
// words expect, but not for ever.
func TestFrontHalfClose(t *testing.T) {
	inBubble(t, 1, Options{}, func(w *world) {
		c := w.dial("c")
		must(w.t, c.nc.(interface{ CloseWrite() error }).CloseWrite())
		if line, err := c.r.ReadString('\n'); line != "bye from s1\n" {
			w.t.Errorf("%q, %v", line, err)
		}
		if _, err := c.r.ReadByte(); err != io.EOF {
			w.t.Errorf("%v", err)
		}
		synctest.Wait()
		if n := w.front.clients(); n != 0 {
			w.t.Errorf("%d clients", n)
		}
	})
}

// The end of a front: nobody new, time for the others, and then no more.
func TestFrontDrains(t *testing.T) {
	inBubble(t, 1, Options{Drain: time.Minute}, func(w *world) {
		a, b := w.dial("a"), w.dial("b")
		if a.who() != "s1" || b.who() != "s1" {
			w.t.Fatal("not connected")
		}
		began := time.Now()
		w.stop()
		synctest.Wait()
		if nc, err := w.net.Host("c").Dial(w.t.Context(), "tcp", "front:2180"); err == nil {
			nc.Close()
			w.t.Error("takes clients while it drains")
		}
		a.nc.Close()
		if s := b.who(); s != "s1" {
			w.t.Errorf("cut off while draining: %q", s)
		}
		<-w.ended
		if d := time.Since(began); d != time.Minute {
			w.t.Errorf("ended after %v", d)
		}
		if s := b.who(); s != "" {
			w.t.Errorf("still on %s", s)
		}
	})
	inBubble(t, 1, Options{Drain: time.Minute}, func(w *world) {
		a := w.dial("a")
		a.who()
		began := time.Now()
		w.stop()
		synctest.Wait()
		a.nc.Close()
		<-w.ended
		if d := time.Since(began); d != 0 {
			w.t.Errorf("ended %v after its last client", d)
		}
	})
}

// failing is a listener that has errors of passing kind first.
type failing struct {
	net.Listener
	left int
}

func (l *failing) Accept() (net.Conn, error) {
	if l.left--; l.left >= 0 {
		return nil, errors.New("too many open files")
	}
	return l.Listener.Accept()
}

func TestFrontOutlivesAcceptErrors(t *testing.T) {
	inBubble(t, 1, Options{}, func(w *world) {
		host := w.net.Host("front")
		l, err := host.Listen("tcp", "front:2182")
		must(w.t, err)
		f, err := New(Options{Servers: []string{"s1:2181"}, Dial: host.Dial})
		must(w.t, err)
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx, &failing{l, 5}) }()
		<-time.After(5 * time.Second)
		nc, err := w.net.Host("c").Dial(w.t.Context(), "tcp", "front:2182")
		must(w.t, err)
		io.WriteString(nc, "conn")
		c := &client{nc, bufio.NewReader(nc)}
		if s := c.who(); s != "s1" {
			w.t.Errorf("on %q", s)
		}
		nc.Close()
		cancel()
		must(w.t, <-done)
	})
}

// What SIGHUP does: the file counts anew, and one that is no good changes nothing.
func TestReload(t *testing.T) {
	inBubble(t, 2, Options{}, func(w *world) {
		file := filepath.Join(w.t.TempDir(), "servers")
		c := &command{list: func() ([]string, error) { return ReadList(file) }}
		c.opts.Logger = slog.New(slog.DiscardHandler)
		for _, step := range []struct{ text, want string }{
			{"s2", "s2:2181"}, {"s2:", "s2:2181"}, {"", "s2:2181"}, {"s1\ns2", "s1:2181 s2:2181"},
		} {
			must(w.t, os.WriteFile(file, []byte(step.text), 0o600))
			c.reload(w.front)
			settle()
			var got []string
			for _, s := range w.front.pool.counts().servers {
				name, _, _ := strings.Cut(s, " ")
				got = append(got, name)
			}
			if strings.Join(got, " ") != step.want {
				w.t.Errorf("after %q the servers are %v", step.text, got)
			}
		}
	})
}
