package prep

import (
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// furnish makes the znodes that the rows of TestChecks are about.
func furnish(w *world) {
	w.must(create("/open", proto.Persistent, open))
	w.must(create("/open/kid", proto.Persistent, open))
	w.must(create("/closed", proto.Persistent, amyOnly).with(amyHolds))
	w.must(create("/closed/kid", proto.Persistent, open).with(amyHolds))
	w.must(create("/eph", proto.Ephemeral, open))
	w.must(create("/ephclosed", proto.Ephemeral, nothing))
	w.must(create("/box", proto.Container, open).as(proto.OpCreateContainer))
	w.must(setData("/open", nil, 0))
	w.must(setACL("/open", open, 0))
}

const (
	ok       = proto.OK
	expired  = proto.ErrSessionExpired
	moved    = proto.ErrSessionMoved
	badArgs  = proto.ErrBadArguments
	noNode   = proto.ErrNoNode
	noAuth   = proto.ErrNoAuth
	badVer   = proto.ErrBadVersion
	exists   = proto.ErrNodeExists
	notEmpty = proto.ErrNotEmpty
	invalid  = proto.ErrInvalidACL
	noKids   = proto.ErrNoChildrenForEphemerals
	marshal  = proto.ErrMarshalling
	unimpl   = proto.ErrUnimplemented
	local    = proto.ErrEphemeralOnLocalSession
)

func ttl(path string, mode proto.CreateFlags, ms int64) *Request {
	return &Request{Session: alice, Op: proto.OpCreateTTL, IDs: anonymous,
		Body: &proto.CreateRequest{Path: path, ACL: open, Flags: mode, TTL: ms, HasTTL: true}}
}

func nameless(r *Request) *Request {
	switch body := r.Body.(type) {
	case *proto.CreateRequest:
		body.NullPath = true
	case *proto.DeleteRequest:
		body.NullPath = true
	}
	return r
}

func reap(path string, id proto.SessionID) *Request {
	return &Request{Session: id, Op: proto.OpDeleteContainer, Body: &proto.PathRequest{Path: path}}
}

// checks pins the order of the checks: most rows have more than one thing wrong.
var checks = []struct {
	name string
	req  *Request
	want proto.ErrCode
}{
	{"create", create("/n", 0, open), ok},
	{"create2", create("/n", 0, open).as(proto.OpCreate2), ok},
	{"create with unknown mode of a dead session", create("/n", 7, open).but(expired), badArgs},
	{"create with negative mode", create("/n", -1, open), badArgs},
	{"createTTL of a dead session", ttl("/n", proto.PersistentTTL, 1000).but(expired), unimpl},
	{"createContainer", create("/n", proto.Container, open).as(proto.OpCreateContainer), ok},
	{"create by a dead session, no slash", create("n", 0, open).but(expired), expired},
	{"create by a moved session", create("/n", 0, open).but(moved), moved},
	{"ephemeral on a local session", create("n", proto.Ephemeral, open).but(local), local},
	{"persistent on a local session", create("/n", 0, open).but(local), ok},
	{"create without slash, bad ACL", create("n", 0, badACL), badArgs},
	{"create with NUL, bad ACL", create("/n\x00", 0, badACL), badArgs},
	{"create with empty path", create("", 0, open), badArgs},
	{"create with bad ACL under a missing parent", create("/missing/n", 0, badACL), invalid},
	{"create with empty ACL", create("/n", 0, []proto.ACL{}), invalid},
	{"create with null ACL", create("/n", 0, nil), invalid},
	{"create for auth without any", create("/n", 0, authACL), invalid},
	{"create for auth", create("/n", 0, authACL).with(amyHolds), ok},
	{"create under a missing parent", create("/missing/n", 0, open), noNode},
	{"create of /a//b", create("/open//b", 0, open), noNode},
	{"create of a/b", create("a/b", 0, open), noNode},
	{"create of //b", create("//b", 0, open), badArgs},
	{"create of /", create("/", 0, open), exists},
	{"create of /open/ ", create("/open/", 0, open), badArgs},
	{"create of /open/ sequential", create("/open/", proto.PersistentSequential, open), ok},
	{"create of / sequential", create("/", proto.PersistentSequential, open), ok},
	{"create of /.", create("/.", 0, open), badArgs},
	{"create of /. sequential", create("/.", proto.PersistentSequential, open), ok},
	{"create of a bad name without permission", create("/closed/..", 0, open), noAuth},
	{"create of a known name without permission", create("/closed/kid", 0, open), noAuth},
	{"create of a known name", create("/open/kid", 0, open), exists},
	{"create of a control character", create("/n\x01", 0, open), badArgs},
	{"child of an ephemeral without permission", create("/ephclosed/n", 0, open), noAuth},
	{"child of an ephemeral", create("/eph/n", 0, open), noKids},
	{"malformed child of an ephemeral", create("/eph/.", 0, open), badArgs},
	{"child of a container", create("/box/n", 0, open), ok},
	{"create in /zookeeper", create("/zookeeper/n", 0, open), ok},
	{"create under the config znode", create("/zookeeper/config/n", 0, open), noAuth},

	{"create of a null path", nameless(create("", 0, open)), marshal},
	{"create of a null path, unknown mode", nameless(create("", 7, open)), badArgs},
	{"create of a null path by a dead session", nameless(create("", 0, open)).but(expired), expired},
	{"create of a null path, bad ACL", nameless(create("", 0, badACL)), marshal},

	{"delete", del("/open/kid", -1), ok},
	{"delete of null", nameless(del("", -1)), marshal},
	{"delete of null by a dead session", nameless(del("", -1)).but(expired), expired},
	{"delete by a dead session, no slash", del("x", -1).but(expired), expired},
	{"delete without slash", del("x", -1), badArgs},
	{"delete of a null path", del("", -1), badArgs},
	{"delete with NUL", del("/missing/\x00", -1), badArgs},
	{"delete of /", del("/", -1), badArgs},
	{"delete of /zookeeper", del("/zookeeper", -1), badArgs},
	{"delete of /zookeeper/quota", del("/zookeeper/quota", -1), badArgs},
	{"delete of /zookeeper/config", del("/zookeeper/config", -1), badArgs},
	{"delete under a missing parent", del("/missing/n", -1), noNode},
	{"delete of a missing znode without permission", del("/closed/n", -1), noAuth},
	{"delete of a missing znode", del("/open/n", 7), noNode},
	{"delete of //x", del("//x", -1), noNode},
	{"delete of a trailing slash", del("/open/", -1), noNode},
	{"delete with wrong version and children", del("/open", 0), badVer},
	{"delete with children", del("/open", 1), notEmpty},
	{"delete needs nothing on the znode", del("/ephclosed", -1), ok},

	{"setData", setData("/open", []byte("x"), 1), ok},
	{"setData by a dead session", setData("x", nil, 0).but(expired), expired},
	{"setData of a bad path", setData("/open/", nil, 0), badArgs},
	{"setData of a null path", setData("", nil, 0), badArgs},
	{"setData of a missing znode", setData("/missing", nil, 0), noNode},
	{"setData without permission, wrong version", setData("/closed", nil, 9), noAuth},
	{"setData with permission, wrong version", setData("/closed", nil, 9).with(amyHolds), badVer},
	{"setData of a wrong version", setData("/open", nil, 0), badVer},
	{"setData of the config znode", setData("/zookeeper/config", nil, -1), noAuth},
	{"setData of the root", setData("/", nil, 0), ok},

	{"setACL", setACL("/open", open, 1), ok},
	{"setACL by a moved session", setACL("x", nil, 0).but(moved), moved},
	{"setACL of a bad path with a bad ACL", setACL("open", badACL, 0), badArgs},
	{"setACL of a missing znode with a bad ACL", setACL("/missing", badACL, 0), invalid},
	{"setACL to null", setACL("/open", nil, -1), invalid},
	{"setACL of a missing znode", setACL("/missing", open, 0), noNode},
	{"setACL without permission, wrong version", setACL("/closed", open, 9), noAuth},
	{"setACL of a wrong version", setACL("/open", open, 0), badVer},

	{"check", multi(check("/open", 1)), ok},
	{"check by a dead session", multi(check("x", 1)).but(expired), expired},
	{"check of a bad path", multi(check("open", 1)), badArgs},
	{"check of a missing znode", multi(check("/missing", 1)), noNode},
	{"check without permission, wrong version", multi(check("/closed", 9)), noAuth},
	{"check of a wrong version", multi(check("/open", 9)), badVer},
	{"check of any version", multi(check("/open", -1)), ok},
	{"check outside of a multi", check("/open", 1), unimpl},

	{"multi of nothing", multi(), ok},
	{"multi with a null ACL", multi(del("/missing", 0), create("/n", 0, nil)), marshal},
	{"multi with an empty ACL", multi(create("/n", 0, []proto.ACL{})), invalid},
	{"multi with setACL", multi(setACL("/open", open, -1)), marshal},
	{"multi with an unknown mode", multi(create("/n", 9, open)), marshal},
	{"multi with a mode for containers", multi(create("/n", proto.Container, open)), ok},
	{"multi with an ephemeral on a local session", multi(setData("/open", nil, -1), create("/n", proto.Ephemeral, open)).but(local), local},

	{"container reaped by a client", reap("/box", alice), badArgs},
	{"reaping without slash", reap("box", 0), badArgs},
	{"reaping of a special path", reap("/zookeeper", 0), badArgs},
	{"reaping of a missing znode", reap("/missing/n", 0), noNode},
	{"reaping of a parent", reap("/open", 0), notEmpty},
	{"reaping of an ephemeral", reap("/eph", 0), badVer},

	{"malformed", &Request{Op: proto.OpCreate, Malformed: true, SessionErr: expired}, marshal},
	{"malformed multi", &Request{Op: proto.OpMulti, Malformed: true}, marshal},
	{"no record", &Request{Op: proto.OpSetData}, marshal},
	{"another's record", setData("/open", nil, -1).as(proto.OpCreate), marshal},
	{"reconfig", &Request{Op: proto.OpReconfig}, proto.ErrReconfigDisabled},
	{"a read", &Request{Op: proto.OpGetData, Body: &proto.PathWatchRequest{Path: "/"}}, unimpl},
	{"an unknown operation", &Request{Op: 999}, unimpl},
	{"createSession", &Request{Session: bob, Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: 30000}, SessionErr: expired}, ok},
	{"createSession without record", &Request{Session: bob, Op: proto.OpCreateSession}, marshal},
	{"closeSession of a moved session", closeSession(alice).but(moved), ok},
	{"closeSession of nobody's session", closeSession(0x77), ok},
}

