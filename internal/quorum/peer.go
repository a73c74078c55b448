package quorum

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Options configure a Peer. Durations must be positive unless said otherwise.
type Options struct {
	Self        proto.PeerID
	Ensemble    ensemble.Ensemble // the one in force at the start; ignored when Standalone
	LastSeen    ensemble.Ensemble // one that was proposed before the start, if newer
	Standalone  bool
	Observer    bool
	Tick        time.Duration
	InitTimeout time.Duration
	SyncTimeout time.Duration
	DialTimeout time.Duration    // for reaching the leader; 0 means InitTimeout
	Election    election.Options // zero values are ZooKeeper's
	CnxTimeout  time.Duration    // for election connections; 0 means 5s
	BindRetries int              // of the election port, a second apart; 0 means for ever
	ListenAll   bool             // listen on every address (quorumListenOnAllIPs)
	Prep        prep.Options
	// UnconfirmedSync answers a sync without asking a quorum, as ZooKeeper does.
	UnconfirmedSync bool
	Reap            replica.ReapOptions
	Emulate353      bool // see tree.Emulate353

	Reconfig     bool // the membership may change (reconfigEnabled)
	EditRules    ensemble.EditRules
	MemberFiles  persist.MemberFiles             // nil keeps no membership
	Reconfigured func(members ensemble.Ensemble) // told of a membership in force, on the loop's goroutine; nil for nobody

	LocalSessions, UpgradeSessions bool          // see replica.Options
	ReadOnlyAfter                  time.Duration // see replica.Options

	// ObserverMasterPort is where a follower feeds observers, and where an observer
	// looks for followers that do; 0 for none.
	ObserverMasterPort            int
	ReconnectDelay, ElectionDelay time.Duration // of an observer; see replica.MasterOptions
	Zab                           replica.ZabOptions
	// HandshakeTimeout is what a connection to the election port may take to
	// introduce itself; 0 means SyncTimeout (quorumCnxnTimeoutMs).
	HandshakeTimeout time.Duration
	// OraclePath names the file by which something outside lets one of two servers go
	// on alone; empty for none.
	OraclePath string
	// SnapshotSizeFactor is the share of the newest snapshot's size up to which what
	// a learner misses is read from the logs in place of a snapshot; 0 means 0.33, and
	// a negative one reads none.
	SnapshotSizeFactor float64

	MaxPacket      int   // bytes a peer may send as one packet; 0 means 64 MiB, which is what the log takes
	MaxOutstanding int   // client requests undecided at once; 0 means 1000
	History        int   // transactions kept for learners; 0 for as many as History says
	MaxBatch       int   // transactions in one sync of the log; 0 means 1000
	SnapCount      int   // transactions between snapshots; 0 means 100,000
	SnapBySize     bool  // and as long as the log is smaller than a share of what a snapshot would be, there is none
	SnapBytes      int64 // log bytes between snapshots; 0 means 4 GiB, negative none

	// Listen and Dial open the quorum port, the election port and connections to
	// those of others; nil is TCP.
	Listen func(network, addr string) (net.Listener, error)
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)

	Logger  *slog.Logger // nil discards
	Metrics *Metrics     // nil for one of its own
}

func (o *Options) setDefaults() {
	if o.MaxPacket == 0 {
		o.MaxPacket = 64 << 20
	}
	if o.MaxOutstanding == 0 {
		o.MaxOutstanding = 1000
	}
	if o.MaxBatch == 0 {
		o.MaxBatch = 1000
	}
	if o.SnapCount == 0 {
		o.SnapCount = 100_000
	}
	if o.SnapBytes == 0 {
		o.SnapBytes = 4 << 30
	}
	if o.SnapshotSizeFactor == 0 {
		o.SnapshotSizeFactor = 0.33
	}
	o.Zab.ReadLogs = o.SnapshotSizeFactor > 0
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = o.SyncTimeout
	}
	if o.CnxTimeout == 0 {
		o.CnxTimeout = 5 * time.Second
	}
	if o.Listen == nil {
		o.Listen = net.Listen
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = new(Metrics)
	}
}

// StateMachine is what the committed transactions are for. All methods are
// called on the loop's goroutine and must not block.
type StateMachine interface {
	// Apply applies transactions in zxid order and answers the clients that
	// wait for them. The slice is reused after the call.
	Apply(txns []*proto.Txn)
	// Synced answers the oldest sync request of a session.
	Synced(id proto.SessionID, cxid int32)
	// Revalidated answers a call of Peer.Revalidate.
	Revalidated(id proto.SessionID, conn uint64, valid bool)
	// SessionOpened says that a local session has begun.
	SessionOpened(id proto.SessionID)
	// SessionEnded says that a local session is over: closed by its client's
	// request cxid, or expired.
	SessionEnded(id proto.SessionID, cxid int32, expired bool)
	// SessionMoved says that a session has left this server for another.
	SessionMoved(id proto.SessionID)
	// Serve lets clients in.
	Serve(role replica.Role)
	// StopServing closes every client connection and lets none in.
	StopServing(reason string)
	// Touched appends the sessions with a sign of life since the last call.
	Touched(dst []replica.Touch) []replica.Touch
}

