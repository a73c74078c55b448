package zk

import (
	"crypto/sha1"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// The records of the protocol, shared with the server.
type (
	Stat        = proto.Stat        // a znode's metadata
	ACL         = proto.ACL         // permissions granted to an identity
	ID          = proto.ID          // an identity: a scheme and a name within it
	Perms       = proto.Perms       // permission bits
	Zxid        = proto.Zxid        // position in the order of transactions
	SessionID   = proto.SessionID   // a session's number, unique in the ensemble
	CreateFlags = proto.CreateFlags // kind of znode to create
)

// Kinds of znodes to create.
const (
	Persistent              = proto.Persistent
	Ephemeral               = proto.Ephemeral // goes with the session
	PersistentSequential    = proto.PersistentSequential
	EphemeralSequential     = proto.EphemeralSequential
	Container               = proto.Container     // removed some time after its last child
	PersistentTTL           = proto.PersistentTTL // removed when childless and unmodified for its time to live
	PersistentSequentialTTL = proto.PersistentSequentialTTL
)

// Permission bits.
const (
	PermRead   = proto.PermRead
	PermWrite  = proto.PermWrite
	PermCreate = proto.PermCreate
	PermDelete = proto.PermDelete
	PermAdmin  = proto.PermAdmin
	PermAll    = proto.PermAll
)

// AnyVersion makes Delete, Set, SetACL and CheckOp accept whatever version a
// znode has.
const AnyVersion int32 = -1

// ACLs for common cases; callers must not change them.
var (
	OpenACL    = []ACL{{Perms: PermAll, ID: ID{Scheme: "world", ID: "anyone"}}}  // everybody may do everything
	ReadACL    = []ACL{{Perms: PermRead, ID: ID{Scheme: "world", ID: "anyone"}}} // everybody may read
	CreatorACL = []ACL{{Perms: PermAll, ID: ID{Scheme: "auth"}}}                 // whoever the connection is authenticated as
)

// DigestID returns the identity that the digest scheme gives to a connection
// which authenticates as user:password.
// Source: DigestAuthenticationProvider.generateDigest.
func DigestID(user, password string) ID { return DigestIDWith(sha1.New, user, password) }

// DigestIDWith is DigestID for servers that are configured for another
// algorithm than SHA-1, for instance sha256.New where digestAlg is SHA-256.
func DigestIDWith(algorithm func() hash.Hash, user, password string) ID {
	h := algorithm()
	h.Write([]byte(user + ":" + password))
	return ID{Scheme: "digest", ID: user + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

// EventType is what happened to a watched znode.
type EventType int32

// Event types. Source: Watcher.Event.EventType.
const (
	EventNone                EventType = -1 // the watch ended without an event; see Event.Err
	EventNodeCreated         EventType = 1
	EventNodeDeleted         EventType = 2
	EventNodeDataChanged     EventType = 3
	EventNodeChildrenChanged EventType = 4

	// What a watch hears last when Conn.RemoveWatches has removed it.
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7

	// EventGap is for persistent watches only: changes may have gone unreported
	// between the events before it and those after it. See PersistentWatch.
	EventGap EventType = -2
)

func (t EventType) String() string {
	switch t {
	case EventNone:
		return "None"
	case EventNodeCreated:
		return "NodeCreated"
	case EventNodeDeleted:
		return "NodeDeleted"
	case EventNodeDataChanged:
		return "NodeDataChanged"
	case EventNodeChildrenChanged:
		return "NodeChildrenChanged"
	case EventDataWatchRemoved:
		return "DataWatchRemoved"
	case EventChildWatchRemoved:
		return "ChildWatchRemoved"
	case EventPersistentWatchRemoved:
		return "PersistentWatchRemoved"
	case EventGap:
		return "Gap"
	}
	return "EventType(" + strconv.Itoa(int(t)) + ")"
}

// chroot is the path on the server under which a Conn lives; "" is the root.
type chroot string

// full returns the server's name of a client's path.
func (c chroot) full(path string) string {
	switch {
	case c == "":
		return path
	case path == "/":
		return string(c)
	}
	return string(c) + path
}

// strip returns the client's name of a server's path. A path outside the
// chroot, such as that of a watch under /zookeeper, stays as it is.
func (c chroot) strip(path string) string {
	rest, ok := strings.CutPrefix(path, string(c))
	switch {
	case !ok || c == "":
		return path
	case rest == "":
		return "/"
	case rest[0] == '/':
		return rest
	}
	return path
}

// stripAll returns the client's names of those paths that are inside the chroot.
func (c chroot) stripAll(paths []string) []string {
	if c == "" {
		return paths
	}
	inside := paths[:0]
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, string(c)); ok && (rest == "" || rest[0] == '/') {
			inside = append(inside, c.strip(p))
		}
	}
	return inside
}
