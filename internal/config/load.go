package config

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// Load reads the zoo.cfg at path and the -D flags sysprops, keyed by their full names, together with the files they
// lead to: the dynamic configuration file and myid. It changes nothing on disk.
//
// The error is a *Problems with everything that keeps the server from starting; the Config is then nil. Warnings are
// returned in either case.
func Load(path string, sysprops map[string]string) (*Config, []Warning, error) {
	return load(path, sysprops).result()
}

// load is Load before it is known whether a server may start.
func load(path string, sysprops map[string]string) *loader {
	l := &loader{cfg: defaults()}
	l.cfg.File = path
	l.settings = l.collect(path, l.readProperties(path), sysprops)
	if len(l.problems) > 0 && len(l.keys)+len(l.members) == 0 {
		return l // nothing was read: what is absent is not worth a list
	}
	l.files()
	l.clientPort()
	l.timing()
	l.purge()
	l.switches()
	l.checkForms()
	l.properties()
	l.checkServed(l.settings)
	l.membership()
	return l
}

// LoadStandaloneArgs is Load for the arguments of Java's ZooKeeperServerMain: port, data directory, and optionally
// tick time in milliseconds and the connections allowed from one address, without limit if left out.
// Java: ServerConfig.parse(String[]).
func LoadStandaloneArgs(args []string, sysprops map[string]string) (*Config, []Warning, error) {
	l := &loader{cfg: defaults()}
	l.settings = l.collect("", nil, sysprops)
	if len(args) < 2 || len(args) > 4 {
		l.problem(setting{}, "give a port, a data directory, and optionally tick time and connections per address",
			"Invalid number of arguments:%v", args)
		return nil, l.sorted(), l.err()
	}
	for i, key := range []string{"clientPort", "dataDir", "tickTime", "maxClientCnxns"}[:len(args)] {
		l.keys[key] = setting{name: key, value: javaTrim(args[i])}
	}
	if len(args) < 4 {
		l.keys["maxClientCnxns"] = setting{name: "maxClientCnxns", value: "0"}
	}
	l.files()
	l.clientPort()
	l.timing()
	l.properties()
	l.checkServed(l.settings)
	l.alone()
	return l.result()
}

func (l *loader) result() (*Config, []Warning, error) {
	if err := l.err(); err != nil {
		return nil, l.sorted(), err
	}
	l.cfg.settings = l.settings
	return l.cfg, l.sorted(), nil
}

// files reads the directories.
func (l *loader) files() {
	l.cfg.DataDir = l.path("dataDir")
	if l.cfg.DataDir == "" {
		at := l.keys["dataDir"]
		at.file = l.cfg.File
		l.problem(at, "name the directory for snapshots, for example dataDir=/var/lib/zookeeper", "dataDir is not set")
	}
	if l.cfg.DataLogDir = l.path("dataLogDir"); l.cfg.DataLogDir == "" {
		l.cfg.DataLogDir = l.cfg.DataDir
	}
	l.cfg.DynamicConfigFile = l.keys["dynamicConfigFile"].value
}

// path warns of a relative path, which depends on where the server is started. Java: VerifyingFileFactory.
func (l *loader) path(key string) string {
	s := l.keys[key]
	if s.file != "" && s.value != "" && !filepath.IsAbs(s.value) && !strings.HasPrefix(s.value, "./") {
		l.warn(s, "%s is relative. Prepend ./ to indicate that you're sure!", s.value)
	}
	if strings.ContainsRune(s.value, 0) {
		l.problem(s, "remove it", "%s has a zero byte", key)
		return ""
	}
	return s.value
}

func (l *loader) clientPort() {
	c := l.cfg
	c.ClientPort = l.number("clientPort", -1, 0, math.MaxUint16)
	c.ClientPortAddress = l.keys["clientPortAddress"].value
	c.ClientPortListenBacklog = l.number("clientPortListenBacklog", -1, math.MinInt32, math.MaxInt32)
	if _, ok := l.keys["clientPort"]; !ok && c.ClientPortAddress != "" {
		l.problem(l.keys["clientPortAddress"], "add clientPort=2181 or remove this line", "clientPortAddress is set but clientPort is not set")
	}
}

