package tree

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// model is the tree written for clarity alone: one map, everything else found by
// looking through it. It follows the rules for replay row by row.
type model struct {
	nodes    map[string]*modelNode // the root is "/"
	sessions map[proto.SessionID]int32
	zxid     proto.Zxid
	watches  map[string]bool // "data /path" and "child /path"; a single watcher
	events   []string
}

type modelNode struct {
	data []byte
	acl  []proto.ACL // null is open, but not interned
	stat proto.StatPersisted
}

func newModel() *model {
	node := func(acl []proto.ACL, aversion int32) *modelNode {
		return &modelNode{[]byte{}, acl, proto.StatPersisted{Aversion: aversion}}
	}
	return &model{
		nodes: map[string]*modelNode{
			"/": node(nil, 0), systemPath: node(nil, 0), quotaPath: node(nil, 0),
			configPath: node(configACL, -1),
		},
		sessions: make(map[proto.SessionID]int32),
		watches:  make(map[string]bool),
	}
}

func (m *model) children(p string) (names []string) {
	for other := range m.nodes {
		if other != "/" && path.Dir(other) == p {
			names = append(names, path.Base(other))
		}
	}
	slices.Sort(names)
	return names
}

func (m *model) owned(id proto.SessionID) (paths []string) {
	for p, n := range m.nodes {
		if KindOf(n.stat.EphemeralOwner) == Ephemeral && n.stat.EphemeralOwner == id {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

func (m *model) apply(x *proto.Txn) (err proto.ErrCode) {
	switch b := x.Body.(type) {
	case *proto.CreateSessionTxn:
		m.sessions[x.Session] = b.Timeout
	case *proto.CloseSessionTxn:
		delete(m.sessions, x.Session)
		for _, p := range b.Paths {
			m.remove(p, x.Zxid)
		}
		for _, p := range m.owned(x.Session) {
			m.remove(p, x.Zxid)
		}
	case *proto.MultiTxn:
		if !b.Failed() {
			for _, s := range b.Subs {
				err = cmp.Or(err, m.applyOne(x, s.Body))
			}
		}
		for _, s := range b.Subs {
			if e, ok := s.Body.(*proto.ErrorTxn); ok {
				err = cmp.Or(err, e.Err)
			}
		}
	default:
		err = m.applyOne(x, b)
	}
	m.zxid = max(m.zxid, x.Zxid)
	return err
}

func (m *model) applyOne(x *proto.Txn, body proto.TxnBody) proto.ErrCode {
	switch b := body.(type) {
	case *proto.CreateTxn:
		owner := proto.SessionID(0)
		if b.Ephemeral {
			owner = x.Session
		}
		return m.create(x, b.Path, b.Data, b.ACL, owner, b.ParentCversion)
	case *proto.CreateContainerTxn:
		return m.create(x, b.Path, b.Data, b.ACL, proto.ContainerOwner, b.ParentCversion)
	case *proto.CreateTTLTxn:
		return m.create(x, b.Path, b.Data, b.ACL, proto.TTLOwner(b.TTL), b.ParentCversion)
	case *proto.DeleteTxn:
		return m.remove(b.Path, x.Zxid)
	case *proto.SetDataTxn:
		n := m.nodes[b.Path]
		if n == nil {
			return proto.ErrNoNode
		}
		n.data = b.Data
		n.stat.Mzxid, n.stat.Mtime, n.stat.Version = x.Zxid, x.Time, b.Version
		m.event(3, b.Path, x.Zxid, "data")
	case *proto.SetACLTxn:
		n := m.nodes[b.Path]
		if n == nil {
			return proto.ErrNoNode
		}
		n.acl, n.stat.Aversion = b.ACL, b.Version
	case *proto.ErrorTxn:
		return b.Err
	}
	return proto.OK
}

func (m *model) create(x *proto.Txn, p string, data []byte, acl []proto.ACL, owner proto.SessionID, cversion int32) proto.ErrCode {
	parent := m.nodes[path.Dir(p)]
	if parent == nil {
		return proto.ErrNoNode
	}
	if cversion == -1 {
		cversion = parent.stat.Cversion + 1
	}
	if cversion > parent.stat.Cversion {
		parent.stat.Cversion, parent.stat.Pzxid = cversion, x.Zxid
	}
	if n := m.nodes[p]; n != nil {
		n.acl = acl
		return proto.ErrNodeExists
	}
	m.nodes[p] = &modelNode{data, acl, proto.StatPersisted{
		Czxid: x.Zxid, Mzxid: x.Zxid, Pzxid: x.Zxid, Ctime: x.Time, Mtime: x.Time, EphemeralOwner: owner,
	}}
	m.event(1, p, x.Zxid, "data")
	m.event(4, path.Dir(p), x.Zxid, "child")
	return proto.OK
}

func (m *model) remove(p string, z proto.Zxid) proto.ErrCode {
	parent := m.nodes[path.Dir(p)]
	if parent == nil {
		return proto.ErrNoNode
	}
	parent.stat.Pzxid = max(parent.stat.Pzxid, z)
	if m.nodes[p] == nil {
		return proto.ErrNoNode
	}
	for other := range m.nodes {
		if strings.HasPrefix(other, p+"/") {
			delete(m.nodes, other)
		}
	}
	delete(m.nodes, p)
	m.event(2, p, z, "data", "child")
	m.event(4, path.Dir(p), z, "child")
	return proto.OK
}

func (m *model) event(typ int, p string, z proto.Zxid, kinds ...string) {
	fired := false
	for _, k := range kinds {
		fired = fired || m.watches[k+" "+p]
		delete(m.watches, k+" "+p)
	}
	if fired {
		m.events = append(m.events, fmt.Sprintf("%d %s %v [1]", typ, p, z))
	}
}

func (m *model) digest() (sum int64) {
	for p, n := range m.nodes {
		if strings.HasPrefix(p, "/zookeeper/") {
			continue
		}
		b := []byte(strings.TrimSuffix(p, "/"))
		b = append(b, n.data...)
		for _, v := range []int64{int64(n.stat.Czxid), int64(n.stat.Mzxid), int64(n.stat.Pzxid), n.stat.Ctime, n.stat.Mtime} {
			b = jute.AppendLong(b, v)
		}
		for _, v := range []int32{n.stat.Version, n.stat.Cversion, n.stat.Aversion} {
			b = jute.AppendInt(b, v)
		}
		sum += int64(crc32.ChecksumIEEE(jute.AppendLong(b, int64(n.stat.EphemeralOwner))))
	}
	return sum
}

// describe prints what describe prints of a tree.
func (m *model) describe() string {
	var b bytes.Buffer
	paths := make([]string, 0, len(m.nodes))
	owners := make(map[proto.SessionID]bool)
	var containers, ttls []string
	acls := make(map[string]bool)
	ephemerals, size := 0, 0
	for p, n := range m.nodes {
		size += len(p) + len(n.data)
		paths = append(paths, strings.TrimSuffix(p, "/"))
		switch KindOf(n.stat.EphemeralOwner) {
		case Ephemeral:
			owners[n.stat.EphemeralOwner] = true
			ephemerals++
		case Container:
			containers = append(containers, p)
		case TTL:
			ttls = append(ttls, p)
		}
	}
	slices.Sort(paths)
	slices.Sort(containers)
	slices.Sort(ttls)
	for _, key := range paths {
		p := key
		if p == "" {
			p = "/"
		}
		n, names := m.nodes[p], m.children(p)
		if names == nil {
			names = []string{}
		}
		acl := n.acl
		if acl == nil {
			acl = proto.OpenACL
		} else {
			acls[fmt.Sprint(acl)] = true
		}
		owner := n.stat.EphemeralOwner
		if KindOf(owner) != Ephemeral {
			owner = 0
		}
		s := n.stat
		fmt.Fprintf(&b, "%q data=%q null=%v acl=%v children=%q persisted=%v stat=%v\n",
			key, n.data, n.data == nil, acl, names, n.stat, proto.Stat{
				Czxid: s.Czxid, Mzxid: s.Mzxid, Ctime: s.Ctime, Mtime: s.Mtime, Version: s.Version,
				Cversion: 2*s.Cversion - int32(len(names)), Aversion: s.Aversion, EphemeralOwner: owner,
				DataLength: int32(len(n.data)), NumChildren: int32(len(names)), Pzxid: s.Pzxid,
			})
	}
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		fmt.Fprintf(&b, "%v owns %q\n", id, m.owned(id))
	}
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		fmt.Fprintf(&b, "session %v %d\n", id, m.sessions[id])
	}
	fmt.Fprintf(&b, "containers %q ttls %q\n", containers, ttls)
	fmt.Fprintf(&b, "zxid=%v digest=%d nodes=%d ephemerals=%d size=%d acls=%d\n", m.zxid, m.digest(),
		len(m.nodes)+1, ephemerals, size, len(acls))
	return b.String()
}

// generator makes transactions over a small name space, as a leader would that
// looks at tr, and with wild set also ones that no leader would make.
type generator struct {
	rng  *rand.Rand
	tr   *Tree
	zxid proto.Zxid
	wild bool
}

var testACLs = [][]proto.ACL{
	proto.OpenACL, readACL(1, "world", "anyone"), readACL(31, "digest", "a:b"), readACL(31, "digest", "c:d"), readACL(3, "ip", "::1"),
}

func (g *generator) path() string {
	p := ""
	for range 1 + g.rng.IntN(3) {
		p += "/" + string(rune('a'+g.rng.IntN(4)))
	}
	return p
}

func (g *generator) session() proto.SessionID { return proto.SessionID(0x100 + g.rng.IntN(4)) }

func (g *generator) data() []byte {
	if g.rng.IntN(5) == 0 {
		return nil
	}
	return bytes.Repeat([]byte{byte('a' + g.rng.IntN(26))}, g.rng.IntN(40))
}

func (g *generator) acl() []proto.ACL {
	if g.wild && g.rng.IntN(8) == 0 {
		return nil
	}
	return testACLs[g.rng.IntN(len(testACLs))]
}

// next makes a transaction with the next zxid.
func (g *generator) next() *proto.Txn {
	g.zxid++
	switch r := g.rng.IntN(20); {
	case r == 0:
		return txn(g.zxid, g.session(), proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: int32(g.rng.IntN(1000))})
	case r == 1:
		id := g.session()
		paths := g.tr.Ephemerals(id)
		if g.wild && g.rng.IntN(2) == 0 {
			return txn(g.zxid, id, proto.OpCloseSession, &proto.CloseSessionTxn{})
		} else if g.wild && len(paths) > 0 {
			paths = append(paths[1:], g.path())
		}
		return mkClose(g.zxid, id, paths...)
	case r == 2:
		return txn(g.zxid, 1, proto.OpError, &proto.ErrorTxn{Err: proto.ErrNotEmpty})
	case r < 7:
		return g.multi()
	}
	if x := g.one(); x != nil {
		return x
	}
	return txn(g.zxid, 1, proto.OpError, &proto.ErrorTxn{Err: proto.ErrBadVersion})
}

