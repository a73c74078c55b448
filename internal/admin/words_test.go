package admin

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

const threeMembers = "server.1=a:2888:3888:participant;0.0.0.0:2181\nserver.2=b:2889:3889:participant;0.0.0.0:2181\n" +
	"server.3=c:2888:3888:participant;0.0.0.0:2181\nversion=100000003"

func TestSrvr(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 2)
	w.server.stats = server.Stats{
		PacketsReceived: 12, PacketsSent: 11, Outstanding: 1, Connections: 2,
		Latency: server.Latency{Count: 8, Min: 300 * time.Microsecond, Avg: 1234567 * time.Nanosecond, Max: 2100 * time.Microsecond},
	}
	w.peer.tree.SetLastZxid(0x100000003)
	w.src.Proposals = &fakeSizes{48, 36, 95}
	want := "Zookeeper version: " + javaVersion + "\n" +
		"Latency min/avg/max: 0/1.2346/3\nReceived: 12\nSent: 11\nConnections: 2\nOutstanding: 1\n" +
		"Zxid: 0x100000003\nMode: leader\nNode count: 5\nProposal sizes last/min/max: 48/36/95\n"
	if got := w.answer("srvr"); got != want {
		t.Errorf("srvr on a leader:\n%s\nwant\n%s", got, want)
	}
	w.src.Proposals = nil
	if got, want := w.answer("srvr"), strings.TrimSuffix(want, "Proposal sizes last/min/max: 48/36/95\n"); got != want {
		t.Errorf("srvr without sizes:\n%s\nwant\n%s", got, want)
	}
}

// TestReadOnlyWords, and TestLocalSessionWords: as test/interop/testdata/sessions has it of Java.
func TestReadOnlyWords(t *testing.T) {
	w := newWorld(t, zab.RoleReadOnly, threeMembers, 2)
	const title = "Zookeeper version: " + javaVersion + "\nREAD-ONLY mode; serving only read-only clients\n"
	if got := w.answer("srvr"); !strings.HasPrefix(got, title+"Latency") || !strings.Contains(got, "\nMode: read-only\n") {
		t.Errorf("srvr:\n%s", got)
	}
	if got := w.answer("stat"); !strings.HasPrefix(got, title+"Clients:\n") {
		t.Errorf("stat:\n%s", got)
	}
	if got := w.answer("mntr"); strings.Contains(got, "peer_state") || strings.Contains(got, "quorum_size") {
		t.Errorf("mntr:\n%s", got)
	}
	if got := w.answer("conf"); strings.Contains(got, "membership") || !strings.HasSuffix(got, "peerType=0\n") {
		t.Errorf("conf:\n%s", got)
	}
	for role, want := range map[zab.Role]string{zab.RoleReadOnly: "ro", zab.RoleNone: "null", zab.RoleFollower: "rw"} {
		w.server.role = role
		if got := w.answer("isro"); got != want {
			t.Errorf("isro, %s: %s", role, got)
		}
	}
}

func TestLocalSessionWords(t *testing.T) {
	for role, want := range map[zab.Role][]string{
		zab.RoleLeader:     {"Local Session Sets (1)/(1):", "\t0x7", "Global Session Sets (1)/(1):", "\t0x8"},
		zab.RoleFollower:   {"Local Session Sets (1)/(1):", "\t0x7", "Global Sessions(1):", "0x8\t30000ms"},
		zab.RoleReadOnly:   {"Local Session Sets (1)/(1):", "\t0x7", "Global Sessions(1):", "0x8\t30000ms"},
		zab.RoleStandalone: {"\nSession Sets (1)/(1):", "\t0x8"},
	} {
		w := newWorld(t, role, threeMembers, 2)
		w.src.Config.LocalSessionsEnabled = true
		w.open(8, "/e")
		w.peer.local = []replica.Expiry{{ID: 7, In: time.Second}}
		w.peer.status.LocalSessions = 1
		rest := w.answer("dump")
		for _, part := range want {
			_, after, ok := strings.Cut(rest, part)
			if !ok {
				t.Fatalf("%s: no %q in\n%s", role, part, w.answer("dump"))
			}
			rest = after
		}
		if got := w.answer("mntr"); !strings.Contains(got, "zk_local_sessions\t1\n") {
			t.Errorf("%s: mntr\n%s", role, got)
		}
	}
}

