package sim

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// read answers a read from the tree as it is, and leaves its watch.
func (s *Server) read(k *conn, q *call) {
	s.w.Reads++
	switch q.op {
	case proto.OpSetWatches:
		s.setWatches(k, q)
		return
	case proto.OpAddWatch:
		s.tree.Watches().Add(tree.WatchRecursive, q.body.(*proto.AddWatchRequest).Path, k.id)
		k.tell(reply{cxid: q.cxid, op: q.op, zxid: s.tree.LastZxid()})
		return
	}
	body := q.body.(*proto.PathWatchRequest)
	r := reply{cxid: q.cxid, op: q.op, zxid: s.tree.LastZxid(), path: body.Path}
	n, ok := s.tree.Get(body.Path)
	if ok {
		r.data, r.stat, r.children = string(n.Data()), n.Stat(), n.NumChildren()
	} else {
		r.err = proto.ErrNoNode
	}
	kind := tree.WatchData
	if q.op == proto.OpGetChildren {
		kind = tree.WatchChildren
	}
	if body.Watch && (ok || q.op == proto.OpExists) {
		s.tree.Watches().Add(kind, body.Path, k.id)
	}
	k.tell(r)
}

// setWatches leaves what a client watched on its last connection, and tells
// what it has missed. Source: DataTree.setWatches.
func (s *Server) setWatches(k *conn, q *call) {
	body := q.body.(*proto.SetWatchesRequest)
	missed := func(typ proto.EventType, path string) {
		k.tell(reply{event: &tree.Event{Type: typ, Path: path, Zxid: -1}})
	}
	w := s.tree.Watches()
	for _, path := range body.Data {
		n, ok := s.tree.Get(path)
		switch {
		case !ok:
			missed(proto.EventNodeDeleted, path)
		case n.Persisted().Mzxid > body.RelativeZxid:
			missed(proto.EventNodeDataChanged, path)
		default:
			w.Add(tree.WatchData, path, k.id)
		}
	}
	for _, path := range body.Exist {
		if _, ok := s.tree.Get(path); ok {
			missed(proto.EventNodeCreated, path)
		} else {
			w.Add(tree.WatchData, path, k.id)
		}
	}
	for _, path := range body.Child {
		n, ok := s.tree.Get(path)
		switch {
		case !ok:
			missed(proto.EventNodeDeleted, path)
		case n.Persisted().Pzxid > body.RelativeZxid:
			missed(proto.EventNodeChildrenChanged, path)
		default:
			w.Add(tree.WatchChildren, path, k.id)
		}
	}
	k.tell(reply{cxid: q.cxid, op: q.op, zxid: s.tree.LastZxid()})
}

// Notify is the tree's sink: events go into the connections in the order in
// which they happen, before anything that is newer.
func (s *Server) Notify(ev *tree.Event, to []tree.WatcherID) {
	for _, id := range to {
		if k := s.connByID(id); k != nil {
			e := *ev
			e.ACL = nil
			s.w.WatchEvents++
			k.tell(reply{event: &e})
		}
	}
}
