package auth

import (
	"crypto"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// Java 3.9.5 on Java 17: java -Dzookeeper.DigestAuthenticationProvider.digestAlg=... -cp ...
// org.apache.zookeeper.server.auth.DigestAuthenticationProvider bob:secret
func TestDigestAlgorithms(t *testing.T) {
	for algorithm, want := range map[crypto.Hash]string{
		crypto.MD5:        "pasriMfeJxH/y5wk/opUWg==",
		crypto.SHA1:       "fyVmFCwVbTJYrznoSu1koqYEYF0=",
		crypto.SHA224:     "5/BxB7nGacUX3CA0wafV2XS7GbQ54deqor/oXg==",
		crypto.SHA256:     "huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE=",
		crypto.SHA384:     "sK3FknlHR28F5XDVFyv279SPFI+mcaciCe23ZtSFn7CeJGi9j80tCAbRDiVejZ6K",
		crypto.SHA512:     "MON49O1q1UU4gzHRH8XFfdstQyTRtQRoDT+8dvk+qrZdXJegJxeoYDJfch4LeWUjXjSWIiqnKXpFYZi7tC1AZw==",
		crypto.SHA512_224: "yTt2wxbXBJcyMOIehFa5UplgRq0T/nu9skYVcw==",
		crypto.SHA512_256: "Og/IurIw/GdzbFYQ/Z98uLvNTACkWBakgqXV2r5V1Zw=",
		crypto.SHA3_224:   "RWLJ9PCRZyjMaWsFPHvSpbY168zfDgTW8akZzQ==",
		crypto.SHA3_256:   "ukO6WgYOvbjGYGRnCevsZ2T9tQ3ynirMDLl7Q45X6Rc=",
		crypto.SHA3_384:   "lez47SW3dbfkQSe7psLgnTgaeQNC8V3Q/V4KUvBZqSyP5PYFdLx1bSgbREtiqWkT",
		crypto.SHA3_512:   "WISyoZv7veYA99eCjRXIryiJS6naNSmdMrE6AO9lJ90NPVr/4b/DbXgizNO6W+B2kcZO9YDhjZzAnIXD1CvxdA==",
	} {
		if got := Digest(algorithm, "bob:secret"); got != "bob:"+want {
			t.Errorf("%v: %s, want bob:%s", algorithm, got, want)
		}
		super := New(Options{Algorithm: algorithm, SuperDigest: "bob:" + want})
		if ids, err := super.Authenticate(netip.Addr{}, "digest", []byte("bob:secret")); err != nil || len(ids) != 2 || ids[0].Scheme != "super" {
			t.Errorf("%v: %v, %v", algorithm, ids, err)
		}
	}
}

// The first two come from DigestAuthenticationProvider; the third is SHA-1 of nothing.
func TestDigest(t *testing.T) {
	for credentials, want := range map[string]string{
		"bob:secret": "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=",
		"super:test": "super:D/InIHSb7yEEbrWz8b9l71RjZJU=",
		"":           ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
	} {
		if got := Digest(0, credentials); got != want {
			t.Errorf("Digest(%q) = %q, want %q", credentials, got, want)
		}
	}
	if got := Digest(0, "a:b:c"); !strings.HasPrefix(got, "a:") || strings.HasPrefix(got, "a:b") {
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
		"not super":   {"digest", []byte("super:tesT"), []proto.ID{{Scheme: "digest", ID: Digest(0, "super:tesT")}}, nil},
		"empty":       {"digest", []byte{}, []proto.ID{{Scheme: "digest", ID: Digest(0, "")}}, nil},
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

// The answers to ensemble and key are those of Java 3.9.5 with authProvider.1 and
// .2 set to their providers, ensembleAuthName=prod, stage, and /key as named.
func TestConfiguredSchemes(t *testing.T) {
	key := ""
	a := New(Options{
		NoDigest: true, Ensemble: true, EnsembleNames: []string{"prod", "stage"},
		Key: func() ([]byte, bool) { return []byte(key), key != "none" },
	})
	keyID := []proto.ID{{Scheme: "key"}}
	for _, tc := range []struct {
		scheme, key string
		data        []byte
		want        []proto.ID
		err         error
	}{
		{"digest", "", []byte("bob:secret"), nil, ErrUnknownScheme},
		{"ensemble", "", []byte("stage"), nil, nil},
		{"ensemble", "", nil, nil, nil},
		{"ensemble", "", []byte{}, nil, nil},
		{"ensemble", "", []byte("Stage"), nil, ErrOtherEnsemble},
		{"ensemble", "", []byte(" stage"), nil, ErrOtherEnsemble},
		{"key", "none", []byte("x"), keyID, nil},
		{"key", "none", nil, nil, ErrRefused},
		{"key", "7", []byte("21"), keyID, nil},
		{"key", "7", []byte("-14"), keyID, nil},
		{"key", "7", []byte("22"), nil, ErrRefused},
		{"key", "7", []byte("x"), nil, ErrRefused},
		{"key", "7", []byte{}, nil, ErrRefused},
		{"key", "0", []byte("22"), keyID, nil},
		{"key", "0", []byte("x"), nil, ErrRefused},
		{"key", "x", []byte("22"), nil, ErrRefused},
		{"key", "", []byte("22"), nil, ErrRefused},
		{"key", "-1", []byte("-2147483648"), keyID, nil},
	} {
		key = tc.key
		got, err := a.Authenticate(netip.Addr{}, tc.scheme, tc.data)
		if !errors.Is(err, tc.err) || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s %q with key %q: %v, %v, want %v, %v", tc.scheme, tc.data, tc.key, got, err, tc.want, tc.err)
		}
	}
	if _, err := New(Options{Ensemble: true}).Authenticate(netip.Addr{}, "ensemble", []byte("any")); err != nil {
		t.Errorf("an ensemble without names: %v", err)
	}
}

// The name a client gives goes into the log, so it must not be long or break lines.
func TestOtherEnsembleIsShownSafely(t *testing.T) {
	name := "x\nINFO forged " + strings.Repeat("y", 1<<20)
	_, err := New(Options{Ensemble: true, EnsembleNames: []string{"prod"}}).Authenticate(netip.Addr{}, "ensemble", []byte(name))
	if err == nil || strings.ContainsAny(err.Error(), "\n\r\t") || len(err.Error()) > 1000 {
		t.Errorf("%.200s", err)
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
