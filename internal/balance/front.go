package balance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/paddock-io/paddock/internal/proxyproto"
)

// Options configure a Front. Servers is needed; the zero value of everything
// else is ready to use.
type Options struct {
	Servers      []string // host:port; see ParseList
	ByConnection bool     // the key is address and port of the client, not its address alone
	ReadOnly     bool     // servers without a quorum take clients too
	ProxyHeader  int      // version of the PROXY header that servers are sent, 1 or 2; 0 for none

	CheckEvery  time.Duration // between two checks of a server; 0 means 2 s
	DialTimeout time.Duration // to connect to a server, and for a check; 0 means 2 s
	// Grace is how long connections to a server that has stopped serving are
	// left to its clients and to its return; 0 means 5 s, less none.
	Grace time.Duration
	Drain time.Duration // how long connections may last when the front ends; 0 means 30 s, less none

	MaxConns int // of clients; 0 means 10,000

	// Dial makes connections to servers; nil means TCP.
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	Logger *slog.Logger // nil discards
}

func (o Options) withDefaults() Options {
	positive := func(d *time.Duration, fallback time.Duration) {
		if *d == 0 {
			*d = fallback
		}
		*d = max(*d, 0)
	}
	positive(&o.CheckEvery, 2*time.Second)
	positive(&o.DialTimeout, 2*time.Second)
	positive(&o.Grace, 5*time.Second)
	positive(&o.Drain, 30*time.Second)
	if o.MaxConns <= 0 {
		o.MaxConns = 10_000
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Front takes clients' connections and hands them to servers. It runs once.
type Front struct {
	opts Options
	pool *pool

	checks context.Context // parent of all checks
	end    context.CancelFunc
	wg     sync.WaitGroup // checks and connections

	mu   sync.Mutex
	open int // clients' connections

	emptied chan struct{} // open has come to 0; has room for one
}

// New returns a Front that checks its servers already. Run must be called.
func New(o Options) (*Front, error) {
	o = o.withDefaults()
	if len(o.Servers) == 0 {
		return nil, errors.New("balance: no servers")
	}
	f := &Front{opts: o, pool: newPool(o.Logger, o.Grace, o.ReadOnly), emptied: make(chan struct{}, 1)}
	f.checks, f.end = context.WithCancel(context.Background())
	f.pool.set(o.Servers, f.watch)
	return f, nil
}

// SetServers replaces the list, which must not be empty. It must not be called
// after Run has returned.
func (f *Front) SetServers(list []string) error {
	if len(list) == 0 {
		return errors.New("balance: no servers")
	}
	f.pool.set(list, f.watch)
	return nil
}

// watch checks b again and again until the returned function is called.
func (f *Front) watch(b *backend) context.CancelFunc {
	ctx, cancel := context.WithCancel(f.checks)
	c := &checker{
		addr: b.addr, dial: f.opts.Dial, patience: f.opts.DialTimeout, readOnly: f.opts.ReadOnly,
		header: headerFor(f.opts.ProxyHeader, proxyproto.Header{}),
	}
	f.wg.Go(func() {
		for ctx.Err() == nil {
			h, why := c.check(ctx)
			if ctx.Err() != nil {
				return
			}
			f.pool.learned(b, h, why)
			every := f.opts.CheckEvery
			timer := time.NewTimer(every*3/4 + rand.N(every/2+1)) // not all servers, and all fronts, at once
			select {
			case <-timer.C:
			case <-b.poke:
				timer.Stop()
			case <-ctx.Done():
				timer.Stop()
			}
		}
	})
	return cancel
}

// Run takes clients from l, which it closes, until ctx ends; then it waits for
// those that there are, at most for Options.Drain.
func (f *Front) Run(ctx context.Context, l net.Listener) error {
	defer f.wg.Wait()
	defer f.pool.end()
	defer f.end()
	defer l.Close()
	// Or those who come first would all go to the server that has answered first.
	timer := time.NewTimer(f.opts.DialTimeout)
	select {
	case <-f.pool.ready:
	case <-timer.C:
	case <-ctx.Done():
	}
	timer.Stop()
	f.opts.Logger.Info("taking clients", "address", l.Addr().String(), "servers", len(f.opts.Servers))
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if err := f.acceptLoop(ctx, l); err != nil {
		return err
	}
	f.drain()
	return nil
}

// acceptLoop ends with ctx. Other errors, such as too many open files, pass.
func (f *Front) acceptLoop(ctx context.Context, l net.Listener) error {
	for delay := time.Duration(0); ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			delay = 0
			f.admit(nc)
			continue
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept clients: %w", err)
		}
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		f.opts.Logger.Warn("cannot accept clients", "err", err, "retry", delay)
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// admit starts serving a client, unless there are too many.
func (f *Front) admit(nc net.Conn) {
	f.mu.Lock()
	full := f.open >= f.opts.MaxConns
	if !full {
		f.open++
	}
	f.mu.Unlock()
	if full {
		f.pool.refuse()
		f.opts.Logger.Warn("connection refused, there are too many", "client", nc.RemoteAddr().String(), "limit", f.opts.MaxConns)
		nc.Close()
		return
	}
	f.wg.Go(func() {
		f.serve(nc)
		f.left()
	})
}

// left notes that a client has gone.
func (f *Front) left() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open--; f.open == 0 {
		select {
		case f.emptied <- struct{}{}:
		default:
		}
	}
}

// serve finds a server for a client and carries its bytes.
func (f *Front) serve(client net.Conn) {
	b, server := f.connect(client)
	if server == nil {
		f.pool.refuse()
		client.Close()
		return
	}
	p := &pipe{client: client, server: server}
	if !f.pool.add(b, p) {
		p.close()
		return
	}
	f.opts.Logger.Debug("connection", "client", client.RemoteAddr().String(), "server", b.addr)
	p.run()
	f.pool.remove(b, p)
}

// attempts is how many servers are tried for one client.
const attempts = 3

// connect returns a connection to the client's server, or to another one if that
// cannot be reached, or nil.
func (f *Front) connect(client net.Conn) (*backend, net.Conn) {
	from, to := addrOf(client.RemoteAddr()), addrOf(client.LocalAddr())
	key := keyOf(from, f.opts.ByConnection)
	var tried []string
	for range attempts {
		b := f.pool.pick(key, tried)
		if b == nil {
			break
		}
		server, err := f.dial(b, proxyproto.Header{Source: from, Dest: to})
		if err == nil {
			return b, server
		}
		f.opts.Logger.Info("server not reached", "server", b.addr, "reason", err)
		f.pool.suspect(b)
		tried = append(tried, b.addr)
	}
	return nil, nil
}

// dial connects to b and tells it whom for, if it is to be told.
func (f *Front) dial(b *backend, h proxyproto.Header) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(f.checks, f.opts.DialTimeout)
	defer cancel()
	nc, err := f.opts.Dial(ctx, "tcp", b.addr)
	if err != nil {
		return nil, err
	}
	if header := headerFor(f.opts.ProxyHeader, h); header != nil {
		if _, err := nc.Write(header); err != nil { // the first bytes of a connection do not block
			nc.Close()
			return nil, fmt.Errorf("write PROXY header: %w", err)
		}
	}
	return nc, nil
}

// addrOf returns an address of TCP, the zero value if it is of something else.
func addrOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// drain waits until no client is left, or for Options.Drain.
func (f *Front) drain() {
	f.opts.Logger.Info("ending, no more clients are taken", "connections", f.clients(), "for", f.opts.Drain)
	deadline := time.NewTimer(f.opts.Drain)
	defer deadline.Stop()
	for f.clients() > 0 {
		select {
		case <-f.emptied:
		case <-deadline.C:
			return
		}
	}
}

func (f *Front) clients() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// Report logs how many connections there are, and where.
func (f *Front) Report() {
	c := f.pool.counts()
	f.opts.Logger.Info("connections", "open", c.pipes, "served", c.served, "refused", c.refused, "servers", c.servers)
}
