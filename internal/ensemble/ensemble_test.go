package ensemble

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const three = "server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181\n" +
	"server.2=10.0.0.2:2888:3888:participant;0.0.0.0:2181\n" +
	"server.3=10.0.0.3:2888:3888:observer\nversion=100000003"

func mustParse(t *testing.T, text string) Ensemble {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMembers(t *testing.T) {
	e := mustParse(t, three)
	if got := e.Voters(); !slices.Equal(got, []int64{1, 2}) {
		t.Errorf("Voters() = %v", got)
	}
	if got := e.Observers(); !slices.Equal(got, []int64{3}) {
		t.Errorf("Observers() = %v", got)
	}
	if !e.IsVoter(2) || e.IsVoter(3) || e.IsVoter(4) {
		t.Error("IsVoter is wrong")
	}
	if e.Version != 0x100000003 || e.Weight(1) != 1 || e.Hierarchical() {
		t.Errorf("version %x, weight %d", e.Version, e.Weight(1))
	}
	m, ok := e.Member(2)
	if !ok || m.QuorumAddrs[0].String() != "10.0.0.2:2888" || m.ElectionAddrs[0].Port != 3888 || m.ClientAddr.Port != 2181 {
		t.Errorf("Member(2) = %+v, %v", m, ok)
	}
	if _, ok := e.Member(9); ok {
		t.Error("Member(9) exists")
	}
}

// setOf turns "13" into a has function for servers 1 and 3.
func setOf(ids string) func(int64) bool {
	return func(id int64) bool { return strings.ContainsRune(ids, rune('0'+id)) }
}

func TestQuorum(t *testing.T) {
	servers := func(n int) string {
		var b strings.Builder
		for i := range n {
			id := string(rune('1' + i))
			b.WriteString("server." + id + "=10.0.0." + id + ":1:2\n")
		}
		return b.String()
	}
	nine := servers(9) + "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9\n"
	for _, tc := range []struct {
		name, text, yes, no string // sets separated by blanks
	}{
		{"nobody", "", "", "- 1"},
		{"one", servers(1), "1", "- 2"},
		{"two", servers(2), "12", "1 2"},
		{"three", servers(3), "12 13 23 123", "1 2 3 345"},
		{"four", servers(4), "123 1234", "12 34"},
		{"five", servers(5), "123 345", "12 45"},
		{"observers do not count", servers(3) + "server.4=10.0.0.4:1:2:observer", "12", "14 4"},
		{"groups", nine, "1245 4578 12345", "124 12 1237"},
		{"whole group down", nine, "123456", "123 4567"},
		{"weights", nine + "weight.1=5\n", "145 178", "2345 2378"},
		{"zero group", nine + "weight.7=0\nweight.8=0\nweight.9=0\n", "1245", "12 12789"},
		{"group of weight zero is not counted", servers(2) + "group.1=1\ngroup.2=2\nweight.2=0", "1 12", "2"},
		{"all zero", servers(1) + "group.1=1\nweight.1=0", "", "1"},
		{"weighted observer counts against", servers(2) + "server.3=10.0.0.3:1:2:observer\ngroup.1=1:2:3\nweight.3=2", "", "12 123"},
	} {
		e := mustParse(t, tc.text)
		for _, set := range strings.Fields(tc.yes) {
			if !e.Quorum(setOf(set)) {
				t.Errorf("%s: %s is no quorum", tc.name, set)
			}
		}
		for _, set := range strings.Fields(tc.no) {
			if e.Quorum(setOf(set)) {
				t.Errorf("%s: %s is a quorum", tc.name, set)
			}
		}
	}
}

// TestQuorumsIntersect is the property every quorum rule must have: of two complementary sets at most one wins.
func TestQuorumsIntersect(t *testing.T) {
	for _, text := range []string{
		"server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2",
		"server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2\n" +
			"group.1=1:2\ngroup.2=3:4\ngroup.3=5\nweight.2=3\nweight.4=0",
	} {
		e := mustParse(t, text)
		for set := range 1 << 5 {
			in := func(id int64) bool { return set&(1<<(id-1)) != 0 }
			if e.Quorum(in) && e.Quorum(func(id int64) bool { return !in(id) }) {
				t.Errorf("%q: %05b and its complement are both quorums", text, set)
			}
		}
	}
}

func TestEqual(t *testing.T) {
	base := mustParse(t, three)
	other := func(old, replacement string) Ensemble {
		return mustParse(t, strings.Replace(three, old, replacement, 1)).WithVersion(7)
	}
	for _, tc := range []struct {
		name string
		e    Ensemble
		want bool
	}{
		{"same version", mustParse(t, "server.9=x:1:2\nversion=100000003"), true},
		{"same members", other("", ""), true},
		{"host in capitals", mustParse(t, strings.ReplaceAll(three, "10.0.0.", "H")).WithVersion(7), false},
		{"role", other("2888:3888:observer", "2888:3888"), false},
		{"port", other("2888", "2889"), false},
		{"election port", other("3888", "3889"), false},
		{"client address", other("2181", "2182"), false},
		{"no client address", other(";0.0.0.0:2181", ""), false},
		{"fewer", mustParse(t, "server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181"), false},
		{"hierarchical", mustParse(t, three+"\ngroup.1=1:2"), false},
	} {
		if base.Equal(tc.e) != tc.want || tc.e.Equal(base) != tc.want {
			t.Errorf("%s: equal is not %v", tc.name, tc.want)
		}
	}
	if a, b := mustParse(t, three+"\ngroup.1=1:2"), mustParse(t, three+"\ngroup.1=1\ngroup.2=2"); a.Equal(b.WithVersion(7)) {
		t.Error("different groups are equal")
	}
	if a, b := mustParse(t, "server.1=[::1]:1:2|zk.Example:1:2"), mustParse(t, "server.1=ZK.example:1:2|[0:0::1]:1:2"); !a.WithVersion(1).Equal(b) {
		t.Error("spelling of hosts matters")
	}
}

func TestStaticClient(t *testing.T) {
	e := mustParse(t, three)
	got := e.WithStaticClient(3, Addr{"0.0.0.0", 2183})
	if m, _ := got.Member(3); m.ClientAddr.Port != 2183 || !m.ClientFromStatic {
		t.Errorf("Member(3) = %+v", m)
	}
	if got.Text() != three {
		t.Errorf("the static client address is in the shared text: %q", got.Text())
	}
	if m, _ := e.Member(3); m.HasClientAddr {
		t.Error("WithStaticClient changed its receiver")
	}
	if m, _ := e.WithStaticClient(1, Addr{"0.0.0.0", 9}).Member(1); m.ClientAddr.Port != 2181 {
		t.Error("the static address replaced the shared one")
	}
}

func TestCheckRoles(t *testing.T) {
	const observer = "server.2=b:1:2:observer"
	for _, tc := range []struct {
		text       string
		standalone bool
		want       string
	}{
		{"", true, ""},
		{"", false, "standaloneEnabled = false"},
		{observer, true, "Observers w/o participants"},
		{observer, false, "standaloneEnabled = false"},
		{"server.1=a:1:2\n" + observer, true, "Observers w/o quorum"},
		{"server.1=a:1:2\n" + observer, false, ""},
		{"server.1=a:1:2\nserver.3=c:1:2\n" + observer, true, ""},
	} {
		err := mustParse(t, tc.text).CheckRoles(tc.standalone)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q, standaloneEnabled=%v: %v, want %q", tc.text, tc.standalone, err, tc.want)
		}
	}
}

