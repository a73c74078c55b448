package config

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
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
		MinNotificationInterval: 200 * time.Millisecond, MaxNotificationInterval: time.Minute,
		SnapRetainCount: 3, SnapCount: 100000, SnapSizeLimit: 4 << 30, PreAllocSize: 64 << 20, ForceSync: true,
		FsyncWarningThreshold: time.Second, MaxBatchSize: 1000, CommitLogCount: 500, DigestEnabled: true,
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
commitLogCount=600
digest.enabled=false
closeSessionTxn.enabled=true
serializeLastProcessedZxid.enabled=false
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
		InitLimit: 10, SyncLimit: 5, ConnectToLearnerMasterLimit: 7, MaxCnxns: 99, MyID: 2, QuorumListenOnAllIPs: true,
		LocalSessionsEnabled: true, LocalSessionsUpgradingEnabled: true,
		CnxTimeout:              100 * time.Millisecond,
		MinNotificationInterval: 10 * time.Millisecond, MaxNotificationInterval: 20 * time.Millisecond,
		SnapRetainCount: 5, PurgeInterval: 2 * time.Hour, SnapCount: 10, TxnLogSizeLimit: 8192, PreAllocSize: 16384,
		FsyncWarningThreshold: 20 * time.Millisecond, MaxBatchSize: 10, CommitLogCount: 600, SnapshotTrustEmpty: true,
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

