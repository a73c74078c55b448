package config

import (
	"crypto"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// world is a directory with a zoo.cfg and a data directory in it. $ in texts stands for the directory.
type world struct {
	t   testing.TB
	dir string
}

func newWorld(t testing.TB) world {
	w := world{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(w.dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$", w.dir)), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// load writes text as zoo.cfg and loads it; results have the directory replaced by $.
func (w world) load(text string, flags map[string]string) (*Config, []string, []string) {
	w.t.Helper()
	cfg, warnings, err := Load(w.write("zoo.cfg", text), flags)
	if (cfg == nil) != (err != nil) {
		w.t.Fatalf("config %v, error %v", cfg, err)
	}
	return cfg, w.warnings(warnings), w.problems(err)
}

func (w world) warnings(list []Warning) (texts []string) {
	for _, warning := range list {
		texts = append(texts, strings.ReplaceAll(warning.String(), w.dir, "$"))
	}
	return texts
}

func (w world) problems(err error) (texts []string) {
	if err == nil {
		return nil
	}
	var list *Problems
	if !errors.As(err, &list) || len(list.List) == 0 {
		w.t.Fatalf("error %T: %v", err, err)
	}
	for _, p := range list.List {
		if p.Fix == "" {
			w.t.Errorf("%v: nothing said about what to do", p)
		}
		texts = append(texts, strings.ReplaceAll(at(p.File, p.Line)+p.Text, w.dir, "$"))
	}
	return texts
}

const base = "dataDir=$/data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\n" // lines 1 to 4

const trio = "server.1=127.0.0.1:2881:3881\nserver.2=127.0.0.1:2882:3882\nserver.3=127.0.0.1:2883:3883\n"

func TestDefaults(t *testing.T) {
	w := newWorld(t)
	cfg, warnings, problems := w.load("dataDir=$/data\nclientPort=2181\n", nil)
	if problems != nil || warnings != nil {
		t.Fatalf("problems %q, warnings %q", problems, warnings)
	}
	want := Config{
		File: cfg.File, DataDir: w.dir + "/data", DataLogDir: w.dir + "/data",
		ClientPort: 2181, ClientPortListenBacklog: -1,
		TickTime: 3 * time.Second, MinSessionTimeout: 6 * time.Second, MaxSessionTimeout: time.Minute,
		MaxClientCnxns: 60, Standalone: true, StandaloneEnabled: true, LeaderServes: true, LinearizableSync: true,
		CnxTimeout: 5 * time.Second, ElectionPortBindRetry: 3,
		Peers: Peers{
			ObserverMasterSizeLimit: 32 << 20, ObserverElectionDelay: 200 * time.Millisecond, MaxConcurrentSnapSyncs: 10, MaxConcurrentDiffSyncs: 100,
			MaxTimeToWaitForEpoch: -time.Millisecond, LeaderConnectDelay: 100 * time.Millisecond, SnapshotSizeFactor: 0.33,
		},
		MinNotificationInterval: 200 * time.Millisecond, MaxNotificationInterval: time.Minute,
		SnapRetainCount: 3, SnapCount: 100000, SnapSizeLimit: 4 << 30, PreAllocSize: 64 << 20, ForceSync: true,
		FsyncWarningThreshold: time.Second, MaxBatchSize: 1000, DigestEnabled: true,
		SerializeLastProcessedZxid: true, DBAutocreate: true, DatadirAutocreate: true,
		JuteMaxBuffer: 0xfffff, JuteMaxBufferExtraSize: 0xfffff, GlobalOutstandingLimit: 1000,
		AuthSchemes: []string{"digest", "ip"}, DigestAlg: crypto.SHA1,
		FourLetterWhitelist: []string{"srvr"}, Ensemble: ensemble.Single(0),
		ContainerCheckInterval: time.Minute, ContainerMaxPerMinute: 10000,
		SessionlessCnxnTimeout: 10 * time.Second, LargeRequestThreshold: -1, LargeRequestMaxBytes: 100 << 20,
		ConnectionThrottle: ConnectionThrottle{
			FillTime: time.Millisecond, FillCount: 1, FreezeTime: -time.Millisecond, DropIncrease: 0.02, DropDecrease: 0.002,
			GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2,
		},
		RequestThrottle: RequestThrottle{StallTime: 100 * time.Millisecond, DropStale: true, StaleConnection: true},
	}
	if got, want := fields(*cfg), fields(want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// fields shows every exported field, which fmt does not because of Format.
func fields(c Config) string {
	text, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestEverythingSet(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "2\n")
	cfg, warnings, problems := w.load(base+trio+`
dataLogDir=$/log
clientPortAddress=127.0.0.1
clientPortListenBacklog=100
tickTime=200
minSessionTimeout=1000
maxSessionTimeout=9000
connectToLearnerMasterLimit=7
maxClientCnxns=0
maxCnxns=99
standaloneEnabled=FALSE
quorumListenOnAllIPs=true
localSessionsEnabled=True
localSessionsUpgradingEnabled=true
observerMasterPort=2191
observerMaster.sizeLimit=1000000
observer.reconnectDelayMs=30
observer.election.DelayMs=40
leader.maxConcurrentSnapSyncs=2
leader.maxConcurrentDiffSyncs=3
leader.maxTimeToWaitForEpoch=2000
leaderConnectDelayDuringRetryMs=50
quorumCnxnTimeoutMs=700
snapshotSizeFactor=0.5
multiAddress.enabled=true
syncEnabled=false
peerType=participant
electionAlg=3
autopurge.snapRetainCount=5
autopurge.purgeInterval=2
snapCount=10
snapSizeLimitInKb=0
txnLogSizeLimitInKb=8
preAllocSize=0x10
forceSync=no
fsync.warningthresholdms=20
maxBatchSize=10
linearizableSync=false
proxyProtocol.from=10.0.0.5, 10.1.2.3/16,::ffff:10.0.0.6,fd00::/8
commitLogCount=600
digest.enabled=false
closeSessionTxn.enabled=true
serializeLastProcessedZxid.enabled=false
snapshot.compression.method=Snappy
snapshot.trust.empty=true
db.autocreate=false
datadir.autocreate=false
jute.maxbuffer.extrasize=2000
globalOutstandingLimit=5
leaderServes=no
cnxTimeout=100
tcpKeepAlive=true
clientTcpKeepAlive=true
electionPortBindRetry=0
fastleader.minNotificationInterval=10
fastleader.maxNotificationInterval=20
skipACL=yes
DigestAuthenticationProvider.superDigest=super:abc=
DigestAuthenticationProvider.enabled=false
DigestAuthenticationProvider.digestAlg=sha-256
authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
authProvider.ens=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider
ensembleAuthName=prod, stage
enforce.auth.enabled=true
enforce.auth.schemes=ip
enableEagerACLCheck=TRUE
letAnySaslUserDoX=any
X509AuthenticationProvider.superUser=CN=root
4lw.commands.whitelist=ruok, mntr ,,*
enforceQuota=True
extendedTypesEnabled=TRUE
emulate353TTLNodes=true
nio.sessionlessCnxnTimeout=-1
largeRequestThreshold=1000
largeRequestMaxBytes=5000
connection_throttle_tokens=10
connection_throttle_fill_time=20
connection_throttle_fill_count=3
connection_throttle_freeze_time=0
connection_throttle_drop_increase=0.5
connection_throttle_drop_decrease=1e-3
connection_throttle_decrease_ratio=1
connection_throttle_weight_enabled=true
connection_throttle_global_session_weight=7
connection_throttle_local_session_weight=4
connection_throttle_renew_session_weight=5
request_throttle_max_requests=8
request_throttle_stall_time=9
request_throttle_drop_stale=false
request_stale_latency_check=true
request_stale_connection_check=false
throttled_op_wait_time=11
`, map[string]string{"jute.maxbuffer": "4000", "znode.container.checkIntervalMs": "0x64", "znode.container.maxPerMinute": "7",
		"znode.container.maxNeverUsedIntervalMs": "300000", "zookeeper.snapCount": "77", "user.home": "/x"})
	if problems != nil || warnings != nil {
		t.Fatalf("problems %q, warnings %q", problems, warnings)
	}
	want := Config{
		File: cfg.File, DataDir: w.dir + "/data", DataLogDir: w.dir + "/log",
		ClientPort: 2181, ClientPortAddress: "127.0.0.1", ClientPortListenBacklog: 100,
		TickTime: 200 * time.Millisecond, MinSessionTimeout: time.Second, MaxSessionTimeout: 9 * time.Second,
		ProxyProtocolFrom: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.5/32"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.0.0.6/32"), netip.MustParsePrefix("fd00::/8"),
		},
		InitLimit: 10, SyncLimit: 5, ConnectToLearnerMasterLimit: 7, MaxCnxns: 99, MyID: 2, QuorumListenOnAllIPs: true,
		LocalSessionsEnabled: true, LocalSessionsUpgradingEnabled: true,
		CnxTimeout:   100 * time.Millisecond,
		MultiAddress: true,
		Peers: Peers{
			ObserverMasterPort: 2191, ObserverMasterSizeLimit: 1000000, ObserverReconnectDelay: 30 * time.Millisecond,
			ObserverElectionDelay: 40 * time.Millisecond, MaxConcurrentSnapSyncs: 2, MaxConcurrentDiffSyncs: 3,
			MaxTimeToWaitForEpoch: 2 * time.Second, LeaderConnectDelay: 50 * time.Millisecond, QuorumCnxnTimeout: 700 * time.Millisecond,
			SnapshotSizeFactor: 0.5,
		},
		MinNotificationInterval: 10 * time.Millisecond, MaxNotificationInterval: 20 * time.Millisecond,
		SnapRetainCount: 5, PurgeInterval: 2 * time.Hour, SnapCount: 10, SnapCountSet: true, TxnLogSizeLimit: 8192, PreAllocSize: 16384,
		FsyncWarningThreshold: 20 * time.Millisecond, MaxBatchSize: 10, CommitLogCount: 600, SnapshotTrustEmpty: true, SnapshotCompression: "snappy",
		JuteMaxBuffer: 4000, JuteMaxBufferExtraSize: 2000, GlobalOutstandingLimit: 5,
		AuthSchemes: []string{"ensemble", "ip", "sasl"}, DigestAlg: crypto.SHA256, EnsembleNames: []string{"prod", "stage"},
		AnySASLUser: "any", X509SuperUser: "CN=root",
		EnforceAuth: []string{"ip"}, EagerACLCheck: true,
		SkipACL: true, SuperDigest: Secret{"super:abc="}, FourLetterWhitelist: []string{"ruok", "mntr", "*", "srvr"},
		Ensemble: cfg.Ensemble, EnforceQuota: true, ExtendedTypes: true, Emulate353TTL: true,
		ContainerCheckInterval: 100 * time.Millisecond, ContainerMaxPerMinute: 7, ContainerMaxNeverUsed: 5 * time.Minute,
		SessionlessCnxnTimeout: -time.Millisecond, LargeRequestThreshold: 1000, LargeRequestMaxBytes: 5000,
		ConnectionThrottle: ConnectionThrottle{
			Tokens: 10, FillTime: 20 * time.Millisecond, FillCount: 3, DropIncrease: 0.5, DropDecrease: 0.001, DecreaseRatio: 1,
			Weighted: true, GlobalWeight: 7, LocalWeight: 4, RenewWeight: 5,
		},
		RequestThrottle: RequestThrottle{MaxRequests: 8, StallTime: 9 * time.Millisecond, StaleLatency: true, OpWaitTime: 11 * time.Millisecond},
	}
	if got, want := fields(*cfg), fields(want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if cfg.SuperDigest.Reveal() != "super:abc=" {
		t.Errorf("super digest %q", cfg.SuperDigest.Reveal())
	}
	if m, _ := cfg.Ensemble.Member(2); m.ClientAddr != (ensemble.Addr{Host: "127.0.0.1", Port: 2181}) || !m.ClientFromStatic {
		t.Errorf("own member %+v", m)
	}
	for name, value := range map[string]string{
		"zookeeper.snapCount": "10", "jute.maxbuffer": "4000", "user.home": "/x", "zookeeper.tickTime": "", "zookeeper.none": "",
	} {
		if got := cfg.SystemProperty(name); got != value {
			t.Errorf("SystemProperty(%q) = %q, want %q", name, got, value)
		}
	}
}

// TestReadOnlyMode: Boolean.getBoolean takes any case, the whitelist does not.
func TestReadOnlyMode(t *testing.T) {
	for value, want := range map[string]struct {
		enabled bool
		words   string
	}{
		"":      {false, "srvr"},
		"true":  {true, "isro srvr"},
		"TRUE":  {true, "srvr"},
		"false": {false, "srvr"},
	} {
		w := newWorld(t)
		flags := map[string]string{"readonlymode.enabled": value}
		if value == "" {
			flags = nil
		}
		cfg, warnings, problems := w.load(base, flags)
		if warnings != nil || problems != nil {
			t.Fatalf("%q: %q %q", value, warnings, problems)
		}
		if words := strings.Join(cfg.FourLetterWhitelist, " "); cfg.ReadOnlyModeEnabled != want.enabled || words != want.words {
			t.Errorf("%q: %t, words %s", value, cfg.ReadOnlyModeEnabled, words)
		}
	}
	w := newWorld(t)
	cfg, warnings, _ := w.load(base+"readonlymode.enabled=true\n", nil)
	if cfg.ReadOnlyModeEnabled || len(warnings) != 1 {
		t.Errorf("in zoo.cfg: %t, %q", cfg.ReadOnlyModeEnabled, warnings)
	}
}

func TestTrimmedAsJava(t *testing.T) {
	w := newWorld(t)
	cfg, _, problems := w.load("dataDir = $/data \t\nclientPort=2181\t\nsnapCount=7 \n\\u0009tickTime\\ = 500\\u000b\n", map[string]string{"jute.maxbuffer": "100"})
	if problems != nil || cfg.DataDir != w.dir+"/data" || cfg.ClientPort != 2181 || cfg.SnapCount != 7 || cfg.TickTime != 500*time.Millisecond {
		t.Errorf("%v, %q", cfg, problems)
	}
	if cfg.JuteMaxBuffer != 100 || cfg.JuteMaxBufferExtraSize != 1024 {
		t.Errorf("maxbuffer %d and %d", cfg.JuteMaxBuffer, cfg.JuteMaxBufferExtraSize)
	}
}

// TestPrecedence is System.setProperty: a line of zoo.cfg overwrites the flag of the same name.
func TestPrecedence(t *testing.T) {
	w := newWorld(t)
	flags := map[string]string{"zookeeper.snapCount": "10", "zookeeper.maxCnxns": "20", "fsync.warningthresholdms": "30", "zookeeper.observer.syncEnabled": "false"}
	cfg, _, _ := w.load(base+"snapCount=11\nzookeeper.snapCount=12\nsyncEnabled=true\n", flags)
	if cfg.SnapCount != 11 || cfg.MaxCnxns != 20 || cfg.FsyncWarningThreshold != 30*time.Millisecond {
		t.Errorf("snapCount %d, maxCnxns %d, threshold %v", cfg.SnapCount, cfg.MaxCnxns, cfg.FsyncWarningThreshold)
	}
	cfg, _, _ = w.load(base+"zookeeper.snapCount=12\nfsync.warningthresholdms=31\n", flags)
	if cfg.SnapCount != 12 || cfg.FsyncWarningThreshold != 31*time.Millisecond {
		t.Errorf("snapCount %d, threshold %v", cfg.SnapCount, cfg.FsyncWarningThreshold)
	}
}

func TestPurgeInterval(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]time.Duration{"0": 0, "-1": 0, "24": 24 * time.Hour, "90m": 90 * time.Minute,
		"500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "2d": 48 * time.Hour, "1h": time.Hour} {
		cfg, _, problems := w.load(base+"autopurge.purgeInterval="+text, nil)
		if problems != nil || cfg.PurgeInterval != want {
			t.Errorf("%s: %v, %q", text, cfg, problems)
		}
	}
	for _, text := range []string{"", "x", "1.5", "99999999999", "h"} {
		if _, _, problems := w.load(base+"autopurge.purgeInterval="+text, nil); len(problems) != 1 {
			t.Errorf("%q: %q", text, problems)
		}
	}
}

func TestStandaloneArgs(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "ignored by ZooKeeperServerMain")
	cfg, warnings, err := LoadStandaloneArgs([]string{"2181", w.dir + "/data"}, map[string]string{"zookeeper.snapCount": "9"})
	if err != nil || warnings != nil {
		t.Fatal(err, warnings)
	}
	if !cfg.Standalone || cfg.ClientPort != 2181 || cfg.TickTime != 3*time.Second || cfg.MaxClientCnxns != 0 || cfg.SnapCount != 9 || cfg.MyID != 0 {
		t.Errorf("%s", fields(*cfg))
	}
	cfg, _, err = LoadStandaloneArgs([]string{"0", w.dir, "100", "7"}, nil)
	if err != nil || cfg.TickTime != 100*time.Millisecond || cfg.MaxClientCnxns != 7 || cfg.MaxSessionTimeout != 2*time.Second {
		t.Errorf("%v, %v", cfg, err)
	}
	for _, args := range [][]string{nil, {"2181"}, {"1", "d", "3", "4", "5"}, {"x", "d"}, {"1", "d", "x"}, {"1", ""}, {"1", "d", "0"}} {
		if cfg, _, err := LoadStandaloneArgs(args, nil); err == nil || cfg != nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// TestSample loads the sample configuration the way the tutorial does: renamed, with three servers added.
func TestSample(t *testing.T) {
	text, err := os.ReadFile("../../packaging/conf/zoo_sample.cfg")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	cfg, warnings, problems := w.load(string(text), nil)
	if warnings != nil || problems != nil {
		t.Fatalf("warnings %q, problems %q", warnings, problems)
	}
	if cfg.TickTime != 2*time.Second || cfg.InitLimit != 10 || cfg.SyncLimit != 5 || cfg.DataDir != "/tmp/zookeeper" || cfg.ClientPort != 2181 {
		t.Errorf("%s", fields(*cfg))
	}
	w.write("data/myid", "1")
	cfg, warnings, problems = w.load(strings.Replace(string(text), "/tmp/zookeeper", w.dir+"/data", 1)+trio, nil)
	if warnings != nil || problems != nil || cfg.Standalone || cfg.MyID != 1 {
		t.Errorf("warnings %q, problems %q", warnings, problems)
	}
	for _, optional := range []string{"#maxClientCnxns=60", "#autopurge.snapRetainCount=3", "#autopurge.purgeInterval=1"} {
		if !strings.Contains(string(text), "\n"+optional+"\n") {
			t.Errorf("the sample lacks %s", optional)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(base+trio, "1", "")
	f.Add(base+"dynamicConfigFile=$/dyn.5\n", "2", trio+"group.1=1:2:3\n")
	f.Add("zookeeper.snapCount=0x\n4lw.commands.whitelist=,\nautopurge.purgeInterval=ms", "\xff", "version=1")
	for _, k := range Keys() {
		f.Add(base+k.Name+"=true\n"+k.Name+"=-1", "1", k.Name)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, cfgText, myid, dynamic string) {
		w := world{t, dir}
		if err := os.MkdirAll(dir+"/data", 0o755); err != nil {
			t.Fatal(err)
		}
		w.write("data/myid", myid)
		w.write("dyn.5", dynamic)
		cfg, _, problems := w.load(cfgText, map[string]string{"zookeeper." + myid: dynamic, dynamic: myid})
		if cfg == nil {
			return
		}
		switch {
		case problems != nil, cfg.DataDir == "", cfg.DataLogDir == "", cfg.TickTime <= 0,
			cfg.MinSessionTimeout > cfg.MaxSessionTimeout, cfg.SnapCount < 2, cfg.CommitLogCount != 0 && cfg.CommitLogCount < 500,
			cfg.JuteMaxBuffer < 1, cfg.PreAllocSize < 0, cfg.SnapRetainCount < 3, cfg.PurgeInterval < 0,
			cfg.ClientPort < -1, cfg.ClientPort > 65535, !slices.Contains(cfg.FourLetterWhitelist, "srvr"):
			t.Fatalf("%q gave %s", cfgText, fields(*cfg))
		case !cfg.Standalone && (cfg.InitLimit < 1 || cfg.SyncLimit < 1 || cfg.MyID < 0 || cfg.MyID > 255):
			t.Fatalf("%q gave %s", cfgText, fields(*cfg))
		}
		if _, ok := cfg.Ensemble.Member(cfg.MyID); !ok {
			t.Fatalf("%q: server %d is not in %q", cfgText, cfg.MyID, cfg.Ensemble.Text())
		}
	})
}
