package tree

import (
	"maps"
	"slices"
	"strings"
)

// Names of the znodes that make a quota of the znode P: its limits are in
// quotaPath + P + "/zookeeper_limits", what is used in "/zookeeper_stats"
// beside it. Source: Quotas.
const (
	limitsName = "zookeeper_limits"
	statsName  = "zookeeper_stats"
)

// quotas are the paths that have limits, as a tree of their components.
//
//	limits of /a and /a/b/c:   root - a* - b - c*
//
// A znode counts towards the deepest path with a star above it, or at it, and
// towards no other. Looking one up takes as many steps as that path has
// components, and none while there are no quotas. Source: PathTrie.
type quotas struct {
	n    int // paths with limits
	root quotaNode
}

type quotaNode struct {
	below map[string]*quotaNode
	set   bool
	path  string // while set; so are the others
	stats string // path of the znode with what is used
	limit string // of the one with the limits

	limits  Quota // what that one says
	limited bool  // it is there
}

// component cuts the first name off a path, "" at its end. Like ZooKeeper's, it
// skips names that are nothing but blanks: "/a/ /b" is "/a/b" here.
func component(path string) (name, rest string) {
	for path != "" {
		path = strings.TrimLeft(path, "/")
		end := strings.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		name, path = path[:end], path[end:]
		if strings.TrimLeft(name, " ") != "" {
			return name, path
		}
	}
	return "", ""
}

// deepest returns the deepest path with limits that is path or leads to it.
func (q *quotas) deepest(path string) (found *quotaNode) {
	if q.n == 0 {
		return nil
	}
	n := &q.root
	for {
		var name string
		if name, path = component(path); name == "" {
			return found
		}
		if n = n.below[name]; n == nil {
			return found
		}
		if n.set {
			found = n
		}
	}
}

// add gives a path limits. There are none for the root.
func (q *quotas) add(path string) {
	n, whole := &q.root, ""
	for {
		var name string
		if name, path = component(path); name == "" {
			break
		}
		next := n.below[name]
		if next == nil {
			if n.below == nil {
				n.below = make(map[string]*quotaNode)
			}
			next = new(quotaNode)
			n.below[strings.Clone(name)] = next
		}
		n, whole = next, whole+"/"+name
	}
	if n == &q.root || n.set {
		return
	}
	q.n++
	n.set, n.path = true, whole
	n.stats, n.limit = quotaPath+whole+"/"+statsName, quotaPath+whole+"/"+limitsName
}

// remove takes a path's limits away.
func (q *quotas) remove(path string) {
	if q.drop(&q.root, path) {
		q.n--
	}
}

// drop removes path below n, with what has become useless on the way, and
// reports whether it had limits.
func (q *quotas) drop(n *quotaNode, path string) (had bool) {
	name, rest := component(path)
	if name == "" {
		had = n.set
		*n = quotaNode{below: n.below}
		return had
	}
	next := n.below[name]
	if next == nil {
		return false
	}
	had = q.drop(next, rest)
	if len(next.below) == 0 && !next.set {
		delete(n.below, name)
	}
	return had
}

// quotaOf returns the path whose quota lies in a znode, given its parent's path.
// The part of the tree is quotaPath alone, where ZooKeeper takes any znode whose
// path begins with those letters, and with limits in quotaPath itself its server
// ends.
func quotaOf(parent string) (path string, ok bool) {
	path, ok = strings.CutPrefix(parent, quotaPath)
	return path, ok && (path == "" || path[0] == '/')
}

// quotaCreated counts a znode that was created with size bytes of data, and has
// the limits, or writes what is used, if that is what it is for. Source:
// DataTree.createNode.
func (t *Tree) quotaCreated(path, parent string, size int) {
	if of, ok := quotaOf(parent); ok {
		switch path[len(parent)+1:] {
		case limitsName:
			t.quotas.add(of)
			t.readLimits(of)
		case statsName:
			t.recount(of)
		}
	}
	t.charge(path, 1, int64(size))
}

// quotaDeleted undoes quotaCreated. Source: DataTree.deleteNode.
func (t *Tree) quotaDeleted(path string, size int) {
	parent, _ := splitPath(path)
	if of, ok := quotaOf(parent); ok && path[len(parent)+1:] == limitsName {
		t.quotas.remove(of)
	}
	t.charge(path, -1, -int64(size))
}

// quotaChanged reads the limits in a znode whose data changed.
func (t *Tree) quotaChanged(path string) {
	if parent, ok := strings.CutSuffix(path, "/"+limitsName); ok {
		if of, ok := quotaOf(parent); ok {
			t.readLimits(of)
		}
	}
}

// readLimits keeps what the znode with a path's limits says, so that writes need
// not parse it. A name of blanks leads to the limits of another path, too.
func (t *Tree) readLimits(of string) {
	q := t.quotas.deepest(of)
	if q == nil {
		return
	}
	if id := t.find(q.limit); id != 0 {
		q.limits, q.limited = parseQuota(t.data(t.at(id))), true
	}
}