// TestProblems holds bad configurations and what is said about each, all at once and with lines.
func TestProblems(t *testing.T) {
	for _, tc := range []struct {
		name, cfg, myid string
		want            []string
	}{
		{"empty", "", "", []string{"$/zoo.cfg: dataDir is not set"}},
		{"everything at once", "tickTime=abc\nclientPort=70000\nsyncEnabled=yes\nelectionAlg=0\npeerType=witness\n" +
			"clientPortListenBacklog=1e3\nserver.1=a:1\nserver.2=b:2888:3888\njvm.pause.monitor=on\nserver.3=c:2888:2888\n", "", []string{
			`$/zoo.cfg:1: tickTime: "abc" is not a number`,
			`$/zoo.cfg:2: clientPort: 70000 is out of range`,
			`$/zoo.cfg:3: Invalid option yes for syncEnabled. Choose 'true' or 'false.'`,
			`$/zoo.cfg:4: Invalid electionAlg value. Only 3 is supported.`,
			`$/zoo.cfg:5: Unrecognised peertype: witness`,
			`$/zoo.cfg:6: clientPortListenBacklog: "1e3" is not a number`,
			`$/zoo.cfg:7: server.1=a:1: a:1 does not have the form server_config or server_config;client_config where` +
				` server_config is the pipe separated list of host:port:port or host:port:port:type and client_config is port or host:port`,
			`$/zoo.cfg:9: Invalid option on for jvm.pause.monitor. Choose 'true' or 'false.'`,
			`$/zoo.cfg:10: server.3=c:2888:2888: quorum and election port must be different, both are 2888`,
			`$/zoo.cfg: dataDir is not set`,
			`$/zoo.cfg: initLimit is not set`,
			`$/zoo.cfg: syncLimit is not set`,
		}},
		{"limits", "dataDir=$/data\nclientPort=1\ninitLimit=0\nsyncLimit=-1\n" + trio, "1", []string{
			"$/zoo.cfg:3: initLimit is not set", "$/zoo.cfg:4: syncLimit: -1 is out of range"}},
		{"tick", base + "tickTime=0", "", []string{"$/zoo.cfg:5: tickTime is not set"}},
		{"session timeouts", base + "minSessionTimeout=9\nmaxSessionTimeout=8", "", []string{
			"$/zoo.cfg:5: minSessionTimeout must not be larger than maxSessionTimeout"}},
		{"address without port", "dataDir=$/data\nclientPortAddress=a", "", []string{
			"$/zoo.cfg:2: clientPortAddress is set but clientPort is not set"}},
		{"purge interval", base + "autopurge.purgeInterval=1w", "", []string{
			`$/zoo.cfg:5: autopurge.purgeInterval: "1w" is not a time`}},
		{"bad escape", base + "dataLogDir=C:\\users\ntickTime=x", "", []string{
			`$/zoo.cfg:5: malformed \uxxxx encoding; write \u and four hex digits, or \\u for a backslash and a u`,
			`$/zoo.cfg:6: tickTime: "x" is not a number`}},

		{"myid missing", base + trio, "", []string{"$/data/myid: myid file is missing"}},
		{"myid empty", base + trio, "\n", []string{"$/data/myid: serverid null is not a number"}},
		{"myid word", base + trio, "one\n", []string{`$/data/myid: serverid "one" is not a number`}},
		{"myid binary", base + trio, strings.Repeat("\xff", 9999), []string{
			`$/data/myid: serverid ` + fmt.Sprintf("%q", strings.Repeat("\xff", 128)) + ` is not a number`}},
		{"myid too large", base + trio, "256", []string{"$/data/myid: serverid 256 is out of range, ids go from 0 to 255"}},
		{"myid negative", base + trio, "-1", []string{"$/data/myid: serverid -1 is out of range, ids go from 0 to 255"}},
		{"myid huge", base + trio, "99999999999999999999", []string{`$/data/myid: serverid "99999999999999999999" is not a number`}},
		{"myid of nobody", base + trio, "4", []string{"$/data/myid: My id 4 not in the peer list"}},
		{"myid of standalone must be a number too", base, "x", []string{`$/data/myid: serverid "x" is not a number`}},

		{"two servers with one id", base + trio + "server.1=127.0.0.1:2884:3884", "1", []string{
			"$/zoo.cfg:8: server.1=127.0.0.1:2884:3884: two servers have the id 1; each needs its own"}},
		{"one id in two spellings", base + trio + "server.01=127.0.0.1:2884:3884", "1", []string{
			"$/zoo.cfg:8: server.01=127.0.0.1:2884:3884: two servers have the id 1; each needs its own"}},
		{"id too large", base + trio + "server.256=127.0.0.1:2884:3884", "1", []string{
			"$/zoo.cfg:8: server.256: the id does not fit into a session id"}},
		{"same address", base + "server.1=zk1:2888:3888\nserver.2=ZK1:2888:3889\n", "1", []string{
			"$/zoo.cfg:6: ZK1:2888 of server.1 conflicts ZK1:2888 of server.2"}},
		{"several addresses", base + trio + "server.4=a:1:2|b:1:2", "1", []string{
			"$/zoo.cfg:8: Multiple address feature is disabled, but multiple addresses were specified for sid 4"}},
		{"observer alone", base + "server.1=a:1:2:observer", "1", []string{"$/zoo.cfg: Observers w/o participants is an invalid configuration"}},
		{"observer and one", base + "server.1=a:1:2:observer\nserver.2=b:1:2", "1", []string{"$/zoo.cfg: Observers w/o quorum is an invalid configuration"}},
		{"nobody", base + "standaloneEnabled=false", "1", []string{
			"$/zoo.cfg: standaloneEnabled = false then number of participants should be >0", "$/data/myid: My id 1 not in the peer list"}},
		{"not in a group", base + trio + "group.1=1:2", "1", []string{
			"$/zoo.cfg:8: group.1=1:2: Server 3 is not in a group; name every participant in one group line"}},
		{"client port twice", base + "server.1=a:2181:3888\nserver.2=b:2888:3888", "1", []string{
			"$/zoo.cfg:5: server.1: port 2181 is both the client port and a quorum or election port"}},
		{"two client ports", base + "server.1=a:1:2;2182\nserver.2=b:1:2", "1", []string{
			"$/zoo.cfg:5: client address for this server (id = 1) in static config file is 0.0.0.0:2181 is different" +
				" from client address found in dynamic file: 0.0.0.0:2182"}},

		{"not safe to leave out", base + "reconfigEnabled=true\nlocalSessionsEnabled=true\nsslQuorum=true\nsecureClientPort=2281\n" +
			"quorum.auth.enableSasl=true\nauthProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n" +
			"sessionRequireClientSASLAuth=true\nDigestAuthenticationProvider.digestAlg=SHA3_256\n" +
			"closeSessionTxn.enabled=false\n", "1", []string{
			"$/zoo.cfg:7: sslQuorum: this version of Paddock does not serve TLS between servers, and leaving it out would not be safe",
			"$/zoo.cfg:9: quorum.auth.enableSasl: this version of Paddock does not serve SASL between servers, and leaving it out would not be safe",
			"$/zoo.cfg:11: sessionRequireClientSASLAuth: this version of Paddock does not serve SASL, and leaving it out would not be safe",
			"$/zoo.cfg:12: don't support this ACL digest algorithm: SHA3_256 in the current environment",
			"$/zoo.cfg:13: closeSessionTxn.enabled: this version of Paddock does not serve transactions that close a session without listing its ephemerals, and leaving it out would not be safe",
		}},
	} {
		w := newWorld(t)
		if tc.myid != "" {
			w.write("data/myid", tc.myid)
		}
		if _, _, got := w.load(tc.cfg, nil); !slices.Equal(got, tc.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, strings.Join(got, "\n     "), strings.Join(tc.want, "\n     "))
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		name, cfg string
		flags     map[string]string
		want      []string
	}{
		{"typo", base + "snapCuont=5\ncompletelyElse=1\nTICKTIME=5", nil, []string{
			"$/zoo.cfg:5: snapCuont is not a name ZooKeeper knows; did you mean snapCount?",
			"$/zoo.cfg:6: completelyElse is not a name ZooKeeper knows; it has no effect",
			"$/zoo.cfg:7: TICKTIME is not a name ZooKeeper knows; did you mean tickTime?"}},
		{"prefix", base + "zookeeper.snapshot.trust.empty=true\nzookeeper.tickTime=100", nil, []string{
			"$/zoo.cfg:5: zookeeper.snapshot.trust.empty is taken for snapshot.trust.empty; ZooKeeper ignores this spelling in zoo.cfg",
			"$/zoo.cfg:6: zookeeper.tickTime is taken for tickTime; ZooKeeper ignores this spelling in zoo.cfg"}},
		{"name trap", base + "requestThrottleLimit=7", nil, []string{
			"$/zoo.cfg:5: requestThrottleLimit is taken for request_throttle_max_requests; ZooKeeper ignores this spelling in zoo.cfg"}},
		{"twice", base + "tickTime=5\ntickTime=6", nil, []string{"$/zoo.cfg:6: tickTime was already set in line 5; the last one counts"}},
		{"flags only", base + "jute.maxbuffer=5", map[string]string{"zookeeper.tickTime": "5", "zookeeper.jute.maxbuffer": "6",
			"snapCount": "7", "zookeeper.znode.container.maxPerMinute": "1", "zookeeper.snapCuont": "8", "zookeeper.connectionMaxTokens": "9"}, []string{
			"$/zoo.cfg:5: jute.maxbuffer has no effect in zoo.cfg; pass -Djute.maxbuffer=... in SERVER_JVMFLAGS",
			"-DsnapCount has no effect; ZooKeeper reads -Dzookeeper.snapCount",
			"-Dzookeeper.connectionMaxTokens is taken for -Dzookeeper.connection_throttle_tokens; ZooKeeper ignores this spelling",
			"-Dzookeeper.jute.maxbuffer has no effect; ZooKeeper reads -Djute.maxbuffer",
			"-Dzookeeper.snapCuont is not a name ZooKeeper knows; did you mean snapCount?",
			"-Dzookeeper.tickTime has no effect; write tickTime=... in zoo.cfg",
			"-Dzookeeper.znode.container.maxPerMinute has no effect; ZooKeeper reads -Dznode.container.maxPerMinute"}},
		{"not yet, one for each feature", base + "admin.serverPort=8080\nmetricsProvider.httpPort=7000\n" +
			"metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider\naudit.enable=true\nssl.keyStore.password=geheim\n", nil, []string{
			"$/zoo.cfg:5: admin.serverPort: ignored, this version of Paddock does not serve the admin server yet",
			"$/zoo.cfg:6: metricsProvider.httpPort, metricsProvider.className: ignored, this version of Paddock does not serve the metrics endpoint yet",
			"$/zoo.cfg:8: audit.enable: ignored, this version of Paddock does not serve the audit log yet",
			"$/zoo.cfg:9: ssl.keyStore.password: ignored, this version of Paddock does not serve TLS yet"}},
		{"switched off", base + "snapshot.compression.method=\nadmin.enableServer=false\nsslQuorum=false\nreconfigEnabled=false\naudit.enable=no\nobserverMasterPort=0\n" +
			"metricsProvider.className=org.apache.zookeeper.metrics.impl.DefaultMetricsProvider\nnio.numSelectorThreads=4\njvm.pause.monitor=true\n" +
			"authProvider.1=org.apache.zookeeper.server.auth.IPAuthenticationProvider\nserverCnxnFactory=x\nquorum.auth.enableSasl=false\n",
			map[string]string{"zookeeper.log.dir": "/l", "java.awt.headless": "true", "readonlymode.enabled": "false"}, nil},
		{"refused, but insisted on", base + "reconfigEnabled=true\nsecureClientPort=2281\nssl.keyStore.location=/k\n",
			map[string]string{"paddock.unserved": "warn", "java.security.auth.login.config": "/jaas"}, []string{
				"$/zoo.cfg:5: reconfigEnabled: ignored, this version of Paddock does not serve dynamic reconfiguration yet",
				"$/zoo.cfg:6: secureClientPort, ssl.keyStore.location: ignored, this version of Paddock does not serve TLS yet",
				"java.security.auth.login.config: ignored, this version of Paddock does not serve SASL yet"}},
		{"numbers", base + "snapCount=1\ncommitLogCount=many\ndigest.enabled=yes\nforceSync=false\nelectionPortBindRetry=-1\nautopurge.snapRetainCount=1", nil, []string{
			"$/zoo.cfg:5: snapCount should be 2 or more; 2 is used",
			`$/zoo.cfg:6: commitLogCount: "many" is not a number; 500 is used`,
			`$/zoo.cfg:7: digest.enabled: "yes" counts as false; write true or false`,
			`$/zoo.cfg:8: forceSync: "false" is neither yes nor no; only no has an effect`,
			"$/zoo.cfg:9: electionPortBindRetry should be 0 or more; 0 is used",
			"$/zoo.cfg:10: Invalid autopurge.snapRetainCount: 1. Defaulting to 3"}},
		{"relative", base + "dataLogDir=logs", nil, []string{"$/zoo.cfg:5: logs is relative. Prepend ./ to indicate that you're sure!"}},
		{"no client port", "dataDir=$/data", nil, []string{"$/zoo.cfg: clientPort is not set; no client can connect to this server"}},
		{"one server line", base + "server.1=a:1:2", nil, []string{
			"$/zoo.cfg: Invalid configuration, only one server specified (ignoring); this server runs standalone"}},
		{"latin-1", base + "dataLogDir=/donn\xc3\xa9es", nil, []string{
			"$/zoo.cfg:5: letters outside ASCII are read as ISO-8859-1, as Java does; write them as \\uXXXX"}},
	} {
		w := newWorld(t)
		_, got, problems := w.load(tc.cfg, tc.flags)
		if !slices.Equal(got, tc.want) || problems != nil {
			t.Errorf("%s: problems %q\ngot  %s\nwant %s", tc.name, problems, strings.Join(got, "\n     "), strings.Join(tc.want, "\n     "))
		}
	}
}