// one makes a create, delete, setData or setACL; nil if it would be refused.
func (g *generator) one() *proto.Txn {
	p := g.path()
	n, exists := g.tr.Get(p)
	parentPath, _ := splitPath(p)
	parent, below := g.tr.Get(parentPath)
	switch g.rng.IntN(7) {
	case 0, 1, 2:
		if !g.wild && (exists || !below || KindOf(parent.Persisted().EphemeralOwner) == Ephemeral) {
			return nil
		}
		cversion := int32(-1)
		if below && (!g.wild || g.rng.IntN(4) > 0) {
			cversion = parent.Persisted().Cversion + 1
		}
		return g.create(p, cversion)
	case 3, 4:
		if !g.wild && (!exists || n.NumChildren() > 0) {
			return nil
		}
		return mkDelete(g.zxid, p)
	case 5:
		if !g.wild && !exists {
			return nil
		}
		version := int32(g.rng.IntN(9))
		if exists {
			version = n.Persisted().Version + 1
		}
		return txn(g.zxid, 1, proto.OpSetData, &proto.SetDataTxn{Path: p, Data: g.data(), Version: version})
	default:
		if !exists {
			return nil
		}
		return mkSetACL(g.zxid, p, testACLs[g.rng.IntN(len(testACLs))], n.Persisted().Aversion+1)
	}
}

