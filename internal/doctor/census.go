package doctor

import (
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// census counts what a snapshot holds, without keeping it.
type census struct {
	data      *Data
	schemes   map[string]int // of ACLs, by how many lists name them
	hasDigest bool
	hasLast   bool
}

var _ storage.Sink = (*census)(nil)

func (c *census) Session(proto.SessionID, int32) error {
	c.data.Sessions++
	return nil
}

func (c *census) ACL(_ int64, acl []proto.ACL) error {
	c.data.ACLs++
	seen := map[string]bool{}
	for _, a := range acl {
		if s := a.ID.Scheme; !seen[s] && len(c.schemes) < maxSchemes {
			seen[s] = true
			c.schemes[s]++
		}
	}
	return nil
}

// maxSchemes bounds how many different ones are remembered; more are nobody's.
const maxSchemes = 100

func (c *census) Node(n *storage.SnapNode) error {
	d := c.data
	d.Znodes++
	d.DataBytes += int64(len(n.Data))
	if len(n.Data) > d.LargestBytes {
		d.LargestZnode, d.LargestBytes = n.Path, len(n.Data)
	}
	switch tree.KindOf(n.Stat.EphemeralOwner) {
	case tree.Ephemeral:
		d.Ephemerals++
	case tree.Container:
		d.Containers++
	case tree.TTL:
		d.TTLs++
	}
	return nil
}

func (c *census) Digest(proto.Zxid, int32, int64) { c.hasDigest = true }
func (c *census) Last(proto.Zxid)                 { c.hasLast = true }

// writer tells what may have written such a snapshot: the sections behind the tree came with versions.
func (c *census) writer() string {
	switch {
	case c.hasLast:
		return "ZooKeeper 3.9 or Paddock"
	case c.hasDigest:
		return "ZooKeeper 3.6 to 3.8"
	}
	return "ZooKeeper before 3.6, or one with digest.enabled=false"
}

// znodeBytes is what a znode costs in Paddock's tree besides its data: measured with paths of 26 bytes.
const znodeBytes = 135
