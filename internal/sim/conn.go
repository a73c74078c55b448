package sim

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// conn is a client's connection as the server sees it: requests wait in a lane
// until their transaction is applied, reads behind them wait in it, too. The
// rules are those of package server.
type conn struct {
	s       *Server
	c       *client
	id      tree.WatcherID
	session proto.SessionID
	timeout int32 // milliseconds
	open    bool  // requests may come
	closed  bool  // by the server
	gone    bool  // by the client, or known to it
	up, out pipe
	lane    []*call
}

// call is a request that waits for its answer.
type call struct {
	cxid  int32
	op    proto.OpCode
	body  proto.Request
	ready bool // a sync, or the end of a local session, that may be answered once it is the oldest
}

// reply is an answer, or with event an event.
type reply struct {
	cxid     int32
	op       proto.OpCode
	zxid     proto.Zxid
	err      proto.ErrCode
	path     string
	data     string
	stat     proto.Stat
	children int
	event    *tree.Event
}

// connect is a client's connect request. seen is the newest zxid that it knows.
func (s *Server) connect(c *client, session proto.SessionID, timeout int32, seen proto.Zxid) *conn {
	k := &conn{s: s, c: c, session: session, timeout: timeout}
	k.up = pipe{w: s.w, at: way{-1 - c.id, s.id}}
	k.out = pipe{w: s.w, at: way{s.id, -1 - c.id}}
	gen := s.gen
	k.up.send(func() {
		if !s.up || s.gen != gen {
			k.drop(false)
			return
		}
		s.deliver(func() { s.admit(k, seen) })
	})
	return k
}

// admit lets a connection in, or closes it: where nobody serves, and where the
// client has seen more than is here.
func (s *Server) admit(k *conn, seen proto.Zxid) {
	if s.role == zab.RoleNone || s.role == zab.RoleReadOnly || seen > s.tree.LastZxid() {
		k.drop(false)
		return
	}
	s.lastConn++
	k.id = s.lastConn
	s.conns = append(s.conns, k)
	if k.session == 0 {
		s.sessions++
		k.session = proto.SessionID(int64(s.id)<<56 | int64(s.gen)<<24 | int64(s.sessions))
		s.bind(k)
		q := &replica.Request{}
		body := &proto.CreateSessionRequest{Timeout: k.timeout}
		q.Session, q.Op, q.Body, q.Raw = k.session, proto.OpCreateSession, body, body.Append(nil)
		k.lane = append(k.lane, &call{op: proto.OpCreateSession})
		s.submit(q)
		return
	}
	s.bind(k)
	s.submit(&replica.Request{Resume: &replica.Revalidate{ID: k.session, TimeoutMs: k.timeout, Conn: uint64(k.id)}})
}

// bind makes k the session's connection; an older one is closed.
func (s *Server) bind(k *conn) {
	if old := s.bySession[k.session]; old != nil {
		old.drop(false)
	}
	s.bySession[k.session] = k
}

func (s *Server) connByID(id tree.WatcherID) *conn {
	for _, k := range s.conns {
		if k.id == id {
			return k
		}
	}
	return nil
}

func (s *Server) revalidated(a replica.Revalidated) {
	k := s.connByID(tree.WatcherID(a.Conn))
	if k == nil || k.session != a.ID {
		return
	}
	if !a.Valid {
		k.tell(reply{op: proto.OpCreateSession, err: proto.ErrSessionExpired})
		k.drop(false)
		return
	}
	k.welcome()
}

// welcome says that the session is open on this connection.
func (k *conn) welcome() {
	k.open = true
	k.tell(reply{op: proto.OpCreateSession, zxid: k.s.tree.LastZxid()})
}

// drop ends a connection from the server's side; hard is a reset, which loses
// some of what is under way.
func (k *conn) drop(hard bool) {
	if k.closed {
		return
	}
	s := k.s
	k.closed = true
	if s.bySession[k.session] == k {
		delete(s.bySession, k.session)
	}
	for i, o := range s.conns {
		if o == k {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			break
		}
	}
	if k.id != 0 && s.tree != nil {
		s.tree.Watches().RemoveWatcher(k.id)
	}
	if hard {
		k.out.lose()
	}
	k.out.send(func() {
		if !k.gone {
			k.gone = true
			k.c.disconnected(k)
		}
	})
}

func (s *Server) closeConns(hard bool) {
	for len(s.conns) > 0 {
		s.conns[0].drop(hard)
	}
}

// leave ends a connection from the client's side.
func (k *conn) leave() {
	k.gone = true
	k.up.lose()
	gen := k.s.gen
	k.up.send(func() {
		if k.s.up && k.s.gen == gen {
			k.s.deliver(func() { k.drop(false) })
		}
	})
}

// request is what a client sends.
func (k *conn) request(q *call) {
	gen := k.s.gen
	k.up.send(func() {
		if !k.s.up || k.s.gen != gen || k.closed {
			return
		}
		k.s.deliver(func() {
			if !k.closed && k.open {
				k.s.receive(k, q)
			}
		})
	})
}