func (g *generator) create(p string, cversion int32) *proto.Txn {
	switch g.rng.IntN(6) {
	case 0:
		return txn(g.zxid, 1, proto.OpCreateContainer, &proto.CreateContainerTxn{Path: p, Data: g.data(), ACL: g.acl(), ParentCversion: cversion})
	case 1:
		return txn(g.zxid, 1, proto.OpCreateTTL, &proto.CreateTTLTxn{Path: p, Data: g.data(), ACL: g.acl(), ParentCversion: cversion, TTL: 5})
	case 2, 3:
		return txn(g.zxid, g.session(), proto.OpCreate2, &proto.CreateTxn{Path: p, Data: g.data(), ACL: g.acl(), Ephemeral: true, ParentCversion: cversion})
	default:
		return txn(g.zxid, 1, proto.OpCreate, &proto.CreateTxn{Path: p, Data: g.data(), ACL: g.acl(), ParentCversion: cversion})
	}
}

// multi makes one of operations on distinct subtrees, so that each is what a
// leader would make without looking at those before it. Its session is that of
// all its ephemerals.
func (g *generator) multi() *proto.Txn {
	var subs []*proto.Txn
	touched := make(map[string]bool)
	for range g.rng.IntN(5) {
		x := g.one()
		if x == nil || x.Type == proto.OpSetACL {
			continue
		}
		var p string
		switch b := x.Body.(type) {
		case *proto.CreateTxn:
			p = b.Path
		case *proto.CreateContainerTxn:
			p = b.Path
		case *proto.CreateTTLTxn:
			p = b.Path
		case *proto.DeleteTxn:
			p = b.Path
		case *proto.SetDataTxn:
			p = b.Path
		}
		top := p[:2]
		if !g.wild && (len(p) == 2 || touched[top]) { // the root's counters are shared
			continue
		}
		touched[top] = true
		subs = append(subs, x)
	}
	if g.rng.IntN(6) == 0 {
		subs = append(subs, txn(0, 1, proto.OpError, &proto.ErrorTxn{Err: proto.ErrNoNode}))
	}
	m := mkMulti(g.zxid, subs...)
	m.Session = g.session()
	return m
}