func (l *loader) timing() {
	c := l.cfg
	millis := func(key string, fallback time.Duration) time.Duration {
		return time.Duration(l.number(key, int(fallback.Milliseconds()), 0, math.MaxInt32)) * time.Millisecond
	}
	c.TickTime = millis("tickTime", c.TickTime)
	if c.TickTime == 0 {
		l.problem(l.keys["tickTime"], "give the length of a tick in milliseconds, for example tickTime=2000", "tickTime is not set")
	}
	c.MinSessionTimeout = l.sessionTimeout("minSessionTimeout", 2*c.TickTime)
	c.MaxSessionTimeout = l.sessionTimeout("maxSessionTimeout", 20*c.TickTime)
	if c.MinSessionTimeout > c.MaxSessionTimeout {
		s := l.keys["minSessionTimeout"]
		if s.line == 0 {
			s = l.keys["maxSessionTimeout"]
		}
		l.problem(s, fmt.Sprintf("they are %d and %d ms; the defaults are 2 and 20 ticks",
			c.MinSessionTimeout.Milliseconds(), c.MaxSessionTimeout.Milliseconds()),
			"minSessionTimeout must not be larger than maxSessionTimeout")
	}
	c.InitLimit = l.number("initLimit", 0, 0, math.MaxInt32)
	c.SyncLimit = l.number("syncLimit", 0, 0, math.MaxInt32)
	c.ConnectToLearnerMasterLimit = l.number("connectToLearnerMasterLimit", 0, 0, math.MaxInt32)
	if c.ConnectToLearnerMasterLimit == 0 {
		c.ConnectToLearnerMasterLimit = c.InitLimit
	}
	c.MaxClientCnxns = l.number("maxClientCnxns", c.MaxClientCnxns, math.MinInt32, math.MaxInt32)
	c.MaxClientCnxns = max(0, c.MaxClientCnxns) // Java checks only limits above 0
}

// sessionTimeout reads a timeout of which -1 stands for the default.
func (l *loader) sessionTimeout(key string, fallback time.Duration) time.Duration {
	ms := l.number(key, -1, -1, math.MaxInt32)
	if ms == -1 {
		return fallback
	}
	return time.Duration(ms) * time.Millisecond
}

// minSnapRetainCount is the least a purge leaves. Java: QuorumPeerConfig.MIN_SNAP_RETAIN_COUNT.
const minSnapRetainCount = 3

func (l *loader) purge() {
	count := l.number("autopurge.snapRetainCount", minSnapRetainCount, math.MinInt32, math.MaxInt32)
	if count < minSnapRetainCount {
		l.warn(l.keys["autopurge.snapRetainCount"], "Invalid autopurge.snapRetainCount: %d. Defaulting to %d", count, minSnapRetainCount)
	}
	l.cfg.SnapRetainCount = max(count, minSnapRetainCount)
	l.cfg.PurgeInterval = l.purgeInterval()
}

// purgeInterval reads hours, or a number with one of ZooKeeper 3.10's units.
func (l *loader) purgeInterval() time.Duration {
	s := l.keys["autopurge.purgeInterval"]
	if s.value == "" && s.file == "" {
		return 0
	}
	units := []struct {
		suffix string
		unit   time.Duration
	}{{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"", time.Hour}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s.value, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if err != nil || time.Duration(n) > math.MaxInt64/u.unit {
			break
		}
		return max(0, time.Duration(n)*u.unit)
	}
	l.problem(s, "write hours, or a number followed by ms, s, m, h or d; 0 switches purging off",
		"autopurge.purgeInterval: %q is not a time", s.value)
	return 0
}

// switches reads the remaining keys of zoo.cfg.
func (l *loader) switches() {
	c := l.cfg
	if alg := l.number("electionAlg", 3, math.MinInt32, math.MaxInt32); alg != 3 {
		l.problem(l.keys["electionAlg"], "remove the line", "Invalid electionAlg value. Only 3 is supported.")
	}
	c.StandaloneEnabled = l.boolean("standaloneEnabled", c.StandaloneEnabled)
	c.ReconfigEnabled = l.boolean("reconfigEnabled", false)
	c.QuorumListenOnAllIPs = l.boolean("quorumListenOnAllIPs", false)
	c.Peers.OraclePath = l.path("oraclePath")
	c.MultiAddress = l.boolean("multiAddress.enabled", l.propBool("zookeeper.multiAddress.enabled", false))
	c.Peers.ObserverMasterPort = max(0, l.number("observerMasterPort", 0, math.MinInt32, math.MaxUint16))
	c.LocalSessionsEnabled = l.boolean("localSessionsEnabled", false)
	c.LocalSessionsUpgradingEnabled = l.boolean("localSessionsUpgradingEnabled", false)
	if s, ok := l.keys["peerType"]; ok {
		role, err := ensemble.ParseRole(s.value)
		if err != nil {
			l.problem(s, "write peerType=participant or peerType=observer", "Unrecognised peertype: %s", s.value)
		}
		c.PeerType = role
	}
}

