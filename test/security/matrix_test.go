package security

import (
	"bytes"
	"crypto"
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// principal is somebody who connects.
type principal struct {
	name        string
	credentials []string
}

var principals = []principal{
	{"anonymous", nil},
	{"stranger", []string{"eve:e"}},
	{"partner", []string{"part:p"}},
	{"owner", []string{"own:o"}},
	{"partner and stranger", []string{"eve:e", "part:p"}},
	{"super", []string{superCredentials}},
}

// permission is an ACL, and what each principal may do by it; super may do
// everything. It is written down and not computed, so that the server's own
// rules are not tested against themselves.
type permission struct {
	name   string
	acl    []proto.ACL
	grants map[string]proto.Perms
}

func digest(credentials string, perms proto.Perms) proto.ACL {
	return proto.ACL{Perms: perms, ID: proto.ID{Scheme: "digest", ID: auth.Digest(crypto.SHA1, credentials)}}
}

func permissions() []permission {
	const all = proto.PermAll
	owner := digest("own:o", all)
	world := func(p proto.Perms) proto.ACL {
		return proto.ACL{Perms: p, ID: proto.ID{Scheme: "world", ID: "anyone"}}
	}
	v := []permission{
		{"open", []proto.ACL{world(all)}, map[string]proto.Perms{
			"anonymous": all, "stranger": all, "partner": all, "owner": all, "partner and stranger": all,
		}},
		{"readable", []proto.ACL{world(proto.PermRead), owner}, map[string]proto.Perms{
			"anonymous": proto.PermRead, "stranger": proto.PermRead, "partner": proto.PermRead, "owner": all,
			"partner and stranger": proto.PermRead,
		}},
		{"owned", []proto.ACL{owner}, map[string]proto.Perms{"owner": all}},
		{"nobody's", []proto.ACL{world(0)}, nil},
		{"of another net", []proto.ACL{{Perms: all, ID: proto.ID{Scheme: "ip", ID: "10.0.0.0/8"}}}, nil},
	}
	for bit := proto.PermRead; bit <= proto.PermAdmin; bit <<= 1 {
		v = append(v, permission{
			fmt.Sprintf("bit %d for the partner", bit), []proto.ACL{owner, digest("part:p", bit)},
			map[string]proto.Perms{"owner": all, "partner": bit, "partner and stranger": bit},
		})
	}
	return v
}

// where says which znode an operation needs its permission on.
type where uint8

const (
	nowhere where = iota // no permission is asked for
	onNode
	onParent
)

// rule is what must hold for one operation.
type rule struct {
	where  where
	need   proto.Perms   // one of these bits
	answer proto.ErrCode // of a granted request
	closes bool          // the connection ends with the answer
	record func(parent, node string) []byte
	inside bool // the outcome is in the results of a multi
}

// rules has a row for every operation of the protocol.
func rules() map[proto.OpCode]rule {
	path := func(_, node string) []byte { return jute.AppendString(nil, node) }
	watch := func(_, node string) []byte { return jute.AppendBool(jute.AppendString(nil, node), true) }
	typed := func(_, node string) []byte { return jute.AppendInt(jute.AppendString(nil, node), 1) }
	create := func(flags proto.CreateFlags, ttl int64) func(parent, _ string) []byte {
		return func(parent, _ string) []byte {
			r := proto.CreateRequest{Path: parent + "/new", ACL: proto.OpenACL, Flags: flags, TTL: ttl, HasTTL: ttl > 0}
			return r.Append(nil)
		}
	}
	encode := func(f func(parent, node string) proto.Request) func(parent, node string) []byte {
		return func(parent, node string) []byte { return f(parent, node).Append(nil) }
	}
	version := func(_, node string) proto.Request { return &proto.DeleteRequest{Path: node, Version: -1} }
	none := func(_, _ string) []byte { return nil }
	refused := rule{answer: proto.ErrUnimplemented, closes: true, record: path}
	return map[proto.OpCode]rule{
		proto.OpCreate:          {where: onParent, need: proto.PermCreate, record: create(proto.Persistent, 0)},
		proto.OpCreate2:         {where: onParent, need: proto.PermCreate, record: create(proto.EphemeralSequential, 0)},
		proto.OpCreateContainer: {where: onParent, need: proto.PermCreate, record: create(proto.Container, 0)},
		proto.OpCreateTTL:       {where: onParent, need: proto.PermCreate, record: create(proto.PersistentTTL, 60_000)},
		proto.OpDelete:          {where: onParent, need: proto.PermDelete, record: encode(version)},
		proto.OpSetData: {where: onNode, need: proto.PermWrite, record: encode(func(_, node string) proto.Request {
			return &proto.SetDataRequest{Path: node, Data: []byte("y"), Version: -1}
		})},
		proto.OpSetACL: {where: onNode, need: proto.PermAdmin, record: encode(func(_, node string) proto.Request {
			return &proto.SetACLRequest{Path: node, ACL: proto.OpenACL, Version: -1}
		})},
		proto.OpMulti: {where: onNode, need: proto.PermRead, inside: true, record: encode(func(_, node string) proto.Request {
			return &proto.MultiRequest{Ops: []proto.MultiOp{
				{Type: proto.OpCheck, Req: &proto.CheckVersionRequest{Path: node, Version: -1}},
			}}
		})},
		proto.OpMultiRead: {where: onNode, need: proto.PermRead, inside: true, record: func(_, node string) []byte {
			b := proto.MultiHeader{Type: proto.OpGetData, Err: -1}.Append(nil)
			return proto.MultiEnd.Append(append(b, watch("", node)...))
		}},
		proto.OpExists:         {where: onNode, need: proto.PermRead, record: watch},
		proto.OpGetData:        {where: onNode, need: proto.PermRead, record: watch},
		proto.OpGetChildren:    {where: onNode, need: proto.PermRead, record: watch},
		proto.OpGetChildren2:   {where: onNode, need: proto.PermRead, record: watch},
		proto.OpGetAllChildren: {where: onNode, need: proto.PermRead, record: path},
		proto.OpGetACL:         {where: onNode, need: proto.PermRead | proto.PermAdmin, record: path},

		// These tell nothing of a znode and change none.
		proto.OpSync:          {record: path},
		proto.OpPing:          {record: none},
		proto.OpGetEphemerals: {record: path},
		proto.OpWhoAmI:        {record: none},
		proto.OpAddWatch:      {record: typed},
		proto.OpCheckWatches:  {record: typed, answer: proto.ErrNoWatcher},
		proto.OpRemoveWatches: {record: typed, answer: proto.ErrNoWatcher},
		proto.OpSetWatches: {record: encode(func(_, node string) proto.Request {
			return &proto.SetWatchesRequest{RelativeZxid: 1 << 60, Data: []string{node}, Child: []string{node}}
		})},
		proto.OpSetWatches2: {record: encode(func(_, node string) proto.Request {
			return &proto.SetWatchesRequest{V2: true, RelativeZxid: 1 << 60, Persist: []string{node}, Recursive: []string{node}}
		})},
		proto.OpAuth: {record: func(_, _ string) []byte {
			p := proto.AuthPacket{Scheme: "digest", Auth: []byte("somebody:else")}
			return p.Append(nil)
		}},
		proto.OpSasl:         {record: func(_, _ string) []byte { return jute.AppendBuffer(nil, []byte("token")) }},
		proto.OpReconfig:     {answer: proto.ErrReconfigDisabled, record: reconfigRecord},
		proto.OpCloseSession: {record: none, closes: true},

		// Not for clients.
		proto.OpDeleteContainer: refused,
		proto.OpCreateSession:   {answer: proto.ErrUnimplemented, closes: true, record: func(_, _ string) []byte { return jute.AppendInt(nil, 1000) }},
		proto.OpCheck:           {answer: proto.ErrUnimplemented, closes: true, record: encode(version)},
		proto.OpNotification:    refused,
		proto.OpError:           refused,
	}
}

func reconfigRecord(_, _ string) []byte {
	b := jute.AppendString(nil, "server.9=evil:1:2:participant;3")
	return jute.AppendLong(jute.AppendString(jute.AppendString(b, ""), ""), -1)
}

// TestMatrix asks for every operation as everybody under every ACL. What is not
// granted by the table must be refused and must change nothing.
func TestMatrix(t *testing.T) {
	rules := rules()
	for _, op := range proto.OpCodes() {
		if _, ok := rules[op]; !ok {
			t.Errorf("no rule for %s: a new operation needs one", op)
		}
	}
	s := start(t, "extendedTypesEnabled=true")
	m := &matrix{t: t, s: s, super: s.open(t, superCredentials), clients: map[string]*client{}}
	m.super.create("/m", proto.OpenACL...)
	for _, op := range proto.OpCodes() {
		for _, perm := range permissions() {
			for _, who := range principals {
				m.try(op, rules[op], perm, who)
			}
		}
	}
	t.Logf("%d cases, %d of them refused", m.cases, m.refused)
}

// matrix is the state of TestMatrix.
type matrix struct {
	t              *testing.T
	s              *server
	super          *client
	clients        map[string]*client // by principal
	cases, refused int
}

// as returns a connection of somebody, a new one if the last was closed.
func (m *matrix) as(who principal) *client {
	c := m.clients[who.name]
	if c == nil {
		c = m.s.open(m.t, who.credentials...)
		m.clients[who.name] = c
	}
	return c
}

func (m *matrix) try(op proto.OpCode, r rule, perm permission, who principal) {
	m.cases++
	parent := fmt.Sprintf("/m/%d", m.cases)
	node := parent + "/node"
	acls := map[where][]proto.ACL{onNode: proto.OpenACL, onParent: proto.OpenACL}
	acls[r.where] = perm.acl
	m.super.create(parent, acls[onParent]...)
	m.super.create(node, acls[onNode]...)
	before := m.look(parent, node)

	granted := r.where == nowhere || who.name == "super" || perm.grants[who.name]&r.need != 0
	want := r.answer
	if !granted {
		want = proto.ErrNoAuth
		m.refused++
	}
	c := m.as(who)
	got := c.call(op, r.record(parent, node))
	outcome := got.err
	if r.inside && !got.closed {
		outcome = firstResult(op, got)
	}
	if got.closed || outcome != want {
		m.t.Errorf("%s by %s, %s: %+v with error %d, want error %d", op, who.name, perm.name, got, outcome, want)
	}
	if !granted && len(got.body) > 0 && !r.inside {
		m.t.Errorf("%s by %s, %s: a refusal says more than the error: %x", op, who.name, perm.name, got.body)
	}
	if r.closes || got.closed || op == proto.OpAuth { // auth has changed who this is
		if r.closes && !c.call(proto.OpPing, nil).closed {
			m.t.Errorf("%s by %s: the connection goes on", op, who.name)
		}
		c.nc.Close()
		delete(m.clients, who.name)
	}
	if granted && r.where != nowhere {
		return // and it may have done what it is for
	}
	if after := m.look(parent, node); !bytes.Equal(before, after) {
		m.t.Errorf("%s by %s, %s: something has changed\nbefore %x\nafter  %x", op, who.name, perm.name, before, after)
	}
}

// firstResult returns the error of the first operation of a multi.
func firstResult(op proto.OpCode, r reply) proto.ErrCode {
	d := jute.NewDecoder(r.body)
	var h proto.MultiHeader
	h.Decode(&d)
	if h.Type != proto.OpError {
		return r.err
	}
	if op == proto.OpMultiRead && h.Err != proto.ErrCode(d.Int()) {
		return proto.ErrDataInconsistency
	}
	return h.Err
}

// look returns all there is to see of two znodes.
func (m *matrix) look(parent, node string) []byte {
	m.t.Helper()
	b := bytes.Clone(m.super.must(proto.OpGetChildren2, &proto.PathWatchRequest{Path: parent}))
	for _, path := range []string{parent, node} {
		b = append(b, m.super.must(proto.OpGetData, &proto.PathWatchRequest{Path: path})...)
		b = append(b, m.super.must(proto.OpGetACL, &proto.PathRequest{Path: path})...)
	}
	return b
}

// TestEveryOpcode sends every number there might ever be, with records that fit
// several operations, from connections with and without a session. Nothing may
// come of it (CVE-2026-79993: deleteContainer was open to everybody).
func TestEveryOpcode(t *testing.T) {
	s := start(t, "extendedTypesEnabled=true")
	super := s.open(t, superCredentials)
	owned := []proto.ACL{digest("own:o", proto.PermAll)}
	super.create("/owned", owned...)
	super.create("/owned/leaf", owned...)
	super.must(proto.OpCreateContainer, &proto.CreateRequest{Path: "/container", ACL: owned, Flags: proto.Container})
	super.must(proto.OpSetACL, &proto.SetACLRequest{Path: "/", ACL: []proto.ACL{{Perms: proto.PermRead, ID: proto.OpenACL[0].ID}}, Version: -1})
	m := &matrix{t: t, s: s, super: super}
	see := func() []byte {
		return append(m.look("/owned", "/owned/leaf"), m.look("/", "/container")...)
	}
	before := see()
	var ops []proto.OpCode
	for op := proto.OpCode(-300); op <= 1200; op++ {
		ops = append(ops, op)
	}
	ops = append(ops, 1<<31-1, -1<<31)
	c := s.open(t)
	for _, op := range ops {
		for _, path := range []string{"/owned/leaf", "/container"} {
			record := jute.AppendInt(jute.AppendString(nil, path), -1)
			if c.call(op, record).closed || c.call(proto.OpPing, nil).closed {
				c.nc.Close()
				c = s.open(t)
			}
			stranger := s.dial(t) // without a session
			h := proto.RequestHeader{Xid: 1, Op: op}
			stranger.send(append(h.Append(nil), record...))
			if b, err := stranger.frame(); err == nil && len(b) < 36 {
				t.Errorf("opcode %d without a session is answered %x", op, b)
			}
			stranger.nc.Close()
		}
	}
	if after := see(); !bytes.Equal(before, after) {
		t.Errorf("something has changed\nbefore %x\nafter  %x", before, after)
	}
}
