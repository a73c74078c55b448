package sim

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// kind is what an operation does.
type kind uint8

const (
	create kind = iota
	createSequential
	createEphemeral
	createTTL
	setData
	remove
	pair      // a multi that sets two znodes alike
	failing   // a multi that must leave nothing
	changing  // the membership
	closing   // of the session
	syncing   // a sync
	getData   // maybe behind a sync
	exists    // likewise
	children  // getChildren
	restoring // setWatches
	watching  // addWatch
)

var kindNames = [...]string{"create", "create sequential", "create ephemeral", "create with TTL", "setData", "delete",
	"multi", "failing multi", "reconfig", "closeSession", "sync", "getData", "exists", "getChildren", "setWatches", "addWatch"}

func (k kind) String() string { return kindNames[k] }

func (k kind) write() bool { return k <= closing }

// operation is one request of a client, for the history.
type operation struct {
	client  int
	session proto.SessionID
	cxid    int32
	kind    kind
	path    string
	value   string
	version int32 // expected; -1 for any
	fresh   bool  // a read right behind a sync on the same connection
	sync    *operation
	watch   bool
	sentAt  time.Duration
	call    uint64 // moments: the world's events so far
	ret     uint64 // 0 while there is no answer
	err     proto.ErrCode
	zxid    proto.Zxid
	stat    proto.Stat
	data    string
	newest  proto.Zxid // what had been decided when it was sent
}

func (o *operation) answered(r reply) {
	o.err, o.zxid, o.stat, o.data = r.err, r.zxid, r.stat, r.data
	if r.path != "" {
		o.path = r.path
	}
	o.ret = 1
}

func (o *operation) String() string {
	return fmt.Sprintf("%d: %s %s by client %d", o.cxid, o.kind, o.path, o.client)
}

// Where the clients' znodes lie.
const (
	keyRoot   = "/k" // registers, compared with a model
	seqRoot   = "/s"
	ownRoot   = "/e" // ephemerals
	pairRoot  = "/m"
	reapRoot  = "/t"
	firstPair = pairRoot + "/a"
	otherPair = pairRoot + "/b"
	keys      = 4
)

var roots = []string{keyRoot, seqRoot, ownRoot, pairRoot, reapRoot}

// send sends an operation.
func (c *client) send(o *operation, op proto.OpCode, body proto.Request) *operation {
	w := c.w
	c.cxid++
	o.client, o.session, o.cxid, o.sentAt, o.call = c.id, c.session, c.cxid, w.now, w.moment()
	o.newest = w.check.newest
	c.sent = append(c.sent, o)
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12v client %d to %d: %v %s version %d watch %v", w.now, c.id, c.conn.s.id, o, o.value, o.version, o.watch))
	}
	w.check.history = append(w.check.history, o)
	c.conn.request(&call{cxid: o.cxid, op: op, body: body})
	return o
}

// moment counts, so that of two things that happen at the same time one is the
// earlier.
func (w *World) moment() uint64 {
	w.check.moments++
	return w.check.moments
}

func newNode(path, value string, flags proto.CreateFlags) *proto.CreateRequest {
	return &proto.CreateRequest{Path: path, Data: []byte(value), ACL: proto.OpenACL, Flags: flags}
}

// request sends something.
func (c *client) request() {
	w := c.w
	if n := len(c.sent); n > 0 && c.sent[n-1].kind == closing {
		return // a server would not run it
	}
	key := fmt.Sprintf("%s/%d", keyRoot, w.rng.IntN(keys))
	c.counter++
	value := fmt.Sprintf("%d.%d", c.id, c.counter)
	n := w.rng.IntN(40)
	if c.reader && !w.chance(50) {
		n = 16 + w.rng.IntN(11)
	}
	switch {
	case n < 2:
		c.makeRoot(value)
	case n < 6:
		c.send(&operation{kind: create, path: key, value: value}, proto.OpCreate, newNode(key, value, proto.Persistent))
	case n < 14:
		v := c.someVersion(key)
		c.send(&operation{kind: setData, path: key, value: value, version: v}, proto.OpSetData,
			&proto.SetDataRequest{Path: key, Data: []byte(value), Version: v})
	case n < 16:
		v := c.someVersion(key)
		c.send(&operation{kind: remove, path: key, version: v}, proto.OpDelete, &proto.DeleteRequest{Path: key, Version: v})
	case n < 21:
		s := c.send(&operation{kind: syncing, path: key}, proto.OpSync, &proto.PathRequest{Path: key})
		c.readKey(key, s)
	case n < 27:
		c.readKey(key, nil)
	case n < 29:
		c.send(&operation{kind: children, path: keyRoot, watch: w.chance(2)}, proto.OpGetChildren,
			&proto.PathWatchRequest{Path: keyRoot, Watch: true})
	case n < 31:
		c.send(&operation{kind: createSequential, path: seqRoot + "/n", value: value}, proto.OpCreate,
			newNode(seqRoot+"/n", value, proto.PersistentSequential))
	default:
		c.rarely(n, value)
	}
}

