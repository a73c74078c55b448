package nodes

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/memnet"
	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/zab"
)

func TestMain(m *testing.M) {
	if raced {
		// A timer that is due when a goroutine comes to wait for it is run by that
		// goroutine, and all of a bubble then use one context of the race detector,
		// which is not made for two threads (runtime.(*timer).unlockAndRun,
		// bubble.timers.raceCtx). Go 1.26 crashes by that now and then; eight
		// goroutines that wait for timers of the past show it at once. Without -race
		// the tests use all cores.
		runtime.GOMAXPROCS(1)
	}
	goleak.VerifyTestMain(m)
}

// Times of all ensembles here.
const (
	tick        = 2 * time.Second
	syncTimeout = 5 * tick
	hopLow      = 100 * time.Microsecond // from one host to another
	hopHigh     = 2 * time.Millisecond
)

// world is an ensemble and its network in a bubble.
type world struct {
	t       *testing.T
	net     *memnet.Network
	log     *slog.Logger
	members []*member
	loose   []func() // run at the end, before the servers are stopped
}

// atEnd runs f before the servers are stopped.
func (w *world) atEnd(f func()) { w.loose = append(w.loose, f) }

// member is one server, from start to start.
type member struct {
	w     *world
	id    int
	name  string
	cfg   string            // zoo.cfg
	flags map[string]string // -D
	fs    *vfs.Mem
	wrap  func(vfs.FS) vfs.FS // what the next start puts around fs; nil for nothing

	dialled func(addr string) // told of each connection that the server has opened; nil for nobody
	logged  func(msg string)  // told of each log line, by the goroutine that writes it; nil for nobody

	host *memnet.Host // of this start
	node *node.Node   // nil while stopped
	stop context.CancelFunc
	done chan error
}

// inBubble runs a test with an ensemble of size servers, none of them started,
// and stops what still runs at its end. Options are lines of zoo.cfg, properties
// that begin with -D, and observers=n, which makes observers of the last n.
func inBubble(t *testing.T, size int, seed uint64, f func(t *testing.T, w *world), options ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memnet.New(seed)}
		began := time.Now()
		w.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.String("at", time.Since(began).String())
			}
			return a
		}}))
		w.net.SetDelay(hopLow, hopHigh)
		w.addMembers(size, options)
		defer func() {
			for _, f := range w.loose {
				f()
			}
			w.haltAll()
		}()
		f(t, w)
	})
}

func (w *world) addMembers(size int, options []string) {
	var lines, servers strings.Builder
	observers, flags := 0, map[string]string{}
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		if name, ok := strings.CutPrefix(key, "-D"); ok {
			flags[name] = value
		} else if key == "observers" {
			fmt.Sscan(value, &observers)
		} else {
			fmt.Fprintln(&lines, option)
		}
	}
	for id := 1; id <= size && size > 1; id++ {
		role := ""
		if id > size-observers {
			role = ":observer"
		}
		fmt.Fprintf(&servers, "server.%d=s%d:2888:3888%s\n", id, id, role)
	}
	for i := range size {
		dir, id := w.t.TempDir(), i+1
		text := fmt.Sprintf("dataDir=%s\nclientPort=2181\nclientPortAddress=s%d\ntickTime=%d\ninitLimit=10\nsyncLimit=%d\npreAllocSize=64\n%s%s\n",
			dir, id, tick.Milliseconds(), syncTimeout/tick, servers.String(), lines.String())
		cfg := filepath.Join(dir, "zoo.cfg")
		for name, text := range map[string]string{cfg: text, filepath.Join(dir, "myid"): fmt.Sprintln(id)} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}
		m := &member{w: w, id: id, name: fmt.Sprintf("s%d", id), cfg: cfg, flags: flags, fs: vfs.NewMem()}
		w.net.Host(m.name) // so that it can be looked up
		w.members = append(w.members, m)
	}
}

// start runs the server on the files it has.
func (m *member) start() {
	m.w.t.Helper()
	m.prepare()
	ctx, cancel := context.WithCancel(context.Background())
	m.stop, m.done = cancel, make(chan error, 1)
	go func(n *node.Node, done chan error) { done <- n.Run(ctx) }(m.node, m.done)
}

// prepare makes the node.
func (m *member) prepare() {
	m.w.t.Helper()
	c, _, err := config.Load(m.cfg, m.flags)
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.host = m.w.net.Host(m.name)
	var fs vfs.FS = m.fs
	if m.wrap != nil {
		fs = m.wrap(fs)
	}
	m.node, err = node.New(node.Options{
		Config: c, Logger: slog.New(teller{m.w.log.Handler(), m}).With("id", m.id), Version: "test",
		FS: fs, Listen: m.host.Listen, Dial: telling(m.host.Dial, m.dialled),
	})
	if err != nil {
		m.node = nil
		m.w.t.Fatalf("start server %d: %v", m.id, err)
	}
}

// teller is a handler that tells of each line.
type teller struct {
	slog.Handler
	m *member
}

func (h teller) WithAttrs(attrs []slog.Attr) slog.Handler {
	return teller{h.Handler.WithAttrs(attrs), h.m}
}

func (h teller) Handle(ctx context.Context, r slog.Record) error {
	if h.m.logged != nil {
		h.m.logged(r.Message)
	}
	return h.Handler.Handle(ctx, r)
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// telling is dial that tells of each connection before anything goes over it.
func telling(dial dialer, dialled func(addr string)) dialer {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err == nil && dialled != nil {
			dialled(addr)
		}
		return c, err
	}
}

// halt stops the server in good order and waits for its end.
func (m *member) halt() {
	m.w.t.Helper()
	if m.node == nil {
		return
	}
	m.stop()
	select {
	case err := <-m.done:
		if err != nil {
			m.w.t.Errorf("server %d ended: %v", m.id, err)
		}
	case <-time.After(time.Hour): // clients would keep the clock going for ever
		panic(fmt.Sprintf("server %d does not end", m.id))
	}
	m.node = nil
}

func (w *world) start(members ...*member) {
	w.t.Helper()
	for _, m := range members {
		m.start()
	}
}

func (w *world) startAll() { w.start(w.members...) }

func (w *world) haltAll() {
	for _, m := range w.members {
		m.halt()
	}
}

// leader returns the server that leads as far as it knows itself, or nil.
func (w *world) leader() *member {
	for _, m := range w.members {
		if m.node != nil && m.node.Role() == zab.RoleLeader {
			return m
		}
	}
	return nil
}

// serving returns how many servers take clients.
func (w *world) serving() (count int) {
	for _, m := range w.members {
		if m.node != nil && m.node.Role() != zab.RoleNone {
			count++
		}
	}
	return count
}

// advance lets the clock go on.
func advance(d time.Duration) { <-time.After(d) }

// until lets the clock go on until something holds, and fails after limit.
func (w *world) until(limit time.Duration, what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(limit); !holds(); advance(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("after %v: not %s", limit, what)
		}
	}
}

// await waits until servers serve, one of them as the leader.
func (w *world) await(servers int) *member {
	w.t.Helper()
	w.until(time.Minute, fmt.Sprintf("%d servers serving", servers), func() bool {
		return w.serving() >= servers && w.leader() != nil
	})
	return w.leader()
}

// addrs is the connect string of some servers, of all if none is named.
func (w *world) addrs(members ...*member) string {
	if len(members) == 0 {
		members = w.members
	}
	var list []string
	for _, m := range members {
		list = append(list, m.name+":2181")
	}
	return strings.Join(list, ",")
}

// draw returns a duration below d.
func draw(random *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(d)))
}

func sorted(v []string) []string {
	slices.Sort(v)
	return v
}
