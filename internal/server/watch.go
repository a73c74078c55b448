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
		if c.phase == phaseOpen && (everybody || c.verdicts.Allowed(&s.opts.ACL, ev.ACL, proto.PermRead, c.ids)) {
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

// watch leaves a watch, or answers that there are too many. path may be part of
// the record.
//
// Java has no such bound, so that no error was meant for it. QuotaExceeded is the
// one that says what it is, and that to try again is of no use.
func (s *Server) watch(c *conn, q *call, kind tree.WatchKind, path string, t *tally) bool {
	if s.tree.Watches().Add(kind, path, c.slot) {
		return true
	}
	s.fail(c, q, proto.ErrQuotaExceeded, t)
	return false
}

// addWatch leaves a watch that stays. Nothing is asked of the path: it need not
// exist, nor be readable, nor even be a path. Source:
// FinalRequestProcessor.processRequest, DataTree.addWatch.
func (s *Server) addWatch(c *conn, q *call, t *tally) {
	var req proto.AddWatchRequest
	d := jute.NewDecoder(q.record)
	req.Decode(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	kind := tree.WatchPersistent
	if req.Mode == proto.AddWatchPersistentRecursive {
		kind = tree.WatchRecursive
	}
	if !s.watch(c, q, kind, req.Path, t) {
		return
	}
	if b, ok := c.reply(q, s.tree.LastZxid(), 4); ok {
		c.commit(jute.AppendInt(b, 0), t) // an ErrorResponse, which clients insist on
	}
}

// setWatches leaves the watches that a client had on its last connection, and
// tells at once what it has missed. The tree's lock is held all the time, so
// that a change is either told here or fires the watch. Persistent watches are
// left without a word about the time between. Source: DataTree.setWatches.
//
// Java tells what was missed without a look at ACLs up to 3.9.5, which lets
// those who may not read a znode learn of it (CVE-2026-59739). Here a missed
// event goes only to those whom the event itself would have reached: the znode's
// ACL decides, and the watch is used up either way. That a znode is missing is
// told to everybody. Its last ACL is not known any more, and the client learns
// nothing that exists would not have told it.
func (s *Server) setWatches(c *conn, q *call, t *tally) {
	req := proto.SetWatchesRequest{V2: q.op == proto.OpSetWatches2}
	d := jute.NewDecoder(q.record)
	req.Decode(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	c.verdicts.Wide() // as in multiRead
	defer c.verdicts.Narrow()
	watches, ok := s.tree.Watches(), true
	for _, path := range req.Data {
		n, found := s.tree.Get(path)
		switch {
		case !found:
			s.missed(c, proto.EventNodeDeleted, path, nil, t)
		case n.Persisted().Mzxid > req.RelativeZxid:
			s.missed(c, proto.EventNodeDataChanged, path, n.ACL(), t)
		default:
			ok = watches.Add(tree.WatchData, path, c.slot) && ok
		}
	}
	for _, path := range req.Exist {
		if n, found := s.tree.Get(path); found {
			s.missed(c, proto.EventNodeCreated, path, n.ACL(), t)
		} else {
			ok = watches.Add(tree.WatchData, path, c.slot) && ok
		}
	}
	for _, path := range req.Child {
		n, found := s.tree.Get(path)
		switch {
		case !found:
			s.missed(c, proto.EventNodeDeleted, path, nil, t)
		case n.Persisted().Pzxid > req.RelativeZxid:
			s.missed(c, proto.EventNodeChildrenChanged, path, n.ACL(), t)
		default:
			ok = watches.Add(tree.WatchChildren, path, c.slot) && ok
		}
	}
	for _, path := range req.Persist {
		ok = watches.Add(tree.WatchPersistent, path, c.slot) && ok
	}
	for _, path := range req.Recursive {
		ok = watches.Add(tree.WatchRecursive, path, c.slot) && ok
	}
	switch {
	case !ok:
		s.tooManyWatches(c, q, t)
		return
	case req.Cut:
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	c.replyError(q, s.tree.LastZxid(), proto.OK, t)
}

// tooManyWatches ends the connection with the answer: clients do not look at the
// reply to setWatches, and would wait for ever for what is not watched.
func (s *Server) tooManyWatches(c *conn, q *call, t *tally) {
	b, ok := c.begin(16)
	if !ok {
		return
	}
	c.finish(c.header(b, q, s.tree.LastZxid(), proto.ErrQuotaExceeded), t)
	if c.phase == phaseOpen {
		c.phase, c.reason = phaseEnding, errWatches
	}
	c.mu.Unlock()
}

// missed tells the client of one event that happened while it was away, unless
// the ACL keeps it from those who the client is by now. Such events carry no
// zxid.
func (s *Server) missed(c *conn, typ proto.EventType, path string, acl []proto.ACL, t *tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase >= phaseEnding || !c.verdicts.Allowed(&s.opts.ACL, acl, proto.PermRead, c.ids) {
		return
	}
	b := c.start(28 + len(path))
	t.events++
	c.finish(appendEvent(b, typ, path, -1), t)
}

// kindsOf are the kinds of watches that each type of watcher means. Source:
// DataTree.containsWatcher, DataTree.removeWatch.
var kindsOf = map[proto.WatcherType][]tree.WatchKind{
	proto.WatcherChildren:            {tree.WatchChildren},
	proto.WatcherData:                {tree.WatchData},
	proto.WatcherAny:                 {tree.WatchChildren, tree.WatchData, tree.WatchPersistent, tree.WatchRecursive},
	proto.WatcherPersistent:          {tree.WatchPersistent},
	proto.WatcherPersistentRecursive: {tree.WatchRecursive},
}

// checkWatches handles checkWatches and removeWatches.
func (s *Server) checkWatches(c *conn, q *call, t *tally) {
	var req proto.WatchesRequest
	d := jute.NewDecoder(q.record)
	req.Decode(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	look := s.tree.Watches().Has
	if q.op == proto.OpRemoveWatches {
		look = s.tree.Watches().Remove
	}
	err := proto.ErrNoWatcher
	for _, kind := range kindsOf[req.Type] {
		if look(kind, req.Path, c.slot) {
			err = proto.OK
		}
	}
	s.fail(c, q, err, t)
}
