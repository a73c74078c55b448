package prep

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// znode is the state of one path that later requests are checked against.
type znode struct {
	exists   bool
	children int32
	dataLen  int32
	stat     proto.StatPersisted
	acl      []proto.ACL // immutable

	// Kept only with Options.Digest.
	crc    uint32 // CRC-32 of path and data, which most changes leave alone
	digest uint32 // the znode's share of the tree's digest; 0 if it has none
}

// owner returns the session that an existing ephemeral belongs to, or 0.
func (n *znode) owner() proto.SessionID {
	if n.exists && isEphemeral(n.stat.EphemeralOwner) {
		return n.stat.EphemeralOwner
	}
	return 0
}

// isEphemeral reports whether a stored owner is a session.
func isEphemeral(owner proto.SessionID) bool { return tree.KindOf(owner) == tree.Ephemeral }

// change is the newest state of a path that outstanding transactions touched.
type change struct {
	znode
	key  string
	refs int    // entries of the fifo that point here
	seq  uint64 // the latest transaction that touched it; see overlay.seq

	// Links the ephemerals of one session; next also links the free list.
	next, prev *change
}

// undo restores a change that a multi touched.
type undo struct {
	c     *change
	was   znode
	fresh bool // the multi made the record
}

// overlay holds the effects of the outstanding transactions.
//
// Invariant: changes[k].refs is the number of fifo entries that point at
// changes[k], and never 0; so a record lives exactly as long as the youngest
// transaction that touched its path is outstanding.
type overlay struct {
	changes map[string]*change // by path; "" and "/" are one key
	fifo    fifo
	owned   map[proto.SessionID]*change // the outstanding state's ephemerals, linked by next

	seq     uint64 // counts calls of begin
	undoing bool   // between mark and commit or rollback
	undos   []undo

	free  *change
	nfree int
	peak  int // largest len(changes) since the maps were made
}

// Sizes above which memory is given back once nothing is outstanding. They are
// well above what globalOutstandingLimit lets pile up, so that a steady load
// allocates nothing; closing a session with many ephemerals may pass them.
const (
	maxFree  = 8192
	maxSpare = 32768
)

func (o *overlay) reset() {
	*o = overlay{
		changes: make(map[string]*change),
		owned:   make(map[proto.SessionID]*change),
		seq:     o.seq,
	}
}

// begin opens a transaction.
func (o *overlay) begin() { o.seq++ }

// put records the new state n of a path for the transaction with this zxid. c
// is the path's record, or nil if it has none.
func (o *overlay) put(key string, c *change, n *znode, zxid proto.Zxid) {
	fresh := c == nil
	if fresh {
		c = o.alloc()
		c.key = key
		o.changes[key] = c
		o.peak = max(o.peak, len(o.changes))
	}
	if fresh || c.seq != o.seq {
		if o.undoing {
			o.undos = append(o.undos, undo{c: c, was: c.znode, fresh: fresh})
		}
		c.seq = o.seq
		c.refs++
		o.fifo.push(entry{zxid, c})
	}
	o.assign(c, n)
}

// assign replaces the state of a record and keeps the lists of ephemerals.
func (o *overlay) assign(c *change, n *znode) {
	was, is := c.owner(), n.owner()
	if was != is {
		o.disown(c, was)
		o.own(c, is)
	}
	c.znode = *n
}

func (o *overlay) own(c *change, id proto.SessionID) {
	if id == 0 {
		return
	}
	head := o.owned[id]
	if c.next = head; head != nil {
		head.prev = c
	}
	o.owned[id] = c
}

func (o *overlay) disown(c *change, id proto.SessionID) {
	if id == 0 {
		return
	}
	switch {
	case c.prev != nil:
		c.prev.next = c.next
	case c.next != nil:
		o.owned[id] = c.next
	default:
		delete(o.owned, id)
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
}

// mark starts a multi: rollback undoes everything put after it.
func (o *overlay) mark() { o.undoing = true }

// commit ends a multi that succeeded.
func (o *overlay) commit() {
	o.undoing = false
	clear(o.undos)
	o.undos = o.undos[:0]
	if cap(o.undos) > maxSpare {
		o.undos = nil
	}
}

// rollback ends a multi that failed: every record is as it was before mark.
func (o *overlay) rollback() {
	for i := len(o.undos) - 1; i >= 0; i-- {
		u := &o.undos[i]
		u.c.refs--
		if u.fresh {
			o.remove(u.c)
		} else {
			o.assign(u.c, &u.was)
		}
	}
	o.fifo.unpush(len(o.undos))
	o.commit()
}

// drop forgets the entries up to and including z, and the records that nothing
// younger holds.
func (o *overlay) drop(z proto.Zxid) {
	for o.fifo.len() > 0 && o.fifo.front().zxid <= z {
		c := o.fifo.pop().c
		if c.refs--; c.refs == 0 {
			o.remove(c)
		}
	}
	if o.fifo.len() == 0 && max(o.peak, len(o.fifo.ring)) > maxSpare {
		o.reset()
	}
}

// remove takes a record out of the overlay.
func (o *overlay) remove(c *change) {
	o.disown(c, c.owner())
	delete(o.changes, c.key)
	*c = change{} // let go of strings and ACLs
	if o.nfree < maxFree {
		c.next, o.free = o.free, c
		o.nfree++
	}
}

func (o *overlay) alloc() *change {
	c := o.free
	if c == nil {
		return new(change)
	}
	o.free, c.next = c.next, nil
	o.nfree--
	return c
}