// properties reads what Java takes from system properties, wherever they were set.
func (l *loader) properties() {
	c := l.cfg
	c.MaxCnxns = l.propInt("zookeeper.maxCnxns", 0, 0)
	c.ReadOnlyModeEnabled = l.propBool("readonlymode.enabled", false)
	c.ProxyProtocolFrom = l.prefixes("zookeeper.proxyProtocol.from")
	c.LeaderServes = !l.propWord("zookeeper.leaderServes", "no")
	c.LinearizableSync = l.propBool("zookeeper.linearizableSync", true)
	c.CnxTimeout = l.propMillis("zookeeper.cnxTimeout", 5000, 1)
	c.ElectionPortBindRetry = l.propInt("zookeeper.electionPortBindRetry", 3, 0)
	c.MinNotificationInterval = l.propMillis("zookeeper.fastleader.minNotificationInterval", 200, 1)
	c.MaxNotificationInterval = l.propMillis("zookeeper.fastleader.maxNotificationInterval", 60000, 1)
	l.peers()
	l.storage()
	l.access()
	l.authentication()
	l.znodeTypes()
	l.limits()
}

func (l *loader) storage() {
	c := l.cfg
	c.SnapCount = l.propInt("zookeeper.snapCount", 100000, 2)
	_, c.SnapCountSet = l.props["zookeeper.snapCount"]
	c.SnapSizeLimit = l.propKilobytes("zookeeper.snapSizeLimitInKb", 4194304)
	c.TxnLogSizeLimit = l.propKilobytes("zookeeper.txnLogSizeLimitInKb", -1)
	c.PreAllocSize = l.propKilobytes("zookeeper.preAllocSize", 65536)
	c.ForceSync = !l.propWord("zookeeper.forceSync", "no")
	threshold := "zookeeper.fsync.warningthresholdms"
	if _, ok := l.props[threshold]; !ok {
		threshold = "fsync.warningthresholdms"
	}
	c.FsyncWarningThreshold = l.propMillis(threshold, 1000, 0)
	c.MaxBatchSize = l.propInt("zookeeper.maxBatchSize", 1000, 1)
	if _, ok := l.props["zookeeper.commitLogCount"]; ok {
		c.CommitLogCount = l.propInt("zookeeper.commitLogCount", 500, 500)
	}
	c.DigestEnabled = l.propBool("zookeeper.digest.enabled", true)
	c.SerializeLastProcessedZxid = l.propBool("zookeeper.serializeLastProcessedZxid.enabled", true)
	c.SnapshotTrustEmpty = l.propBool("zookeeper.snapshot.trust.empty", false)
	c.SnapshotCompression = l.compression()
	c.DBAutocreate = l.propBool("zookeeper.db.autocreate", true)
	c.DatadirAutocreate = l.propBool("zookeeper.datadir.autocreate", true)
}

// compression is how snapshots are written. Java: SnapStream.StreamMode.fromString, which takes any other word for none.
func (l *loader) compression() string {
	s, ok := l.props["zookeeper.snapshot.compression.method"]
	method := strings.ToLower(s.value)
	if ok && !slices.Contains([]string{"", "gz", "snappy"}, method) {
		l.warn(s, "%s: %s is neither gz nor snappy; snapshots are not compressed, as in ZooKeeper", s.name, s.value)
		method = ""
	}
	return method
}

func (l *loader) access() {
	c := l.cfg
	c.JuteMaxBuffer = l.propInt("jute.maxbuffer", 0xfffff, 1)
	c.JuteMaxBufferExtraSize = max(1024, c.JuteMaxBuffer) // Java: BinaryInputArchive
	c.JuteMaxBufferExtraSize = l.propInt("zookeeper.jute.maxbuffer.extrasize", c.JuteMaxBufferExtraSize, 1024)
	if s, ok := l.props["jute.maxbuffer"]; ok && c.JuteMaxBuffer > maxJuteBuffer {
		l.problem(s, "choose a smaller one", "%s: %s is more than the %d bytes that this version of Paddock takes", s.name, s.value, maxJuteBuffer)
	}
	c.JuteMaxBufferExtraSize = min(c.JuteMaxBufferExtraSize, maxJuteBuffer-16<<10)
	c.GlobalOutstandingLimit = l.propInt("zookeeper.globalOutstandingLimit", 1000, 1)
	c.SkipACL = l.propWord("zookeeper.skipACL", "yes")
	c.EagerACLCheck = l.propBool("zookeeper.enableEagerACLCheck", false)
	words := l.props["zookeeper.4lw.commands.whitelist"].value
	if l.props["readonlymode.enabled"].value == "true" {
		words += ",isro" // by which clients of a read-only server look for a better one
	}
	c.FourLetterWhitelist = whitelist(words)
}

// maxJuteBuffer keeps a request and what a transaction adds to it below what one entry of the log may have.
const maxJuteBuffer = 32 << 20

// whitelist splits a list of four-letter words; srvr is always served, since zkServer.sh asks with it.
// Java: FourLetterCommands.isEnabled.
func whitelist(list string) []string {
	var words []string
	for _, word := range append(strings.Split(list, ","), "srvr") {
		if word = javaTrim(word); word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}
