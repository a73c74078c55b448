package config

import (
	"slices"
	"strings"
)

// Place says where ZooKeeper looks for a name.
type Place uint8

// The places of the configuration reference's column W.
const (
	InFile  Place = iota // a key of zoo.cfg; -D does nothing
	Either               // zoo.cfg line k=v, or -Dzookeeper.k=v; the line wins
	FlagRaw              // -Dk=v under exactly this name; a line in zoo.cfg does nothing
)

// Status says what Paddock makes of a name ZooKeeper knows.
type Status uint8

const (
	// Supported names are used.
	Supported Status = iota
	// NoOp names tune Java or a part Paddock is built without; they are accepted silently.
	NoOp
	// NotYet names belong to a feature Paddock does not serve yet: one warning for each feature.
	NotYet
	// Refused names belong to such a feature too, but leaving them out would quietly weaken security or change what
	// the ensemble agrees on: an error, unless UnservedProperty says otherwise.
	Refused
)

// Key is one row of the table of names.
type Key struct {
	Name    string // without the prefix "zookeeper."; ends in '.' where it stands for all names that begin with it
	Place   Place
	Status  Status
	Feature string // what the name belongs to, for NotYet and Refused; why it means nothing here, for some NoOp

	// form is how a key of zoo.cfg must be written, whatever its status. Java: QuorumPeerConfig.parseProperties.
	form form
	// onlyTrue marks a switch: NotYet and Refused concern the value true only. onlyFalse is its opposite.
	onlyTrue, onlyFalse bool
}

type form uint8

const (
	text form = iota
	number
	boolean
)

// Keys returns every name of the table, sorted.
func Keys() []Key {
	keys := make([]Key, 0, len(table))
	for _, k := range table {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Name, b.Name) })
	return keys
}

// find looks name up, without "zookeeper.", by itself or by its family.
func find(name string) (Key, bool) {
	if k, ok := table[name]; ok {
		return k, true
	}
	for _, family := range families {
		if strings.HasPrefix(name, family) {
			return table[family], true
		}
	}
	return Key{}, false
}

var families = []string{"metricsProvider.", "authProvider.", "ssl."}

// aliases are names the documentation uses, taken from JMX attributes, which do nothing in ZooKeeper's zoo.cfg.
var aliases = map[string]string{
	"connectionMaxTokens":         "connection_throttle_tokens",
	"connectionTokenFillTime":     "connection_throttle_fill_time",
	"connectionTokenFillCount":    "connection_throttle_fill_count",
	"connectionFreezeTime":        "connection_throttle_freeze_time",
	"connectionDropIncrease":      "connection_throttle_drop_increase",
	"connectionDropDecrease":      "connection_throttle_drop_decrease",
	"connectionDecreaseRatio":     "connection_throttle_decrease_ratio",
	"requestThrottleLimit":        "request_throttle_max_requests",
	"requestThrottleStallTime":    "request_throttle_stall_time",
	"requestThrottleDropStale":    "request_throttle_drop_stale",
	"requestStaleLatencyCheck":    "request_stale_latency_check",
	"requestStaleConnectionCheck": "request_stale_connection_check",
	"throttledOpWaitTime":         "throttled_op_wait_time",
	"advancedFlowControlEnabled":  "netty.advancedFlowControl.enabled",
	"outstandingHandshake.limit":  "netty.server.outstandingHandshake.limit",
	"maxConcurrentSnapSyncs":      "leader.maxConcurrentSnapSyncs",
	"maxConcurrentDiffSyncs":      "leader.maxConcurrentDiffSyncs",
	"maxTimeToWaitForEpoch":       "leader.maxTimeToWaitForEpoch",
}

// Why a NoOp name means nothing here.
const (
	machinery = "Java's own machinery, which Paddock does not have"
	alwaysSo  = "always so in Paddock"
	elsewhere = "read by logback, log4j or clients"
)

