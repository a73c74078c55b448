package config

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
)

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
		{"balancers", base + "proxyProtocol.from=10.0.0.1,lb1,10.0.0.0/33", "", []string{
			`$/zoo.cfg:5: proxyProtocol.from: "lb1" is neither an address nor a network`,
			`$/zoo.cfg:5: proxyProtocol.from: "10.0.0.0/33" is neither an address nor a network`}},
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
		{"compression", base + "snapshot.compression.method=zstd\n", nil, []string{
			"$/zoo.cfg:5: snapshot.compression.method: zstd is neither gz nor snappy; snapshots are not compressed, as in ZooKeeper"}},
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
