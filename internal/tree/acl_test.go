package tree

import (
	"slices"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func ids(pairs ...string) (v []proto.ID) {
	for i := 0; i < len(pairs); i += 2 {
		v = append(v, proto.ID{Scheme: pairs[i], ID: pairs[i+1]})
	}
	return v
}

func acl(perms proto.Perms, pairs ...string) (v []proto.ACL) {
	for _, id := range ids(pairs...) {
		v = append(v, proto.ACL{Perms: perms, ID: id})
	}
	return v
}

// everyScheme are the rules of a server with all of ZooKeeper's own providers.
var everyScheme = &ACLRules{X509: true, SASL: true, Key: true}

const bob, super = "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="

func TestAllowed(t *testing.T) {
	for name, tc := range map[string]struct {
		acl  []proto.ACL
		perm proto.Perms
		ids  []proto.ID
		want bool
	}{
		"null ACL":             {nil, proto.PermAll, nil, true},
		"empty ACL":            {[]proto.ACL{}, proto.PermWrite, nil, true},
		"open":                 {proto.OpenACL, proto.PermAdmin, nil, true},
		"world read":           {acl(1, "world", "anyone"), proto.PermRead, nil, true},
		"world read, write":    {acl(1, "world", "anyone"), proto.PermWrite, nil, false},
		"no perms at all":      {acl(0, "world", "anyone"), proto.PermRead, nil, false},
		"world other id":       {acl(31, "world", "x"), proto.PermRead, ids("world", "x"), false},
		"one bit is enough":    {acl(16, "digest", bob), proto.PermRead | proto.PermAdmin, ids("digest", bob), true},
		"super":                {acl(0, "digest", bob), proto.PermWrite, ids("ip", "1.1.1.1", "super", ""), true},
		"digest":               {acl(31, "digest", bob), proto.PermWrite, ids("ip", "1.1.1.1", "digest", bob), true},
		"digest of another":    {acl(31, "digest", bob), proto.PermWrite, ids("digest", super), false},
		"digest in sasl":       {acl(31, "digest", bob), proto.PermWrite, ids("sasl", bob), false},
		"digest super":         {acl(31, "digest", bob), proto.PermWrite, ids("digest", "super"), false},
		"x509":                 {acl(31, "x509", "CN=a"), proto.PermWrite, ids("x509", "CN=a"), true},
		"x509 of another":      {acl(31, "x509", "CN=a"), proto.PermWrite, ids("x509", "CN=A"), false},
		"sasl":                 {acl(31, "sasl", "u@R"), proto.PermWrite, ids("sasl", "u@R"), true},
		"sasl super":           {acl(31, "sasl", "u@R"), proto.PermWrite, ids("sasl", "super"), true},
		"sasl of another":      {acl(31, "sasl", "u@R"), proto.PermWrite, ids("sasl", "u"), false},
		"unknown scheme":       {acl(31, "magic", "x"), proto.PermWrite, ids("magic", "x"), false},
		"auth is never stored": {acl(31, "auth", ""), proto.PermWrite, ids("auth", ""), false},
		"second entry":         {slices.Concat(acl(1, "world", "anyone"), acl(2, "digest", bob)), proto.PermWrite, ids("digest", bob), true},
		"entry with other bit": {slices.Concat(acl(2, "world", "anyone"), acl(1, "digest", bob)), proto.PermRead, nil, false},
	} {
		if got := everyScheme.Allowed(tc.acl, tc.perm, tc.ids); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMatchIP(t *testing.T) {
	for _, tc := range []struct {
		id, want string
		ok       bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"127.0.0.2", "127.0.0.1", false},
		{"10.1.2.3", "10.0.0.0/8", true},
		{"10.1.2.3", "10.1.2.128/25", false},
		{"10.1.2.200", "10.1.2.128/25", true},
		{"11.1.2.3", "10.0.0.0/8", false},
		{"1.2.3.4", "9.9.9.9/0", true},
		{"10.1.2.3", "10.1.2.3/32", true},
		{"10.1.2.3", "10.1.2.3/33", false},
		{"10.1.2.3", "10.1.2.3/x", false},
		{"10.1.2.3", "10.1.2.3/", false},
		{"0:0:0:0:0:0:0:1", "::1", true},
		{"0:0:0:0:0:0:0:1", "::/0", true},
		{"0:0:0:0:0:0:0:1", "0.0.0.0/0", false},
		{"1.2.3.4", "::/0", false},
		{"2001:db8:0:0:0:0:0:5", "2001:db8::/32", true},
		{"2001:db9:0:0:0:0:0:5", "2001:db8::/32", false},
		{"2001:db9:0:0:0:0:0:5", "2001:db8::/31", true},
		{"fe80:0:0:0:0:0:0:1%eth0", "fe80::/10", false}, // a zone does not parse
		{"localhost", "127.0.0.1", false},
	} {
		if got := names(new(ACLRules), "ip", tc.id, tc.want); got != tc.ok {
			t.Errorf("%q in %q: %v", tc.id, tc.want, got)
		}
	}
}

func TestValidID(t *testing.T) {
	for scheme, tests := range map[string]map[string]bool{
		"world":  {"anyone": true, "anybody": false, "": false},
		"digest": {bob: true, "u:h": true, ":h": true, "u:": false, "a:b:c": false, "": false, ":": false, "u": false, "a:b:": true, "a::": false, "a::b": false},
		"ip": {
			"1.2.3.4": true, "1.2.3": false, "1.2.3.4.5": false, "1.2.3.256": false, "1.2.3.-1": false, "1.2.3.": false,
			"1.2.3.4/32": true, "1.2.3.4/33": false, "1.2.3.4/-1": false, "1.2.3.4/0": true, "1.2.3.4/": false, "1.2.3.4/8/8": false,
			"01.+2.3.4": true, "": false, "host": false, "a.b.c.d": false,
			"::": true, "::1": true, "1::": true, "1:2:3:4:5:6:7:8": true, "1:2:3:4:5:6:7": false, "1:2:3:4:5:6:7:8:9": false,
			"1:2:3:4:5:6:7::": true, "1:2:3:4::5:6:7:8": false, "::1::": false, ":::": false, "1:::2": false, "12345::": false, "g::": false,
			"::ffff:1.2.3.4": false, "fe80::1%eth0": false, "::/128": true, "::/129": false, ":1:2:3:4:5:6:7": false, "1:": false, ":": false,
		},
		"sasl":  {"u": true, "": true, "u/h": true, "u@R": true, "u/h@R": true, "u/h/x@R": false, "u@R@S": false, "u@R/x": false, "@": true, "a/b/c": true},
		"x509":  {"CN=a": true, "a": false},
		"super": {"": false},
		"auth":  {"": true}, // handled elsewhere: see TestFix
		"key":   {"": true, "any": true},
		"magic": {"": false},
		"":      {"": false},
	} {
		for id, want := range tests {
			if got := everyScheme.validID(proto.ID{Scheme: scheme, ID: id}) || scheme == "auth"; got != want {
				t.Errorf("validID(%s:%q) = %v", scheme, id, got)
			}
		}
	}
}

func TestFix(t *testing.T) {
	me := ids("ip", "1.2.3.4", "digest", bob, "super", "", "sasl", "u@R")
	for name, tc := range map[string]struct {
		acl, want []proto.ACL
		ids       []proto.ID
	}{
		"null":          {nil, nil, me},
		"empty":         {[]proto.ACL{}, nil, me},
		"open":          {proto.OpenACL, proto.OpenACL, nil},
		"no perms":      {acl(0, "world", "anyone"), acl(0, "world", "anyone"), nil},
		"unknown perms": {acl(32, "world", "anyone"), acl(32, "world", "anyone"), nil},
		"all bits":      {acl(-1, "auth", ""), acl(-1, "digest", bob), ids("digest", bob)},
		"duplicates":    {acl(1, "world", "anyone", "digest", bob, "world", "anyone"), acl(1, "world", "anyone", "digest", bob), nil},
		"other perms are no duplicate": {
			slices.Concat(acl(1, "world", "anyone"), acl(2, "world", "anyone")),
			slices.Concat(acl(1, "world", "anyone"), acl(2, "world", "anyone")), nil,
		},
		"auth":                   {acl(3, "auth", "ignored"), acl(3, "digest", bob, "sasl", "u@R"), me},
		"auth without identity":  {acl(3, "auth", ""), nil, ids("ip", "1.2.3.4", "super", "")},
		"auth among others":      {acl(3, "world", "anyone", "auth", "", "ip", "::1"), acl(3, "world", "anyone", "digest", bob, "sasl", "u@R", "ip", "::1"), me},
		"auth and its expansion": {acl(3, "digest", bob, "auth", ""), acl(3, "digest", bob, "digest", bob), ids("digest", bob)},
		"unknown scheme":         {acl(1, "world", "anyone", "magic", "x"), nil, me},
		"world of others":        {acl(1, "world", "me"), nil, me},
		"null scheme":            {acl(1, "", ""), nil, me},
		"bad digest":             {acl(1, "digest", "bob"), nil, me},
		"super is no ACL":        {acl(1, "super", ""), nil, me},
	} {
		got, err := everyScheme.Fix(tc.acl, tc.ids)
		if wantErr := tc.want == nil; wantErr != (err == proto.ErrInvalidACL) || !wantErr && err != proto.OK {
			t.Errorf("%s: error %v", name, err)
		} else if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// Whatever the text is, an address that is valid as an ACL matches itself.
func FuzzIP(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "::1", "1:2::/16", "10.0.0.0/8", ":::", "1.2.3.4.5", "::1%2", "+1.2.3.4", "-1::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, bits, ok := parseRange(s)
		if ok && (bits < 0 || bits > a.bits) {
			t.Errorf("%q: %d bits", s, bits)
		}
		if _, plain := parseAddress(s); plain && !names(new(ACLRules), "ip", s, s) {
			t.Errorf("%q does not match itself", s)
		}
	})
}

func TestValidatePath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a": true, "/a/b": true, "/a.b": true, "/.a": true, "/a.": true, "/...": true, "/..a": true, "/a/.../b": true,
		"/a b": true, "/é": true, "/\u20ac": true, "/\ue000": false, "/\uf8ff": false, "/\uf900": true, "/\uffef": true, "/\u00a0": true,
		"": false, "a": false, "a/b": false, "/a/": false, "//": false, "//a": false, "/a//b": false,
		"/.": false, "/..": false, "/./a": false, "/a/.": false, "/a/..": false, "/a/./b": false, "/a/../b": false,
		"/a\x00": false, "/\x01": false, "/\x1f": false, "/\x7f": false, "/\u0080": false, "/\u009f": false, "/ ": true, "/~": true,
		"/\ufff0": false, "/\ufffd": false, "/\uffff": false, "/\U0001f600": false, "/\xff": false, "/a\xc3": false,
		"/zookeeper/quota": true,
	} {
		if got := ValidatePath(path); got != want {
			t.Errorf("ValidatePath(%q) = %v", path, got)
		}
	}
}

