package tree

import "github.com/paddock-io/paddock/proto"

// Result is what a transaction did. Apply overwrites it; Multi is reused.
type Result struct {
	Err  proto.ErrCode // of an error transaction, or why nothing was changed
	Path string        // of the znode; "" for sessions, multis and errors
	Stat proto.Stat    // of the znode after create, setData and setACL
	// Multi has one result per operation of a multi. The type create2 also
	// stands for createContainer and createTTL, as in replies. Operations that
	// failed, and all operations of a failed multi, have type OpError.
	Multi []proto.MultiResult
	// DigestMismatch: the tree is not what the leader predicted, or what the
	// server that wrote the loaded snapshot had. It is not what it should be.
	DigestMismatch bool
}

// Apply makes the changes of a committed transaction, in zxid order, and sends
// watch events to the sink. It keeps nothing of txn but strings and ACLs.
//
// A transaction that the tree already contains, wholly or in part, is not
// harmful: after a fuzzy snapshot every transaction from the snapshot's zxid on
// is applied, and the outcome is the same as if it had been applied to a tree at
// that zxid. Only Result.Err tells the difference. Source:
// DataTree.processTxn.
func (t *Tree) Apply(txn *proto.Txn, res *Result) {
	*res = Result{Multi: res.Multi[:0]}
	h := &txn.TxnHeader
	switch body := txn.Body.(type) {
	case *proto.MultiTxn:
		t.applyMulti(h, body, res)
	case *proto.CreateSessionTxn:
		t.sessions[h.Session] = body.Timeout
	case *proto.CloseSessionTxn:
		t.closeSession(h, body.Paths)
	default:
		var r change
		t.applyOne(h, h.Type, body, &r)
		res.Err, res.Path, res.Stat = r.err, r.path, r.stat
	}
	// Only now: what a dump writes must not be older than the zxid it names.
	t.lastZxid = max(t.lastZxid, h.Zxid)
	fuzzy := t.expected.zxid != 0
	if res.DigestMismatch = t.digestDiffers(txn); !fuzzy {
		t.logDigest(h.Zxid)
	}
}

// change is the outcome of one operation.
type change struct {
	err  proto.ErrCode
	path string
	stat proto.Stat // of the znode when it was created or changed
}

func (t *Tree) stat(id nodeID) proto.Stat { return Node{t, t.at(id)}.Stat() }

// applyOne applies what may stand alone or in a multi.
func (t *Tree) applyOne(h *proto.TxnHeader, typ proto.OpCode, body proto.TxnBody, r *change) {
	switch body := body.(type) {
	case *proto.CreateTxn:
		var owner proto.SessionID
		if body.Ephemeral {
			owner = h.Session
		}
		t.create(h, creation{body.Path, body.Data, body.ACL, owner, body.ParentCversion}, r)
	case *proto.CreateContainerTxn:
		t.create(h, creation{body.Path, body.Data, body.ACL, proto.ContainerOwner, body.ParentCversion}, r)
	case *proto.CreateTTLTxn:
		owner := proto.TTLOwner(body.TTL & proto.MaxTTL)
		t.create(h, creation{body.Path, body.Data, body.ACL, owner, body.ParentCversion}, r)
	case *proto.DeleteTxn:
		r.path, r.err = body.Path, t.remove(body.Path, h.Zxid)
	case *proto.SetDataTxn:
		t.setData(h.Zxid, h.Time, body, r)
	case *proto.SetACLTxn:
		t.setACL(body, r)
	case *proto.CheckVersionTxn:
		r.path = body.Path
	case *proto.ErrorTxn:
		r.err = body.Err
	}
}

