package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/paddock-io/paddock/internal/admin"
	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Options configure a Node. Config is needed.
type Options struct {
	Config  *config.Config
	Logger  *slog.Logger // nil discards
	Version string       // the banner of srvr and envi

	// FS holds the files, and Listen and Dial are the network, of a server that
	// lives in a test; nil is the operating system.
	FS     vfs.FS
	Listen func(network, addr string) (net.Listener, error)
	Dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Node is one server. It runs once.
type Node struct {
	opts    Options
	log     *slog.Logger
	started time.Time
	store   *storage.Store
	metrics *storage.Metrics
	peer    *quorum.Peer
	server  *server.Server
	words   *admin.Words

	ready chan struct{}
	ports clientPorts
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
	ExitInvocation = 2
	ExitDataDir    = 3
)

// New checks the directories, recovers what they hold and prepares the parts.
// Nothing listens yet. A Node that is not Run must be closed. Errors are
// *ExitError.
func New(o Options) (*Node, error) {
	n := &Node{opts: o, log: o.Logger, started: time.Now(), ready: make(chan struct{}), metrics: new(storage.Metrics)}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	c := o.Config
	if o.FS == nil {
		if err := c.CheckDirs(); err != nil {
			return nil, &ExitError{ExitDataDir, err}
		}
	}
	files := storageOptions(c, n.metrics, n.log)
	files.FS = o.FS
	var err error
	if n.store, err = storage.Open(files); err != nil {
		return nil, &ExitError{ExitDataDir, err}
	}
	if err := c.BackUp(); err != nil {
		n.store.Close()
		return nil, &ExitError{ExitInvocation, err}
	}
	n.ports.init(c)
	peer := peerOptions(c, n.log)
	peer.Listen, peer.Dial = o.Listen, o.Dial
	peer.Reconfigured = n.reconfigured
	if n.peer, err = quorum.New(peer, n.store); err != nil {
		n.store.Close()
		return nil, &ExitError{ExitUnexpected, err}
	}
	n.server = server.New(n.serverOptions(c))
	n.words = admin.New(admin.Source{
		Config: c, Server: n.server, Peer: n.peer, Store: n.metrics,
		Proposals: &n.peer.Metrics().Proposals, Version: o.Version, Started: n.started, ClientPort: n.clientPort,
	})
	return n, nil
}

func storageOptions(c *config.Config, m *storage.Metrics, log *slog.Logger) storage.Options {
	prealloc := c.PreAllocSize
	if prealloc == 0 {
		prealloc = -1 // storage's zero means its default, ZooKeeper's means none
	}
	compression, _ := storage.ParseCompression(c.SnapshotCompression)
	return storage.Options{
		DataDir: c.DataDir, LogDir: c.DataLogDir, PreallocBytes: prealloc,
		LogSizeLimit: c.TxnLogSizeLimit, SlowSync: max(c.FsyncWarningThreshold, 1), NoSync: !c.ForceSync,
		TrustEmptySnapshot: c.SnapshotTrustEmpty, NoAutoCreateDB: !c.DBAutocreate,
		NoAutoCreateDir: !c.DatadirAutocreate, NoDigest: !c.DigestEnabled,
		Compression: compression, NoSnapshotEnd: !c.SerializeLastProcessedZxid, Metrics: m, Logger: log,
	}
}

// minReadOnlyAfter is how long a server looks for a leader, at the least, before
// it lets clients in to read. Source: QuorumPeer.run.
const minReadOnlyAfter = 2 * time.Second

func peerOptions(c *config.Config, log *slog.Logger) quorum.Options {
	snapBytes := c.SnapSizeLimit
	if snapBytes == 0 {
		snapBytes = -1
	}
	readOnlyAfter := time.Duration(0)
	if c.ReadOnlyModeEnabled && !c.Standalone {
		readOnlyAfter = max(minReadOnlyAfter, c.TickTime)
	}
	return quorum.Options{
		LocalSessions: c.LocalSessionsEnabled && !c.Standalone, UpgradeSessions: c.LocalSessionsUpgradingEnabled,
		ReadOnlyAfter: readOnlyAfter,

		Self: proto.PeerID(c.MyID), Ensemble: c.Ensemble, LastSeen: c.LastSeen, Standalone: c.Standalone,
		Reconfig: c.ReconfigEnabled, EditRules: ensemble.EditRules{StandaloneEnabled: c.StandaloneEnabled, MultiAddress: c.MultiAddress},
		MemberFiles: config.MemberFiles{Static: c.File},
		Observer:    c.PeerType == ensemble.Observer && !c.Standalone,
		Tick:        c.TickTime,
		// A server alone has no limits of its own, but links none either.
		InitTimeout: max(time.Duration(c.InitLimit)*c.TickTime, c.TickTime),
		SyncTimeout: max(time.Duration(c.SyncLimit)*c.TickTime, c.TickTime),
		DialTimeout: time.Duration(c.ConnectToLearnerMasterLimit) * c.TickTime,
		Election:    election.Options{MinInterval: c.MinNotificationInterval, MaxInterval: c.MaxNotificationInterval},
		CnxTimeout:  c.CnxTimeout, BindRetries: c.ElectionPortBindRetry, ListenAll: c.QuorumListenOnAllIPs,
		Prep: prep.Options{
			ACL: aclRules(c), Digest: c.DigestEnabled, MaxTxn: c.JuteMaxBuffer + c.JuteMaxBufferExtraSize,
			EnforceQuota: c.EnforceQuota, ExtendedTypes: c.ExtendedTypes, NeverUsedMs: c.ContainerMaxNeverUsed.Milliseconds(),
		},
		Reap:           replica.ReapOptions{Interval: c.ContainerCheckInterval, PerMinute: c.ContainerMaxPerMinute},
		Emulate353:     c.Emulate353TTL,
		MaxOutstanding: outstandingLimit(c), History: c.CommitLogCount,
		ObserverMasterPort: observerMasterPort(c),
		ReconnectDelay:     c.Peers.ObserverReconnectDelay, ElectionDelay: c.Peers.ObserverElectionDelay,
		HandshakeTimeout: c.Peers.QuorumCnxnTimeout, SnapshotSizeFactor: c.Peers.SnapshotSizeFactor,
		Zab: zabOptions(&c.Peers), OraclePath: c.Peers.OraclePath,
		UnconfirmedSync: !c.LinearizableSync,
		SnapCount:       c.SnapCount, SnapBySize: !c.SnapCountSet, SnapBytes: snapBytes, MaxBatch: c.MaxBatchSize, Logger: log,
	}
}

func zabOptions(p *config.Peers) replica.ZabOptions {
	return replica.ZabOptions{
		Feeding: zab.Feeding{
			MaxSnapSyncs: p.MaxConcurrentSnapSyncs, MaxDiffSyncs: p.MaxConcurrentDiffSyncs, MaxHeldBytes: p.ObserverMasterSizeLimit,
		},
		Rollover: zab.Rollover{FirstCounter: p.InitialZxid, AnyFirst: p.DiscontinuousProposals},
		// Java's 0 gives up at the first sign; a leader must have the time to be asked.
		EpochTimeout: max(p.MaxTimeToWaitForEpoch, 0), RedialPause: p.LeaderConnectDelay,
	}
}

func observerMasterPort(c *config.Config) int {
	if c.Standalone {
		return 0
	}
	return c.Peers.ObserverMasterPort
}

// outstandingLimit shares the ensemble's limit among its servers. Source:
// LearnerZooKeeperServer.getGlobalOutstandingLimit.
func outstandingLimit(c *config.Config) int {
	limit := c.GlobalOutstandingLimit
	if voters := len(c.Ensemble.Voters()); !c.Standalone && voters > 2 {
		limit /= voters - 1
	}
	return max(limit, 1)
}

func (n *Node) serverOptions(c *config.Config) server.Options {
	id := c.MyID
	if c.Standalone {
		id = 1 // as Java's standalone server numbers its sessions
	}
	return server.Options{
		Tree: n.peer.Tree(), Proposer: n.peer, ACL: aclRules(c), ServerID: id,
		Enforce: c.EnforceAuth, EagerACL: c.EagerACLCheck && !c.Standalone, // as in Java, which checks early in an ensemble only
		Auth: auth.New(authOptions(c, n.peer.Tree())),
		// The server takes 0 as its default, ZooKeeper takes it as said.
		MinSessionTimeout: max(c.MinSessionTimeout, time.Millisecond), MaxSessionTimeout: max(c.MaxSessionTimeout, time.Millisecond),
		LocalSessions: c.LocalSessionsEnabled && !c.Standalone, UpgradeSessions: c.LocalSessionsUpgradingEnabled,
		MaxFrame: c.JuteMaxBuffer, MaxClientConns: c.MaxClientCnxns, MaxConns: c.MaxCnxns,
		Balancers: c.ProxyProtocolFrom,
		Backlog:   c.ClientPortListenBacklog, Whitelist: c.FourLetterWhitelist, Logger: n.log,
		SessionlessTimeout: c.SessionlessCnxnTimeout, StallTimeout: stallTimeout(c),
		LargeRequestThreshold: c.LargeRequestThreshold, LargeRequestMaxBytes: c.LargeRequestMaxBytes,
		ConnThrottle: server.ConnThrottle(c.ConnectionThrottle), RequestThrottle: requestThrottle(&c.RequestThrottle),
		Words: func(word string, w io.Writer) { n.words.Answer(word, w) },
	}
}

// stallTimeout is when the others of an ensemble have given up a server that
// stands still. A server alone has nobody to send its clients to.
func stallTimeout(c *config.Config) time.Duration {
	if c.Standalone {
		return 0
	}
	return time.Duration(c.SyncLimit) * c.TickTime
}

func requestThrottle(c *config.RequestThrottle) server.RequestThrottle {
	return server.RequestThrottle{
		MaxRequests: c.MaxRequests, StallTime: c.StallTime, DropStale: c.DropStale,
		StaleConnection: c.StaleConnection, StaleLatency: c.StaleLatency, OpWaitTime: c.OpWaitTime,
	}
}

// Ready is closed once the client port is bound. Clients are served when a
// quorum is there.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Addr returns the address of the client port, nil without one. It is known
// once Ready is closed.
func (n *Node) Addr() net.Addr { return n.ports.addr() }

// Role returns what the node serves as, zab.RoleNone without a quorum.
func (n *Node) Role() replica.Role { return n.server.Role() }

// Close releases a Node that was never Run.
func (n *Node) Close() error {
	n.shutServer()
	return n.store.Close()
}

// Run serves until ctx ends, which gives nil, or until something fails, which
// gives an *ExitError.
func (n *Node) Run(ctx context.Context) error {
	if err := n.listen(); err != nil {
		n.shutServer()
		n.store.Close()
		return err
	}
	close(n.ready)
	var purge sync.WaitGroup
	purgeCtx, stopPurge := context.WithCancel(ctx)
	purge.Go(func() { n.purge(purgeCtx) })

	err := n.peer.Run(ctx, n.stateMachine())
	n.ports.wg.Wait()
	n.shutServer()
	stopPurge()
	purge.Wait()
	err = errors.Join(err, n.store.Close())
	if err == nil {
		return nil
	}
	var exit *quorum.ExitError
	if errors.As(err, &exit) {
		return &ExitError{exit.Code, err}
	}
	return &ExitError{ExitUnexpected, err}
}

// listen opens the client port.
func (n *Node) listen() error {
	c := n.opts.Config
	if c.ClientPort < 0 {
		n.log.Warn("no client port is configured, so no clients can connect")
		return nil
	}
	addr, err := n.bind(net.JoinHostPort(c.ClientPortAddress, strconv.Itoa(c.ClientPort)))
	if err != nil {
		return &ExitError{ExitUnexpected, fmt.Errorf("bind the client port: %w; is another server running on port %d?", err, c.ClientPort)}
	}
	n.ports.bound(addr)
	n.log.Info("binding to port", "address", addr.String())
	return nil
}

func (n *Node) bind(addr string) (net.Addr, error) {
	if n.opts.Listen == nil {
		return n.server.Listen(addr)
	}
	l, err := n.opts.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return l.Addr(), n.server.Accept(l)
}

// shutTimeout bounds how long connections may take to end.
const shutTimeout = 5 * time.Second

func (n *Node) shutServer() {
	ctx, cancel := context.WithTimeout(context.Background(), shutTimeout)
	defer cancel()
	if err := n.server.Close(ctx); err != nil {
		n.log.Warn("client connections did not end in time", "err", err)
	}
}

// aloofLeader is a server whose leader takes no clients (leaderServes=no).
type aloofLeader struct{ *server.Server }

func (a aloofLeader) Serve(role replica.Role) {
	if role != zab.RoleLeader {
		a.Server.Serve(role)
	}
}

func (n *Node) stateMachine() quorum.StateMachine {
	if n.opts.Config.LeaderServes {
		return n.server
	}
	return aloofLeader{n.server}
}

// purge deletes old snapshots and logs, at once and then at every interval.
// Source: DatadirCleanupManager.
func (n *Node) purge(ctx context.Context) {
	c := n.opts.Config
	if c.PurgeInterval <= 0 {
		return
	}
	tick := time.NewTicker(c.PurgeInterval)
	defer tick.Stop()
	for {
		removed, err := n.store.Purge(c.SnapRetainCount)
		if err != nil {
			n.log.Error("purge of old files failed", "err", err)
		}
		if len(removed) > 0 {
			n.log.Info("old files purged", "removed", len(removed))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
