package prep

import (
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// view is a copy of one path's state, to check and then to change.
type view struct {
	znode
	key string
	c   *change // the path's record, nil if the state comes from the tree
	// crc has not been computed, and is of data, the tree's or the request's: most writes
	// bring other data than there was.
	unsummed bool
	data     []byte
}

// find looks path up and reports whether the znode exists. The root has one
// key, so that a change of "/" is seen by the creation of "/x", whose parent
// is "".
func (p *Prep) find(v *view, path string) bool {
	if path == "" {
		path = "/"
	}
	if c := p.overlay.changes[path]; c != nil {
		v.c, v.key, v.znode, v.unsummed, v.data = c, c.key, c.znode, false, nil
		return v.exists
	}
	v.c, v.key, v.znode, v.unsummed, v.data = nil, path, znode{}, false, nil
	n, ok := p.tree.Get(path)
	if !ok {
		return false
	}
	v.exists = true
	data := n.Data()
	v.stat, v.acl, v.children, v.dataLen = n.Persisted(), n.ACL(), int32(n.NumChildren()), int32(len(data))
	if p.opts.Digest {
		v.digest, v.unsummed, v.data = n.Digest(), true, data
	}
	return true
}

// record makes v the newest state of its path.
func (p *Prep) record(v *view) {
	if p.opts.Digest {
		share := p.share(v)
		p.digest += int64(share) - int64(v.digest)
		v.digest = share
	}
	p.overlay.put(v.key, v.c, &v.znode, p.zxid)
}

// setBytes tells v its new data.
func (p *Prep) setBytes(v *view, data []byte) {
	v.dataLen, v.unsummed = int32(len(data)), p.opts.Digest
	v.data = data
}

// share finishes the digest of a znode with its metadata. Znodes that are
// missing or below /zookeeper have none.
func (p *Prep) share(v *view) uint32 {
	if !v.exists || strings.HasPrefix(v.key, "/zookeeper/") {
		return 0
	}
	if v.unsummed {
		v.crc, v.unsummed = p.digester.Begin(v.key, v.data), false
	}
	return p.digester.End(v.crc, &v.stat)
}

// adopt records in the parent that a child was created: stat and count move as
// they will when the transaction is applied. Like Tree.Apply, it moves cversion
// and pzxid only upward, so a counter at its maximum sticks there. Source:
// DataTree.createNode.
func (p *Prep) adopt(parent *view, cversion int32) {
	parent.children++
	if cversion > parent.stat.Cversion {
		parent.stat.Cversion, parent.stat.Pzxid = cversion, p.zxid
	}
	p.record(parent)
}

// bury records that node is gone and that its parent has lost it. Source:
// DataTree.deleteNode.
func (p *Prep) bury(node, parent *view) {
	parent.children--
	parent.stat.Pzxid = max(parent.stat.Pzxid, p.zxid)
	p.record(parent)
	node.znode = znode{digest: node.digest}
	p.record(node)
}

// nextVersion checks an expected version, -1 for any, and returns the version
// after the change. It skips -1, which no client could ever expect, as
// ZooKeeper does from 3.10 on; 3.9 lets it happen (ZOOKEEPER-4743). Source:
// PrepRequestProcessor.checkAndIncVersion.
func nextVersion(current, expected int32) (int32, proto.ErrCode) {
	if expected != -1 && expected != current {
		return 0, proto.ErrBadVersion
	}
	if current == -2 {
		return 0, proto.OK
	}
	return current + 1, proto.OK
}

// splitParent returns the path of a znode's parent, "" for the children of the
// root. Paths without a slash and with a NUL have none. Source:
// PrepRequestProcessor.validatePathForCreate.
func splitParent(path string) (string, proto.ErrCode) {
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || strings.IndexByte(path, 0) >= 0 {
		return "", proto.ErrBadArguments
	}
	return path[:slash], proto.OK
}

// special reports whether a path may never be deleted. Source:
// DataTree.isSpecialPath.
func special(path string) bool {
	switch path {
	case "/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config":
		return true
	}
	return false
}
