package zk

import (
	"context"
	"errors"
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

// Every address of every name comes once a round, and names are resolved anew.
func TestServersRounds(t *testing.T) {
	dns := map[string][]string{"one": {"10.0.0.1", "10.0.0.2"}, "two": {"::1"}, "bad": nil}
	s := newServers([]string{"one:1", "two:2", "bad:3"}, true)
	s.lookup = func(_ context.Context, host string) ([]string, error) {
		if dns[host] == nil {
			return nil, errors.New("no such host")
		}
		return dns[host], nil
	}
	round := func() string {
		var got []string
		for {
			addr, last, err := s.next(t.Context())
			if err != nil {
				addr = "error"
			}
			if got = append(got, addr); last {
				slices.Sort(got)
				return strings.Join(got, " ")
			}
		}
	}
	if got, want := round(), "10.0.0.1:1 10.0.0.2:1 [::1]:2 error"; got != want {
		t.Errorf("first round %q, want %q", got, want)
	}
	dns["two"] = []string{"::2"}
	if got, want := round(), "10.0.0.1:1 10.0.0.2:1 [::2]:2 error"; got != want {
		t.Errorf("second round %q, want %q", got, want)
	}
}

func TestServersAreShuffled(t *testing.T) {
	first := map[string]bool{}
	for range 200 { // a host stays behind with probability 3·(2/3)^200
		addr, _, _ := newServers([]string{"a:1", "b:1", "c:1"}, false).next(t.Context())
		first[addr] = true
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