// TestChecks runs every row twice: with the znodes applied, and with all of
// them outstanding.
func TestChecks(t *testing.T) {
	for _, applied := range []bool{true, false} {
		for _, tc := range checks {
			w := newWorld(t, Options{Digest: true})
			furnish(w)
			if applied {
				w.apply(-1)
			}
			txn := w.prepare(tc.req)
			if got := errOf(txn); got != tc.want {
				t.Errorf("%s (applied %v): %v, want %v", tc.name, applied, got, tc.want)
			}
			if again, err := proto.DecodeTxn(txn.Raw); err != nil || again.Type != txn.Type {
				t.Errorf("%s: encoded as %x: %v", tc.name, txn.Raw, err)
			}
			w.apply(-1)
		}
	}
}

func TestSkipACL(t *testing.T) {
	w := newWorld(t, Options{ACL: tree.ACLRules{Skip: true}})
	furnish(w)
	for _, r := range []*Request{
		create("/closed/n", 0, open), del("/closed/n", 0), setData("/ephclosed", nil, 0),
		setACL("/closed", open, 0), multi(check("/ephclosed", 1)),
	} {
		w.must(r)
	}
	if err := errOf(w.prepare(create("/n", 0, badACL))); err != invalid {
		t.Errorf("a bad ACL gives %v; skipACL does not make it good", err)
	}
	w.apply(-1)
}