// applyMulti applies all operations, or none if one of them is an error. In a
// failed multi those before the error report 0, those after it -2.
func (t *Tree) applyMulti(h *proto.TxnHeader, multi *proto.MultiTxn, res *Result) {
	failed := multi.Failed()
	skipped := proto.OK
	var r change
	for i := range multi.Subs {
		sub := &multi.Subs[i]
		r = change{}
		switch {
		case sub.Type == proto.OpError:
			skipped = proto.ErrRuntimeInconsistency
			t.applyOne(h, sub.Type, sub.Body, &r)
		case failed:
			r.err = skipped
		default:
			t.applyOne(h, sub.Type, sub.Body, &r)
		}
		if res.Err == proto.OK {
			res.Err = r.err
		}
		res.Multi = append(res.Multi, proto.MultiResult{Type: sub.Type})
		r.fill(&res.Multi[i], failed)
	}
}

// fill completes the result of an operation of a multi, which has its type.
func (r *change) fill(m *proto.MultiResult, failed bool) {
	if failed || r.err != proto.OK {
		m.Type, m.Err = proto.OpError, r.err
		return
	}
	switch m.Type {
	case proto.OpCreate:
		m.Path = r.path
	case proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		m.Type, m.Path = proto.OpCreate2, r.path
		m.Stat = r.stat
	case proto.OpDeleteContainer:
		m.Type = proto.OpDelete
	case proto.OpSetData:
		m.Stat = r.stat
	}
}

// creation is what the kinds of create have in common.
type creation struct {
	path           string
	data           []byte
	acl            []proto.ACL
	owner          proto.SessionID
	parentCversion int32 // the parent's after the create; -1 means one more than now
}

// create adds a znode. Source: DataTree.createNode.
func (t *Tree) create(h *proto.TxnHeader, c creation, r *change) {
	r.path = c.path
	parentPath, ok := splitPath(c.path)
	parent := t.find(parentPath)
	if !ok || parent == 0 {
		r.err = proto.ErrNoNode
		return
	}
	// The ACL is interned even if the znode is there already (ZOOKEEPER-3306).
	acl := t.acls.intern(c.acl)
	t.childCreated(parent, parentPath, h.Zxid, c.parentCversion)
	if id := t.find(c.path); id != 0 {
		// A fuzzy dump was ahead; it can have missed the ACL (ZOOKEEPER-4846)
		// and, if it wrote the parent before the znode was deleted and created
		// again, the parent's counters. Java repairs these for type create only,
		// which leaves the other kinds with a parent unlike the leader's.
		n := t.at(id)
		t.acls.release(n.acl)
		n.acl = acl
		r.err = proto.ErrNodeExists
		return
	}
	id := t.add(parent, c.path, c.data, acl, &proto.StatPersisted{
		Czxid: h.Zxid, Mzxid: h.Zxid, Pzxid: h.Zxid, Ctime: h.Time, Mtime: h.Time, EphemeralOwner: c.owner,
	})
	r.stat = t.stat(id) // before the quota may change the data
	t.quotaCreated(c.path, parentPath, len(c.data))
	t.fire(proto.EventNodeCreated, c.path, h.Zxid, t.acls.list(acl))
	t.fireParent(parent, parentPath, h.Zxid)
}

// childCreated updates the parent of a new znode. The counters never go back:
// the parent in a fuzzy dump may have later children counted (ZOOKEEPER-3249).
// Source: DataTree.createNode, DataTree.setCversionPzxid.
func (t *Tree) childCreated(parent nodeID, path string, z proto.Zxid, cversion int32) {
	p := t.at(parent)
	if cversion == -1 {
		cversion = p.cversion + 1
	}
	if cversion > p.cversion {
		p.cversion, p.pzxid = cversion, z
		t.redigest(p, path)
	}
}

// remove deletes a znode. The parent's pzxid moves even if the znode is gone
// already (ZOOKEEPER-3125), but never back. Source: DataTree.deleteNode.
func (t *Tree) remove(path string, z proto.Zxid) proto.ErrCode {
	parentPath, ok := splitPath(path)
	parent := t.find(parentPath)
	if !ok || parent == 0 {
		return proto.ErrNoNode
	}
	if p := t.at(parent); z > p.pzxid {
		p.pzxid = z
		t.redigest(p, parentPath)
	}
	id := t.find(path)
	if id == 0 {
		return proto.ErrNoNode
	}
	acl := t.acls.list(t.at(id).acl)
	t.dropSubtree(id, path)
	t.fire(proto.EventNodeDeleted, path, z, acl)
	t.fireParent(parent, parentPath, z)
	return proto.OK
}

