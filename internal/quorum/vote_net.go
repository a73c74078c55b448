package quorum

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// voteServer is a member of the ensemble as the election port sees it.
type voteServer struct {
	ID    proto.PeerID
	Addrs []string // election addresses, host:port, tried in this order; names are resolved at each dial
}

// voteOptions configure a voteNet. Receive and Reachable are called on the voteNet's goroutines, one call at a time
// for each connection, never after Close has returned, and hold up that connection until they return.
type voteOptions struct {
	Self        proto.PeerID
	Listen      []string // host:port to bind, each resolved anew at each attempt; no host means every address
	Advertise   []string // own election addresses, as told to peers; several need peers that know multiAddress
	Peers       []voteServer
	BindRetries int             // attempts to bind, a second apart; 0 means until Stop (electionPortBindRetry)
	Stop        <-chan struct{} // closing it ends the attempts to bind; may be nil

	ConnectTimeout   time.Duration // to connect, and to write one notification; 0 means 5 s (cnxTimeout)
	HandshakeTimeout time.Duration // for a peer to introduce itself; 0 means 10 s (tickTime times syncLimit in Java)

	// Receive gets every notification.
	Receive func(from proto.PeerID, n proto.Notification)
	// Reachable gets false each time a peer refuses a connection, and true each time there is one.
	Reachable func(id proto.PeerID, ok bool)
	Logger    *slog.Logger // nil discards

	listeners []net.Listener // open already, instead of Listen

	listen func(network, addr string) (net.Listener, error)                  // nil is TCP
	dial   func(ctx context.Context, network, addr string) (net.Conn, error) // the same
}

// Bounds of the election port.
const (
	maxGreeting  = 64 // connections that have not introduced themselves; one more ends the oldest
	maxStrangers = 32 // peers connected or being dialled that are not members
)

// voteNet is the election port: it carries notifications between this server and its peers.
//
//	Send ──► queue of one per peer ──► writer ──► connection ──► peer       Exactly one connection per pair lives:
//	              │ no connection                    ▲   │                  the one dialled by the larger id. A
//	              └──────► dialer ──────────────────►│   ▼                  smaller id dials too, introduces itself
//	peer ──► acceptor ──► greeting ──────────────────┘ reader ──► Receive   and hangs up: a request to be dialled.
//
// Connections exist only because there was something to send. Notifications may be lost, repeated and, around a
// replaced connection, reordered; the newest one to a peer is sent again on each new connection to it.
//
// Source of the rules: QuorumCnxManager.
type voteNet struct {
	opts   voteOptions
	log    *rareLogger
	ctx    context.Context // ends with Close; for dials
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex // guards what follows and every voteLine; held only for moments
	listeners []net.Listener
	advertise []string // own election addresses, as told to peers
	closed    bool
	settled   bool // no election is going on: LOOKING notifications are out of date
	lines     map[proto.PeerID]*voteLine
	greeting  []net.Conn   // accepted and silent so far, oldest first
	anonymous proto.PeerID // last id given to an observer that has none
}

// voteLine is all there is about one peer. voteNet.mu guards the fields but those that say otherwise.
type voteLine struct {
	id     proto.PeerID
	member bool
	addrs  []string  // of a member
	next   *voteNote // queue of one: the newest notification, not yet written
	last   *voteNote // the last one written
	link   *voteLink // nil without a connection

	dialing  bool          // a dialer goroutine exists
	dialBack bool          // the peer, whose id is smaller, asked to be dialled ...
	told     []string      // ... at these addresses, in case ours do not work
	again    chan struct{} // wakes the dialer between attempts
	dialed   time.Time     // owned by the dialer: when it tried last
}

// voteNote is a notification ready for the wire.
type voteNote struct {
	frame   []byte
	looking bool
}