// The ids of ACLs are those of Java's ReferenceCountedACLCache.
func TestACLIDs(t *testing.T) {
	a := newACLTable()
	x, y := acl(1, "digest", "x:1"), acl(1, "digest", "y:1")
	if s := a.intern(nil); a.id(s) != -1 || !slices.Equal(a.list(s), proto.OpenACL) {
		t.Errorf("null is %d %v", a.id(s), a.list(s))
	}
	open, sx, sy := a.intern(proto.OpenACL), a.intern(x), a.intern(y)
	if a.id(open) != 1 || a.id(sx) != 2 || a.id(sy) != 3 || a.size() != 3 {
		t.Errorf("ids %d %d %d of %d", a.id(open), a.id(sx), a.id(sy), a.size())
	}
	if again := a.intern(slices.Clone(x)); again != sx {
		t.Error("an equal list has another slot")
	}
	a.release(sx)
	if a.size() != 3 {
		t.Error("forgotten too early")
	}
	a.release(sx)
	a.release(a.intern(nil))
	if a.size() != 2 {
		t.Error("not forgotten")
	}
	if s := a.intern(x); a.id(s) != 4 {
		t.Errorf("id %d is used again", a.id(s))
	}
	if s := a.intern([]proto.ACL{}); a.id(s) != 5 || len(a.list(s)) != 0 {
		t.Errorf("the empty list is %d %v", a.id(s), a.list(s))
	}
}