// fireParent tells who watches a parent that a child came or went.
func (t *Tree) fireParent(id nodeID, path string, z proto.Zxid) {
	t.fire(proto.EventNodeChildrenChanged, clientPath(path), z, t.acls.list(t.at(id).acl))
}

// dropSubtree drops a znode and whatever lies below it. There are children only
// when a transaction is replayed that the dump is ahead of: they were created
// after the znode was deleted and created again, so their creation is replayed
// as well. (Java leaves them in its map, out of their new parent's list of
// children.) Nobody is told of them.
func (t *Tree) dropSubtree(id nodeID, path string) {
	for t.at(id).first != 0 {
		leaf := t.at(id).first
		for t.at(leaf).first != 0 {
			leaf = t.at(leaf).first
		}
		t.dropCounted(leaf, t.path(leaf))
	}
	t.dropCounted(id, path)
}

func (t *Tree) dropCounted(id nodeID, path string) {
	size := max(t.at(id).dataLen, 0)
	t.drop(id, path)
	t.quotaDeleted(path, int(size))
}

func (t *Tree) setData(z proto.Zxid, ms int64, body *proto.SetDataTxn, r *change) {
	r.path = body.Path
	id := t.find(body.Path)
	if id == 0 {
		r.err = proto.ErrNoNode
		return
	}
	n := t.at(id)
	more := int64(len(body.Data)) - int64(max(n.dataLen, 0))
	t.dataBytes += more
	t.store.setData(n, body.Data)
	n.mtime, n.mzxid, n.version = ms, z, body.Version
	t.redigest(n, body.Path)
	r.stat = t.stat(id)
	t.quotaChanged(body.Path)
	t.charge(body.Path, 0, more)
	t.fire(proto.EventNodeDataChanged, clientPath(body.Path), z, t.acls.list(n.acl))
}

// setACL sends no event. Source: DataTree.setACL.
func (t *Tree) setACL(body *proto.SetACLTxn, r *change) {
	r.path = body.Path
	id := t.find(body.Path)
	if id == 0 {
		r.err = proto.ErrNoNode
		return
	}
	n := t.at(id)
	acl := t.acls.intern(body.ACL) // before the release, so that an equal one keeps its id
	t.acls.release(n.acl)
	n.acl = acl
	n.aversion = body.Version
	t.redigest(n, body.Path)
	r.stat = t.stat(id)
}

// closeSession deletes the listed znodes, whoever owns them by now, so that
// their parents' pzxid is right even if they are gone (ZOOKEEPER-3145); then
// what the session still owns, which without a list (before 3.6) is everything.
// Source: DataTree.killSession.
func (t *Tree) closeSession(h *proto.TxnHeader, paths []string) {
	delete(t.sessions, h.Session)
	for _, path := range paths {
		t.remove(path, h.Zxid)
	}
	if len(t.ephemerals[h.Session]) == 0 {
		return
	}
	for _, path := range t.Ephemerals(h.Session) {
		t.remove(path, h.Zxid)
	}
}

// SetConfig writes text into /zookeeper/config on this server alone, which every
// server of an ensemble does when it starts or learns a configuration. version
// is the configuration's, nowMs the local clock in milliseconds. Source:
// ZKDatabase.initConfigInZKDatabase.
func (t *Tree) SetConfig(text []byte, version proto.Zxid, nowMs int64) {
	if system := t.find(systemPath); system != 0 && t.find(configPath) == 0 {
		t.addConfig(system) // loaded from a snapshot of a version before 3.5
	}
	var r change
	t.setData(version, nowMs, &proto.SetDataTxn{Path: configPath, Data: text, Version: -1}, &r)
}