// newVoteNet binds the election port and accepts connections. It blocks while it retries. A port that cannot be
// bound is a *BindError.
func newVoteNet(opts voteOptions) (*voteNet, error) {
	opts.ConnectTimeout = cmp.Or(opts.ConnectTimeout, 5*time.Second)
	opts.HandshakeTimeout = cmp.Or(opts.HandshakeTimeout, 10*time.Second)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.listen == nil {
		opts.listen = net.Listen
	}
	if opts.dial == nil {
		opts.dial = new(net.Dialer).DialContext
	}
	if opts.Receive == nil {
		opts.Receive = func(proto.PeerID, proto.Notification) {}
	}
	if opts.Reachable == nil {
		opts.Reachable = func(proto.PeerID, bool) {}
	}
	n := &voteNet{opts: opts, log: &rareLogger{log: opts.Logger}, lines: map[proto.PeerID]*voteLine{}, advertise: opts.Advertise}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.SetPeers(opts.Peers)
	n.listeners = opts.listeners
	if n.listeners == nil {
		var err error
		if n.listeners, err = bindAll(opts); err != nil {
			n.cancel()
			return nil, err
		}
	}
	for _, ln := range n.listeners {
		n.wg.Go(func() { n.accept(ln) })
	}
	return n, nil
}

// SetPeers replaces the members, this server excepted. Connections to others stay until they fail.
func (n *voteNet) SetPeers(peers []voteServer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lines {
		l.member, l.addrs = false, nil
	}
	for _, p := range peers {
		if p.ID == n.opts.Self {
			continue
		}
		l := n.lines[p.ID]
		if l == nil {
			l = n.addLine(p.ID)
		}
		l.member, l.addrs = true, slices.Clone(p.Addrs)
	}
	for _, l := range n.lines {
		n.forgetIfIdle(l)
	}
}

// addLine makes the line of a new peer. The caller holds mu.
func (n *voteNet) addLine(id proto.PeerID) *voteLine {
	l := &voteLine{id: id, again: make(chan struct{}, 1)}
	n.lines[id] = l
	return l
}

// forgetIfIdle removes a stranger's line when nothing goes on there. The caller holds mu.
func (n *voteNet) forgetIfIdle(l *voteLine) {
	if !l.member && l.link == nil && !l.dialing {
		delete(n.lines, l.id)
	}
}

// Send queues a notification, in the place of any that was not sent yet, and sees to a connection. It never blocks.
// A peer that is neither a member nor connected is out of reach; its notification is dropped.
func (n *voteNet) Send(to proto.PeerID, note proto.Notification) {
	frame := note.AppendFrame(nil)
	if len(frame) > 4+proto.MaxNotification {
		note.Config = "" // The peer would hang up; the vote matters more.
		frame = note.AppendFrame(nil)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settled = note.State != proto.PeerLooking
	l := n.lines[to]
	if l == nil || n.closed {
		return
	}
	l.next = &voteNote{frame, note.State == proto.PeerLooking}
	if l.link != nil {
		l.link.wakeWriter()
	} else {
		n.dialSoon(l)
	}
}

// Settled says that the election is over: LOOKING notifications that could not be delivered are not tried any
// longer, and not repeated on new connections. The next LOOKING notification ends this. A voteNet that is not told
// does no harm: peers ask again when an old notification confuses them.
func (n *voteNet) Settled() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settled = true
}

// outdated reports whether m would only confuse. The caller holds mu.
func (n *voteNet) outdated(m *voteNote) bool { return m.looking && n.settled }

// Close ends all connections and waits for the goroutines behind them.
func (n *voteNet) Close() {
	n.mu.Lock()
	n.closed = true
	for _, nc := range n.greeting {
		nc.Close()
	}
	for _, l := range n.lines {
		if l.link != nil {
			l.link.close()
		}
	}
	listeners := n.listeners
	n.mu.Unlock()
	n.cancel()
	for _, ln := range listeners {
		ln.Close()
	}
	n.wg.Wait()
}

// rareLogger passes on at most one line a second, and counts the others. It is for what strangers can cause.
type rareLogger struct {
	log *slog.Logger

	mu     sync.Mutex
	next   time.Time // guarded by mu: no line before
	missed int       // guarded by mu: lines left out since the last
}

func (r *rareLogger) Warn(msg string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.next) {
		r.missed++
		return
	}
	if r.missed > 0 {
		args = append(args, "suppressed", r.missed)
	}
	r.next, r.missed = now.Add(time.Second), 0
	r.log.Warn(msg, args...)
}
