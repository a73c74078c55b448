package tree

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// What a standalone Java 3.9.5 answered to a create with a single ACL entry of
// each kind: without further settings, with DigestAuthenticationProvider.enabled=false,
// and with authProvider.1 to 4 naming the providers of sasl, x509, ensemble and key.
// "y" is accepted, "n" error -114, "m" error -5. "null" is a null id; for a null
// id of scheme key, which is missing here, Java breaks down.
const javaSchemes = `
world:anyone  y y y
world:x       n n n
digest:u:h    y n y
digest:u      n n n
ip:1.2.3.4    y y y
sasl:u        n n y
sasl:a@b@c    n n n
x509:CN=a     n n y
x509:a        n n n
super:        n n n
ensemble:x    n n n
key:x         n n y
key:          n n y
auth:         n n n
:             n n n
world:null    m m m
digest:null   m n m
ip:null       m m m
sasl:null     n n m
x509:null     n n m
ensemble:null n n n
auth:null     n n n
nope:null     n n n
`

func TestSchemesLikeJava(t *testing.T) {
	servers := []*ACLRules{{}, {NoDigest: true}, everyScheme}
	for line := range strings.Lines(strings.TrimSpace(javaSchemes)) {
		fields := strings.Fields(line)
		scheme, id, _ := strings.Cut(fields[0], ":")
		if id == "null" {
			id = proto.NullID
		}
		for i, rules := range servers {
			_, err := rules.Fix(acl(1, scheme, id), ids("ip", "127.0.0.1"))
			if want := map[string]proto.ErrCode{"y": proto.OK, "n": proto.ErrInvalidACL, "m": proto.ErrMarshalling}[fields[i+1]]; err != want {
				t.Errorf("%s at server %d: %v, want %v", fields[0], i, err, want)
			}
		}
	}
}

// A stored ACL of a scheme that a server does not have lets nobody in, whatever
// identities a connection brings, and auth does not stand for such identities.
func TestSchemesThatAreNotThere(t *testing.T) {
	all := map[string]string{"digest": bob, "sasl": "u", "x509": "CN=a", "key": ""}
	for scheme, id := range all {
		without := *everyScheme
		switch scheme {
		case "digest":
			without.NoDigest = true
		case "sasl":
			without.SASL = false
		case "x509":
			without.X509 = false
		case "key":
			without.Key = false
		}
		entry, mine := acl(31, scheme, id), ids(scheme, id)
		if !everyScheme.Allowed(entry, proto.PermRead, mine) || without.Allowed(entry, proto.PermRead, mine) {
			t.Errorf("%s is not what decides", scheme)
		}
		if got, err := everyScheme.Fix(acl(31, "auth", ""), mine); err != proto.OK || len(got) != 1 || got[0] != entry[0] {
			t.Errorf("auth with %s: %v, %v", scheme, got, err)
		}
		if _, err := without.Fix(acl(31, "auth", ""), mine); err != proto.ErrInvalidACL {
			t.Errorf("auth without %s: %v", scheme, err)
		}
		for other := range all {
			want := all[other]
			if other == "digest" {
				want = "bob"
			}
			if other == scheme {
				want = ""
			}
			if got := without.User(proto.ID{Scheme: other, ID: all[other]}); got != want {
				t.Errorf("without %s, user of %s is %q, want %q", scheme, other, got, want)
			}
		}
	}
	for _, id := range ids("super", "CN=a", "world", "anyone", "magic", "x") {
		if got := everyScheme.User(id); got != "" {
			t.Errorf("user of %v is %q", id, got)
		}
	}
}