func (s *Server) receive(k *conn, q *call) {
	s.touch(k)
	switch q.op {
	case proto.OpPing:
		k.tell(reply{cxid: proto.XidPing, op: q.op, zxid: s.tree.LastZxid()})
		return
	case proto.OpGetData, proto.OpExists, proto.OpGetChildren, proto.OpSetWatches, proto.OpAddWatch:
		if len(k.lane) == 0 {
			s.read(k, q)
			return
		}
		k.lane = append(k.lane, q)
		return
	}
	k.lane = append(k.lane, q)
	r := &replica.Request{}
	r.Session, r.Cxid, r.Op, r.Body = k.session, q.cxid, q.op, q.body
	if q.op == proto.OpReconfig {
		r.IDs = []proto.ID{{Scheme: "super"}}
	}
	if q.body != nil {
		r.Raw = q.body.Append(nil)
	}
	s.submit(r)
}

func (s *Server) touch(k *conn) {
	for i := range s.touched {
		if s.touched[i].ID == k.session {
			return
		}
	}
	s.touched = append(s.touched, replica.Touch{ID: k.session, TimeoutMs: k.timeout})
}

// submit gives a request to the replica with what else comes until the end of
// the batch.
func (s *Server) submit(q *replica.Request) {
	s.reqs = append(s.reqs, q)
	if s.planned {
		return
	}
	s.planned = true
	s.at(s.w.upTo(s.w.cfg.batch+time.Microsecond), func() { s.planned = false; s.endBatch() })
}

// answer answers the request that a transaction decides, if it is the oldest
// of a connection here.
func (s *Server) answer(t *proto.Txn) {
	k := s.bySession[t.Session]
	if k == nil {
		return
	}
	if len(k.lane) > 0 {
		q := k.lane[0]
		if q.op == proto.OpCreateSession && t.Type == proto.OpCreateSession {
			k.lane = k.lane[1:]
			k.welcome()
			s.drain(k)
			return
		}
		if q.cxid == t.Cxid && t.Cxid != 0 && q.op != proto.OpSync {
			k.lane = k.lane[1:]
			r := reply{cxid: q.cxid, op: q.op, zxid: t.Zxid, err: s.res.Err, path: s.res.Path, stat: s.res.Stat}
			if m, ok := t.Body.(*proto.MultiTxn); ok && m.Failed() {
				r.err = proto.ErrRuntimeInconsistency
			}
			k.tell(r)
			if t.Type == proto.OpCloseSession {
				k.drop(false)
				return
			}
			s.drain(k)
			return
		}
	}
	if t.Type == proto.OpCloseSession { // by the leader, whose patience is over
		k.drop(false)
	}
}

// drain runs what waited behind the oldest request.
func (s *Server) drain(k *conn) {
	for len(k.lane) > 0 && !k.closed {
		q := k.lane[0]
		switch {
		case q.ready && q.op == proto.OpCloseSession:
			k.lane = k.lane[1:]
			k.tell(reply{cxid: q.cxid, op: q.op, zxid: s.tree.LastZxid()})
			k.drop(false)
		case q.ready:
			k.lane = k.lane[1:]
			s.w.Syncs++
			k.tell(reply{cxid: q.cxid, op: q.op, zxid: s.tree.LastZxid()})
		case isRead(q.op):
			k.lane = k.lane[1:]
			s.read(k, q)
		default:
			return
		}
	}
}

func isRead(op proto.OpCode) bool {
	switch op {
	case proto.OpGetData, proto.OpExists, proto.OpGetChildren, proto.OpSetWatches, proto.OpAddWatch:
		return true
	}
	return false
}

func (s *Server) synced(id proto.SessionID, cxid int32) {
	if k := s.bySession[id]; k != nil {
		k.isReady(proto.OpSync, cxid)
	}
}

func (k *conn) isReady(op proto.OpCode, cxid int32) {
	for _, q := range k.lane {
		if q.op == op && q.cxid == cxid && !q.ready {
			q.ready = true
			k.s.drain(k)
			return
		}
	}
}

func (s *Server) sessionOpened(id proto.SessionID) {
	if k := s.bySession[id]; k != nil && len(k.lane) > 0 && k.lane[0].op == proto.OpCreateSession {
		s.w.Locals++
		k.lane = k.lane[1:]
		k.welcome()
		s.drain(k)
	}
}

func (s *Server) sessionEnded(a replica.SessionEnded) {
	k := s.bySession[a.Session]
	switch {
	case k == nil:
	case a.Expired:
		k.drop(false)
	default:
		k.isReady(proto.OpCloseSession, a.Cxid)
	}
}

func (s *Server) sessionMoved(id proto.SessionID) {
	if k := s.bySession[id]; k != nil {
		k.drop(false)
	}
}

// tell sends something to the client.
func (k *conn) tell(r reply) {
	if k.closed {
		return
	}
	k.out.send(func() {
		if !k.gone {
			k.c.heard(k, r)
		}
	})
}

func (k *conn) String() string { return fmt.Sprintf("client %d at server %d", k.c.id, k.s.id) }