func (c *client) rarely(n int, value string) {
	w := c.w
	switch {
	case n < 34:
		c.createEphemeral()
	case n < 36:
		c.send(&operation{kind: pair, path: firstPair, value: value}, proto.OpMulti, pairOf(value))
	case n == 36:
		c.send(&operation{kind: failing, path: firstPair, value: value}, proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{
			{Type: proto.OpSetData, Req: &proto.SetDataRequest{Path: firstPair, Data: []byte("half"), Version: -1}},
			{Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: "/nowhere", Version: -1}},
		}})
	case n == 37:
		path := fmt.Sprintf("%s/%d-%d", reapRoot, c.id, c.counter)
		q := newNode(path, value, proto.PersistentTTL)
		q.TTL, q.HasTTL = int64(1+w.rng.IntN(2000)), true
		c.send(&operation{kind: createTTL, path: path, value: value}, proto.OpCreateTTL, q)
	case n == 38 && !c.watch.following:
		c.watch.follow(c)
	case n == 39 && len(c.made) > 0 && w.chance(2): // the names that follow must not be its
		path := c.made[len(c.made)-1]
		c.made = c.made[:len(c.made)-1]
		c.send(&operation{kind: remove, path: path, version: -1}, proto.OpDelete, &proto.DeleteRequest{Path: path, Version: -1})
	case w.chance(25):
		c.send(&operation{kind: closing}, proto.OpCloseSession, nil)
	}
}

func (c *client) createEphemeral() {
	path := fmt.Sprintf("%s/%d-%d", ownRoot, c.id, c.counter)
	c.send(&operation{kind: createEphemeral, path: path}, proto.OpCreate, newNode(path, "", proto.Ephemeral))
	c.counter++
}

// pairOf sets both of a pair, which the first of its users has to make.
func pairOf(value string) *proto.MultiRequest {
	set := func(path string) proto.MultiOp {
		return proto.MultiOp{Type: proto.OpSetData, Req: &proto.SetDataRequest{Path: path, Data: []byte(value), Version: -1}}
	}
	return &proto.MultiRequest{Ops: []proto.MultiOp{set(firstPair), set(otherPair)}}
}

// makeRoot makes one of the znodes under which all others lie, if it is not
// there.
func (c *client) makeRoot(value string) {
	if c.w.chance(6) {
		c.send(&operation{kind: pair, path: firstPair, value: value}, proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{
			{Type: proto.OpCreate, Req: newNode(firstPair, value, proto.Persistent)},
			{Type: proto.OpCreate, Req: newNode(otherPair, value, proto.Persistent)},
		}})
		return
	}
	root := roots[c.w.rng.IntN(len(roots))]
	c.send(&operation{kind: create, path: root}, proto.OpCreate, newNode(root, "", proto.Persistent))
}

// someVersion draws any version, the newest known, or one that is wrong.
func (c *client) someVersion(path string) int32 {
	if v, ok := c.versions[path]; ok && c.w.chance(2) {
		return v
	}
	return -1
}

// readKey reads a register; behind a sync it must not be stale.
func (c *client) readKey(key string, s *operation) {
	w := c.w
	o := &operation{kind: getData, path: key, fresh: s != nil, sync: s, watch: w.chance(3)}
	op := proto.OpGetData
	if w.chance(3) {
		o.kind, op = exists, proto.OpExists
	}
	c.send(o, op, &proto.PathWatchRequest{Path: key, Watch: o.watch})
}