func TestEnsembleWarnings(t *testing.T) {
	for _, tc := range []struct {
		name, cfg string
		want      []string
	}{
		{"three", base + trio, nil},
		{"two", base + trio[:strings.Index(trio, "server.3")], []string{"$/zoo.cfg: No server failure will be tolerated. You need at least 3 servers."}},
		{"four", base + trio + "server.4=127.0.0.1:2884:3884", []string{"$/zoo.cfg: Non-optimal configuration, consider an odd number of servers."}},
		{"role", base + trio + "server.1=127.0.0.1:2881:3881", nil},
		{"one machine, one port", base + strings.Replace(trio, "2882", "2881", 1), []string{
			"$/zoo.cfg:6: 127.0.0.1:2881 of server.1 conflicts 127.0.0.1:2881 of server.2; on one machine only one of them can listen there"}},
		{"peer type", base + "peerType=observer\n" + trio, []string{
			"$/zoo.cfg:5: Peer type from servers list (PARTICIPANT) doesn't match peerType (OBSERVER). Defaulting to servers list."}},
	} {
		w := newWorld(t)
		w.write("data/myid", " 1 \r\nrest is not read")
		cfg, got, problems := w.load(tc.cfg, nil)
		if tc.name == "role" {
			if problems == nil {
				t.Error("server.1 twice was taken")
			}
			continue
		}
		if !slices.Equal(got, tc.want) || problems != nil || cfg.MyID != 1 || cfg.Standalone || cfg.PeerType != ensemble.Participant {
			t.Errorf("%s: problems %q, warnings %q, want %q", tc.name, problems, got, tc.want)
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

func TestDynamicConfigFile(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "3")
	w.write("zoo.cfg.dynamic.10000000a", trio+"server.4=127.0.0.1:2884:3884:observer;127.0.0.1:2184\n")
	cfg, _, problems := w.load(base+"dynamicConfigFile=$/zoo.cfg.dynamic.10000000a\n", nil)
	if problems != nil {
		t.Fatal(problems)
	}
	if cfg.Ensemble.Version != 0x10000000a || len(cfg.Ensemble.Voters()) != 3 || cfg.Standalone {
		t.Errorf("ensemble %q", cfg.Ensemble.Text())
	}
	w.write("data/myid", "4")
	cfg, _, _ = w.load("dataDir=$/data\ninitLimit=1\nsyncLimit=1\ndynamicConfigFile=$/zoo.cfg.dynamic.10000000a\n", nil)
	if cfg == nil || cfg.ClientPort != 2184 || cfg.ClientPortAddress != "127.0.0.1" || cfg.PeerType != ensemble.Observer {
		t.Errorf("server 4: %s", fields(*cfg))
	}

	w.write("zoo.cfg.dynamic", trio+"version=5\ntickTime=1\nserver.x=1\n")
	_, _, problems = w.load(base+"dynamicConfigFile=$/zoo.cfg.dynamic\nserver.1=a:1:2\n", nil)
	want := []string{
		"$/zoo.cfg:6: parameter: server.1 must be in a separate dynamic config file",
		"$/zoo.cfg.dynamic:4: dynamic file shouldn't have version inside",
		"$/zoo.cfg.dynamic:5: tickTime=1: Unrecognised parameter: tickTime",
		`$/zoo.cfg.dynamic:6: server.x=1: "x" is not a number of 0 or more`,
		"$/data/myid: My id 4 not in the peer list",
	}
	if !slices.Equal(problems, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(problems, "\n     "), strings.Join(want, "\n     "))
	}
	_, _, problems = w.load(base+"dynamicConfigFile=$/none\n", nil)
	if len(problems) != 1 || problems[0] != "$/none: $/none file is missing" {
		t.Errorf("missing dynamic file: %q", problems)
	}
}

// TestDynamicVersion takes the version from what follows the last dot, if that is a hex number.
func TestDynamicVersion(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "1")
	t.Chdir(w.dir)
	for name, want := range map[string]int64{"fade": 0, "zoo.cfg.dynamic": 0, "zoo.cfg.dynamic.fade": 0xfade, "d.0": 0, "d.-5": 0, "d.": 0} {
		w.write(name, trio)
		cfg, _, problems := w.load(base+"dynamicConfigFile="+name+"\n", nil)
		if problems != nil || cfg.Ensemble.Version != want {
			t.Errorf("%s: version %x, want %x, problems %q", name, cfg.Ensemble.Version, want, problems)
		}
	}
}

