package server

import (
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// execute answers a read from the tree, whose lock the caller holds for reading
// or writing. The checks and their order are those of
// FinalRequestProcessor.processRequest.
func (s *Server) execute(c *conn, q *call, t *tally) {
	if q.throttled {
		q.op = proto.OpError // as which it is told of
		s.fail(c, q, proto.ErrThrottledOp, t)
		return
	}
	switch q.op {
	case proto.OpPing:
		c.replyError(q, s.tree.LastZxid(), proto.OK, t)
	case proto.OpExists:
		s.exists(c, q, t)
	case proto.OpGetData:
		s.getData(c, q, t)
	case proto.OpGetChildren, proto.OpGetChildren2:
		s.getChildren(c, q, t)
	case proto.OpGetACL:
		s.getACL(c, q, t)
	case proto.OpGetAllChildren:
		s.getAllChildrenNumber(c, q, t)
	case proto.OpGetEphemerals:
		s.getEphemerals(c, q, t)
	case proto.OpWhoAmI:
		s.whoAmI(c, q, t)
	case proto.OpMultiRead:
		s.multiRead(c, q, t)
	case proto.OpSync:
		s.sync(c, q, t)
	case proto.OpSetWatches, proto.OpSetWatches2:
		s.setWatches(c, q, t)
	case proto.OpAddWatch:
		s.addWatch(c, q, t)
	case proto.OpCheckWatches, proto.OpRemoveWatches:
		s.checkWatches(c, q, t)
	case proto.OpCloseSession:
		s.closeLocal(c, q, t)
	default: // a write whose record did not decode
		s.fail(c, q, proto.ErrMarshalling, t)
	}
}

// fail answers q with an error.
func (s *Server) fail(c *conn, q *call, err proto.ErrCode, t *tally) {
	c.replyError(q, s.tree.LastZxid(), err, t)
}

// pathOf reads a path that is used only while the record lives. ok is false if
// it is null or malformed.
func pathOf(d *jute.Decoder) (path string, ok bool) {
	b := d.Buffer()
	if b == nil {
		return "", false
	}
	if !utf8.Valid(b) {
		return jute.ValidUTF8(b), true
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), true
}

// pathWatch reads the record of exists, getData and getChildren.
func pathWatch(record []byte) (path string, watch, ok bool) {
	d := jute.NewDecoder(record)
	path, ok = pathOf(&d)
	watch = d.Bool()
	return path, watch, ok && d.Err() == nil
}

// find returns a znode that the requester may read, or the error to answer.
func (s *Server) find(c *conn, path string, ids []proto.ID) (tree.Node, proto.ErrCode) {
	n, ok := s.tree.Get(path)
	return s.readable(c, n, ok, ids)
}

// findFor is find for a request, of which the znode may be known already.
func (s *Server) findFor(c *conn, q *call, path string) (tree.Node, proto.ErrCode) {
	if f := q.found; f.made {
		return s.readable(c, f.node, f.ok, q.ids)
	}
	return s.find(c, path, q.ids)
}

func (s *Server) readable(c *conn, n tree.Node, ok bool, ids []proto.ID) (tree.Node, proto.ErrCode) {
	switch {
	case !ok:
		return n, proto.ErrNoNode
	case !c.verdicts.Allowed(&s.opts.ACL, n.ACL(), proto.PermRead, ids):
		return n, proto.ErrNoAuth
	}
	return n, proto.OK
}

func (s *Server) exists(c *conn, q *call, t *tally) {
	path, watch, ok := pathWatch(q.record)
	switch {
	case !ok:
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	case strings.IndexByte(path, 0) >= 0:
		s.fail(c, q, proto.ErrBadArguments, t)
		return
	}
	n, err := s.findFor(c, q, path)
	if err == proto.ErrNoAuth {
		s.fail(c, q, err, t)
		return
	}
	if watch && !s.watch(c, q, tree.WatchData, path, t) { // also on a znode that is not there yet
		return
	}
	if err != proto.OK {
		s.fail(c, q, err, t)
		return
	}
	if b, ok := c.reply(q, s.tree.LastZxid(), proto.StatSize); ok {
		st := n.Stat()
		c.commit(st.Append(b), t)
	}
}

func (s *Server) getData(c *conn, q *call, t *tally) {
	path, watch, ok := pathWatch(q.record)
	if !ok {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	n, err := s.findFor(c, q, path)
	if err != proto.OK {
		s.fail(c, q, err, t)
		return
	}
	if watch && !s.watch(c, q, tree.WatchData, path, t) {
		return
	}
	data := n.Data()
	if b, ok := c.reply(q, s.tree.LastZxid(), 4+len(data)+proto.StatSize); ok {
		st := n.Stat()
		c.commit(st.Append(jute.AppendBuffer(b, data)), t)
	}
}

func (s *Server) getChildren(c *conn, q *call, t *tally) {
	path, watch, ok := pathWatch(q.record)
	if !ok {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	n, err := s.findFor(c, q, path)
	if err != proto.OK {
		s.fail(c, q, err, t)
		return
	}
	if watch && !s.watch(c, q, tree.WatchChildren, path, t) {
		return
	}
	count := n.NumChildren()
	b, ok := c.reply(q, s.tree.LastZxid(), 4+childSize*count+proto.StatSize)
	if !ok {
		return
	}
	b = jute.AppendInt(b, int32(count))
	n.EachChild(func(name []byte) { b = jute.AppendBuffer(b, name) })
	if q.op == proto.OpGetChildren2 {
		st := n.Stat()
		b = st.Append(b)
	}
	c.commit(b, t)
}

// childSize is a guess at what a child takes in a list.
const childSize = 4 + 16

func stringsSize(list []string) int {
	n := 4 + 4*len(list)
	for _, s := range list {
		n += len(s)
	}
	return n
}

// appendNames appends a vector that is never null.
func appendNames(b []byte, names []string) []byte {
	b = jute.AppendInt(b, int32(len(names)))
	for _, name := range names {
		b = jute.AppendString(b, name)
	}
	return b
}

// getACL shows the ACL to those who may read or administer the znode; without
// ADMIN the hashes of digest ids are hidden.
func (s *Server) getACL(c *conn, q *call, t *tally) {
	d := jute.NewDecoder(q.record)
	path, ok := pathOf(&d)
	if !ok {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	n, ok := s.tree.Get(path)
	if !ok {
		s.fail(c, q, proto.ErrNoNode, t)
		return
	}
	acl := n.ACL()
	if !c.verdicts.Allowed(&s.opts.ACL, acl, proto.PermRead|proto.PermAdmin, q.ids) {
		s.fail(c, q, proto.ErrNoAuth, t)
		return
	}
	if !c.verdicts.Allowed(&s.opts.ACL, acl, proto.PermAdmin, q.ids) {
		acl = redact(acl)
	}
	if b, ok := c.reply(q, s.tree.LastZxid(), 64*len(acl)+proto.StatSize); ok {
		st := n.Stat()
		c.commit(st.Append(proto.AppendACLs(b, acl)), t)
	}
}

func redact(acl []proto.ACL) []proto.ACL {
	list := append(make([]proto.ACL, 0, len(acl)), acl...)
	for i := range list {
		if id := &list[i].ID; id.Scheme == "digest" {
			if user, _, ok := strings.Cut(id.ID, ":"); ok {
				id.ID = user + ":x"
			}
		}
	}
	return list
}

func (s *Server) getAllChildrenNumber(c *conn, q *call, t *tally) {
	d := jute.NewDecoder(q.record)
	path, ok := pathOf(&d)
	if !ok {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	if _, err := s.findFor(c, q, path); err != proto.OK {
		s.fail(c, q, err, t)
		return
	}
	n, _ := s.tree.Descendants(path)
	if path == "" { // an alias of the root, for which Java counts the root, too
		n++
	}
	if b, ok := c.reply(q, s.tree.LastZxid(), 4); ok {
		c.commit(jute.AppendInt(b, int32(n)), t)
	}
}

// getEphemerals lists the session's own ephemerals below a prefix, which is
// compared as text; nothing, blanks and "/" stand for all.
func (s *Server) getEphemerals(c *conn, q *call, t *tally) {
	d := jute.NewDecoder(q.record)
	prefix, _ := pathOf(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	blank := func(r rune) bool { return r <= ' ' } // what Java's String.trim takes away
	if t := strings.TrimFunc(prefix, blank); t == "" || t == "/" {
		prefix = ""
	}
	var paths []string
	for _, p := range s.tree.Ephemerals(c.session) {
		if strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	if b, ok := c.reply(q, s.tree.LastZxid(), stringsSize(paths)); ok {
		c.commit(appendNames(b, paths), t)
	}
}

// whoAmI lists the identities of the connection without their secrets.
func (s *Server) whoAmI(c *conn, q *call, t *tally) {
	b, ok := c.reply(q, s.tree.LastZxid(), 4+48*len(q.ids))
	if !ok {
		return
	}
	b = jute.AppendInt(b, int32(len(q.ids)))
	for _, id := range q.ids {
		b = jute.AppendString(jute.AppendString(b, id.Scheme), s.opts.ACL.User(id))
	}
	c.commit(b, t)
}

// sync echoes the path, null if it was.
func (s *Server) sync(c *conn, q *call, t *tally) {
	d := jute.NewDecoder(q.record)
	path, ok := pathOf(&d)
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	if b, open := c.reply(q, s.tree.LastZxid(), 4+len(path)); open {
		if ok {
			b = jute.AppendString(b, path)
		} else {
			b = jute.AppendBuffer(b, nil)
		}
		c.commit(b, t)
	}
}

// multiRead answers several getData and getChildren from one state of the tree.
// Their watch flags mean nothing. Results of more than an outbox may hold are
// not put together; ZooKeeper sends what fits into its memory. Source: MultiOperationRecord,
// FinalRequestProcessor.handleGetDataRequest.
func (s *Server) multiRead(c *conn, q *call, t *tally) {
	type op struct {
		code proto.OpCode
		path string
		node tree.Node
		err  proto.ErrCode
	}
	var ops []op
	d := jute.NewDecoder(q.record)
	for {
		var h proto.MultiHeader
		h.Decode(&d)
		if d.Err() != nil || h.Done {
			break
		}
		if h.Type != proto.OpGetData && h.Type != proto.OpGetChildren {
			s.multiReadOfWrites(c, q, t)
			return
		}
		path, ok := pathOf(&d)
		d.Bool()
		if !ok || d.Err() != nil {
			s.fail(c, q, proto.ErrMarshalling, t)
			return
		}
		ops = append(ops, op{code: h.Type, path: path})
	}
	if d.Err() != nil {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	c.verdicts.Wide()    // there may be as many ACLs as operations
	for i := range ops { // before c.mu is taken, for which others wait
		ops[i].node, ops[i].err = s.find(c, ops[i].path, q.ids)
	}
	c.verdicts.Narrow()
	b, ok := c.reply(q, s.tree.LastZxid(), 128*len(ops)+proto.MultiHeaderSize)
	if !ok {
		return
	}
	for i := range ops {
		op := &ops[i]
		switch {
		case op.err != proto.OK:
			b = proto.MultiHeader{Type: proto.OpError, Err: op.err}.Append(b)
			b = jute.AppendInt(b, int32(op.err))
		case op.code == proto.OpGetData:
			b = proto.MultiHeader{Type: op.code}.Append(b)
			st := op.node.Stat()
			b = st.Append(jute.AppendBuffer(b, op.node.Data()))
		default:
			b = proto.MultiHeader{Type: op.code}.Append(b)
			names, _ := s.tree.Children(op.path, nil)
			b = appendNames(b, names)
		}
		if len(b)-c.mark > s.opts.OutboxBytes {
			c.mu.Unlock()
			s.fail(c, q, proto.ErrQuotaExceeded, t)
			return
		}
	}
	c.commit(proto.MultiEnd.Append(b), t)
}

// multiReadOfWrites answers a multiRead with an operation that is no read. If
// it would be a multi, ZooKeeper begins to answer it, and the end of an empty
// list of results follows the error. Source: FinalRequestProcessor.processRequest.
func (s *Server) multiReadOfWrites(c *conn, q *call, t *tally) {
	var writes proto.MultiRequest
	d := jute.NewDecoder(q.record)
	if writes.Decode(&d); d.Err() != nil || !prep.WellFormed(&writes) {
		s.fail(c, q, proto.ErrMarshalling, t)
		return
	}
	b, ok := c.begin(16 + proto.MultiHeaderSize)
	if !ok {
		return
	}
	b = c.header(b, q, s.tree.LastZxid(), proto.ErrMarshalling)
	c.commit(proto.MultiEnd.Append(b), t)
}
