package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// Options are the settings of a Server. Tree and Proposer are needed; the zero
// value of everything else is ready to use.
type Options struct {
	Tree     *tree.Tree
	Proposer Proposer

	Auth *auth.Authenticator // nil: digest and ip, no super user
	ACL  tree.ACLRules       // what ACLs mean; the same on all servers
	// Enforce names schemes, of which a client must have an identity before it
	// asks for anything (zookeeper.enforce.auth.schemes); empty enforces nothing.
	Enforce []string
	// EagerACL refuses writes by this server's own tree where that suffices,
	// without a word to the quorum (zookeeper.enableEagerACLCheck).
	EagerACL bool
	ServerID int64 // top byte of the ids of sessions made here

	// Bounds of what clients may negotiate; 0 means 6 s and 60 s, which is 2
	// and 20 of Java's default ticks.
	MinSessionTimeout, MaxSessionTimeout time.Duration

	// LocalSessions and UpgradeSessions tell how the quorum keeps the sessions
	// of this server's clients; see replica.Options.
	LocalSessions, UpgradeSessions bool

	MaxFrame       int // bytes of one request (jute.maxbuffer); 0 means 0xfffff
	MaxClientConns int // connections from one address (maxClientCnxns); 0 means no limit
	MaxConns       int // connections in all (maxCnxns); 0 means no limit
	Backlog        int // connections waiting for accept; 0 or less means as many as the system allows
	// Balancers are addresses from which every connection begins with a header of
	// the PROXY protocol. The client that it names counts as the remote end: for
	// identities of scheme ip, MaxClientConns and the log. From any other address
	// such a header is not understood, since whoever sends one is believed.
	Balancers []netip.Prefix
	// SessionlessTimeout is how long a connection may take for its connect
	// request; 0 means 10 s, less means for ever. Java:
	// zookeeper.nio.sessionlessCnxnTimeout.
	SessionlessTimeout time.Duration
	// StallTimeout is how long the quorum's goroutine may not have asked for signs
	// of life (see Touched) before clients with a session are sent away: nobody
	// else hears of them meanwhile, and another server may keep their sessions. 0
	// keeps them.
	StallTimeout    time.Duration
	ConnThrottle    ConnThrottle
	RequestThrottle RequestThrottle
	// LargeRequestThreshold is the size in bytes above which requests are
	// counted, LargeRequestMaxBytes what they may be in all; 0 or less means no
	// such limit, and 100 MiB.
	LargeRequestThreshold, LargeRequestMaxBytes int
	// OutboxBytes is how much may be queued for a client that does not read
	// before its connection is closed; 0 means 16 MiB.
	OutboxBytes int

	// Words prints the answer to a four-letter word; nil knows none. Only stmk
	// has more than four letters, its mask of eight bytes. Whitelist are the words
	// that clients may use, "*" for all; srvr is always allowed.
	Words     func(word string, w io.Writer)
	Whitelist []string

	Logger *slog.Logger // nil discards
}

// Limits that are not configurable.
const (
	defaultMaxFrame    = 0xfffff
	defaultOutboxBytes = 16 << 20
	defaultSessionless = 10 * time.Second
	defaultLargeBytes  = 100 << 20
	// Silent connections are looked for as often as the shortest of them may
	// live, within these bounds.
	minReapInterval, maxReapInterval = 50 * time.Millisecond, time.Second
)