func TestUsersForWhomNoEntryMustName(t *testing.T) {
	rules := *everyScheme
	rules.AnySASLUser, rules.X509SuperUser = "anybody", "CN=root"
	for name, tc := range map[string]struct {
		rules *ACLRules
		acl   []proto.ACL
		ids   []proto.ID
		want  bool
	}{
		"any sasl user":              {&rules, acl(1, "sasl", "anybody"), ids("sasl", "bob"), true},
		"any sasl user, other entry": {&rules, acl(1, "sasl", "carol"), ids("sasl", "bob"), false},
		"any user of another scheme": {&rules, acl(1, "sasl", "anybody"), ids("digest", bob), false},
		"any sasl user, not set":     {everyScheme, acl(1, "sasl", ""), ids("sasl", "bob"), false},
		"x509 super user":            {&rules, acl(1, "x509", "CN=a"), ids("x509", "CN=root"), true},
		"x509 super user elsewhere":  {&rules, acl(1, "digest", bob), ids("x509", "CN=root"), false},
		"x509 super user, not set":   {everyScheme, acl(1, "x509", "CN=a"), ids("x509", ""), false},
		"skipped":                    {&ACLRules{Skip: true}, acl(0, "digest", bob), nil, true},
	} {
		if got := tc.rules.Allowed(tc.acl, proto.PermRead, tc.ids); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// skipACL grants what ACLs refuse; what they may say is checked all the same.
func TestSkipStillChecksForm(t *testing.T) {
	rules := &ACLRules{Skip: true}
	for _, bad := range [][]proto.ACL{nil, {}, acl(1, "sasl", "u"), acl(1, "auth", ""), acl(1, "world", "x")} {
		if _, err := rules.Fix(bad, nil); err != proto.ErrInvalidACL {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// FuzzFix looks for a list that comes out with something in it that may not be
// stored: what Fix returns, Fix takes again and leaves alone.
func FuzzFix(f *testing.F) {
	f.Add("digest", "u:h", "auth", "", int32(31), true)
	f.Add("ip", "::1/64", "x509", "CN=a, O=b", int32(1), true)
	f.Add("sasl", "u/h@R", "world", "anyone", int32(-1), false)
	f.Add("digest", proto.NullID, "auth", proto.NullID, int32(1), true)
	f.Fuzz(func(t *testing.T, scheme1, id1, scheme2, id2 string, perms int32, every bool) {
		rules := new(ACLRules)
		if every {
			rules = everyScheme
		}
		mine := ids("ip", "1.2.3.4", "digest", bob, "sasl", "u", "super", "")
		got, err := rules.Fix(acl(perms, scheme1, id1, scheme2, id2), mine)
		if err != proto.OK {
			if err != proto.ErrInvalidACL && (err != proto.ErrMarshalling || id1 != proto.NullID && id2 != proto.NullID) || got != nil {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		if len(got) == 0 {
			t.Fatal("nothing is left, which would allow everything")
		}
		for _, a := range got {
			if a.ID.Scheme == "auth" || a.Perms != perms {
				t.Fatalf("%v is not what was asked for", a)
			}
			if again, err := rules.Fix([]proto.ACL{a}, nil); err != proto.OK || len(again) != 1 || again[0] != a {
				t.Fatalf("%v comes back as %v, %v", a, again, err)
			}
		}
	})
}

func TestIDsLikeJava(t *testing.T) {
	text, err := os.ReadFile("testdata/java_ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.SplitN(strings.TrimSpace(line), " ", 4)
		id, rest := unquote(t, fields[3])
		var got bool
		if fields[0] == "valid" {
			got = everyScheme.validID(proto.ID{Scheme: fields[1], ID: id})
		} else {
			want, _ := unquote(t, strings.TrimSpace(rest))
			got = names(everyScheme, fields[1], id, want)
		}
		if got != (fields[2] == "1") {
			t.Errorf("%s: %v", strings.TrimSpace(line), got)
		}
		n++
	}
	if n < 500 {
		t.Errorf("only %d rows", n)
	}
}

// unquote takes the quoted string that s begins with off it.
func unquote(t *testing.T, s string) (text, rest string) {
	t.Helper()
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	text, err = strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return text, s[len(quoted):]
}

// Long lists of identities and entries are looked at in another way, which must
// come to the same.
func TestAllowedByMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	schemes := []string{"digest", "digest", "digest", "key", "ip", "x509", "sasl", "world", "other"}
	names := []string{"a", "super", "127.0.0.1", "127.0.0.0/8", "anyone"}
	id := func() proto.ID {
		return proto.ID{Scheme: schemes[rng.IntN(len(schemes))], ID: names[rng.IntN(len(names))]}
	}
	allowed := 0
	const rounds = 5000
	for range rounds {
		r := ACLRules{NoDigest: rng.IntN(4) == 0, X509: rng.IntN(2) == 0, SASL: rng.IntN(2) == 0, Key: rng.IntN(2) == 0}
		if rng.IntN(2) == 0 {
			r.AnySASLUser, r.X509SuperUser = "any", "super"
		}
		var ids []proto.ID
		for range 1 + rng.IntN(4) {
			ids = append(ids, id())
		}
		var acl []proto.ACL
		for range 1 + rng.IntN(4) {
			acl = append(acl, proto.ACL{Perms: proto.Perms(1 + rng.IntN(3)), ID: id()})
		}
		want := r.Allowed(acl, proto.PermRead, ids)
		if got := r.allowedByMany(acl, proto.PermRead, ids); got != want {
			t.Fatalf("%+v: %+v by %+v: %t, want %t", r, ids, acl, got, want)
		}
		var v Verdicts
		for range 2 {
			if got := v.Allowed(&r, append(acl, make([]proto.ACL, shortACL)...), proto.PermRead, ids); got != want {
				t.Fatalf("remembered: %t", got)
			}
		}
		if want {
			allowed++
		}
	}
	if allowed < rounds/20 || allowed > rounds*19/20 {
		t.Errorf("%d of %d were allowed", allowed, rounds)
	}
}

// names reports whether a connection with one identity is meant by an ACL entry of the same scheme.
func names(r *ACLRules, scheme, id, want string) bool {
	l := look{r: r, ids: []proto.ID{{Scheme: scheme, ID: id}}}
	return l.names(&proto.ID{Scheme: scheme, ID: want})
}

// A client's address is parsed once for all entries, and one of several is not taken for another.
func TestLookParsesAddressesOnce(t *testing.T) {
	ids := []proto.ID{{Scheme: "digest", ID: "10.0.0.1"}, {Scheme: "ip", ID: "10.0.0.2"}, {Scheme: "ip", ID: "nonsense"}, {Scheme: "ip", ID: "10.0.0.3"}}
	l := look{r: new(ACLRules), ids: ids}
	for _, x := range []struct {
		want string
		ok   bool
	}{{"10.0.0.1", false}, {"10.0.0.2", true}, {"10.0.0.3", true}, {"10.0.0.2", true}, {"10.0.0.0/29", true}, {"10.0.0.4", false}, {"0.0.0.0", false}, {"nonsense", false}} {
		if got := l.names(&proto.ID{Scheme: "ip", ID: x.want}); got != x.ok {
			t.Errorf("%s: %t", x.want, got)
		}
	}
	one := look{r: new(ACLRules), ids: ids[1:2]}
	one.names(&proto.ID{Scheme: "ip", ID: "10.0.0.9"})
	if one.of != 1 || !one.ok {
		t.Fatalf("%+v: not remembered", one)
	}
	one.addr.b[3] = 9
	if !one.names(&proto.ID{Scheme: "ip", ID: "10.0.0.9"}) {
		t.Error("parsed again")
	}
}

// The short way to parse an address gives what the long one gives, which a sign at the front enforces.
func TestPlainAddresses(t *testing.T) {
	parts := []string{"0", "7", "10", "255", "256", "999", "001", "0001", "", "x", "1 ", "٣"}
	for _, p := range parts {
		for i, s := range []string{p + ".2.3.4", "1." + p + ".3.4", "1.2.3." + p, "1.2.3" + p, "1.2.3.4." + p} {
			plain, ok := parseAddress(s)
			long, longOK := parseAddress("+" + s)
			if p == "" && i == 0 { // of which a sign makes another nonsense
				long, longOK = plain, false
			}
			if ok != longOK || ok && plain != long {
				t.Errorf("%q: %v, %t by the short way, %v, %t by the long one", s, plain, ok, long, longOK)
			}
		}
	}
}

// While many ACLs are come to by turns all are remembered, and no more than Max afterwards.
func TestWideVerdicts(t *testing.T) {
	var r ACLRules
	v := Verdicts{Max: 2}
	ids := []proto.ID{{Scheme: "ip", ID: "10.0.1.1"}}
	ask := func(n int) {
		v.Wide()
		for k := range n {
			v.Allowed(&r, longACL(k), proto.PermRead, ids)
		}
		if v.remembered() < n {
			t.Errorf("%d of %d are remembered", v.remembered(), n)
		}
		v.Narrow()
	}
	if ask(2); v.remembered() != 2 {
		t.Errorf("%d are remembered for the next request", v.remembered())
	}
	if ask(3); v.remembered() > 2 {
		t.Errorf("%d are remembered for the next request", v.remembered())
	}
	ask(1)
	for k := range 5 {
		v.Allowed(&r, longACL(k), proto.PermRead, ids)
	}
	if v.remembered() > 2 {
		t.Errorf("%d are remembered", v.remembered())
	}
}

// longACL is an ACL that is worth remembering, another one each time.
func longACL(k int) (acl []proto.ACL) {
	for i := range shortACL + 1 {
		acl = append(acl, proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.0.%d.%d", k, i)}})
	}
	return acl
}

// A thousand identities and four thousand entries are the most that a client can
// make. Four million pairs would take 40 ms for every look.
func TestAllowedCostsTheSum(t *testing.T) {
	var ids []proto.ID
	for i := range 1000 {
		ids = append(ids, proto.ID{Scheme: "digest", ID: fmt.Sprintf("me%d:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i)})
	}
	var acl []proto.ACL
	for i := range 4000 {
		acl = append(acl, proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "digest", ID: fmt.Sprintf("you%d:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i)}})
	}
	var r ACLRules
	if n := testing.AllocsPerRun(1, func() { r.Allowed(acl, proto.PermRead, ids) }); n == 0 {
		t.Error("the identities are not put into a set")
	}
	var v Verdicts
	v.Allowed(&r, acl, proto.PermRead, ids)
	if n := testing.AllocsPerRun(10, func() { v.Allowed(&r, acl, proto.PermRead, ids) }); n != 0 {
		t.Error("the same ACL is looked at again")
	}
	if v.Allowed(&r, acl, proto.PermRead, ids) || !v.Allowed(&r, append(acl, proto.OpenACL...), proto.PermRead, ids) {
		t.Error("wrong")
	}
}

// As many ACLs as may be remembered are, in whatever order they come.
func TestVerdictsRemember(t *testing.T) {
	const most = 4
	var acls [most][]proto.ACL
	for k := range acls {
		for i := range shortACL + 1 {
			acls[k] = append(acls[k], proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.0.%d.%d", k, i)}})
		}
	}
	var r ACLRules
	v := Verdicts{Max: most}
	ids := []proto.ID{{Scheme: "ip", ID: "10.0.1.1"}}
	ask := func() {
		for k, acl := range acls {
			if got := v.Allowed(&r, acl, proto.PermRead, ids); got != (k == 1) {
				t.Errorf("ACL %d: %t", k, got)
			}
		}
	}
	ask()
	for k, acl := range acls {
		if v.Allowed(&r, acl, proto.PermRead, ids); v.remembered() != most {
			t.Fatalf("%d of %d are remembered after number %d", v.remembered(), most, k)
		}
	}
	v.Allowed(&r, append(acls[0], acls[1]...), proto.PermRead, ids)
	if v.remembered() > most {
		t.Errorf("%d are remembered", v.remembered())
	}
	ids = []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}
	if v.Allowed(&r, acls[1], proto.PermRead, ids) {
		t.Error("somebody else's verdict")
	}
}

func (v *Verdicts) remembered() int {
	if v.said == nil {
		return 0
	}
	return len(v.said.known)
}
