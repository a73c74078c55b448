package traffic

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/zk"
)

// Network is how clients reach servers.
type Network interface {
	ClientServers(client int, ids ...int) string
	ServerAt(client int, addr string) int
}

// client has one session at a time.
type client struct {
	id      int
	servers int
	rng     *rand.Rand
	network Network
	rec     *history.Recorder
	world   *world

	conn     *zk.Conn
	session  history.Session
	timeout  time.Duration    // of the session
	mix      []request        // what the session asks for
	versions map[string]int32 // last seen, by path; for guesses
	server   atomic.Int32     // dialled last
	submits  int

	mu      sync.Mutex
	arrived int
	flying  sync.WaitGroup // requests without an outcome
}

// run has sessions until ctx ends. It returns whether it has left one alive.
func (c *client) run(ctx context.Context) (alive bool) {
	for ctx.Err() == nil {
		if !c.open(ctx, zk.Session{}) {
			continue
		}
		c.work(ctx)
		if ctx.Err() != nil && c.rng.IntN(3) > 0 && c.conn.Err() == nil {
			c.flying.Wait()
			return true
		}
		c.finish()
	}
	return false
}

// open begins a session, or goes on with one at servers of its choice.
func (c *client) open(ctx context.Context, resume zk.Session) bool {
	var only []int
	if c.rng.IntN(2) == 0 {
		for range 1 + c.rng.IntN(2) {
			only = append(only, 1+c.rng.IntN(c.servers))
		}
	}
	if resume.ID == 0 {
		c.timeout = time.Duration(1000+c.rng.IntN(3000)) * time.Millisecond
	}
	begun := c.rec.Now()
	conn, err := zk.Open(c.network.ClientServers(c.id, only...), zk.Options{
		SessionTimeout: c.timeout, Resume: resume, Dial: c.dial,
	})
	if err != nil {
		panic(err) // the connect string is ours
	}
	c.conn = conn
	// Nobody waits for ever for a server that is down: another choice may be better.
	patience, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := conn.WaitConnected(patience); err != nil {
		if resume.ID == 0 {
			conn.Detach()
			return false
		}
		return conn.Err() == nil
	}
	if resume.ID != 0 {
		return true
	}
	c.session = history.Session(conn.SessionID())
	c.versions = map[string]int32{}
	c.rec.Add(history.Record{
		Client: c.id, Session: c.session, Op: history.Op{Kind: history.Open}, Call: begun, Return: c.rec.Now(),
		Timeout: conn.Timeout(), Outcome: history.OK, Submit: c.nextSubmit(), Arrive: c.nextArrive(), Server: int(c.server.Load()),
	})
	return true
}

func (c *client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.server.Store(int32(c.network.ServerAt(c.id, addr)))
	return c.rec.Tap(c.id, nc), nil
}

// work sends bursts until the session ends or has done enough.
func (c *client) work(ctx context.Context) {
	if c.mix = mix(c.rng); c.rng.IntN(5) < 2 {
		c.watchAll()
	}
	for range 10 + c.rng.IntN(120) {
		for range 1 + c.rng.IntN(5) {
			c.request()
		}
		switch c.rng.IntN(40) {
		case 0, 1:
			c.hop(ctx) // with requests under way
		case 2:
			c.flying.Wait()
			c.hop(ctx)
		default:
			c.flying.Wait()
		}
		if c.conn.Err() != nil || ctx.Err() != nil {
			return
		}
		c.rest(ctx)
	}
}

// rest waits for a moment, and for a connection if there is none.
func (c *client) rest(ctx context.Context) {
	timer := time.NewTimer(time.Duration(1+c.rng.IntN(20)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	c.conn.WaitConnected(ctx)
}

// hop goes on with the session through a new connection.
func (c *client) hop(ctx context.Context) {
	session := c.conn.Session()
	c.conn.Detach()
	c.open(ctx, session)
}

// finish ends the session, or leaves it to expire.
func (c *client) finish() {
	defer c.flying.Wait()
	if c.rng.IntN(3) == 0 || c.conn.Err() != nil {
		c.conn.Detach()
		return
	}
	rec := history.Record{
		Client: c.id, Session: c.session, Op: history.Op{Kind: history.Close},
		Submit: c.nextSubmit(), Call: c.rec.Now(), Server: int(c.server.Load()), Outcome: history.OK,
	}
	err := c.conn.Close()
	if err != nil || !errors.Is(c.conn.Err(), zk.ErrClosed) {
		rec.Outcome = history.Unknown
	}
	rec.Return, rec.Arrive = c.rec.Now(), c.nextArrive()
	c.rec.Add(rec)
}

func (c *client) nextSubmit() int {
	c.submits++
	return c.submits
}

func (c *client) nextArrive() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived++
	return c.arrived
}
