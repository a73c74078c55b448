package tree

import (
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// A dump copies the ACLs first, so znodes made while it runs may have ACLs that
// are not in it: any number of znodes, with one such ACL or several.
func TestLoaderTakesACLsYoungerThanTheTable(t *testing.T) {
	l := NewLoader()
	if err := l.ACL(1, proto.OpenACL); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		path string
		acl  int64
	}{{"", 1}, {"/a", 2}, {"/b", 2}, {"/c", 3}, {"/d", 2}} {
		if err := l.Node(tc.path, nil, tc.acl, &proto.StatPersisted{}); err != nil {
			t.Fatalf("znode %d: %v", i, err)
		}
	}
	if _, err := l.Done(); err != nil {
		t.Fatal(err)
	}
}

func TestFixIsBounded(t *testing.T) {
	entries := func(n int) []proto.ACL {
		acl := make([]proto.ACL, n)
		for i := range acl {
			acl[i] = proto.ACL{Perms: proto.Perms(i), ID: proto.ID{Scheme: "world", ID: "anyone"}}
		}
		return acl
	}
	ids := make([]proto.ID, 900)
	for i := range ids {
		ids[i] = proto.ID{Scheme: "digest", ID: fmt.Sprintf("user%d:hash", i)}
	}
	auth := entries(100)
	for i := range auth {
		auth[i].ID = proto.ID{Scheme: "auth"}
	}
	for name, tc := range map[string]struct {
		acl  []proto.ACL
		want proto.ErrCode
		n    int
	}{
		"many":             {entries(maxACLEntries), proto.OK, maxACLEntries},
		"too many":         {entries(maxACLEntries + 1), proto.ErrInvalidACL, 0},
		"duplicates":       {append(entries(20), entries(20)...), proto.OK, 20},
		"auth of many ids": {auth[:1], proto.OK, 900},
		"auth blown up":    {auth, proto.ErrInvalidACL, 0},
	} {
		got, err := new(ACLRules).Fix(tc.acl, ids)
		if err != tc.want || len(got) != tc.n {
			t.Errorf("%s: %d entries, %v, want %d, %v", name, len(got), err, tc.n, tc.want)
		}
	}
}
