package sim

import (
	"slices"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// watches are what a client waits to be told. All paths are registers, or the
// znode above them.
type watches struct {
	once []onceWatch // in the order of their registration

	following bool // a recursive watch on all registers was asked for
	followed  bool // and is there
	next      int  // the first change, in checks.changes, that it has not been told
}

// onceWatch fires once.
type onceWatch struct {
	path     string
	children bool
	there    bool // the znode was there: a data watch, not an exist watch
	state    look
}

// look is what a watch was registered on: whatever differs from it is news.
type look struct {
	there bool
	zxid  proto.Zxid // of the newest change: mzxid, or pzxid of children
}

func lookOf(o *operation, r reply) look {
	if r.err != proto.OK {
		return look{}
	}
	if o.kind == children {
		return look{true, r.stat.Pzxid}
	}
	return look{true, r.stat.Mzxid}
}

func (v *watches) clear() { *v = watches{} }

func (v *watches) find(path string, children bool) int {
	return slices.IndexFunc(v.once, func(o onceWatch) bool { return o.path == path && o.children == children })
}

// reply handles the answer to a read: it must show nothing that a watch should
// have told before, and may leave a watch.
func (v *watches) reply(c *client, k *conn, o *operation, r reply) {
	switch o.kind {
	case syncing:
		if r.zxid < o.newest && r.err == proto.OK {
			c.w.fail("%s: synced at %s, but %s was decided before", k, r.zxid, o.newest)
		}
		return
	case restoring:
		return
	case watching:
		v.followed = true
		v.next = c.w.check.changesAfter(r.zxid)
		return
	case getData, exists, children:
	default:
		return
	}
	now := lookOf(o, r)
	c.w.check.read(c.w, k, o, r)
	i := v.find(o.path, o.kind == children)
	if i >= 0 && v.once[i].state != now {
		c.w.fail("%s reads %s as %+v, without the event of the watch that it left on %+v", k, o.path, now, v.once[i].state)
	}
	if i < 0 && (o.watch || o.kind == children) && (now.there || o.kind == exists) {
		v.once = append(v.once, onceWatch{o.path, o.kind == children, now.there, now})
		c.w.Watches++
	}
}

// event takes the watches that an event uses up.
func (v *watches) event(c *client, k *conn, ev *tree.Event) {
	known := false
	use := func(children bool) {
		if i := v.find(ev.Path, children); i >= 0 {
			v.once = slices.Delete(v.once, i, i+1)
			c.w.Fired++
			known = true
		}
	}
	if ev.Type != proto.EventNodeChildrenChanged {
		use(false)
	}
	if ev.Type == proto.EventNodeChildrenChanged || ev.Type == proto.EventNodeDeleted {
		use(true)
	}
	if v.followed && ev.Type != proto.EventNodeChildrenChanged && ev.Zxid > 0 && below(ev.Path, keyRoot) {
		known = true
		v.followEvent(c, k, ev)
	}
	if !known && !v.following {
		c.w.fail("%s gets event %d of %s, which it does not watch", k, ev.Type, ev.Path)
	}
}

// followEvent checks that a recursive watch tells every change, in order.
func (v *watches) followEvent(c *client, k *conn, ev *tree.Event) {
	changes := c.w.check.changes
	if v.next >= len(changes) {
		c.w.fail("%s gets event %d of %s at %s, which nobody decided", k, ev.Type, ev.Path, ev.Zxid)
		return
	}
	if want := changes[v.next]; want.zxid != ev.Zxid || want.path != ev.Path || want.typ != ev.Type {
		c.w.fail("%s gets event %d of %s at %s; the next change was %d of %s at %s", k, ev.Type, ev.Path, ev.Zxid, want.typ, want.path, want.zxid)
		return
	}
	v.next++
	c.w.Followed++
}

// follow asks for a recursive watch.
func (v *watches) follow(c *client) {
	v.following = true
	c.send(&operation{kind: watching, path: keyRoot}, proto.OpAddWatch,
		&proto.AddWatchRequest{Path: keyRoot, Mode: proto.AddWatchPersistentRecursive})
}

// restore takes the watches to a new connection. What a recursive one missed is
// not told, so that it begins anew.
func (v *watches) restore(c *client) {
	v.following, v.followed = false, false
	if len(v.once) == 0 {
		return
	}
	q := &proto.SetWatchesRequest{RelativeZxid: c.seen}
	for _, o := range v.once {
		switch {
		case o.children:
			q.Child = append(q.Child, o.path)
		case o.there:
			q.Data = append(q.Data, o.path)
		default:
			q.Exist = append(q.Exist, o.path)
		}
	}
	c.w.Replays++
	c.send(&operation{kind: restoring}, proto.OpSetWatches, q)
}

// missed returns a watch that should have fired: what it was left on is not
// what there is.
func (v *watches) missed(t *tree.Tree) (onceWatch, bool) {
	for _, o := range v.once {
		now := look{}
		if n, ok := t.Get(o.path); ok {
			if now = (look{true, n.Persisted().Mzxid}); o.children {
				now.zxid = n.Persisted().Pzxid
			}
		}
		if now != o.state {
			return o, true
		}
	}
	return onceWatch{}, false
}

func below(path, root string) bool {
	return len(path) > len(root)+1 && path[:len(root)] == root && path[len(root)] == '/'
}
