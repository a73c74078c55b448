package admin

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
)

// mntr: everything that is measured, for monitoring. The version and the states
// come first, the rest in ZooKeeper in the order of a hash map. Source:
// MonitorCommand, ZooKeeperServer.dumpMonitorValues and registerMetrics.
func (w *Words) mntr(b *bufio.Writer) {
	m := monitor{b}
	m.text("version", w.src.Version)
	role, status := w.src.Server.Role(), w.src.Peer.Status()
	m.text("server_state", role.String())
	member := role != zab.RoleStandalone && role != zab.RoleReadOnly
	if member {
		m.text("peer_state", peerState(role, status))
	}
	if role == zab.RoleObserver {
		m.number("observer_master_id", int64(status.Master))
	}
	w.monitorServer(m)
	w.monitorTree(m)
	w.monitorQuotas(m)
	if member {
		m.number("quorum_size", int64(len(w.src.Peer.Ensemble().Voters())))
	}
	switch role {
	case zab.RoleLeader:
		w.monitorLeader(m, status)
	case zab.RoleFollower:
		if w.src.Config.Peers.ObserverMasterPort > 0 {
			m.number("synced_observers", int64(status.Observers))
		}
	}
	w.monitorProcess(m)
	w.monitorQuorum(m)
	w.monitorStore(m)
}

// peerState is what the server does and how far it has come. Source:
// QuorumPeer.getDetailedPeerState.
func peerState(role zab.Role, s replica.Status) string {
	doing := map[zab.Role]string{
		zab.RoleLeader: "leading", zab.RoleFollower: "following", zab.RoleObserver: "observing",
	}[role]
	return doing + " - " + s.Phase.String()
}

func (w *Words) monitorServer(m monitor) {
	s := w.src.Server.Stats()
	m.number("min_latency", floorMs(s.Latency.Min))
	m.text("avg_latency", decimal(s.Latency.Avg))
	m.number("max_latency", ceilMs(s.Latency.Max))
	// Paddock's own, named as ZooKeeper names quantiles.
	m.text("p50_latency", decimal(s.Latency.Quantile(0.5)))
	m.text("p95_latency", decimal(s.Latency.Quantile(0.95)))
	m.text("p99_latency", decimal(s.Latency.Quantile(0.99)))
	m.text("p999_latency", decimal(s.Latency.Quantile(0.999)))
	m.number("packets_received", s.PacketsReceived)
	m.number("packets_sent", s.PacketsSent)
	m.number("num_alive_connections", int64(s.Connections))
	m.number("outstanding_requests", s.Outstanding)
	m.number("auth_failed_count", s.AuthFailed)
	m.number("digest_mismatches_count", s.DigestMismatches+w.src.Peer.Metrics().Mismatches.Load())
	m.number("connection_rejected", s.Rejected)
	m.number("connection_revalidate_count", s.Revalidations)
	m.number("connection_request_count", s.ConnectRequests)
	m.number("connection_drop_count", s.Dropped)
	m.text("connection_drop_probability", exact(s.DropProbability))
	m.summary("connection_token_deficit", s.TokenDeficit)
	// Java's connection expirer counts all that it closes.
	m.number("sessionless_connections_expired", s.SessionlessClosed+s.IdleClosed)
	m.number("large_requests_rejected", s.LargeRejected)
	m.number("request_throttle_wait_count", s.ThrottleWaits)
	m.number("throttled_ops", s.ThrottledOps)
	m.number("stale_requests", s.Stale)
	m.number("stale_requests_dropped", s.StaleDropped)
	m.number("last_client_response_size", s.Responses.Last)
	m.number("min_client_response_size", s.Responses.Min)
	m.number("max_client_response_size", s.Responses.Max)
	m.number("local_sessions", int64(w.src.Peer.Status().LocalSessions))
	// Not measured but known: there is no TLS on the client port.
	m.number("outstanding_tls_handshake", 0)
	// Java counts these with Netty, never with its usual NIO.
	m.number("non_mtls_local_conn_count", 0)
	m.number("non_mtls_remote_conn_count", 0)
	m.number("uptime", time.Since(w.src.Started).Milliseconds())
}

func (w *Words) monitorTree(m monitor) {
	t := w.treeFacts()
	m.number("znode_count", int64(t.nodes))
	m.number("ephemerals_count", int64(t.ephemerals))
	m.number("approximate_data_size", t.dataSize)
	m.number("global_sessions", int64(t.sessions))
	watches := w.src.Peer.Tree().Watches()
	m.number("watch_count", int64(watches.Counts(tree.DataWatches).Watches+watches.Counts(tree.ChildWatches).Watches))
}

