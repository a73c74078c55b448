package shell

import (
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

func TestCheckPath(t *testing.T) {
	invalid := func(path, reason string) string {
		return `Invalid path string "` + path + `" caused by ` + reason
	}
	for path, want := range map[string]string{
		"/":            "",
		"/a/b.c/..d":   "",
		"/a/...":       "",
		"/\u00e9":      "",
		"":             "Path length must be > 0",
		"a":            "Path must start with / character",
		"/a/":          "Path must not end with / character",
		"/a//b":        invalid("/a//b", "empty node name specified @3"),
		"/.":           invalid("/.", "relative paths not allowed @1"),
		"/a/..":        invalid("/a/..", "relative paths not allowed @4"),
		"/../a":        invalid("/../a", "relative paths not allowed @2"),
		"/a/./b":       invalid("/a/./b", "relative paths not allowed @3"),
		"/a\x00":       invalid("/a\x00", "null character not allowed @2"),
		"/a\x1f":       invalid("/a\x1f", "invalid character @2"),
		"/\u0085":      invalid("/\u0085", "invalid character @1"),
		"/é\U0001F600": invalid("/é\U0001F600", "invalid character @2"),
		"/\ufff0":      invalid("/\ufff0", "invalid character @1"),
	} {
		got := ""
		if err := checkPath(path); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("checkPath(%q): %q, want %q", path, got, want)
		}
	}
}

// The answers are those of new String(bytes, UTF_8) in Java 17.
func TestFormatText(t *testing.T) {
	for data, want := range map[string]string{
		"héllo":            "héllo",
		"a\xffb":           "a\ufffdb",
		"\xff\xfe":         "\ufffd\ufffd",
		"\xe2\x82A":        "\ufffdA",
		"\xf0\x9f\x98":     "\ufffd",
		"\xf0\x9f\x98\xe2": "\ufffd\ufffd",
		"\xed\xa0\x80A":    "\ufffdA",
		"\xf5\x80":         "\ufffd\ufffd",
		"\xe0\x80\x80":     "\ufffd\ufffd\ufffd",
		"\xc3":             "\ufffd",
	} {
		if got := formatText([]byte(data)); got != want {
			t.Errorf("formatText(%q) = %q, want %q", data, got, want)
		}
	}
}

func TestFormatHexDots(t *testing.T) {
	got := strings.Split(formatHex([]byte("\x00\x1f ~\x7f\xff")), "\n")[3]
	if want := "|00000000| 00 1f 20 7e 7f ff                               |.. ~..          |"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFormatACLEscapes(t *testing.T) {
	got := formatACL([]zk.ACL{{Perms: zk.PermDelete | zk.PermRead, ID: zk.ID{Scheme: "x509", ID: "CN=a,O=b}%\n"}}})
	if want := "'x509,'CN=a%2CO=b%7D%25%0A\n: dr\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseACL(t *testing.T) {
	acl := func(perms zk.Perms, scheme, id string) zk.ACL {
		return zk.ACL{Perms: perms, ID: zk.ID{Scheme: scheme, ID: id}}
	}
	for text, want := range map[string]struct {
		acl        []zk.ACL
		complaints []string
	}{
		"world:anyone:cdrwa":      {[]zk.ACL{acl(zk.PermAll, "world", "anyone")}, nil},
		"digest:u:h=:r,ip:::1:w,": {[]zk.ACL{acl(zk.PermRead, "digest", "u:h="), acl(zk.PermWrite, "ip", "::1")}, nil},
		"auth::":                  {[]zk.ACL{acl(0, "auth", "")}, nil},
		"a:b:rx":                  {[]zk.ACL{acl(zk.PermRead, "a", "b")}, []string{"Unknown perm type: x"}},
		"a:r,world:anyone:r":      {[]zk.ACL{acl(zk.PermRead, "world", "anyone")}, []string{"a:r does not have the form scheme:id:perm"}},
		"":                        {nil, []string{" does not have the form scheme:id:perm"}},
		",":                       {nil, nil},
		",a":                      {nil, []string{" does not have the form scheme:id:perm", "a does not have the form scheme:id:perm"}},
	} {
		var complaints []string
		got := parseACL(text, func(s string) { complaints = append(complaints, s) })
		if !slices.Equal(got, want.acl) || !slices.Equal(complaints, want.complaints) {
			t.Errorf("parseACL(%q) = %v, %q, want %v, %q", text, got, complaints, want.acl, want.complaints)
		}
	}
}

func TestCompareJava(t *testing.T) {
	names := []string{"\uff5e", "\U0001F600", "b", "é", "a"}
	slices.SortFunc(names, compareJava)
	if want := []string{"a", "b", "é", "\U0001F600", "\uff5e"}; !slices.Equal(names, want) {
		t.Errorf("order %q, want %q", names, want)
	}
}
