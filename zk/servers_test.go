package zk

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseServers(t *testing.T) {
	for in, want := range map[string]struct {
		hosts string
		root  chroot
	}{
		"h1":                           {"h1:2181", ""},
		"h1:2182,h2":                   {"h1:2182 h2:2181", ""},
		" h1 , h2:1 ,":                 {"h1:2181 h2:1", ""},
		"h1/app":                       {"h1:2181", "/app"},
		"h1,h2:2182/app/x":             {"h1:2181 h2:2182", "/app/x"},
		"h1/":                          {"h1:2181", ""},
		"[::1]:2182,[fe80::1%eth0]/a":  {"[::1]:2182 [fe80::1%eth0]:2181", "/a"},
		"10.0.0.1:2181,10.0.0.2:65535": {"10.0.0.1:2181 10.0.0.2:65535", ""},
	} {
		hosts, root, err := parseServers(in)
		if err != nil || strings.Join(hosts, " ") != want.hosts || root != want.root {
			t.Errorf("%q: %q %q %v, want %+v", in, hosts, root, err, want)
		}
	}
}

func TestParseServersRefuses(t *testing.T) {
	for _, in := range []string{
		"", ",", "/app", "h1:0", "h1:65536", "h1:x", "h1:", ":2181", "::1", "[::1", "h1/a/", "h1//a", "h1/a/../b",
	} {
		if hosts, root, err := parseServers(in); err == nil {
			t.Errorf("%q: %q %q, want an error", in, hosts, root)
		}
	}
}

// testServers returns servers whose names are looked up in dns.
func testServers(dns map[string][]string, list ...string) *servers {
	s := newServers(list, true)
	s.lookup = func(_ context.Context, host string) ([]string, error) {
		if dns[host] == nil {
			return nil, errors.New("no such host")
		}
		return slices.Clone(dns[host]), nil
	}
	return s
}

// take returns the next n addresses, sorted.
func take(t *testing.T, s *servers, n int) string {
	t.Helper()
	var got []string
	for i := range n {
		to, again, err := s.next(t.Context())
		if err != nil {
			to.addr = "error"
		}
		if again && i > 0 {
			to.addr = "again " + to.addr
		}
		got = append(got, to.addr)
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// Every address of every name comes once a round, and names are resolved anew.
func TestServersRounds(t *testing.T) {
	dns := map[string][]string{"one": {"10.0.0.1", "10.0.0.2"}, "two": {"::1"}, "bad": nil}
	s := testServers(dns, "one:1", "two:2", "bad:3")
	if got, want := take(t, s, 4), "10.0.0.1:1 10.0.0.2:1 [::1]:2 error"; got != want {
		t.Errorf("first round %q, want %q", got, want)
	}
	dns["two"] = []string{"::2"}
	if got, want := take(t, s, 4), "10.0.0.1:1 10.0.0.2:1 [::2]:2 error"; got != want {
		t.Errorf("second round %q, want %q", got, want)
	}
	if _, again, _ := s.next(t.Context()); !again {
		t.Error("nothing tells that the third round begins")
	}
}

// The addresses of one name are as good as several names: each is tried once a
// round, comes first as often as the others, and one that the name has got or
// lost meanwhile counts from the next attempt on.
func TestServersOfOneName(t *testing.T) {
	dns := map[string][]string{"zk": {"10.0.0.1", "10.0.0.2", "10.0.0.3"}}
	counts := map[string]int{}
	const n = 3000
	for i := range n {
		s := testServers(dns, "zk:2181")
		s.dice = rand.New(rand.NewPCG(7, uint64(i)))
		to, _, _ := s.next(t.Context())
		counts[to.addr]++
		if to.host != "zk:2181" {
			t.Fatalf("%+v", to)
		}
	}
	for _, ip := range dns["zk"] {
		mustBeNear(t, "first attempts at "+ip, counts[ip+":2181"], n, 1./3)
	}

	s := testServers(dns, "zk:2181")
	first := take(t, s, 1)
	dns["zk"] = []string{"10.0.0.4", "10.0.0.5", strings.TrimSuffix(first, ":2181")}
	if got, want := take(t, s, 2), "10.0.0.4:2181 10.0.0.5:2181"; got != want {
		t.Errorf("after the name has moved %q, want %q", got, want)
	}
}

func TestServersUpdate(t *testing.T) {
	dns := map[string][]string{"a": {"10.0.0.1", "10.0.0.9"}, "b": {"10.0.0.2"}}
	s := testServers(dns, "a:1")
	at, _, _ := s.next(t.Context())
	if !s.connected(at) {
		t.Fatal("refused though nothing has changed")
	}
	if s.update([]string{at.addr, "b:1"}[:1], &at) {
		t.Error("leaves though its address is in the list")
	}
	if s.connected(at) {
		t.Error("counts as connected by the new list")
	}
	if !s.update([]string{"b:1"}, &at) {
		t.Error("stays though its server has gone")
	}
	if got, want := take(t, s, 1), "10.0.0.2:1"; got != want {
		t.Errorf("goes to %s, want %s", got, want)
	}
	if !s.same([]string{"b:1"}) || s.same([]string{"a:1"}) || s.size() != 1 {
		t.Error("wrong list")
	}
}

func TestServersAreShuffled(t *testing.T) {
	first := map[string]bool{}
	for range 200 { // a host stays behind with probability 3·(2/3)^200
		to, _, _ := newServers([]string{"a:1", "b:1", "c:1"}, false).next(t.Context())
		first[to.addr] = true
	}
	if len(first) != 3 {
		t.Errorf("only %v ever came first", first)
	}
}

func TestChroot(t *testing.T) {
	for _, tc := range []struct {
		root       chroot
		path, full string
	}{
		{"", "/", "/"}, {"", "/a", "/a"}, {"/app", "/", "/app"}, {"/app", "/a/b", "/app/a/b"},
	} {
		if got := tc.root.full(tc.path); got != tc.full {
			t.Errorf("%q.full(%q) = %q, want %q", tc.root, tc.path, got, tc.full)
		}
		if got := tc.root.strip(tc.full); got != tc.path {
			t.Errorf("%q.strip(%q) = %q, want %q", tc.root, tc.full, got, tc.path)
		}
	}
	for _, outside := range []string{"/zookeeper/config", "/application"} {
		if got := chroot("/app").strip(outside); got != outside {
			t.Errorf("strip(%q) = %q", outside, got)
		}
	}
}
