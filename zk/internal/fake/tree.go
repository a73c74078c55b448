package fake

import (
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

type node struct {
	data    []byte
	acl     []proto.ACL
	stat    proto.Stat
	created int32 // children ever created
}

// RefusedScheme is the auth scheme that the server refuses.
const RefusedScheme = "refused"

// execute carries out a request; srv.mu is held.
func (c *conn) execute(op proto.OpCode, req proto.Request) (body []byte, code proto.ErrCode) {
	s := c.srv
	switch r := req.(type) {
	case *proto.PathWatchRequest:
		return c.read(op, r)
	case *proto.PathRequest:
		return c.ask(op, r.Path)
	case *multiRead:
		return c.multiRead(r), proto.OK
	case *PathInt:
		return c.watchOp(op, r)
	case *proto.SetWatchesRequest:
		c.setWatches(r)
		return nil, proto.OK
	case *proto.AuthPacket:
		if r.Scheme == RefusedScheme {
			return nil, proto.ErrAuthFailed
		}
		user, _, _ := strings.Cut(string(r.Auth), ":")
		c.ids = append(c.ids, proto.ID{Scheme: r.Scheme, ID: user})
		return nil, proto.OK
	case nil:
		switch op {
		case proto.OpCloseSession:
			s.endSession(c.session)
		case proto.OpWhoAmI:
			return proto.AppendIDs(nil, append([]proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}, c.ids...)), proto.OK
		case proto.OpReconfig:
			return nil, proto.ErrReconfigDisabled
		case proto.OpPing:
		default:
			return nil, proto.ErrUnimplemented
		}
		return nil, proto.OK
	}
	if s.readOnly {
		return nil, proto.ErrNotReadOnly
	}
	if r, ok := req.(*proto.MultiRequest); ok {
		return c.multi(r), proto.OK
	}
	s.zxid++
	res, code := c.write(op, req)
	if code != proto.OK {
		return nil, code
	}
	switch op {
	case proto.OpCreate:
		return jute.AppendString(nil, res.Path), proto.OK
	case proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL:
		return res.Stat.Append(jute.AppendString(nil, res.Path)), proto.OK
	case proto.OpSetData, proto.OpSetACL:
		return res.Stat.Append(nil), proto.OK
	}
	return nil, proto.OK
}

// ask answers the requests that have a path and leave no watch.
func (c *conn) ask(op proto.OpCode, name string) ([]byte, proto.ErrCode) {
	s := c.srv
	n := s.nodes[name]
	switch op {
	case proto.OpSync:
		if s.readOnly {
			return nil, proto.ErrNotReadOnly
		}
		return jute.AppendString(nil, name), proto.OK
	case proto.OpGetEphemerals:
		paths := []string{}
		for p, n := range s.nodes {
			if n.stat.EphemeralOwner == c.session && strings.HasPrefix(p, name) {
				paths = append(paths, p)
			}
		}
		return jute.AppendStrings(nil, paths), proto.OK
	}
	if n == nil {
		return nil, proto.ErrNoNode
	}
	if op == proto.OpGetACL {
		return n.stat.Append(proto.AppendACLs(nil, n.acl)), proto.OK
	}
	count := 0 // getAllChildrenNumber
	for p := range s.nodes {
		if strings.HasPrefix(p, strings.TrimSuffix(name, "/")+"/") && p != name {
			count++
		}
	}
	return jute.AppendInt(nil, int32(count)), proto.OK
}

func (c *conn) read(op proto.OpCode, r *proto.PathWatchRequest) ([]byte, proto.ErrCode) {
	n := c.srv.nodes[r.Path]
	table := data
	if op == proto.OpGetChildren || op == proto.OpGetChildren2 {
		table = child
	}
	if r.Watch && (n != nil || op == proto.OpExists) {
		c.watches[watch{table, r.Path}] = true
	}
	if n == nil {
		return nil, proto.ErrNoNode
	}
	switch op {
	case proto.OpGetData:
		return n.stat.Append(jute.AppendBuffer(nil, n.data)), proto.OK
	case proto.OpGetChildren:
		return jute.AppendStrings(nil, c.srv.children(r.Path)), proto.OK
	case proto.OpGetChildren2:
		return n.stat.Append(jute.AppendStrings(nil, c.srv.children(r.Path))), proto.OK
	}
	return n.stat.Append(nil), proto.OK
}

func (s *Server) children(dir string) []string {
	names := []string{}
	for p := range s.nodes {
		if p != "/" && path.Dir(p) == dir {
			names = append(names, path.Base(p))
		}
	}
	return names
}