// Random transactions, sensible and not, against the model.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		tr, m, sink := New(), newModel(), new(recorder)
		tr.SetSink(sink)
		g := &generator{rng: rng, tr: tr, wild: seed%2 == 0}
		for step := range 1500 {
			for range rng.IntN(3) {
				p := g.path()
				if rng.IntN(2) == 0 {
					tr.Watches().Add(WatchData, p, 1)
					m.watches["data "+p] = true
				} else {
					tr.Watches().Add(WatchChildren, p, 1)
					m.watches["child "+p] = true
				}
			}
			x := g.next()
			if g.wild && rng.IntN(10) == 0 {
				x.Zxid -= proto.Zxid(rng.IntN(30)) // from the past
			}
			got, want := apply(tr, x).Err, m.apply(x)
			if got != want {
				t.Fatalf("seed %d step %d: %+v gives %v, want %v", seed, step, x, got, want)
			}
			if !slices.Equal(sink.events, m.events) {
				t.Fatalf("seed %d step %d: events %q, want %q", seed, step, sink.events, m.events)
			}
			sink.events, m.events = nil, nil
			if step%20 == 0 {
				check(t, tr)
				if d := diff(describe(tr), m.describe()); d != "" {
					t.Fatalf("seed %d step %d after %+v %+v:\n%s", seed, step, x, x.Body, d)
				}
			}
		}
		checkWatches(t, tr.Watches())
	}
}