// Server is the client side of one Paddock server. The methods Apply, Synced,
// Revalidated, SessionOpened, SessionEnded, SessionMoved, Serve, StopServing and
// Notify belong to one goroutine, the quorum's; all others may be called from
// anywhere.
type Server struct {
	// Fixed.
	opts     Options
	tree     *tree.Tree
	log      *slog.Logger
	started  time.Time
	flushers []*flusher
	ctx      context.Context // done when Close has been called
	cancel   context.CancelFunc

	period      atomic.Pointer[period] // nil: not serving
	reported    atomic.Int64           // when Touched was called last, nanoseconds since the start
	nextSession atomic.Int64
	nextConn    atomic.Uint64
	counters    counters
	connects    connThrottle
	throttle    *throttle      // nil: off
	headers     atomic.Int32   // connections of balancers that wait for their header
	large       atomic.Int64   // bytes of large requests at work
	limited     bool           // requests take the way through limitedRequest
	heavy       chan struct{}  // holds a token for each read at work that may take long
	hemmed      atomic.Int64   // units of parked reads with a write behind them; see turn.go
	backlog     backlog        // connections whose lanes somebody else goes on with
	poller      *poller        // set before the first connection; nil where none can be at rest
	readers     sync.WaitGroup // accept loops, connections, the reaper
	writers     sync.WaitGroup // flushers, the poller, and connections whose socket is full

	mu        sync.RWMutex // below the tree's lock
	closing   bool
	listeners []net.Listener
	conns     []*conn // by slot; nil where free; slot 0 is not used
	freeSlots []tree.WatcherID
	open      int // connections
	origins   map[netip.Addr]*origin
	sessions  map[proto.SessionID]session

	touchMu sync.Mutex
	touched []*conn // with conn.touched set

	// Owned by the quorum's goroutine.
	applying     bool // Apply is running and will call flushDirty
	mismatchTold bool // of a tree that is not what its digest says
	result       tree.Result
	dirty        []*conn // with scheduled set, not yet with a flusher
	nextFlusher  int
	left         []*conn // to go into backlog; with conn.behind set
	purse        int     // units that parked reads may still take here
	batch        tally
	batchAt      int64  // when this batch began, nanoseconds since the start
	event        []byte // scratch of Notify
}

// session is what this server knows of a session of one of its clients.
type session struct {
	conn *conn // nil: gone, but requests of it are in flight
	// What earlier connections of the session submitted and the quorum has not
	// answered; nobody waits for the replies.
	orphans []orphan
}

// orphan is a write or a sync whose connection has gone.
type orphan struct {
	xid   int32
	op    proto.OpCode
	large int // bytes that it takes of the limit of large requests
	sync  bool
}

// period is one time of serving, from Serve to StopServing.
type period struct {
	ctx    context.Context // done at its end
	cancel context.CancelFunc
	role   replica.Role
	began  int64 // nanoseconds since the server's start
}

// Why connections end. The first group is business as usual.
var (
	errDone     = errors.New("done")
	errWatches  = errors.New("too many watches")
	errLate     = errors.New("a write was applied before what was asked ahead of it could be read")
	errWord     = errors.New("four-letter word answered")
	errStopped  = errors.New("server stopped")
	errEnded    = errors.New("session closed")
	errReplaced = errors.New("session resumed by another connection")

	errNotServing  = errors.New("not serving")
	errMoved       = errors.New("session moved to another server")
	errOutbox      = errors.New("client does not read")
	errSessionless = errors.New("no connect request")
	errSilent      = errors.New("silent for longer than the session timeout")
	errStalled     = errors.New("this server stands still")
	errThrottled   = errors.New("too many connections at a time")
	errStale       = errors.New("request is stale")
	errShort       = errors.New("truncated request")
	errNullToken   = errors.New("null SASL token")
	errAhead       = errors.New("client has seen a later zxid than this server")
	errIDs         = errors.New("too many identities")
	errNoSession   = errors.New("session could not be opened")
	errNotReadOnly = errors.New("this server is read-only, and the client did not ask for that")
	errGlobal      = errors.New("this server is read-only, and cannot take over a global session")
)

