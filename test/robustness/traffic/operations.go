package traffic

import (
	"math/rand/v2"
	"slices"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/zk"
)

// request is one kind of request, and how often it is drawn.
type request struct {
	weight int
	send   func(*client)
}

// reads and writes are what clients ask for.
var (
	reads  = []request{{15, (*client).get}, {15, (*client).latest}, {7, (*client).exists}, {4, (*client).children}}
	writes = []request{
		{12, (*client).create}, {20, (*client).set}, {8, (*client).remove}, {10, (*client).multi},
		{5, (*client).sequence}, {5, (*client).ephemeral}, {3, (*client).queue},
	}
)

// mix returns what a session asks for. Some only read: a leader that has been
// deposed answers no writes, and whoever waits for one does not see what it answers.
func mix(rng *rand.Rand) []request {
	if rng.IntN(3) == 0 {
		return reads
	}
	return slices.Concat(reads, writes)
}

// request sends a request drawn from the session's mix.
func (c *client) request() {
	total := 0
	for _, m := range c.mix {
		total += m.weight
	}
	n := c.rng.IntN(total)
	for _, m := range c.mix {
		if n -= m.weight; n < 0 {
			m.send(c)
			return
		}
	}
}

func (c *client) creating(path string, flags zk.CreateFlags) {
	op := history.Op{Kind: history.Create, Path: path, Data: c.value()}
	op.Ephemeral = flags == zk.Ephemeral || flags == zk.EphemeralSequential
	op.Sequence = flags == zk.PersistentSequential || flags == zk.EphemeralSequential
	c.send(zk.CreateStatOp(path, []byte(op.Data), flags, zk.OpenACL), history.Record{Op: op}, c.see)
}

func (c *client) create()    { c.creating(c.world.register(c.rng), zk.Persistent) }
func (c *client) ephemeral() { c.creating(c.world.lock(c.rng), zk.Ephemeral) }
func (c *client) queue()     { c.creating("/queue/q-", zk.EphemeralSequential) }
func (c *client) sequence()  { c.creating("/seq/s-", zk.PersistentSequential) }

func (c *client) set() {
	path := c.world.register(c.rng)
	op := history.Op{Kind: history.Set, Path: path, Data: c.value(), Version: c.expected(path)}
	c.send(zk.SetOp(path, []byte(op.Data), op.Version), history.Record{Op: op}, c.see)
}

func (c *client) remove() {
	path := c.world.register(c.rng)
	if c.rng.IntN(4) == 0 {
		path = c.world.lock(c.rng)
	}
	op := history.Op{Kind: history.Delete, Path: path, Version: c.expected(path)}
	c.send(zk.DeleteOp(path, op.Version), history.Record{Op: op}, nil)
}

// watching returns op with a one-shot watch, or without. The tap sees what
// becomes of it.
func (c *client) watching(op zk.Op, rec *history.Record) zk.Op {
	if c.rng.IntN(5) < 2 {
		rec.Watch = true
		op = op.OnEvent(func(zk.Event) {})
	}
	return op
}

func (c *client) get() {
	path := c.world.any(c.rng)
	rec := history.Record{Op: history.Op{Kind: history.Get, Path: path}}
	op := c.watching(zk.GetOp(path), &rec)
	c.send(op, rec, c.see)
}

func (c *client) exists() {
	path := c.world.any(c.rng)
	rec := history.Record{Op: history.Op{Kind: history.Exists, Path: path}}
	op := c.watching(zk.ExistsOp(path), &rec)
	c.send(op, rec, c.see)
}

func (c *client) children() {
	path := Roots[c.rng.IntN(len(Roots))]
	rec := history.Record{Op: history.Op{Kind: history.Children, Path: path}}
	op := c.watching(zk.ChildrenOp(path), &rec)
	c.send(op, rec, nil)
}

// latest reads behind a sync. The read is as new as the sync's beginning.
func (c *client) latest() {
	path, begun, synced := c.world.any(c.rng), c.rec.Now(), false
	c.send(zk.SyncOp(path), history.Record{Op: history.Op{Kind: history.Sync, Path: path}, Call: begun},
		func(rec *history.Record, _ zk.Result) { synced = rec.Outcome == history.OK })
	c.send(zk.GetOp(path), history.Record{Op: history.Op{Kind: history.Get, Path: path}, Call: begun},
		func(rec *history.Record, res zk.Result) {
			rec.Latest = synced // also through another server, which is not behind the answer to the sync
			c.see(rec, res)
		})
}

// multi changes two znodes at once, sometimes three.
func (c *client) multi() {
	group := c.world.register(c.rng)
	first := c.rng.IntN(groupSize)
	rec := history.Record{Op: history.Op{Kind: history.Multi}}
	var ops []zk.Op
	for i := range 2 + c.rng.IntN(2) {
		path := group[:len(group)-1] + string(rune('0'+(first+i)%groupSize))
		part, op := c.part(path, i)
		rec.Parts, ops = append(rec.Parts, part), append(ops, op)
	}
	c.send(zk.MultiOp(ops...), rec, nil)
}

// part is one operation of a multi. Its data says which part it is.
func (c *client) part(path string, i int) (history.Op, zk.Op) {
	data := c.value() + string(rune('a'+i))
	switch c.rng.IntN(8) {
	case 0:
		version := c.expected(path)
		return history.Op{Kind: history.Check, Path: path, Version: version}, zk.CheckOp(path, version)
	case 1:
		return history.Op{Kind: history.Delete, Path: path, Version: zk.AnyVersion}, zk.DeleteOp(path, zk.AnyVersion)
	case 2:
		return history.Op{Kind: history.Create, Path: path, Data: data}, zk.CreateOp(path, []byte(data), zk.Persistent, zk.OpenACL)
	}
	return history.Op{Kind: history.Set, Path: path, Data: data, Version: zk.AnyVersion}, zk.SetOp(path, []byte(data), zk.AnyVersion)
}

// watchAll leaves a persistent watch for everything, or for some.
func (c *client) watchAll() {
	path, mode := "/", zk.WatchPersistentRecursive
	if c.rng.IntN(3) == 0 {
		path, mode = "/queue", zk.WatchPersistent
	}
	op := zk.AddWatchOp(path, mode).OnEvent(func(zk.Event) {})
	c.send(op, history.Record{Op: history.Op{Kind: history.AddWatch, Path: path}}, nil)
}
