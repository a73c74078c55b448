package tree

import (
	"slices"
	"strings"
	"sync"

	"github.com/paddock-io/paddock/proto"
)

// Paths of the znodes that every tree has besides the root.
const (
	systemPath = "/zookeeper"
	quotaPath  = "/zookeeper/quota"
	configPath = "/zookeeper/config"
)

// configACL lets everybody read the config znode and nobody else write it.
// Source: ZooDefs.Ids.READ_ACL_UNSAFE.
var configACL = []proto.ACL{{Perms: proto.PermRead, ID: proto.ID{Scheme: "world", ID: "anyone"}}}

// Tree is the replicated state of one server. Callers lock it: Apply, SetConfig,
// Replace, SetLastZxid and SetSink want Lock; everything else wants RLock or the
// one goroutine that applies. The Snap methods lock for themselves.
type Tree struct {
	sync.RWMutex

	store
	acls     aclTable
	sessions map[proto.SessionID]int32 // timeout in milliseconds
	// Ephemerals by owner. Invariant: no set is empty.
	ephemerals     map[proto.SessionID]nodeSet
	ephemeralCount int
	reapables      reapables
	emulate353     bool // see Emulate353
	lastZxid       proto.Zxid
	digest         uint64 // the sum of all znodes' crc
	pathBytes      int64  // of all paths
	dataBytes      int64  // of all data
	quotas         quotas
	quotaText      []byte // scratch

	digester Digester
	ahead    ahead
	expected expectedDigest
	// Oldest first. Invariant: no more than digestLogLimit.
	digestLog []ZxidDigest
	watches   Watches
	sink      Sink
	cursors   []*cursor // of running dumps
}

// New returns the tree of an ensemble that never applied a transaction: the
// root, /zookeeper, /zookeeper/quota and /zookeeper/config, all metadata zero
// but the config znode's aversion. Source: DataTree's constructor.
func New() *Tree {
	t := newEmpty()
	root := t.add(0, "", []byte{}, 0, new(proto.StatPersisted))
	system := t.add(root, systemPath, []byte{}, 0, new(proto.StatPersisted))
	t.add(system, quotaPath, []byte{}, 0, new(proto.StatPersisted))
	t.addConfig(system)
	return t
}

// newEmpty returns a tree without even a root.
func newEmpty() *Tree {
	t := &Tree{
		store:      newStore(),
		acls:       newACLTable(),
		sessions:   make(map[proto.SessionID]int32),
		ephemerals: make(map[proto.SessionID]nodeSet),
		reapables:  newReapables(),
	}
	t.watches.init()
	return t
}

func (t *Tree) addConfig(system nodeID) {
	t.add(system, configPath, []byte{}, t.acls.intern(configACL), &proto.StatPersisted{Aversion: -1})
}

// Get returns the znode at path. "" and "/" both name the root.
func (t *Tree) Get(path string) (Node, bool) {
	id := t.find(path)
	if id == 0 {
		return Node{}, false
	}
	return Node{t, t.at(id)}, true
}

// Children appends the names of path's children to dst, in no particular order,
// and reports whether path exists. The names are copies.
func (t *Tree) Children(path string, dst []string) ([]string, bool) {
	v, ok := t.Get(path)
	if !ok {
		return dst, false
	}
	size := 0
	v.EachChild(func(name []byte) { size += len(name) })
	var text strings.Builder // one allocation holds all names
	text.Grow(size)
	dst = slices.Grow(dst, v.NumChildren())
	v.EachChild(func(name []byte) {
		text.Write(name)
		dst = append(dst, text.String()[text.Len()-len(name):])
	})
	return dst, true
}

// Descendants returns how many znodes lie below path, and whether it exists.
func (t *Tree) Descendants(path string) (int, bool) {
	top := t.find(path)
	switch top {
	case 0:
		return 0, false
	case rootID:
		return t.count - 1, true
	}
	n := 0
	for id := t.after(top, top); id != 0; id = t.after(id, top) {
		n++
	}
	return n, true
}

// LastZxid returns the zxid of the last transaction applied.
func (t *Tree) LastZxid() proto.Zxid { return t.lastZxid }

// SetLastZxid sets it outright, as after loading a snapshot or at the start of
// an epoch.
func (t *Tree) SetLastZxid(z proto.Zxid) { t.lastZxid = z }