// TestOwnClientAddress: clientPort and the own server line may both give the address, as long as they can agree.
func TestOwnClientAddress(t *testing.T) {
	for _, tc := range []struct {
		static, line, want string // want "" for a contradiction
	}{
		{"clientPort=2181", "", ":2181"},
		{"clientPort=2181\nclientPortAddress=zk1", "", "zk1:2181"},
		{"", ";2181", ":2181"},
		{"", ";zk1:2181", "zk1:2181"},
		{"clientPort=2181", ";2181", ":2181"},
		{"clientPort=2181", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=zk1", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";zk1:2181", "zk1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";10.0.0.2:2181", ""},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";2181", ""},
		{"clientPort=2181", ";2182", ""},
	} {
		w := newWorld(t)
		w.write("data/myid", "1")
		cfg, _, problems := w.load("dataDir=$/data\ninitLimit=1\nsyncLimit=1\n"+tc.static+"\nserver.1=a:1:2"+tc.line+"\nserver.2=b:1:2\n", nil)
		if tc.want == "" {
			if len(problems) != 1 || !strings.Contains(problems[0], "is different from client address found in dynamic file") {
				t.Errorf("%q against %q: %q", tc.static, tc.line, problems)
			}
			continue
		}
		if got := fmt.Sprintf("%s:%d", cfg.ClientPortAddress, cfg.ClientPort); problems != nil || got != tc.want {
			t.Errorf("%q with %q: %s, want %s, problems %q", tc.static, tc.line, got, tc.want, problems)
		}
	}
}