// New returns a server that is not serving and listens nowhere. Its goroutines
// end with Close.
func New(o Options) *Server {
	if o.Auth == nil {
		o.Auth = auth.New(auth.Options{})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.MinSessionTimeout, 6*time.Second)
	setDefault(&o.MaxSessionTimeout, 60*time.Second)
	setDefault(&o.MaxFrame, defaultMaxFrame)
	setDefault(&o.OutboxBytes, defaultOutboxBytes)
	setDefault(&o.SessionlessTimeout, defaultSessionless)
	if o.LargeRequestMaxBytes <= 0 {
		o.LargeRequestMaxBytes = defaultLargeBytes
	}
	s := &Server{
		opts: o, tree: o.Tree, log: o.Logger, started: time.Now(),
		flushers: newFlushers(flusherCount()),
		conns:    make([]*conn, 1),
		origins:  make(map[netip.Addr]*origin),
		sessions: make(map[proto.SessionID]session),
		connects: connThrottle{random: rand.Float64, blue: newBlue(o.ConnThrottle, 0)},
		throttle: newThrottle(o.RequestThrottle),
		heavy:    make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
	s.limited = s.throttle != nil || o.LargeRequestThreshold > 0
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.nextSession.Store(firstSession(o.ServerID, time.Now().UnixMilli()))
	s.tree.Lock()
	s.tree.SetSink(s)
	s.tree.Unlock()
	for _, f := range s.flushers {
		s.writers.Go(f.run)
	}
	s.readers.Go(s.reapLoop)
	return s
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// now returns nanoseconds since the server's start, on the monotonic clock.
func (s *Server) now() int64 { return int64(time.Since(s.started)) }

// Serve starts taking clients, in this role. If the server is serving already,
// its clients have to come again.
func (s *Server) Serve(role replica.Role) {
	s.StopServing("role changed")
	p := &period{role: role, began: s.now()}
	s.reported.Store(p.began)
	p.ctx, p.cancel = context.WithCancel(s.ctx)
	s.period.Store(p)
	s.log.Info("serving clients", "role", role.String())
}

// Role returns what the server is serving as, RoleNone if it is not serving.
func (s *Server) Role() replica.Role {
	if p := s.period.Load(); p != nil {
		return p.role
	}
	return replica.Role(0)
}

// StopServing closes every client connection, and new ones at their first
// frame, until Serve. Four-letter words are answered all the time.
func (s *Server) StopServing(reason string) {
	p := s.period.Swap(nil)
	if p == nil {
		return
	}
	p.cancel()
	s.log.Info("not serving clients any more", "reason", reason)
	s.mu.Lock()
	for _, sess := range s.sessions {
		s.forgo(sess.orphans)
	}
	clear(s.sessions)
	s.mu.Unlock()
	s.flushScheduled()
	list := s.abortAll(errNotServing, func(c *conn) bool { return !c.word })
	s.flushDirty()
	// Closing thousands of sockets takes longer than the quorum may be kept.
	closeAll := func() {
		for _, c := range list {
			c.closeSocket()
		}
	}
	if !s.start(closeAll) {
		closeAll()
	}
}

// abortAll ends the connections that the condition, called with conn.mu held,
// selects, and returns those whose sockets have to be closed.
func (s *Server) abortAll(reason error, which func(*conn) bool) []*conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*conn, 0, s.open)
	for _, c := range s.conns {
		if c == nil {
			continue
		}
		c.mu.Lock()
		if which(c) {
			c.abort(reason)
			list = append(list, c)
		}
		c.mu.Unlock()
	}
	return list
}

// start runs f in a goroutine that Close waits for, unless Close has begun.
func (s *Server) start(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.readers.Go(f)
	return true
}

// Close stops listening, closes every connection and waits until all goroutines
// have ended or ctx is done, whose error it then returns. Apply and its like
// may still be called and do no harm.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	again := s.closing
	s.closing = true
	listeners := s.listeners
	s.mu.Unlock()
	s.cancel()
	for _, l := range listeners {
		l.Close()
	}
	for _, c := range s.abortAll(errStopped, func(*conn) bool { return true }) {
		c.closeSocket()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.readers.Wait()
		if !again {
			for _, f := range s.flushers {
				close(f.stop)
			}
			if s.poller != nil {
				s.poller.close()
			}
		}
		s.writers.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Touched appends the sessions that showed a sign of life since the last call.
func (s *Server) Touched(dst []replica.Touch) []replica.Touch {
	s.reported.Store(s.now())
	s.touchMu.Lock()
	list := s.touched
	s.touched = nil
	s.touchMu.Unlock()
	for _, c := range list {
		c.touched.Store(false) // before looking: a later sign must count again
		c.mu.Lock()
		dst = append(dst, replica.Touch{ID: c.session, TimeoutMs: c.timeoutMs}) // even if it has ended since
		c.mu.Unlock()
	}
	return dst
}

func (c *conn) touch() {
	if c.touched.Load() || c.touched.Swap(true) {
		return
	}
	c.srv.touchMu.Lock()
	c.srv.touched = append(c.srv.touched, c)
	c.srv.touchMu.Unlock()
}

// SessionOf returns the session on whose connection a watcher's watches are.
func (s *Server) SessionOf(id tree.WatcherID) (proto.SessionID, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(id) >= len(s.conns) || s.conns[id] == nil {
		return 0, false
	}
	i := s.conns[id].info()
	return i.Session, i.Session != 0
}