// charge adds to what is used of the quota that path counts towards. The znode
// that says so changes in place: no version, no time and no event tells of it.
// Source: DataTree.updateQuotaStat.
func (t *Tree) charge(path string, count, size int64) {
	q := t.quotas.deepest(path)
	if q == nil {
		return
	}
	id := t.find(q.stats)
	if id == 0 {
		return // limits alone are no quota
	}
	text, ok := addUsage(t.quotaText[:0], t.data(t.at(id)), count, size)
	if t.quotaText = text; !ok {
		t.recount(q.path) // on what somebody wrote there ZooKeeper's server ends
		return
	}
	t.setUsage(id, text)
}

// recount writes what is used below path, itself included, into the znode for
// it, if there is one. Source: DataTree.updateQuotaForPath.
func (t *Tree) recount(path string) {
	id := t.find(quotaPath + path + "/" + statsName)
	if id == 0 {
		return
	}
	count, size := int64(t.count), t.dataBytes
	if top := t.find(path); top != rootID {
		count, size = 0, 0
		for id := top; id != 0; id = t.after(id, top) {
			count++
			size += int64(max(t.at(id).dataLen, 0))
		}
	}
	t.quotaText = appendUsage(t.quotaText[:0], count, size)
	t.setUsage(id, t.quotaText)
}

func (t *Tree) setUsage(id nodeID, text []byte) {
	n := t.at(id)
	t.dataBytes += int64(len(text)) - int64(max(n.dataLen, 0))
	t.store.setData(n, text)
}

// setupQuotas finds the limits in a tree that was loaded, and counts what is
// used. Limits that have children are not found, and below limits it is the
// first of them that count, as in ZooKeeper. Source: DataTree.setupQuota.
func (t *Tree) setupQuotas() {
	for _, path := range t.limitedPaths() {
		t.recount(path)
		t.quotas.add(path)
		t.readLimits(path)
	}
}

// limitedPaths returns each path that has limits once, though any number of
// limits may be of one path.
func (t *Tree) limitedPaths() (paths []string) {
	top := t.find(quotaPath)
	if top == 0 {
		return nil
	}
	seen := make(map[string]bool)
	for id := t.after(top, top); id != 0; id = t.after(id, top) {
		if n := t.at(id); n.first != 0 || string(t.name(n)) != limitsName {
			continue
		}
		path := t.path(id)[len(quotaPath):]
		path = path[:strings.Index(path, "/"+limitsName)]
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	return paths
}

// QuotaOf returns the path with the quota that a znode at path counts towards,
// if there is one with limits and usage, and both. What does not parse is -1.
func (t *Tree) QuotaOf(path string) (of string, limits, used Quota, ok bool) {
	q := t.quotas.deepest(path)
	if q == nil {
		return "", noQuota, noQuota, false
	}
	stats, counted := t.Get(q.stats)
	if !q.limited || !counted {
		return "", noQuota, noQuota, false
	}
	return q.path, q.limits, parseUsage(stats.Data()), true
}

// NamespaceQuota sums up the quotas of the paths that begin with one name. A
// limit or usage that is missing counts as -1.
type NamespaceQuota struct {
	Name                   string
	Limited, Counted       bool  // there are limits, or usage
	CountLimit, BytesLimit int64 // the hard ones where there are such
	CountUsed, BytesUsed   int64
}

// NamespaceQuotas returns what the quota subtree says, sorted by name. Source:
// QuotaMetricsUtils.
func (t *Tree) NamespaceQuotas() []NamespaceQuota {
	top := t.find(quotaPath)
	if top == 0 || t.at(top).first == 0 {
		return nil
	}
	byName := make(map[string]*NamespaceQuota)
	for id := t.after(top, top); id != 0; id = t.after(id, top) {
		n := t.at(id)
		limits, stats := string(t.name(n)) == limitsName, string(t.name(n)) == statsName
		if n.first != 0 || n.dataLen < 0 || !limits && !stats {
			continue
		}
		name, _, _ := strings.Cut(t.path(id)[len(quotaPath)+1:], "/")
		sum := byName[name]
		if sum == nil {
			sum = &NamespaceQuota{Name: name}
			byName[name] = sum
		}
		if limits {
			q := t.limitsIn(id)
			sum.Limited = true
			sum.CountLimit += hardOr(q.CountHard, q.Count)
			sum.BytesLimit += hardOr(q.BytesHard, q.Bytes)
		} else {
			q := parseUsage(t.data(n))
			sum.Counted = true
			sum.CountUsed += q.Count
			sum.BytesUsed += q.Bytes
		}
	}
	all := make([]NamespaceQuota, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, *byName[name])
	}
	return all
}

// limitsIn returns what a znode with limits says, without parsing it if it is a
// quota's.
func (t *Tree) limitsIn(id nodeID) Quota {
	path := t.path(id)
	if q := t.quotas.deepest(path[len(quotaPath) : len(path)-len(limitsName)]); q != nil && q.limited && q.limit == path {
		return q.limits
	}
	return parseQuota(t.data(t.at(id)))
}

func hardOr(hard, soft int64) int64 {
	if hard > -1 {
		return hard
	}
	return soft
}