func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]string{
		w.dir + "/none.cfg": "$/none.cfg: $/none.cfg file is missing",
		w.dir + "/data":     "$/data: Error processing $/data, ",
	} {
		cfg, _, err := Load(name, nil)
		if got := w.problems(err); cfg != nil || len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	huge := w.write("huge.cfg", strings.Repeat("# comment\n", maxFileBytes/10+1))
	if _, _, err := Load(huge, nil); err == nil {
		t.Error("a file beyond the limit was read")
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

// TestSingleLine is the server a lone server line describes, with and without myid.
func TestSingleLine(t *testing.T) {
	w := newWorld(t)
	cfg, _, problems := w.load("dataDir=$/data\nserver.5=a:2888:3888;127.0.0.1:2185\n", nil)
	if problems != nil || !cfg.Standalone || cfg.ClientPort != 2185 || cfg.ClientPortAddress != "127.0.0.1" || cfg.MyID != 0 {
		t.Errorf("%v, %q", cfg, problems)
	}
	w.write("data/myid", "5")
	cfg, _, problems = w.load(base+"standaloneEnabled=false\nserver.5=a:2888:3888\n", nil)
	if problems != nil || cfg.Standalone || cfg.MyID != 5 || cfg.Ensemble.Text() != "server.5=a:2888:3888:participant\nversion=0" {
		t.Errorf("%v, %q", cfg, problems)
	}
}

func TestSecretsStayHidden(t *testing.T) {
	w := newWorld(t)
	cfg, _, problems := w.load(base+"DigestAuthenticationProvider.superDigest=super:geheim\nssl.keyStore.password=geheim\n",
		map[string]string{"zookeeper.SASLAuthenticationProvider.superPassword": "geheim"})
	if problems != nil {
		t.Fatal(problems)
	}
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg, cfg), fmt.Sprintf("%v %+v %#v", *cfg, *cfg, *cfg), string(asJSON),
		fmt.Sprintf("%v %+v %#v %s", cfg.SuperDigest, cfg.SuperDigest, cfg.SuperDigest, cfg.SuperDigest),
	} {
		if strings.Contains(text, "geheim") {
			t.Errorf("secret in %s", text)
		}
	}
}