// Peer is one server of an ensemble, or the only one.
type Peer struct {
	opts    Options
	log     *slog.Logger
	store   *storage.Store
	tree    *tree.Tree
	disk    *disk
	durable watermark
	votes   *voteNet // nil when standalone
	members atomic.Pointer[ensemble.Pair]
	ports   ports
	fatal   chan error // takes what ends Run

	replica *replica.Replica // owned by the loop
	sm      StateMachine     // set by Run
	start   time.Time

	inbox    *inbox
	requests *requestQueue
	calls    chan func(now time.Duration)
	status   atomic.Pointer[replica.Status]
	serving  atomic.Bool

	lastLink    atomic.Uint64
	netMu       sync.Mutex
	arrivals    map[zab.LinkID]*link  // guarded by netMu: not yet seen by the loop
	inbound     int                   // guarded by netMu: links that learners opened
	conns       map[*link]struct{}    // guarded by netMu: every open link
	stopped     bool                  // guarded by netMu
	unreachable map[proto.PeerID]bool // guarded by netMu: election ports that refuse
	reloaded    *persist.Recovered    // guarded by netMu: waits for its event
	wg          sync.WaitGroup        // accept loop, links, dials
	netCtx      context.Context       // for dials; ends when the network shuts down
	endNet      context.CancelFunc
	lookups     chan struct{} // holds a token while logs are read for a damaged server's question
	questions   chan struct{} // holds a token for each that is being answered
	promiseLost atomic.Bool   // acceptedEpoch is not what was promised

	loop loopState
}

// New recovers the data directory into a tree and prepares a peer over it.
// The peer owns store from now on but does not close it.
func New(opts Options, store *storage.Store) (*Peer, error) {
	opts.setDefaults()
	p := &Peer{
		opts: opts, log: opts.Logger, store: store, start: time.Now(),
		inbox: newInbox(), calls: make(chan func(time.Duration)),
		lookups: make(chan struct{}, 1), questions: make(chan struct{}, maxQuestions), arrivals: map[zab.LinkID]*link{}, conns: map[*link]struct{}{}, unreachable: map[proto.PeerID]bool{},
	}
	p.netCtx, p.endNet = context.WithCancel(context.Background())
	p.requests = newRequestQueue(opts.MaxOutstanding, p.inbox.signal)
	p.initMembers()
	damage, err := p.recover()
	if err != nil {
		return nil, err
	}
	p.disk = newDisk(p)
	if p.disk.ops.Damage = damage; damage != nil {
		p.beginRepair(damage)
	}
	p.publish()
	return p, nil
}

// mendable reports whether there are others who could make this server's data whole.
func (p *Peer) mendable() bool {
	return !p.opts.Standalone && slices.ContainsFunc(p.Ensemble().Voters(), func(id int64) bool { return proto.PeerID(id) != p.opts.Self })
}

// load reads the data directory.
func (p *Peer) load() (*persist.Recovered, zab.Durable, *persist.Damage, error) {
	if p.mendable() {
		return persist.Open(p.store)
	}
	rec, disk, err := persist.Start(p.store, p.opts.Standalone)
	return rec, disk, nil, err
}

