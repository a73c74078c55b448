package auth

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// The first two come from DigestAuthenticationProvider; the third is SHA-1 of nothing.
func TestDigest(t *testing.T) {
	for credentials, want := range map[string]string{
		"bob:secret": "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=",
		"super:test": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
		"":           ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
	} {
		if got := Digest(credentials); got != want {
			t.Errorf("Digest(%q) = %q, want %q", credentials, got, want)
		}
	}
	if got := Digest("a:b:c"); !strings.HasPrefix(got, "a:") || strings.HasPrefix(got, "a:b") {
		t.Errorf("the user ends at the first colon: %q", got)
	}
}

func TestMalformedCredentialsAreReplaced(t *testing.T) {
	for in, want := range map[string]string{
		"caf\xe9:x":        "caf\uFFFD:x",
		"\xff\xff":         "\uFFFD\uFFFD",
		"\xe2\x82:":        "\uFFFD:",
		"\xe2\x82":         "\uFFFD",
		"\xed\xa0\x80":     "\uFFFD\uFFFD\uFFFD",
		"\xf0\x9f\x98a":    "\uFFFDa",
		"\xc0\xaf":         "\uFFFD\uFFFD",
		"good \u00e9":      "good \u00e9",
		"real \uFFFD \xe2": "real \uFFFD \uFFFD",
	} {
		if got := toValid(in); got != want {
			t.Errorf("toValid(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJavaAddr(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1":        "127.0.0.1",
		"::ffff:10.1.2.3":  "10.1.2.3",
		"::1":              "0:0:0:0:0:0:0:1",
		"fe80::1:ab%eth0":  "fe80:0:0:0:0:0:1:ab%eth0",
		"2001:db8::ff00:0": "2001:db8:0:0:0:0:ff00:0",
	} {
		if got := JavaAddr(netip.MustParseAddr(in)); got != want {
			t.Errorf("JavaAddr(%s) = %q, want %q", in, got, want)
		}
	}
	if got := JavaAddr(netip.Addr{}); got != "" {
		t.Errorf("no address gives %q", got)
	}
}

func TestAuthenticate(t *testing.T) {
	a := New(Options{SuperDigest: "super:D/InIHSb7yEEbrWz8b9l71RjZJU="})
	remote := netip.MustParseAddr("10.0.0.7")
	for name, tc := range map[string]struct {
		scheme string
		data   []byte
		want   []proto.ID
		err    error
	}{
		"digest":      {"digest", []byte("bob:secret"), []proto.ID{{Scheme: "digest", ID: "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}}, nil},
		"super":       {"digest", []byte("super:test"), []proto.ID{{Scheme: "super"}, {Scheme: "digest", ID: "super:D/InIHSb7yEEbrWz8b9l71RjZJU="}}, nil},
		"not super":   {"digest", []byte("super:tesT"), []proto.ID{{Scheme: "digest", ID: Digest("super:tesT")}}, nil},
		"empty":       {"digest", []byte{}, []proto.ID{{Scheme: "digest", ID: Digest("")}}, nil},
		"null":        {"digest", nil, nil, ErrRefused},
		"ip":          {"ip", []byte("1.2.3.4"), []proto.ID{{Scheme: "ip", ID: "10.0.0.7"}}, nil},
		"world":       {"world", []byte("anyone"), nil, ErrUnknownScheme},
		"auth":        {"auth", nil, nil, ErrUnknownScheme},
		"super asked": {"super", []byte("super:test"), nil, ErrUnknownScheme},
		"none":        {"", nil, nil, ErrUnknownScheme},
	} {
		got, err := a.Authenticate(remote, tc.scheme, tc.data)
		if !errors.Is(err, tc.err) || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v, %v", name, got, err, tc.want, tc.err)
		}
	}
}

func TestNoSuperUserByDefault(t *testing.T) {
	for _, digest := range []string{"", "super:"} {
		ids, err := New(Options{SuperDigest: digest}).Authenticate(netip.Addr{}, "digest", []byte("super:test"))
		if err != nil || len(ids) != 1 || ids[0].Scheme != "digest" {
			t.Errorf("superDigest %q: %v, %v", digest, ids, err)
		}
	}
}

type tokens struct{}

func (tokens) Scheme() string { return "digest" }
func (tokens) Authenticate(netip.Addr, []byte) ([]proto.ID, error) {
	return nil, ErrRefused
}

func TestFurtherProvidersComeFirst(t *testing.T) {
	a := New(Options{Providers: []Provider{tokens{}}})
	if _, err := a.Authenticate(netip.Addr{}, "digest", []byte("a:b")); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if !a.Known("ip") || a.Known("world") {
		t.Error("ip is known by default, world never is")
	}
}

func FuzzAuthenticate(f *testing.F) {
	f.Add("digest", []byte("bob:secret"))
	f.Add("ip", []byte{0xff, 0xfe})
	a := New(Options{})
	f.Fuzz(func(t *testing.T, scheme string, data []byte) {
		ids, err := a.Authenticate(netip.IPv4Unspecified(), scheme, data)
		if err == nil && len(ids) == 0 {
			t.Fatal("neither an identity nor an error")
		}
	})
}
