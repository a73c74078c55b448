package fake

import (
	"path"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// fire sends an event to each connection that watches: by one-shot watches of
// the tables, which it consumes, by a persistent one on the path, or by a
// recursive one there or above.
func (s *Server) fire(typ proto.EventType, name string, tables ...kind) {
	for c := range s.conns {
		hit := c.watches[watch{persistent, name}] || typ != proto.EventNodeChildrenChanged && c.watchesAbove(name)
		for _, table := range tables {
			w := watch{table, name}
			hit = hit || c.watches[w]
			delete(c.watches, w)
		}
		if hit {
			c.notify(typ, name, s.zxid)
		}
	}
}

func (c *conn) watchesAbove(name string) bool {
	for p := name; ; p = path.Dir(p) {
		if c.watches[watch{recursive, p}] {
			return true
		}
		if p == "/" {
			return false
		}
	}
}

// watchOp carries out addWatch, checkWatches and removeWatches.
func (c *conn) watchOp(op proto.OpCode, r *PathInt) ([]byte, proto.ErrCode) {
	if op == proto.OpAddWatch {
		c.watches[watch{persistent + kind(r.N), r.Path}] = true
		return jute.AppendInt(nil, 0), proto.OK
	}
	tables := map[int32][]kind{1: {child}, 2: {data}, 3: {data, child, persistent, recursive}, 4: {persistent}, 5: {recursive}}
	code := proto.ErrNoWatcher
	for _, table := range tables[r.N] {
		w := watch{table, r.Path}
		if c.watches[w] {
			code = proto.OK
		}
		if op == proto.OpRemoveWatches {
			delete(c.watches, w)
		}
	}
	return nil, code
}

func (c *conn) notify(typ proto.EventType, name string, zxid proto.Zxid) {
	ev := proto.WatcherEvent{Type: typ, State: proto.StateSyncConnected, Path: name}
	c.send(ev.Append(proto.ReplyHeader{Xid: proto.XidNotification, Zxid: zxid}.Append(nil)))
}

// setWatches reports what a reconnecting client has missed and registers the
// rest. Source: DataTree.setWatches.
func (c *conn) setWatches(r *proto.SetWatchesRequest) {
	for _, p := range r.Data {
		switch n := c.srv.nodes[p]; {
		case n == nil:
			c.notify(proto.EventNodeDeleted, p, -1)
		case n.stat.Mzxid > r.RelativeZxid:
			c.notify(proto.EventNodeDataChanged, p, -1)
		default:
			c.watches[watch{data, p}] = true
		}
	}
	for _, p := range r.Exist {
		if c.srv.nodes[p] != nil {
			c.notify(proto.EventNodeCreated, p, -1)
		} else {
			c.watches[watch{data, p}] = true
		}
	}
	for _, p := range r.Child {
		switch n := c.srv.nodes[p]; {
		case n == nil:
			c.notify(proto.EventNodeDeleted, p, -1)
		case n.stat.Pzxid > r.RelativeZxid:
			c.notify(proto.EventNodeChildrenChanged, p, -1)
		default:
			c.watches[watch{child, p}] = true
		}
	}
	for _, p := range r.Persist {
		c.watches[watch{persistent, p}] = true
	}
	for _, p := range r.Recursive {
		c.watches[watch{recursive, p}] = true
	}
}