var table = makeTable([]Key{
	// Files, ports, time.
	{Place: InFile, Name: "dataDir dataLogDir clientPortAddress peerType dynamicConfigFile autopurge.purgeInterval"},
	{Place: InFile, form: number, Name: "clientPort clientPortListenBacklog tickTime initLimit syncLimit" +
		" connectToLearnerMasterLimit minSessionTimeout maxSessionTimeout maxClientCnxns electionAlg autopurge.snapRetainCount"},
	{Place: InFile, form: boolean, Name: "standaloneEnabled reconfigEnabled quorumListenOnAllIPs localSessionsEnabled localSessionsUpgradingEnabled"},
	{Place: Either, Name: "maxCnxns datadir.autocreate db.autocreate"},

	// Log, snapshots, memory.
	{Place: Either, Name: "snapCount snapSizeLimitInKb txnLogSizeLimitInKb preAllocSize forceSync fsync.warningthresholdms" +
		" maxBatchSize commitLogCount snapshot.trust.empty snapshot.compression.method serializeLastProcessedZxid.enabled digest.enabled" +
		" jute.maxbuffer.extrasize globalOutstandingLimit"},
	{Place: FlagRaw, Name: "jute.maxbuffer readonlymode.enabled"},

	// Election, access.
	{Place: Either, Name: "leaderServes cnxTimeout electionPortBindRetry" +
		" fastleader.minNotificationInterval fastleader.maxNotificationInterval 4lw.commands.whitelist skipACL" +
		" DigestAuthenticationProvider.superDigest DigestAuthenticationProvider.digestAlg DigestAuthenticationProvider.enabled" +
		" authProvider. ensembleAuthName letAnySaslUserDoX X509AuthenticationProvider.superUser" +
		" enforce.auth.enabled enforce.auth.schemes enableEagerACLCheck"},

	// Between the servers.
	{Place: InFile, form: number, Name: "observerMasterPort"},
	{Place: InFile, Name: "oraclePath"},
	{Place: InFile, form: boolean, Name: "multiAddress.enabled"},
	{Place: Either, Name: "observerMaster.sizeLimit observer.reconnectDelayMs observer.election.DelayMs" +
		" leader.maxConcurrentSnapSyncs leader.maxConcurrentDiffSyncs leader.maxTimeToWaitForEpoch leaderConnectDelayDuringRetryMs" +
		" quorumCnxnTimeoutMs snapshotSizeFactor testingonly.initialZxid test.allowDiscontinuousProposals"},
	// Several addresses of a server are dialled side by side, which shows which of them can be reached.
	{Status: NoOp, Place: InFile, form: boolean, Name: "multiAddress.reachabilityCheckEnabled"},
	{Status: NoOp, Place: InFile, form: number, Name: "multiAddress.reachabilityCheckTimeoutMs"},

	// Paddock's own. ZooKeeper makes a property of any line and so passes over it.
	{Place: Either, Name: "linearizableSync proxyProtocol.from"},

	// Quotas, containers and znodes with a time to live.
	{Place: Either, Name: "enforceQuota extendedTypesEnabled emulate353TTLNodes"},
	{Place: FlagRaw, Name: "znode.container.checkIntervalMs znode.container.maxPerMinute znode.container.maxNeverUsedIntervalMs"},

	// Limits of what clients may do.
	{Place: Either, Name: "nio.sessionlessCnxnTimeout largeRequestMaxBytes largeRequestThreshold" +
		" connection_throttle_tokens connection_throttle_fill_time connection_throttle_fill_count" +
		" connection_throttle_freeze_time connection_throttle_drop_increase connection_throttle_drop_decrease" +
		" connection_throttle_decrease_ratio connection_throttle_weight_enabled" +
		" connection_throttle_global_session_weight connection_throttle_local_session_weight connection_throttle_renew_session_weight" +
		" request_throttle_max_requests request_throttle_stall_time request_throttle_drop_stale request_stale_latency_check" +
		" request_stale_connection_check throttled_op_wait_time"},

	// Java's own machinery: thread pools, NIO, Netty, JMX, log4j, buffers, caches, queues that Paddock does not have.
	{Status: NoOp, Feature: machinery, Place: InFile, form: boolean, Name: "jvm.pause.monitor"},
	{Status: NoOp, Feature: machinery, Place: InFile, form: number, Name: "jvm.pause.sleep.time.ms jvm.pause.warn-threshold.ms" +
		" jvm.pause.info-threshold.ms quorum.cnxn.threads.size"},
	{Status: NoOp, Feature: machinery, Place: Either, Name: "flushDelay maxWriteQueuePollTime intBufferStartingSizeBytes maxResponseCacheSize" +
		" maxGetChildrenResponseCacheSize watchManagerName watcherCleanThreadsNum watcherCleanThreshold" +
		" watcherCleanIntervalInSeconds maxInProcessingDeadWatchers bitHashCacheSize serverCnxnFactory" +
		" commitProcessor.numWorkerThreads commitProcessor.maxReadBatchSize commitProcessor.maxCommitBatchSize" +
		" commitProcessor.shutdownTimeout nio.numSelectorThreads nio.numWorkerThreads nio.directBufferBytes" +
		" nio.shutdownTimeout netty.advancedFlowControl.enabled" +
		" netty.server.outstandingHandshake.limit netty.server.earlyDropSecureConnectionHandshakes" +
		" leader.closeSocketAsync learner.closeSocketAsync learner.asyncSending leader.ackLoggingFrequency" +
		" forward_learner_requests_to_commit_processor_disabled follower.skipLearnerRequestToNextProcessor" +
		" messageTracker.Enabled messageTracker.BufferSize jmx.log4j.disable jmx.log4j.mbean kinit" +
		" request_throttler.shutdownTimeout"},
	{Status: NoOp, Feature: machinery, Place: FlagRaw, Name: "leader.nodelay follower.nodelay"},
	// Sockets are always kept alive, and an observer always keeps a log.
	{Status: NoOp, Feature: alwaysSo, Place: Either, Name: "tcpKeepAlive clientTcpKeepAlive observer.syncEnabled"},
	{Status: NoOp, Feature: alwaysSo, Place: InFile, form: boolean, Name: "syncEnabled"},

	// Read by logback or by clients, met in the same flags.
	{Status: NoOp, Feature: elsewhere, Place: Either, Name: "log.dir log.file log.level log.threshold log.maxfilesize log.maxbackupindex" +
		" root.logger console.threshold tracelog.dir tracelog.file auditlog.file auditlog.threshold" +
		" client.secure clientCnxnSocket sasl.client sasl.clientconfig sasl.client.username sasl.client.canonicalize.hostname" +
		" sasl.client.allowReverseDnsLookup server.principal server.realm disableAutoWatchReset request.timeout" +
		" shuffleDnsResponse hostProvider.dnsSrvRefreshIntervalSeconds"},

	// Not served yet; without them the server does less, not something weaker.
	{Status: NotYet, Feature: "the metrics endpoint", Place: InFile, Name: "metricsProvider. metricsProvider.className"},
	{Status: NotYet, Feature: "the admin server", Place: Either, onlyTrue: true, Name: "admin.enableServer"},
	{Status: NotYet, Feature: "the admin server", Place: Either, Name: "admin.serverPort admin.serverAddress admin.commandURL" +
		" admin.idleTimeout admin.httpVersion admin.rateLimiterIntervalInMS admin.snapshot.enabled admin.restore.enabled" +
		" admin.portUnification admin.forceHttps admin.needClientAuth IPAuthenticationProvider.usexforwardedfor"},
	{Status: NotYet, Feature: "the audit log", Place: Either, onlyTrue: true, Name: "audit.enable"},
	{Status: NotYet, Feature: "the audit log", Place: Either, Name: "audit.impl.class"},
	{Status: NotYet, Feature: "per-path statistics", Place: Either, onlyTrue: true, Name: "pathStats.enabled"},
	{Status: NoOp, Place: Either, Name: "pathStats.slotCapacity pathStats.slotDuration pathStats.maxDepth pathStats.sampleRate" +
		" pathStats.initialDelay pathStats.delay pathStats.topPathMax"},
	{Status: NotYet, Feature: "a switch for ZooKeeper's own tests", Place: Either, Name: "forceSnapshotSync"},

	// TLS and SASL: a switch that would weaken security if it were left out is refused. What closes a door when it is
	// left out (a port, a scheme, a login that nobody can use) is named, so that harnesses which only set it go on.
	{Status: NotYet, Feature: "TLS", Place: Either, Name: "ssl. fips-mode client.certReload"},
	{Status: NotYet, Feature: "TLS", Place: Either, onlyTrue: true, Name: "client.portUnification"},
	{Status: NotYet, Feature: "TLS", Place: InFile, form: number, Name: "secureClientPort"},
	{Status: NotYet, Feature: "TLS", Place: InFile, Name: "secureClientPortAddress"},
	{Status: Refused, Feature: "TLS between servers", Place: InFile, form: boolean, onlyTrue: true, Name: "sslQuorum portUnification"},
	{Status: NotYet, Feature: "TLS", Place: InFile, form: boolean, onlyTrue: true, Name: "sslQuorumReloadCertFiles"},
	{Status: Refused, Feature: "SASL between servers", Place: InFile, form: boolean, onlyTrue: true,
		Name: "quorum.auth.enableSasl quorum.auth.learnerRequireSasl quorum.auth.serverRequireSasl"},
	{Status: NoOp, Place: InFile, Name: "quorum.auth.learner.saslLoginContext quorum.auth.server.saslLoginContext" +
		" quorum.auth.kerberos.servicePrincipal"},
	{Status: NotYet, Feature: "SASL", Place: FlagRaw, Name: "java.security.auth.login.config"},
	{Status: NoOp, Place: FlagRaw, Name: "java.security.krb5.conf"},
	{Status: Refused, Feature: "SASL", Place: Either, onlyTrue: true, Name: "sessionRequireClientSASLAuth"},
	{Status: NotYet, Feature: "SASL", Place: Either, Name: "superUser superUser.suffix sasl.serverconfig" +
		" SASLAuthenticationProvider.superPassword kerberos.removeHostFromPrincipal kerberos.removeRealmFromPrincipal" +
		" kerberos.canonicalizeHostNames kerberos.minReLoginTimeMs security.auth_to_local requireKerberosConfig"},
	{Status: NotYet, Feature: "SASL", Place: Either, onlyTrue: true, Name: "allowSaslFailedClients"},

	// A switch whose other position would change what is stored.
	{Status: Refused, Feature: "transactions that close a session without listing its ephemerals", Place: Either, onlyFalse: true,
		Name: "closeSessionTxn.enabled"},
})

// makeTable spreads rows whose Name lists several names.
func makeTable(rows []Key) map[string]Key {
	t := map[string]Key{}
	for _, row := range rows {
		for _, name := range strings.Fields(row.Name) {
			row.Name = name
			if _, ok := t[name]; ok {
				panic("config: " + name + " is in the table twice")
			}
			t[name] = row
		}
	}
	return t
}
