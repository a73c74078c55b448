package prep

import (
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// What each server of a Java 3.9.5 ensemble with enableEagerACLCheck=true answered, and whether at once, which its reply's
// zxid 0 gives away, or through the leader; then the same with skipACL=yes. /mine is amy's alone, with a child.
var eager = []struct {
	name    string
	req     *Request
	want    proto.ErrCode
	early   bool
	skipped proto.ErrCode // by skipACL; early just if the ACL is invalid and it was early before
}{
	{"create", create("/mine/a", 0, open), noAuth, true, ok},
	{"create2", create("/mine/a", 0, open).as(proto.OpCreate2), noAuth, true, ok},
	{"createContainer", create("/mine/a", proto.Container, open).as(proto.OpCreateContainer), noAuth, false, ok},
	{"create an ephemeral", create("/mine/e", proto.Ephemeral, open), noAuth, true, ok},
	{"delete", del("/mine/kid", -1), noAuth, true, ok},
	{"delete a missing one", del("/mine/none", -1), noAuth, true, noNode},
	{"setData", setData("/mine", nil, -1), noAuth, true, ok},
	{"setData of another version", setData("/mine", nil, 99), noAuth, true, badVer},
	{"setACL", setACL("/mine", open, -1), noAuth, true, ok},
	{"setData of the configuration", setData("/zookeeper/config", nil, -1), noAuth, true, ok},
	{"create with a bad ACL below nothing", create("/nope/a", 0, badACL), invalid, true, invalid},
	{"create with a null ACL", create("/open/x", 0, nil), invalid, true, invalid},
	{"create with an empty ACL", create("/open/x", 0, []proto.ACL{}), invalid, true, invalid},
	{"create with auth, unauthenticated", create("/open/x", 0, authACL), invalid, true, invalid},
	{"create with bad mode and bad ACL", create("/open/x", 77, badACL), invalid, true, invalid},
	{"create with bad mode", create("/mine/x", 77, open), noAuth, true, badArgs},
	{"setACL with a bad ACL of nothing", setACL("/nope", badACL, -1), invalid, true, invalid},
	{"setACL with a bad ACL of a bad path", setACL("nope", badACL, -1), invalid, true, invalid},
	{"setACL with an empty ACL", setACL("/mine", []proto.ACL{}, -1), invalid, true, invalid},
	{"create below nothing", create("/nope/a", 0, open), noNode, false, noNode},
	{"create the root", create("/", 0, open), exists, false, exists},
	{"create a special path", create("/zookeeper", 0, open), exists, false, exists},
	{"create a special path with a bad ACL", create("/zookeeper", 0, badACL), invalid, false, invalid},
	{"create without a slash, with a bad ACL", create("x", 0, badACL), badArgs, false, badArgs},
	{"create with two slashes", create("/mine//a", 0, open), noNode, false, noNode},
	{"create with a slash at the end", create("/mine/", 0, open), noAuth, true, badArgs},
	{"delete a special path", del("/zookeeper/quota", -1), badArgs, false, badArgs},
	{"setData of nothing", setData("/nope", nil, -1), noNode, false, noNode},
	{"setData of a bad path", setData("/mine/", nil, -1), badArgs, false, badArgs},
	{"multi", multi(setData("/mine", nil, -1)), noAuth, false, ok},
	{"create what one may", create("/open/ok", 0, open), ok, false, ok},
	{"by the owner", setData("/mine", nil, -1).with(amyHolds), ok, false, ok},
}

func TestRefusal(t *testing.T) {
	for _, tc := range eager {
		for _, skip := range []bool{false, true} {
			rules := tree.ACLRules{Skip: skip}
			w := newWorld(t, Options{ACL: rules})
			w.must(create("/open", 0, open))
			w.must(create("/mine", 0, amyOnly).with(amyHolds))
			w.must(create("/mine/kid", 0, open).with(amyHolds))
			w.apply(-1)
			want, early := tc.want, tc.early
			if skip {
				want, early = tc.skipped, tc.early && tc.skipped == invalid
			}
			got := Refusal(w.tree, &rules, tc.req.Body, tc.req.Op, tc.req.IDs)
			if early && got != want || !early && got != ok {
				t.Errorf("%s, skip %v: refused with %v, want %v, early %v", tc.name, skip, got, want, early)
			}
			if got := errOf(w.prepare(tc.req)); !early && got != want {
				t.Errorf("%s, skip %v: %v, want %v", tc.name, skip, got, want)
			}
		}
	}
}
