package main

// supported says of each name that the server uses what it is without being set, and what it means.
var supported = map[string]struct{ def, meaning string }{
	"dataDir":                   {"none; must be set", "directory of snapshots, epoch files and myid; logs too without dataLogDir"},
	"dataLogDir":                {"dataDir", "directory of the transaction logs"},
	"clientPort":                {"none", "port for clients; without it, and without one in the server line, no client can connect"},
	"clientPortAddress":         {"every address", "address of that port"},
	"clientPortListenBacklog":   {"50", "connections that may wait to be accepted"},
	"tickTime":                  {"3000", "milliseconds of a tick: the unit of the limits below, the width of session expiry, two pings"},
	"initLimit":                 {"none; must be set in an ensemble", "ticks for each phase until a learner is synchronised"},
	"syncLimit":                 {"none; must be set in an ensemble", "ticks of silence after which a leader or learner counts as lost"},
	"minSessionTimeout":         {"2 ticks", "milliseconds; -1 for the default"},
	"maxSessionTimeout":         {"20 ticks", "milliseconds; -1 for the default"},
	"maxClientCnxns":            {"60", "connections from one address; 0 for any number"},
	"maxCnxns":                  {"0", "connections in all; 0 for any number"},
	"electionAlg":               {"3", "3 is the only one"},
	"peerType":                  {"participant", "participant or observer; the server line wins, with a warning if they differ"},
	"dynamicConfigFile":         {"none", "file with the server, group and weight lines; its version is the hex number its name ends in"},
	"standaloneEnabled":         {"true", "false makes an ensemble of one an ensemble"},
	"quorumListenOnAllIPs":      {"false", "bind quorum and election port on every address"},
	"autopurge.snapRetainCount": {"3", "snapshots that a purge leaves, at least 3"},
	"autopurge.purgeInterval":   {"0", "hours between purges, or a number with ms, s, m, h or d; 0 never purges"},

	"snapCount":                          {"100000", "transactions between snapshots; each time a number between half of it and all of it is drawn"},
	"snapSizeLimitInKb":                  {"4194304", "log size between snapshots; 0 or less for no limit"},
	"txnLogSizeLimitInKb":                {"no limit", "size after which a log file ends"},
	"preAllocSize":                       {"65536", "KiB by which a log file grows ahead; 0 for not at all"},
	"forceSync":                          {"yes", "no: nothing is synced, and no promise holds over a power failure"},
	"fsync.warningthresholdms":           {"1000", "milliseconds of a sync that are worth a warning; also as `-Dfsync.warningthresholdms`"},
	"snapshot.trust.empty":               {"false", "true: replay logs although there is no snapshot"},
	"serializeLastProcessedZxid.enabled": {"true", "write the last section of a snapshot"},
	"digest.enabled":                     {"true", "carry the tree's digest in transactions and snapshots, and compare"},
	"db.autocreate":                      {"true", "false: an empty directory may vote only if dataLogDir has a file initialize"},
	"datadir.autocreate":                 {"true", "false: missing directories are an error"},
	"commitLogCount":                     {"500", "committed transactions kept for learners; Paddock keeps 20000, or this many if it is more, within 32 MiB, but 500 of any size"},
	"globalOutstandingLimit":             {"1000", "requests under way in the ensemble; each server takes its share"},
	"jute.maxbuffer":                     {"1048575", "bytes of a request"},
	"jute.maxbuffer.extrasize":           {"jute.maxbuffer", "bytes that a packet between servers may be longer"},

	"leaderServes":                       {"yes", "no: a leader takes no clients"},
	"cnxTimeout":                         {"5000", "milliseconds to connect to another server"},
	"electionPortBindRetry":              {"3", "attempts to bind the election port, a second apart; 0 for ever"},
	"fastleader.minNotificationInterval": {"200", "milliseconds of the first pause between repeated votes"},
	"fastleader.maxNotificationInterval": {"60000", "milliseconds of the longest"},

	"4lw.commands.whitelist": {"srvr", "four-letter words that are answered, with commas, or *; srvr always is"},
	"skipACL":                {"no", "yes: everybody may do everything"},
	"DigestAuthenticationProvider.superDigest": {"none", "super:HASH of the user whom no ACL stops; `paddock digest super:PASSWORD` prints it"},
	"DigestAuthenticationProvider.digestAlg":   {"SHA1", "SHA1 is the only one; others are refused"},

	// Read and checked, without effect so far.
	"connectToLearnerMasterLimit":          {"initLimit", noEffect + "a learner dials five times and has initLimit ticks in all"},
	"syncEnabled":                          {"true", noEffect + "an observer always keeps a log"},
	"observer.syncEnabled":                 {"true", noEffect + "an observer always keeps a log"},
	"maxBatchSize":                         {"1000", noEffect + "a batch of the log is bounded by 4 MiB"},
	"closeSessionTxn.enabled":              {"true", noEffect + "transactions that close a session always list its ephemerals"},
	"tcpKeepAlive":                         {"false", noEffect + "keep-alive is always on"},
	"clientTcpKeepAlive":                   {"false", noEffect + "keep-alive is always on"},
	"DigestAuthenticationProvider.enabled": {"true", noEffect + "the scheme digest cannot be switched off"},
}

const noEffect = "**no effect yet**: "