func TestDouble(t *testing.T) {
	for want, v := range map[string]float64{
		"0.0": 0, "3.0": 3, "2.8333": 17.0 / 6, "0.0001": 0.00005, "12345678.5": 12345678.5,
	} {
		if got := double(v); got != want {
			t.Errorf("double(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestCons(t *testing.T) {
	w := newWorld(t, zab.RoleFollower, threeMembers, 1)
	at := time.UnixMilli(1795365013678)
	conn := func(remote string, second int, c server.ConnInfo) {
		c.Remote, c.Opened = netip.MustParseAddrPort(remote), at.Add(time.Duration(second)*time.Second)
		w.server.conns = append(w.server.conns, c)
	}
	none := server.ConnStats{LastOp: proto.OpNotification, LastCxid: -1}
	conn("[fe80::1%eth0]:9", 3, server.ConnInfo{ConnStats: none})
	conn("127.0.0.1:50574", 2, server.ConnInfo{PacketsReceived: 1, ConnStats: none})
	conn("[::ffff:10.0.0.7]:50519", 1, server.ConnInfo{Session: 7, Timeout: 4 * time.Second, ConnStats: none})
	conn("[2001:db8::1]:50518", 0, server.ConnInfo{
		Queued: 2, PacketsReceived: 5, PacketsSent: 6, Session: -0x100000000000000, Timeout: 30 * time.Second,
		ConnStats: server.ConnStats{
			LastOp: proto.OpPing, LastCxid: 20, LastZxid: 0x100000007, LastResponse: 3228199 * time.Millisecond,
			LastLatency: 1500 * time.Microsecond, MinLatency: 900 * time.Microsecond, MaxLatency: 4200 * time.Microsecond,
			SumLatency: 9 * time.Millisecond, Replies: 4,
		},
	})
	want := " /[2001:db8:0:0:0:0:0:1]:50518[1](queued=2,recved=5,sent=6,sid=0xff00000000000000,lop=PING,est=1795365013678,to=30000," +
		"lcxid=0x14,lzxid=0x100000007,lresp=3228199,llat=1,minlat=0,avglat=2,maxlat=5)\n" +
		" /10.0.0.7:50519[1](queued=0,recved=0,sent=0,sid=0x7,lop=NA,est=1795365014678,to=4000," +
		"lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n" +
		" /127.0.0.1:50574[0](queued=0,recved=1,sent=0)\n" +
		" /[fe80:0:0:0:0:0:0:1%eth0]:9[1](queued=0,recved=0,sent=0)\n\n"
	if got := w.answer("cons"); got != want {
		t.Errorf("cons:\n%s\nwant\n%s", got, want)
	}
}

func TestConf(t *testing.T) {
	w := newWorld(t, zab.RoleFollower, threeMembers, 2)
	logDir := t.TempDir()
	w.src.Config.DataLogDir, w.src.ClientPort = logDir, func() int { return 2182 }
	for file, size := range map[string]int{
		filepath.Join(w.src.Config.DataDir, "myid"):                     2, // not counted
		filepath.Join(w.src.Config.DataDir, "version-2", "snapshot.0"):  100,
		filepath.Join(w.src.Config.DataDir, "version-2", "acceptedEp"):  1,
		filepath.Join(logDir, "version-2", "log.100000001"):             4096,
		filepath.Join(logDir, "version-2", "deeper", "log.of.somebody"): 10,
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := "clientPort=2182\nsecureClientPort=-1\n" +
		"dataDir=" + w.src.Config.DataDir + "/version-2\ndataDirSize=101\n" +
		"dataLogDir=" + logDir + "/version-2\ndataLogSize=4106\n" +
		"tickTime=2000\nmaxClientCnxns=60\nminSessionTimeout=4000\nmaxSessionTimeout=40000\n" +
		"clientPortListenBacklog=-1\nserverId=2\ninitLimit=10\nsyncLimit=5\nelectionAlg=3\n" +
		"electionPort=3889\nquorumPort=2889\npeerType=0\nmembership: \n" + threeMembers
	if got := w.answer("conf"); got != want {
		t.Errorf("conf:\n%s\nwant\n%s", got, want)
	}
	if got, want := w.answer("dirs"), "datadir_size: 101\nlogdir_size: 4106\n"; got != want {
		t.Errorf("dirs: %q, want %q", got, want)
	}
}

func TestDumpBuckets(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 1)
	w.open(0x300, "/c")
	w.open(0x100, "/a")
	w.open(0x200, "/b")
	w.peer.expiries = []replica.Expiry{{ID: 0x100, In: time.Second}, {ID: 0x300, In: time.Second}, {ID: 0x200, In: 3 * time.Second}}
	got := reExpiry.ReplaceAllString(w.answer("dump"), "expire at DATE:")
	want := "SessionTracker dump:\nSession Sets (2)/(3):\n2 expire at DATE:\n\t0x100\n\t0x300\n1 expire at DATE:\n\t0x200\n" +
		"ephemeral nodes dump:\nSessions with Ephemerals (3):\n0x100:\n\t/a\n0x200:\n\t/b\n0x300:\n\t/c\n" +
		"Connections dump:\nConnections Sets (0)/(0):\n"
	if got != want {
		t.Errorf("dump on a leader:\n%s\nwant\n%s", got, want)
	}
	w.server.role = zab.RoleFollower
	want = "SessionTracker dump:\nGlobal Sessions(3):\n0x100\t30000ms\n0x200\t30000ms\n0x300\t30000ms\n"
	if got := w.answer("dump"); !strings.HasPrefix(got, want) {
		t.Errorf("dump on a follower:\n%s\nwant\n%s", got, want)
	}
}

// TestConnExpiry: the bucket is counted from the start, ten seconds wide, and
// ends strictly later than the client may be silent.
func TestConnExpiry(t *testing.T) {
	w := newWorld(t, zab.RoleFollower, threeMembers, 1)
	started := w.src.Started
	for name, tc := range map[string]struct {
		opened, response, timeout time.Duration
		session                   proto.SessionID
		want                      time.Duration
	}{
		"no session":     {opened: time.Second, want: 20 * time.Second},
		"on the edge":    {opened: 0, session: 1, timeout: 30 * time.Second, want: 40 * time.Second},
		"just answered":  {opened: time.Second, response: 65 * time.Second, session: 1, timeout: 4 * time.Second, want: 70 * time.Second},
		"never answered": {opened: 7 * time.Second, session: 1, timeout: 4 * time.Second, want: 20 * time.Second},
	} {
		c := &server.ConnInfo{
			Opened: started.Add(tc.opened), Session: tc.session, Timeout: tc.timeout,
			ConnStats: server.ConnStats{LastResponse: tc.response},
		}
		if got := New(w.src).connExpiry(c).Sub(started); got != tc.want {
			t.Errorf("%s: after %v, want %v", name, got, tc.want)
		}
	}
	w.src.Config.SessionlessCnxnTimeout = 4 * time.Second
	if got := New(w.src).connExpiry(&server.ConnInfo{Opened: started.Add(time.Second)}).Sub(started); got != 8*time.Second {
		t.Errorf("with buckets of 4 s: after %v", got)
	}
}

func TestWatches(t *testing.T) {
	w := newWorld(t, zab.RoleFollower, threeMembers, 1)
	w.connect(0x100, 1, "/b", "/a")
	w.connect(0x200, 2, "/b")
	w.peer.tree.Watches().Add(tree.WatchData, "/gone", 3) // its connection has ended
	for word, want := range map[string]string{
		"wchs": "3 connections watching 3 paths\nTotal watches:4\n",
		"wchc": "0x100\n\t/a\n\t/b\n0x200\n\t/b\n\n",
		"wchp": "/a\n\t0x100\n/b\n\t0x100\n\t0x200\n\n",
	} {
		if got := w.answer(word); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", word, got, want)
		}
	}
}

func TestMntrValues(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 1)
	w.open(0x100, "/a")
	w.connect(0x100, 1, "/a", "/b")
	w.peer.status.Learners, w.peer.status.Synced, w.peer.status.NonVoting, w.peer.status.Observers = 5, 2, 1, 1
	w.peer.status.Syncs = 4
	w.peer.metrics.Diffs.Store(3)
	w.peer.metrics.Truncs.Store(1)
	w.peer.metrics.Mismatches.Store(2)
	w.src.Proposals = &fakeSizes{48, 36, 95}
	w.server.stats = server.Stats{
		Rejected: 1, ConnectRequests: 2, Dropped: 3, DropProbability: 0.0625, SessionlessClosed: 4, IdleClosed: 5,
		TokenDeficit: server.Summary{Count: 2, Sum: 7, Min: 3, Max: 4}, LargeRejected: 6, ThrottleWaits: 7, ThrottledOps: 8,
		Stale: 9, StaleDropped: 10, DigestMismatches: 11, Served: 1500 * time.Millisecond, Responses: server.Sizes{Last: 20, Min: 16, Max: 90},
	}
	w.src.Store.SyncTime.Observe(int64(3 * time.Millisecond))
	w.src.Store.SyncTime.Observe(int64(4500 * time.Microsecond))
	got := w.answer("mntr")
	for line := range strings.SplitSeq(
		"peer_state\tleading - broadcast|server_state\tleader|znode_count\t6|ephemerals_count\t1|global_sessions\t1|"+
			"watch_count\t3|quorum_size\t3|learners\t5|followers\t5|synced_followers\t3|synced_non_voting_followers\t1|"+
			"synced_observers\t1|last_proposal_size\t48|min_proposal_size\t36|max_proposal_size\t95|diff_count\t4|"+
			"avg_fsynctime\t3.75|min_fsynctime\t2|max_fsynctime\t5|cnt_fsynctime\t2|sum_fsynctime\t7|"+
			"connection_rejected\t1|connection_request_count\t2|connection_drop_count\t3|connection_drop_probability\t0.0625|"+
			"sessionless_connections_expired\t9|avg_connection_token_deficit\t3.5|min_connection_token_deficit\t3|"+
			"max_connection_token_deficit\t4|cnt_connection_token_deficit\t2|sum_connection_token_deficit\t7|"+
			"last_client_response_size\t20|min_client_response_size\t16|max_client_response_size\t90|pending_syncs\t4|"+
			"leader_uptime\t1500|large_requests_rejected\t6|request_throttle_wait_count\t7|throttled_ops\t8|stale_requests\t9|"+
			"stale_requests_dropped\t10|digest_mismatches_count\t13|"+
			"avg_snapshottime\t0.0|min_snapshottime\t0|max_snapshottime\t0|cnt_snapshottime\t0",
		"|") {
		if !strings.Contains(got, "\nzk_"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	w.src.Proposals = nil
	if got := w.answer("mntr"); strings.Contains(got, "proposal_size") {
		t.Errorf("sizes are told that nobody measured:\n%s", got)
	}
}

func TestMntrQuotas(t *testing.T) {
	w := newWorld(t, zab.RoleStandalone, "", 0)
	for path, data := range map[string]string{"/zookeeper/quota/a b": "", "/zookeeper/quota/c": ""} {
		w.apply(1, proto.OpCreate, &proto.CreateTxn{Path: path, Data: []byte(data), ACL: proto.OpenACL, ParentCversion: -1})
	}
	for _, z := range [][2]string{{"/a b", "xyz"}, {"/zookeeper/quota/a b/zookeeper_limits", "count=5,bytes=7=;byteHardLimit=9"},
		{"/zookeeper/quota/a b/zookeeper_stats", ""}, {"/zookeeper/quota/c/zookeeper_limits", ""}} {
		w.apply(1, proto.OpCreate, &proto.CreateTxn{Path: z[0], Data: []byte(z[1]), ACL: proto.OpenACL, ParentCversion: -1})
	}
	w.peer.metrics.QuotaErrors.Add("old")
	w.peer.metrics.QuotaErrors.Add("old")
	var got []string
	for line := range strings.SplitSeq(w.answer("mntr"), "\n") {
		if strings.HasSuffix(strings.Split(line, "\t")[0], "_per_namespace") {
			got = append(got, line)
		}
	}
	want := []string{"zk_a b_quota_count_limit_per_namespace\t5", "zk_a b_quota_bytes_limit_per_namespace\t9",
		"zk_a b_quota_count_usage_per_namespace\t1", "zk_a b_quota_bytes_usage_per_namespace\t3",
		"zk_c_quota_count_limit_per_namespace\t-1", "zk_c_quota_bytes_limit_per_namespace\t-1",
		"zk_old_quota_exceeded_error_per_namespace\t2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHash(t *testing.T) {
	w := newWorld(t, zab.RoleStandalone, "", 0)
	want := ""
	for w.peer.tree.LastZxid() < 300 {
		w.apply(1, proto.OpSetData, &proto.SetDataTxn{Path: "/", Data: fmt.Append(nil, w.peer.tree.LastZxid())})
		switch z := w.peer.tree.LastZxid(); z {
		case 128, 256:
			want += fmt.Sprintf("%x: %d\n", int64(z), w.peer.tree.Digest())
		}
	}
	if got := w.answer("hash"); got != want {
		t.Errorf("hash: %q, want %q", got, want)
	}
	w.src.Config.DigestEnabled = false // as Java answers with -Dzookeeper.digest.enabled=false
	if got := w.answer("hash"); got != "80: 0\n100: 0\n" {
		t.Errorf("hash without digests: %q", got)
	}
	w.server.role = zab.RoleNone
	if got := w.answer("hash"); got != notServing {
		t.Errorf("hash while not serving: %q", got)
	}
}

func TestResets(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 1)
	proposals := &fakeSizes{1, 1, 1}
	w.src.Proposals = proposals
	w.answer("crst")
	if !w.server.connReset || w.server.statsReset {
		t.Errorf("crst: connections %v, server %v", w.server.connReset, w.server.statsReset)
	}
	w.answer("srst")
	if !w.server.statsReset || proposals[0] != -1 {
		t.Errorf("srst: %v, proposals %v", w.server.statsReset, proposals)
	}
	w.server.role, w.server.statsReset = zab.RoleNone, false
	w.peer.metrics.Snaps.Store(1)
	if w.answer("srst"); w.server.statsReset || w.peer.metrics.Snaps.Load() != 1 {
		t.Error("srst without a quorum, which Java refuses, took effect")
	}
}

// TestSrstZeroes: what is zero in mntr after srst, as it is in Java's.
func TestSrstZeroes(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 1)
	q, s := &w.peer.metrics, w.src.Store
	for _, n := range []*atomic.Int64{&q.Elections, &q.Diffs, &q.Truncs, &q.Snaps, &q.Expired, &q.Mismatches} {
		n.Store(5)
	}
	q.QuotaErrors.Add("a")
	s.SyncTime.Observe(int64(time.Second))
	s.SnapshotTime.Observe(int64(time.Second))
	s.SnapshotFails.Store(5)
	var keys []string
	for _, key := range []string{"fsynctime", "snapshottime"} {
		for _, of := range []string{"avg_", "min_", "max_", "cnt_", "sum_"} {
			keys = append(keys, of+key)
		}
	}
	keys = append(keys, "looking_count", "diff_count", "snap_count", "stale_sessions_expired", "digest_mismatches_count",
		"snapshot_error_count", "a_quota_exceeded_error_per_namespace")
	value := func(key string) string {
		_, rest, ok := strings.Cut(w.answer("mntr"), "\nzk_"+key+"\t")
		v, _, _ := strings.Cut(rest, "\n")
		if !ok {
			t.Errorf("no %s", key)
		}
		return v
	}
	for _, key := range keys {
		if v := value(key); v == "0" || v == "0.0" {
			t.Errorf("%s is %s already", key, v)
		}
	}
	w.answer("srst")
	for _, key := range keys {
		if v := value(key); v != "0" && v != "0.0" {
			t.Errorf("%s is %s", key, v)
		}
	}
}

// TestTraceMask: as Java says it, also while it does not serve.
func TestTraceMask(t *testing.T) {
	w := newWorld(t, zab.RoleNone, threeMembers, 1)
	words := New(w.src)
	for _, tc := range []struct{ word, want string }{
		{"gtmk", "306"},
		{"stmk", ""},
		{"stmk\x00\x00\x00\x00\x00\x00\x00", ""},
		{"gtmk", "306"},
		{"stmk\x00\x00\x00\x00\x00\x00\x00\x11", "17"},
		{"gtmk", "17"},
		{"stmk\xff\xff\xff\xff\xff\xff\xff\xfe", "-2"},
		{"gtmk", "-2"},
		{"stmk\x00\x00\x00\x00\x00\x00\x00\x11more", ""},
	} {
		var b strings.Builder
		if words.Answer(tc.word, &b); b.String() != tc.want {
			t.Errorf("%q: %q, want %q", tc.word, b.String(), tc.want)
		}
	}
}

func TestUnknownWord(t *testing.T) {
	w := newWorld(t, zab.RoleStandalone, "", 0)
	for _, word := range []string{"telnet close", "", "nope"} {
		if got := w.answer(word); got != "" {
			t.Errorf("%q: %q", word, got)
		}
	}
}

type brokenPipe struct{ writes int }

func (p *brokenPipe) Write([]byte) (int, error) { p.writes++; return 0, errors.New("broken pipe") }

// TestReaderGone: a dump ends when nobody reads it.
func TestReaderGone(t *testing.T) {
	w := newWorld(t, zab.RoleLeader, threeMembers, 1)
	paths := make([]string, 3000)
	for i := range paths {
		paths[i] = "/" + strings.Repeat("x", 1+i)
	}
	w.connect(1, 1, paths...)
	for _, word := range []string{"wchc", "wchp", "dump"} {
		out := new(brokenPipe)
		if New(w.src).Answer(word, out); out.writes > 1 {
			t.Errorf("%s: %d writes to a broken pipe", word, out.writes)
		}
	}
}