func TestConflicts(t *testing.T) {
	for text, want := range map[string][]string{
		"server.1=a:1:2;2181\nserver.2=b:1:2;2181":                       nil,
		"server.1=a:1:2\nserver.2=A:1:3":                                 {"A:1 of server.1 conflicts A:1 of server.2"},
		"server.1=a:1:2\nserver.2=a:2:3":                                 {"a:2 of server.1 conflicts a:2 of server.2"},
		"server.1=a:1:2;a:9\nserver.2=b:1:2;a:9":                         {"a:9 of server.1 conflicts a:9 of server.2"},
		"server.1=0.0.0.0:1:2\nserver.2=0.0.0.0:1:2":                     nil,
		"server.1=[::]:1:2\nserver.2=[0::0]:1:2":                         nil,
		"server.1=127.0.0.1:1:2\nserver.2=127.0.0.1:1:9":                 {"127.0.0.1:1 of server.1 conflicts 127.0.0.1:1 of server.2"},
		"server.1=[::1]:1:2\nserver.2=[::0:1]:3:2":                       {"[0:0:0:0:0:0:0:1]:2 of server.1 conflicts [0:0:0:0:0:0:0:1]:2 of server.2"},
		"server.1=a:1:2\nserver.2=a:1:2\nserver.3=a:1:9\nserver.4=b:1:2": {"a:1 of server.1 conflicts a:1 of server.2", "a:2 of server.1 conflicts a:2 of server.2", "a:1 of server.1 conflicts a:1 of server.3"},
	} {
		var got []string
		for _, c := range mustParse(t, text).Conflicts() {
			got = append(got, c.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestStaticClientConflict: the address this server gave itself is nobody else's business.
func TestStaticClientConflict(t *testing.T) {
	e := mustParse(t, "server.1=a:1:2\nserver.2=b:1:2;a:9").WithStaticClient(1, Addr{"a", 9})
	if got := e.Conflicts(); got != nil {
		t.Errorf("Conflicts() = %v", got)
	}
}

func TestNew(t *testing.T) {
	a, _ := ParseServer("2", "b:1:2;2181")
	b, _ := ParseServer("1", "a:1:2;2181")
	e, err := New([]Member{a, b})
	if err != nil || e.Text() != "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant;0.0.0.0:2181\nversion=0" {
		t.Errorf("New = %q, %v", e.Text(), err)
	}
	if _, err := New([]Member{a, a}); err == nil {
		t.Error("one id twice was taken")
	}
	if _, err := New([]Member{{ID: 1}}); err == nil {
		t.Error("a member without addresses was taken")
	}
	if e := Single(0); !e.Quorum(setOf("0")) || e.Quorum(setOf("1")) {
		t.Error("a single server is not its own quorum")
	}
}

// TestHostileText holds inputs Java would take or choke on and Paddock refuses, with what the reader is told.
func TestHostileText(t *testing.T) {
	for text, want := range map[string]string{
		"server.-1=a:1:2":                                    "not a number of 0 or more",
		"server.1=a:1:2\nserver.01=b:1:2":                    "two servers have the id 1",
		"server.1=a b:1:2":                                   "has the character",
		"server.1=:1:2":                                      "the host is empty",
		"server.1=a:0:2":                                     "port out of range:0",
		"server.1=a:1:2;:2181":                               "the host is empty",
		"server.1=[1:2]:1:2":                                 "is not an IPv6 address",
		"server.1=[::1]x2888:3888":                           "doesn't have a port after colon",
		"server.1=" + strings.Repeat("h", 300) + ":1:2":      "longer than 255",
		"server.1=a:1:2|a:1:3":                               "listed twice",
		"server.1=a:1:2\ngroup.1=1\nweight.1=-1":             "is not a number from 0",
		"server.1=a:1:2\ngroup.1=1\nweight.1=9999999999":     "is not a number from 0",
		"server.1=a:1:2\nversion=-1":                         "is not a hex number",
		"server.1=" + strings.Repeat("a:1:2|", 100):          "does not have the form",
		"server.1=a:1:2\ngroup.1=1\ngroup.01=2":              "listed twice",
		"server.1=a:1:2\ngroup.1=1\nweight.1=1\nweight.01=2": "two weights",
	} {
		if e, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60q) = %q, %v, want an error with %q", text, e.Text(), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	javaAnswers(f, "config", func(text string, _ *string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e, err := Parse(text)
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(128*len(text)+64<<10); n > most {
			t.Errorf("%d bytes allocated for %d", n, len(text))
		}
		if err != nil {
			return
		}
		again, err := Parse(e.Text())
		if err != nil {
			t.Fatalf("Parse(%q) wrote %q, which it refuses: %v", text, e.Text(), err)
		}
		if again.Text() != e.Text() || !again.WithVersion(e.Version+1).Equal(e) {
			t.Fatalf("Parse(%q): %q is not %q", text, again.Text(), e.Text())
		}
		if e.Quorum(func(int64) bool { return false }) {
			t.Fatalf("Parse(%q): nobody is a quorum", text)
		}
		e.Conflicts()
	})
}

func FuzzParseServer(f *testing.F) {
	for _, spec := range []string{"a:2888:3888", "a:1:2:observer;[::1]:2181", "[fe80::1%eth0]:1:2|b:3:4;0", "[::ffff:1.2.3.4]:1:2"} {
		f.Add("1", spec)
	}
	f.Fuzz(func(t *testing.T, id, spec string) {
		m, err := ParseServer(id, spec)
		if err != nil {
			return
		}
		again, err := ParseServer(id, m.String())
		if err != nil || again.String() != m.String() || !again.Equal(m) {
			t.Fatalf("ParseServer(%q) wrote %q, read back as %q, %v", spec, m, again, err)
		}
	})
}

// FuzzCanonicalHost compares the IPv6 reader with the standard library's.
func FuzzCanonicalHost(f *testing.F) {
	for _, s := range []string{"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4", "::ffff:1.2.3.4", "fe80::1%eth0", "1:2::3::4", "::01.2.3.4", "12345::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, zone, ok := parseIPv6(s)
		want, err := netip.ParseAddr(s)
		if isV6 := err == nil && want.Is6(); zone == "" && !strings.Contains(s, "%") && ok != isV6 {
			t.Fatalf("parseIPv6(%q) = %v, netip says %v", s, ok, err)
		}
		if ok && zone == "" {
			if got := netip.MustParseAddr(canonicalHost(s)); got != want.Unmap() {
				t.Fatalf("canonicalHost(%q) = %v, want %v", s, got, want)
			}
		}
	})
}

// BenchmarkParseLarge reads what a peer may attach to one notification, on the goroutine that elects.
func BenchmarkParseLarge(b *testing.B) {
	var text strings.Builder
	for i := 0; text.Len() < 510<<10; i++ {
		fmt.Fprintf(&text, "server.%d=h:1:2\n", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text.String()); err == nil {
			b.Fatal("taken")
		}
	}
}