// Digest returns the digest of the tree, version 2; Java holds it signed.
func (t *Tree) Digest() int64 { return int64(t.digest) }

// Watches returns the watch table, which has a lock of its own.
func (t *Tree) Watches() *Watches { return &t.watches }

// SetSink says who gets the watch events; nil drops them.
func (t *Tree) SetSink(s Sink) { t.sink = s }

// Ephemerals returns the paths that the session owns, sorted.
func (t *Tree) Ephemerals(id proto.SessionID) []string {
	return t.sortedPaths(t.ephemerals[id])
}

// EphemeralOwners returns the sessions that own ephemerals, sorted. Not all need
// be sessions that are open: see SessionTimeout.
func (t *Tree) EphemeralOwners() []proto.SessionID { return sortedIDs(t.ephemerals) }

// Containers returns the paths of all containers, sorted.
func (t *Tree) Containers() []string { return t.reapablesOf(Container) }

// TTLs returns the paths of all znodes with a time to live, sorted.
func (t *Tree) TTLs() []string { return t.reapablesOf(TTL) }

func (t *Tree) reapablesOf(kind Kind) []string {
	set := make(nodeSet)
	for _, id := range t.reapables.list {
		if t.KindOf(t.at(id).owner) == kind {
			set[id] = struct{}{}
		}
	}
	return t.sortedPaths(set)
}

// SessionTimeout returns the timeout in milliseconds that the session was opened
// with, and whether it is open.
func (t *Tree) SessionTimeout(id proto.SessionID) (ms int32, ok bool) {
	ms, ok = t.sessions[id]
	return ms, ok
}

// EachSession calls fn for every open session, by ascending id.
func (t *Tree) EachSession(fn func(id proto.SessionID, ms int32)) {
	for _, id := range sortedIDs(t.sessions) {
		fn(id, t.sessions[id])
	}
}

// SessionCount returns the number of open sessions.
func (t *Tree) SessionCount() int { return len(t.sessions) }

// EphemeralsCount returns the number of ephemeral znodes.
func (t *Tree) EphemeralsCount() int { return t.ephemeralCount }

// NodeCount returns the number of znodes as Java counts them, the root twice.
// Source: DataTree.getNodeCount, whose map has keys "" and "/" for the root.
func (t *Tree) NodeCount() int { return t.count + 1 }

// ApproximateDataSize returns the bytes of all paths and data. Source:
// DataTree.cachedApproximateDataSize.
func (t *Tree) ApproximateDataSize() int64 { return t.pathBytes + t.dataBytes }

// ACLCount returns the number of distinct ACLs besides the open one.
func (t *Tree) ACLCount() int { return t.acls.size() }

// Replace takes over from's znodes, ACLs, sessions and zxid. Watches and sink
// stay; no events are sent. A dump of the old state that is running fails with
// ErrReplaced. from must not be used any more.
func (t *Tree) Replace(from *Tree) {
	for _, c := range t.cursors {
		c.dead = true
	}
	t.cursors = nil
	t.store, t.acls, t.sessions = from.store, from.acls, from.sessions
	t.ephemerals, t.ephemeralCount = from.ephemerals, from.ephemeralCount
	t.reapables, t.emulate353 = from.reapables, from.emulate353
	t.lastZxid, t.digest = from.lastZxid, from.digest
	t.pathBytes, t.dataBytes, t.quotas = from.pathBytes, from.dataBytes, from.quotas
	t.expected, t.digestLog = from.expected, from.digestLog
}

// splitPath returns the parent's path, "" for the root. ok is false for what
// names no znode but the root: such a path without a name, which would read as
// the end of a dump, or below a second name of the root, which no look-up finds.
func splitPath(path string) (parent string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || i == len(path)-1 || i == 1 && path[0] == '/' {
		return "", false
	}
	return path[:i], true
}

// nodeSet is a set of znodes.
type nodeSet map[nodeID]struct{}

func (t *Tree) sortedPaths(set nodeSet) []string {
	paths := make([]string, 0, len(set))
	for id := range set {
		paths = append(paths, t.path(id))
	}
	slices.Sort(paths)
	return paths
}

func sortedIDs[V any](m map[proto.SessionID]V) []proto.SessionID {
	ids := make([]proto.SessionID, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