// add makes a znode that must not exist, below parent, 0 for the root. It copies
// data and takes over a use of acl.
func (t *Tree) add(parent nodeID, path string, data []byte, acl aclSlot, stat *proto.StatPersisted) nodeID {
	id := t.addUnindexed(parent, path, data, acl, stat)
	if parent != 0 {
		t.index.add(t.index.hash(path), id)
	}
	return id
}

// addUnindexed is add without an entry in the index.
func (t *Tree) addUnindexed(parent nodeID, path string, data []byte, acl aclSlot, stat *proto.StatPersisted) nodeID {
	id, n := t.insert(parent, path, data)
	n.acl = acl
	n.setPersisted(stat)
	n.crc = t.digester.Node(path, data, stat)
	t.digest += uint64(n.crc)
	t.pathBytes += int64(len(clientPath(path)))
	t.dataBytes += int64(len(data))
	t.enlist(id, n.owner)
	return id
}

// enlist enters a znode among those of its kind.
func (t *Tree) enlist(id nodeID, owner proto.SessionID) {
	switch t.KindOf(owner) {
	case Ephemeral:
		set := t.ephemerals[owner]
		if set == nil {
			set = make(nodeSet)
			t.ephemerals[owner] = set
		}
		set[id] = struct{}{}
		t.ephemeralCount++
	case Container, TTL:
		t.reapables.add(id)
	}
}

// delist undoes enlist.
func (t *Tree) delist(id nodeID, owner proto.SessionID) {
	switch t.KindOf(owner) {
	case Ephemeral:
		set := t.ephemerals[owner]
		delete(set, id)
		t.ephemeralCount--
		if len(set) == 0 {
			delete(t.ephemerals, owner)
		}
	case Container, TTL:
		t.reapables.remove(id)
	}
}

// drop takes away a znode that has no children and is not the root.
func (t *Tree) drop(id nodeID, path string) {
	for _, c := range t.cursors {
		if c.at == id {
			c.at = t.after(id, 0)
		}
	}
	n := t.at(id)
	t.digest -= uint64(n.crc)
	t.pathBytes -= int64(len(path))
	t.dataBytes -= int64(max(n.dataLen, 0))
	t.acls.release(n.acl)
	t.delist(id, n.owner)
	t.store.delete(id, path)
}

// redigest brings the digest up to date after n, at path, changed.
func (t *Tree) redigest(n *znode, path string) {
	t.digest -= uint64(n.crc)
	stat := n.persisted()
	n.crc = t.digester.Node(path, t.data(n), &stat)
	t.digest += uint64(n.crc)
}

// clientPath returns a path as clients write it.
func clientPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// expectedDigest is what the tree's digest must be after a certain transaction.
type expectedDigest struct {
	zxid    proto.Zxid // 0 for nothing expected
	version int32
	digest  int64
}

// ExpectDigest suspends the comparison of digests while LastZxid is below z,
// since a fuzzy snapshot is ahead of its zxid in places, and then compares with
// digest. Source: DataTree.compareSnapshotDigests.
func (t *Tree) ExpectDigest(z proto.Zxid, version int32, digest int64) {
	t.expected = expectedDigest{}
	if z > t.lastZxid {
		t.expected = expectedDigest{z, version, digest}
	}
}

// digestDiffers compares the digest after txn with what is known of it.
func (t *Tree) digestDiffers(txn *proto.Txn) bool {
	if e := t.expected; e.zxid != 0 {
		if txn.Zxid < e.zxid {
			return false
		}
		t.expected = expectedDigest{}
		if txn.Zxid == e.zxid {
			return e.version == proto.DigestVersion && e.digest != t.Digest()
		}
	}
	return txn.HasDigest && txn.Digest.Version == proto.DigestVersion && txn.Digest.Tree != t.Digest()
}
