package proto

import (
	"slices"
	"testing"

	"github.com/paddock-io/paddock/jute"
)

func TestACLsBothWays(t *testing.T) {
	digest := ACL{PermRead, ID{"digest", "a:b"}}
	for name, v := range map[string][]ACL{
		"null": nil, "none": {}, "open": OpenACL, "open twice": {OpenACL[0], OpenACL[0]}, "open first": {OpenACL[0], digest}, "open last": {digest, OpenACL[0]},
		"other rights": {{PermRead, OpenACL[0].ID}}, "null id": {{PermAll, ID{"world", NullID}}},
	} {
		d := jute.NewDecoder(jute.AppendInt(AppendACLs(nil, v), 7))
		got := DecodeACLs(&d)
		if !slices.Equal(got, v) || (got == nil) != (v == nil) || d.Int() != 7 || d.Err() != nil {
			t.Errorf("%s: %v, %v", name, got, d.Err())
		}
	}
}

// TestOpenACLIsShared: the ACL of nearly all znodes is not decoded anew, and what is
// appended to it stays with whoever did so.
func TestOpenACLIsShared(t *testing.T) {
	b := AppendACLs(nil, OpenACL)
	var got []ACL
	if n := testing.AllocsPerRun(100, func() {
		d := jute.NewDecoder(b)
		got = DecodeACLs(&d)
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
	_ = append(got, ACL{})
	if len(OpenACL) != 1 || cap(got) != 1 {
		t.Errorf("%v grows in place", got)
	}
}