func (c *conn) multi(r *proto.MultiRequest) []byte {
	s := c.srv
	s.zxid++
	before := maps.Clone(s.nodes)
	for p, n := range before {
		clone := *n
		before[p] = &clone
	}
	results := make([]proto.MultiResult, len(r.Ops))
	failed := -1
	for i, op := range r.Ops {
		res, code := c.write(op.Type, op.Req)
		if results[i] = res; code != proto.OK {
			failed = i
			results[i].Err = code
			break
		}
	}
	if failed >= 0 { // events of the operations undone are sent all the same
		s.nodes = before
		for i := range results {
			code := proto.OK
			if i == failed {
				code = results[i].Err
			} else if i > failed {
				code = proto.ErrRuntimeInconsistency
			}
			results[i] = proto.MultiResult{Type: proto.OpError, Err: code}
		}
	}
	return proto.AppendMultiResults(nil, results)
}

// write carries out one writing operation at s.zxid.
func (c *conn) write(op proto.OpCode, req proto.Request) (res proto.MultiResult, code proto.ErrCode) {
	s := c.srv
	if res.Type = op; op == proto.OpCreateContainer || op == proto.OpCreateTTL {
		res.Type = proto.OpCreate2
	}
	switch r := req.(type) {
	case *proto.CreateRequest:
		name, code := s.create(r, c.session)
		if code == proto.OK {
			res.Path, res.Stat = name, s.nodes[name].stat
		}
		return res, code
	case *proto.DeleteRequest:
		n := s.nodes[r.Path]
		switch {
		case n == nil:
			return res, proto.ErrNoNode
		case r.Version != -1 && r.Version != n.stat.Version:
			return res, proto.ErrBadVersion
		case n.stat.NumChildren > 0:
			return res, proto.ErrNotEmpty
		}
		s.removeNode(r.Path)
	case *proto.SetDataRequest:
		n := s.nodes[r.Path]
		switch {
		case n == nil:
			return res, proto.ErrNoNode
		case r.Version != -1 && r.Version != n.stat.Version:
			return res, proto.ErrBadVersion
		}
		s.setNode(r.Path, n, r.Data)
		res.Stat = n.stat
	case *proto.SetACLRequest:
		n := s.nodes[r.Path]
		if n == nil {
			return res, proto.ErrNoNode
		}
		n.acl = r.ACL
		n.stat.Aversion++
		res.Stat = n.stat
	case *proto.CheckVersionRequest:
		n := s.nodes[r.Path]
		switch {
		case n == nil:
			return res, proto.ErrNoNode
		case r.Version != -1 && r.Version != n.stat.Version:
			return res, proto.ErrBadVersion
		}
	}
	return res, proto.OK
}

func (s *Server) create(r *proto.CreateRequest, session proto.SessionID) (string, proto.ErrCode) {
	parent := s.nodes[path.Dir(r.Path)]
	if strings.HasSuffix(r.Path, "/") {
		parent = s.nodes[strings.TrimSuffix(r.Path, "/")]
	}
	name := r.Path
	switch {
	case parent == nil:
		return "", proto.ErrNoNode
	case parent.stat.EphemeralOwner != 0:
		return "", proto.ErrNoChildrenForEphemerals
	case r.Flags.IsSequential():
		name += fmt.Sprintf("%010d", parent.created)
	}
	if s.nodes[name] != nil {
		return "", proto.ErrNodeExists
	}
	n := &node{data: r.Data, acl: r.ACL}
	if r.Flags.IsEphemeral() {
		n.stat.EphemeralOwner = session
	}
	s.addNode(name, n)
	return name, proto.OK
}

func (s *Server) addNode(name string, n *node) {
	n.stat.Czxid, n.stat.Mzxid, n.stat.Pzxid = s.zxid, s.zxid, s.zxid
	n.stat.DataLength = int32(len(n.data))
	s.nodes[name] = n
	parent := s.nodes[path.Dir(name)]
	parent.created++
	parent.stat.NumChildren++
	parent.stat.Cversion++
	parent.stat.Pzxid = s.zxid
	s.fire(proto.EventNodeCreated, name, data)
	s.fire(proto.EventNodeChildrenChanged, path.Dir(name), child)
}

func (s *Server) setNode(name string, n *node, value []byte) {
	n.data = value
	n.stat.Version++
	n.stat.Mzxid = s.zxid
	n.stat.DataLength = int32(len(value))
	s.fire(proto.EventNodeDataChanged, name, data)
}

func (s *Server) removeNode(name string) {
	delete(s.nodes, name)
	parent := s.nodes[path.Dir(name)]
	parent.stat.NumChildren--
	parent.stat.Cversion++
	parent.stat.Pzxid = s.zxid
	s.fire(proto.EventNodeDeleted, name, data, child)
	s.fire(proto.EventNodeChildrenChanged, path.Dir(name), child)
}

func (s *Server) endSession(id proto.SessionID) {
	s.zxid++
	delete(s.sessions, id)
	for name, n := range s.nodes {
		if n.stat.EphemeralOwner == id {
			s.removeNode(name)
		}
	}
}
