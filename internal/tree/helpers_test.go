package tree

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Times in these tests are a function of the zxid.
func timeOf(z proto.Zxid) int64 { return 1700000000000 + int64(z) }

func txn(z proto.Zxid, session proto.SessionID, typ proto.OpCode, body proto.TxnBody) *proto.Txn {
	return &proto.Txn{
		TxnHeader: proto.TxnHeader{Session: session, Zxid: z, Time: timeOf(z), Type: typ},
		Body:      body,
	}
}

func mkCreate(z proto.Zxid, path, data string, parentCversion int32) *proto.Txn {
	return txn(z, 1, proto.OpCreate, &proto.CreateTxn{
		Path: path, Data: []byte(data), ACL: proto.OpenACL, ParentCversion: parentCversion,
	})
}

func mkEphemeral(z proto.Zxid, session proto.SessionID, path string) *proto.Txn {
	return txn(z, session, proto.OpCreate, &proto.CreateTxn{
		Path: path, ACL: proto.OpenACL, Ephemeral: true, ParentCversion: -1,
	})
}

func mkDelete(z proto.Zxid, path string) *proto.Txn {
	return txn(z, 1, proto.OpDelete, &proto.DeleteTxn{Path: path})
}

func mkSet(z proto.Zxid, path, data string, version int32) *proto.Txn {
	return txn(z, 1, proto.OpSetData, &proto.SetDataTxn{Path: path, Data: []byte(data), Version: version})
}

func mkSetACL(z proto.Zxid, path string, acl []proto.ACL, version int32) *proto.Txn {
	return txn(z, 1, proto.OpSetACL, &proto.SetACLTxn{Path: path, ACL: acl, Version: version})
}

func mkClose(z proto.Zxid, session proto.SessionID, paths ...string) *proto.Txn {
	return txn(z, session, proto.OpCloseSession, &proto.CloseSessionTxn{Paths: paths, HasPaths: true})
}

func mkMulti(z proto.Zxid, subs ...*proto.Txn) *proto.Txn {
	m := new(proto.MultiTxn)
	for _, s := range subs {
		m.Subs = append(m.Subs, proto.SubTxn{Type: s.Type, Body: s.Body})
	}
	return txn(z, 1, proto.OpMulti, m)
}

// apply applies txns and returns the result of the last.
func apply(t *Tree, txns ...*proto.Txn) *Result {
	res := new(Result)
	for _, x := range txns {
		t.Lock()
		t.Apply(x, res)
		t.Unlock()
	}
	return res
}

func stat(t testing.TB, tr *Tree, path string) proto.Stat {
	t.Helper()
	n, ok := tr.Get(path)
	if !ok {
		t.Fatalf("%s does not exist", path)
	}
	return n.Stat()
}

func readACL(perms proto.Perms, scheme, id string) []proto.ACL {
	return []proto.ACL{{Perms: perms, ID: proto.ID{Scheme: scheme, ID: id}}}
}

// describe prints everything that replicas must agree on.
func describe(tr *Tree) string {
	var b bytes.Buffer
	var paths []string
	for id := tr.find(""); id != 0; id = tr.after(id, 0) {
		paths = append(paths, tr.path(id))
	}
	slices.Sort(paths)
	for _, path := range paths {
		n, _ := tr.Get(path)
		names, _ := tr.Children(path, nil)
		slices.Sort(names)
		fmt.Fprintf(&b, "%q data=%q null=%v acl=%v children=%q persisted=%v stat=%v\n",
			path, n.Data(), n.Data() == nil, n.ACL(), names, n.Persisted(), n.Stat())
	}
	for _, id := range tr.EphemeralOwners() {
		fmt.Fprintf(&b, "%v owns %q\n", id, tr.Ephemerals(id))
	}
	tr.EachSession(func(id proto.SessionID, ms int32) { fmt.Fprintf(&b, "session %v %d\n", id, ms) })
	fmt.Fprintf(&b, "containers %q ttls %q\n", tr.Containers(), tr.TTLs())
	fmt.Fprintf(&b, "zxid=%v digest=%d nodes=%d ephemerals=%d size=%d acls=%d\n", tr.LastZxid(), tr.Digest(),
		tr.NodeCount(), tr.EphemeralsCount(), tr.ApproximateDataSize(), tr.ACLCount())
	return b.String()
}

// diff returns the first line in which two descriptions differ.
func diff(got, want string) string {
	g, w := bytes.Split([]byte(got), []byte("\n")), bytes.Split([]byte(want), []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			return fmt.Sprintf("got  %s\nwant %s", g[i], w[i])
		}
	}
	if len(g) != len(w) {
		return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
	}
	return ""
}

// check tests the invariants of the tree's own structures.
func check(t testing.TB, tr *Tree) {
	t.Helper()
	var digest uint64
	uses := make(map[aclSlot]int)
	seen, reapable := 0, 0
	for id := tr.find(""); id != 0; id = tr.after(id, 0) {
		seen++
		n, path := tr.at(id), tr.path(id)
		if k := tr.KindOf(n.owner); k == Container || k == TTL {
			reapable++
			if at, ok := tr.reapables.at[id]; !ok || tr.reapables.list[at] != id {
				t.Fatalf("%q is not where the list of containers and TTLs has it", path)
			}
		}
		if got := tr.find(path); got != id {
			t.Fatalf("%q is linked as %d, the index has %d", path, id, got)
		}
		stat := n.persisted()
		if want := new(Digester).Node(path, tr.data(n), &stat); n.crc != want {
			t.Fatalf("%q has a stale digest", path)
		}
		digest += uint64(n.crc)
		uses[n.acl]++
		children, prev := int32(0), nodeID(0)
		for c := n.first; c != 0; c = tr.at(c).next {
			if tr.at(c).parent != id || tr.at(c).prev != prev {
				t.Fatalf("%q: links of %q are broken", path, tr.path(c))
			}
			prev = c
			children++
		}
		if children != n.children {
			t.Fatalf("%q counts %d children, has %d", path, n.children, children)
		}
	}
	tr.quotas.root.check(t, tr)
	indexed, free := 1, 0 // the root is not in the index
	for i := range tr.index.shards {
		indexed += tr.index.shards[i].used
	}
	for id := tr.store.free; id != 0; id = tr.at(id).next {
		free++
	}
	if seen != tr.count || seen != indexed || seen+free != int(tr.fresh)-1 || digest != tr.digest {
		t.Fatalf("%d znodes linked, %d counted, %d in the index, %d free of %d; digest %d, want %d",
			seen, tr.count, indexed, free, tr.fresh-1, tr.digest, digest)
	}
	if r := tr.reapables; reapable != len(r.list) || reapable != len(r.at) {
		t.Fatalf("%d containers and TTLs, %d listed, %d with a place", reapable, len(r.list), len(r.at))
	}
	for s, e := range tr.acls.entries[1:] {
		if e.refs != uses[aclSlot(s+1)] {
			t.Fatalf("acl %d %v counts %d uses, has %d", e.id, e.acl, e.refs, uses[aclSlot(s+1)])
		}
	}
}

// check compares the limits that are kept below a name with what the znodes say.
func (q *quotaNode) check(t testing.TB, tr *Tree) {
	t.Helper()
	for _, below := range q.below {
		below.check(t, tr)
	}
	if !q.set {
		return
	}
	n, ok := tr.Get(q.limit)
	if ok != q.limited || ok && q.limits != parseQuota(n.Data()) {
		t.Fatalf("%s: limits %+v (%v) are kept, the znode has %.60q (%v)", q.path, q.limits, q.limited, n.Data(), ok)
	}
}