func TestCheckDirs(t *testing.T) {
	w := newWorld(t)
	cfg, _, _ := w.load("dataDir=$/new/snap\nclientPort=1\ndataLogDir=$/new/log\n", nil)
	if err := cfg.CheckDirs(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"snap", "log"} {
		if entries, err := os.ReadDir(w.dir + "/new/" + dir + "/version-2"); err != nil || len(entries) != 0 {
			t.Errorf("%s: %v, %v", dir, entries, err)
		}
	}
	cfg, _, _ = w.load("dataDir=$/none\nclientPort=1\ndatadir.autocreate=false\n", nil)
	want := "$/zoo.cfg:1: Missing snap directory $/none/version-2, automatic data directory creation is disabled (zookeeper.datadir.autocreate is false)"
	if got := w.problems(cfg.CheckDirs()); len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
	w.write("file", "")
	cfg, _, _ = w.load("dataDir=$/file\nclientPort=1\ndataLogDir=$/data\n", nil)
	if got := w.problems(cfg.CheckDirs()); len(got) != 1 || got[0] != "$/zoo.cfg:1: Unable to create snap directory $/file/version-2, not a directory" {
		t.Errorf("%q", got)
	}
	if os.Geteuid() == 0 {
		return // root writes everywhere
	}
	if err := os.Chmod(w.dir+"/new/log/version-2", 0o500); err != nil {
		t.Fatal(err)
	}
	cfg, _, _ = w.load("dataDir=$/new/snap\nclientPort=1\ndataLogDir=$/new/log\n", nil)
	if got := w.problems(cfg.CheckDirs()); len(got) != 1 || got[0] != "$/zoo.cfg:3: Cannot write to data directory $/new/log/version-2, permission denied" {
		t.Errorf("%q", got)
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
			cfg.MinSessionTimeout > cfg.MaxSessionTimeout, cfg.SnapCount < 2, cfg.CommitLogCount < 500,
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