// monitorQuotas sums up by the first name of the paths. Only a leader refuses.
// Source: QuotaMetricsUtils, ZooKeeperServer.registerMetrics.
func (w *Words) monitorQuotas(m monitor) {
	t := w.src.Peer.Tree()
	t.RLock()
	quotas := t.NamespaceQuotas()
	t.RUnlock()
	for _, q := range quotas {
		if q.Limited {
			m.number(q.Name+"_quota_count_limit_per_namespace", q.CountLimit)
			m.number(q.Name+"_quota_bytes_limit_per_namespace", q.BytesLimit)
		}
		if q.Counted {
			m.number(q.Name+"_quota_count_usage_per_namespace", q.CountUsed)
			m.number(q.Name+"_quota_bytes_usage_per_namespace", q.BytesUsed)
		}
	}
	refused := w.src.Peer.Metrics().QuotaErrors.Values()
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		m.number(name+"_quota_exceeded_error_per_namespace", refused[name])
	}
}

// monitorLeader tells of the others. Source: LeaderZooKeeperServer.registerMetrics.
func (w *Words) monitorLeader(m monitor, s replica.Status) {
	m.number("learners", int64(s.Learners))
	m.number("followers", int64(s.Learners)) // of ZooKeeper 3.4, which old checks know
	m.number("synced_followers", int64(s.Synced+s.NonVoting))
	m.number("synced_non_voting_followers", int64(s.NonVoting))
	m.number("synced_observers", int64(s.Observers))
	m.number("pending_syncs", int64(s.Syncs))
	m.number("leader_uptime", w.src.Server.Stats().Served.Milliseconds())
	m.sizes("proposal_size", w.src.Proposals)
}

func (w *Words) monitorProcess(m monitor) {
	if n, ok := openFiles(); ok {
		m.number("open_file_descriptor_count", n)
	}
	if n, ok := maxOpenFiles(); ok {
		m.number("max_file_descriptor_count", n)
	}
}

func (w *Words) monitorQuorum(m monitor) {
	q := w.src.Peer.Metrics()
	m.number("looking_count", q.Elections.Load())
	m.number("diff_count", q.Diffs.Load()+q.Truncs.Load()) // as in LearnerHandler.run
	m.number("snap_count", q.Snaps.Load())
	m.number("stale_sessions_expired", q.Expired.Load())
}

func (w *Words) monitorStore(m monitor) {
	m.histogram("fsynctime", w.src.Store.SyncTime.Values())
	m.histogram("snapshottime", w.src.Store.SnapshotTime.Values())
	m.number("snapshot_error_count", int64(w.src.Store.SnapshotFails.Load()))
}

// monitor prints the lines of mntr.
type monitor struct{ b *bufio.Writer }

func (m monitor) text(key, value string) { fmt.Fprintf(m.b, "zk_%s\t%s\n", key, value) }

func (m monitor) number(key string, v int64) { fmt.Fprintf(m.b, "zk_%s\t%d\n", key, v) }

func (m monitor) sizes(key string, s Sizes) {
	if s == nil {
		return
	}
	last, least, most := s.Sizes()
	m.number("last_"+key, last)
	m.number("min_"+key, least)
	m.number("max_"+key, most)
}

// summary prints numbers. Source: AvgMinMaxCounter.values.
func (m monitor) summary(key string, s server.Summary) {
	average := 0.0
	if s.Count > 0 {
		average = float64(s.Sum) / float64(s.Count)
	}
	m.text("avg_"+key, double(average))
	m.number("min_"+key, s.Min)
	m.number("max_"+key, s.Max)
	m.number("cnt_"+key, s.Count)
	m.number("sum_"+key, s.Sum)
}

// histogram prints durations as a summary in milliseconds. The smallest value
// is only known to lie in a bucket, of which it prints the lower bound. Source:
// AvgMinMaxCounter.values.
func (m monitor) histogram(key string, v storage.HistogramValues) {
	var least, average time.Duration
	for i, n := range v.Buckets {
		if n > 0 {
			least = time.Duration(1) << i >> 1
			break
		}
	}
	if v.Count > 0 {
		average = time.Duration(v.Sum) / time.Duration(v.Count)
	}
	m.text("avg_"+key, decimal(average))
	m.number("min_"+key, floorMs(least))
	m.number("max_"+key, ceilMs(time.Duration(v.Max)))
	m.number("cnt_"+key, int64(v.Count))
	m.number("sum_"+key, floorMs(time.Duration(v.Sum)))
}
