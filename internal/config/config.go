package config

import (
	"crypto"
	"fmt"
	"net/netip"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// Config is everything one server was told, checked and with ZooKeeper's defaults filled in. Sizes are in bytes,
// limits called Limit next to InitLimit are in ticks.
type Config struct {
	File string // the zoo.cfg it was read from, empty for LoadStandaloneArgs

	DataDir    string // snapshots, epoch files, myid
	DataLogDir string // transaction logs; DataDir unless told otherwise

	// Where clients connect. ClientPort is -1 when there is no such port and 0 for any free one; an empty
	// ClientPortAddress means every interface. A client address in this server's own server line wins.
	ClientPort              int
	ClientPortAddress       string
	ClientPortListenBacklog int // -1 for the system's default

	TickTime                    time.Duration
	MinSessionTimeout           time.Duration
	MaxSessionTimeout           time.Duration
	InitLimit                   int            // ticks
	SyncLimit                   int            // ticks
	ConnectToLearnerMasterLimit int            // ticks; InitLimit unless told otherwise
	MaxClientCnxns              int            // of one source address; 0 for no limit
	MaxCnxns                    int            // of all; 0 for no limit
	ProxyProtocolFrom           []netip.Prefix // balancers, whose connections begin with a PROXY header; Paddock's own

	// Sessions that only the client's own server knows, until they want ephemeral znodes; without the second they
	// get none. Neither means anything to a server alone.
	LocalSessionsEnabled          bool
	LocalSessionsUpgradingEnabled bool
	// ReadOnlyModeEnabled lets clients that ask for it read from a server that has no leader.
	ReadOnlyModeEnabled bool

	// Standalone means that this server is alone: no server lines, or a single one with StandaloneEnabled. It then
	// has the id 0, as Java's ZooKeeperServer, and Ensemble is ensemble.Single(0).
	Standalone        bool
	MyID              int64
	Ensemble          ensemble.Ensemble
	PeerType          ensemble.Role // as the server lines say; they win over peerType
	StandaloneEnabled bool
	DynamicConfigFile string // where Ensemble came from, if not from File

	// ReconfigEnabled lets clients change the membership, and servers take over what others have changed. LastSeen is
	// then a membership that was proposed before this server ended, if there is a file with one.
	ReconfigEnabled bool
	LastSeen        ensemble.Ensemble

	QuorumListenOnAllIPs    bool
	LeaderServes            bool // the leader takes clients
	LinearizableSync        bool // a leader asks a quorum before it answers a sync; Paddock's own
	MultiAddress            bool // a server line may name several addresses
	Peers                   Peers
	CnxTimeout              time.Duration
	ElectionPortBindRetry   int           // 0 to try for ever
	MinNotificationInterval time.Duration // of an election, and
	MaxNotificationInterval time.Duration // where its doubling ends

	SnapRetainCount int           // snapshots a purge leaves, at least 3
	PurgeInterval   time.Duration // 0 for never

	SnapCount                  int   // transactions between snapshots, at least 2
	SnapCountSet               bool  // somebody has chosen SnapCount
	SnapSizeLimit              int64 // log bytes between snapshots; 0 for no limit
	TxnLogSizeLimit            int64 // bytes after which a log file ends; 0 for no limit
	PreAllocSize               int64 // bytes a log file grows by; 0 for none
	ForceSync                  bool
	FsyncWarningThreshold      time.Duration
	MaxBatchSize               int // transactions in one flush
	CommitLogCount             int // committed proposals kept for learners, at least 500; 0 for as many as there is room for
	DigestEnabled              bool
	SerializeLastProcessedZxid bool
	SnapshotTrustEmpty         bool
	SnapshotCompression        string // of the snapshots that are written: "gz", "snappy" or ""
	DBAutocreate               bool
	DatadirAutocreate          bool

	JuteMaxBuffer          int // bytes of a request or reply
	JuteMaxBufferExtraSize int // bytes a transaction may be longer
	GlobalOutstandingLimit int

	// AuthSchemes are the schemes of identities that ACLs may name besides world and auth, sorted: ip always, digest
	// unless it was switched off, and what authProvider.* and TLS add of ensemble, key, sasl and x509.
	AuthSchemes   []string
	DigestAlg     crypto.Hash
	SuperDigest   Secret   // "super:<hash>", or unset
	EnsembleNames []string // what clients may take this ensemble for; nil for anything
	AnySASLUser   string   // an id in ACLs that stands for every SASL user, or ""
	X509SuperUser string   // the id whom no ACL of scheme x509 stops, or ""

	EnforceAuth []string // schemes of which a client must have an identity; nil if it need not have any

	SessionlessCnxnTimeout time.Duration // of a connection without a session; negative for none
	LargeRequestThreshold  int           // bytes above which a request is large; -1 for no such thing
	LargeRequestMaxBytes   int           // of all large requests at work
	ConnectionThrottle     ConnectionThrottle
	RequestThrottle        RequestThrottle

	SkipACL             bool
	EagerACLCheck       bool     // in an ensemble, refuse writes by the own tree's ACLs before they are proposed
	FourLetterWhitelist []string // "*" stands for all; srvr is always in it

	EnforceQuota           bool          // hard limits of quotas refuse
	ExtendedTypes          bool          // znodes may have a time to live
	Emulate353TTL          bool          // such znodes as 3.5.3 stored them are known; only with ExtendedTypes
	ContainerCheckInterval time.Duration // from one search for containers that may go to the next
	ContainerMaxPerMinute  int           // most deletions in a minute; 0 for none
	ContainerMaxNeverUsed  time.Duration // a container that never had a child may go after this; 0 for never

	settings settings
}

// Format prints no more than where a configuration came from, whatever the verb: the settings hold secrets. It has a
// value receiver so that fmt finds it on copies too.
func (c Config) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "configuration of server %d from %s", c.MyID, c.File)
}

// SystemProperty returns the value a Java server would see under name, for example "zookeeper.snapCount" or
// "jute.maxbuffer", set by a flag or by a line of zoo.cfg, or "". It may be a secret.
func (c *Config) SystemProperty(name string) string { return c.settings.props[name].value }

// defaults are ZooKeeper's, before any line is read.
func defaults() *Config {
	return &Config{
		ClientPort:              -1,
		ClientPortListenBacklog: -1,
		TickTime:                3000 * time.Millisecond,
		MaxClientCnxns:          60,
		StandaloneEnabled:       true,
		SnapRetainCount:         minSnapRetainCount,
	}
}
