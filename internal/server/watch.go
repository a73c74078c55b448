package server

import (
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// appendEvent appends a notification without the length of its frame.
func appendEvent(b []byte, typ proto.EventType, path string, zxid proto.Zxid) []byte {
	b = proto.ReplyHeader{Xid: proto.XidNotification, Zxid: zxid}.Append(b)
	e := proto.WatcherEvent{Type: typ, State: proto.StateSyncConnected, Path: path}
	return e.Append(b)
}

// Notify queues an event for every watcher who may read the znode; a watch is
// used up either way. It is the tree's sink, called under its Lock. Source:
// WatchManager.triggerWatch, NIOServerCnxn.process.
func (s *Server) Notify(ev *tree.Event, to []tree.WatcherID) {
	s.event = appendEvent(s.event[:0], ev.Type, ev.Path, ev.Zxid)
	everybody := s.opts.ACL.Allowed(ev.ACL, proto.PermRead, nil)
	s.mu.RLock()
	for _, id := range to {
		c := s.conns[id]
		if c == nil {
			continue
		}
		c.mu.Lock()
		if c.phase == phaseOpen && (everybody || s.opts.ACL.Allowed(ev.ACL, proto.PermRead, c.ids)) {
			b := append(c.start(len(s.event)), s.event...)
			c.finish(b, &s.batch)
			s.schedule(c)
			s.batch.events++
		}
		c.mu.Unlock()
	}
	s.mu.RUnlock()
	if !s.applying { // a local change, such as of the config znode
		s.endBatch()
	}
}

// setWatches leaves the watches that a client had on its last connection, and
// tells at once what it has missed. The tree's lock is held all the time, so
// that a change is either told here or fires the watch. Source:
// DataTree.setWatches.
//
// Java tells what was missed without a look at ACLs up to 3.9.5, which lets
// those who may not read a znode learn of it (CVE-2026-59739). Here a missed
// event goes only to those whom the event itself would have reached.
func (s *Server) setWatches(c *conn, q *call, t *tally) {
	req := proto.SetWatchesRequest{V2: q.op == proto.OpSetWatches2}
	d := jute.NewDecoder(q.record)
	req.Decode(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	for _, path := range req.Data {
		n, ok := s.tree.Get(path)
		switch {
		case !ok:
			s.missed(c, proto.EventNodeDeleted, path, t)
		case n.Persisted().Mzxid <= req.RelativeZxid:
			s.tree.Watches().Add(tree.WatchData, path, c.slot)
		case s.mayRead(n, q.ids):
			s.missed(c, proto.EventNodeDataChanged, path, t)
		}
	}
	for _, path := range req.Exist {
		n, ok := s.tree.Get(path)
		switch {
		case !ok:
			s.tree.Watches().Add(tree.WatchData, path, c.slot)
		case s.mayRead(n, q.ids):
			s.missed(c, proto.EventNodeCreated, path, t)
		}
	}
	for _, path := range req.Child {
		n, ok := s.tree.Get(path)
		switch {
		case !ok:
			s.missed(c, proto.EventNodeDeleted, path, t)
		case n.Persisted().Pzxid <= req.RelativeZxid:
			s.tree.Watches().Add(tree.WatchChildren, path, c.slot)
		case s.mayRead(n, q.ids):
			s.missed(c, proto.EventNodeChildrenChanged, path, t)
		}
	}
	c.replyError(q, s.tree.LastZxid(), proto.OK, t)
}

// missed tells the client of one event that happened while it was away. Such
// events carry no zxid.
func (s *Server) missed(c *conn, typ proto.EventType, path string, t *tally) {
	if b, ok := c.begin(28 + len(path)); ok {
		t.events++
		c.commit(appendEvent(b, typ, path, -1), t)
	}
}

// Types of watches that a client can ask about. Source: Watcher.WatcherType.
const (
	watcherChildren            = 1
	watcherData                = 2
	watcherAny                 = 3
	watcherPersistent          = 4
	watcherPersistentRecursive = 5
)

// checkWatches handles checkWatches and removeWatches.
func (s *Server) checkWatches(c *conn, q *call, t *tally) {
	d := jute.NewDecoder(q.record)
	path, ok := pathOf(&d)
	typ := d.Int()
	if !ok || d.Err() != nil || typ < watcherChildren || typ > watcherPersistentRecursive {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	look := s.tree.Watches().Has
	if q.op == proto.OpRemoveWatches {
		look = s.tree.Watches().Remove
	}
	found := false
	if typ == watcherChildren || typ == watcherAny {
		found = look(tree.WatchChildren, path, c.slot)
	}
	if typ == watcherData || typ == watcherAny {
		found = look(tree.WatchData, path, c.slot) || found
	}
	if found {
		s.fail(c, q, proto.OK, t)
	} else {
		s.fail(c, q, proto.ErrNoWatcher, t)
	}
}