// recover loads the tree and builds the replica over it.
func (p *Peer) recover() (*persist.Damage, error) {
	began := time.Now()
	rec, disk, damage, err := p.load()
	if err != nil {
		return nil, err
	}
	p.tree = rec.Tree
	rec.Hist.Keep = p.opts.History
	p.opts.Election.Oracle = p.opts.OraclePath != ""
	p.durable.advance(rec.Last)
	p.loop.snapTxns, p.loop.snapBytes = rec.Entries, rec.Bytes
	p.replica = replica.New(replica.Options{
		Self: p.opts.Self, Ensemble: p.opts.Ensemble, LastSeen: p.opts.LastSeen, Reconfig: p.opts.Reconfig,
		EditRules: p.opts.EditRules, Standalone: p.opts.Standalone,
		Observer: p.opts.Observer, Tick: p.opts.Tick, InitTimeout: p.opts.InitTimeout,
		SyncTimeout: p.opts.SyncTimeout, DialTimeout: p.opts.DialTimeout, Election: p.opts.Election, Prep: p.opts.Prep,
		UnconfirmedSync: p.opts.UnconfirmedSync,
		Masters: replica.MasterOptions{
			Feed: p.opts.ObserverMasterPort > 0, ReconnectDelay: p.opts.ReconnectDelay, ElectionDelay: p.opts.ElectionDelay,
		},
		Zab:           p.opts.Zab,
		Reap:          p.opts.Reap,
		LocalSessions: p.opts.LocalSessions, UpgradeSessions: p.opts.UpgradeSessions, ReadOnlyAfter: p.opts.ReadOnlyAfter,
	}, p.tree, &rec.Hist, disk)
	p.furnish(p.tree)
	p.log.Info("data recovered", "zxid", rec.Last, "znodes", p.tree.NodeCount(),
		"snapshot", rec.Snapshot, "replayed", rec.Entries, "took", time.Since(began))
	if rec.Mismatches > 0 {
		p.Metrics().Mismatches.Add(rec.Mismatches)
		p.log.Error("the tree is not what its digest says", "zxid", rec.Mismatch, "replayed", rec.Mismatches)
	}
	if c := rec.Cut; c != nil {
		p.log.Warn("remains of an interrupted batch were cut off the log", "file", c.File, "at", c.At, "bytes", c.Bytes)
	}
	for _, err := range rec.Skipped {
		p.log.Warn("a newer snapshot could not be used", "err", err)
	}
	return damage, nil
}

// furnish gives a tree that was loaded what no snapshot has.
func (p *Peer) furnish(t *tree.Tree) {
	if p.opts.Emulate353 {
		t.Emulate353()
	}
	p.setConfigNode(t)
}

// setConfigNode writes the membership into /zookeeper/config, outside any
// transaction, as every server does for itself. Source:
// QuorumPeer.initConfigInZKDatabase.
func (p *Peer) setConfigNode(t *tree.Tree) {
	if p.opts.Standalone {
		return
	}
	e := p.Ensemble()
	t.SetConfig([]byte(e.Text()), proto.Zxid(e.Version), time.Now().UnixMilli())
}

// Tree returns the replicated tree. Readers take its RLock.
func (p *Peer) Tree() *tree.Tree { return p.tree }

// Status returns what the peer was doing at the end of its last batch.
func (p *Peer) Status() replica.Status { return *p.status.Load() }

// Metrics returns the peer's counters.
func (p *Peer) Metrics() *Metrics { return p.opts.Metrics }

// Ensemble returns the membership in force.
func (p *Peer) Ensemble() ensemble.Ensemble { return p.members.Load().Committed }

// ErrNotServing refuses a request while there is no quorum.
var ErrNotServing = errors.New("quorum: not serving")

var errStopped = errors.New("quorum: stopped")

// Reserve waits while too many requests are undecided. Without an error, a
// Submit or a Release must follow.
func (p *Peer) Reserve(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.serving.Load() {
		return ErrNotServing
	}
	return p.requests.reserve(ctx)
}

// Submit hands a request to the loop, in the place that Reserve has got. It is
// answered through the StateMachine, or its connection is closed by StopServing;
// whoever submits later than that must not.
func (p *Peer) Submit(r *replica.Request) { p.requests.put(r) }

// Release gives back what Reserve has got.
func (p *Peer) Release() { p.requests.release() }

// Revalidate asks whether a session is alive; StateMachine.Revalidated brings
// the answer. It waits in line with the requests that were submitted before, and for a place like them.
func (p *Peer) Revalidate(ctx context.Context, id proto.SessionID, timeoutMs int32, conn uint64) error {
	if err := p.Reserve(ctx); err != nil {
		return err
	}
	p.requests.put(&replica.Request{Resume: &replica.Revalidate{ID: id, TimeoutMs: timeoutMs, Conn: conn}})
	return nil
}

// Expiries lists by the time of their end the sessions of a leader and the
// local sessions of this server; nil where there are none to list, and while
// the peer does not run.
func (p *Peer) Expiries(ctx context.Context) (global, local []replica.Expiry) {
	done := make(chan struct{})
	select {
	case p.calls <- func(now time.Duration) { global, local = p.replica.Expiries(now); close(done) }:
		<-done
		return global, local
	case <-ctx.Done():
		return nil, nil
	}
}

// ExitError ends Run with the exit code that ZooKeeper would use.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }
func (e *ExitError) Unwrap() error { return e.Err }

// Exit codes. Source: org.apache.zookeeper.server.ExitCode.
const (
	ExitUnexpected = 1
	ExitDisk       = 10
	ExitBind       = 14
)
