package zk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const defaultPort = "2181"

// server is one address to try, and the name in the list that led to it.
type server struct {
	host string // host:port as in the list
	addr string // host:port with the name resolved
	list int    // servers.version when it was handed out
}

// servers hands out addresses to try, round after round. Each address of a name
// is a server of its own: when the name's turn comes, its addresses are tried
// one after the other, in an order of chance. For each attempt the name is
// resolved anew.
type servers struct {
	lookup func(ctx context.Context, host string) ([]string, error)
	dice   *rand.Rand // guarded by mu

	mu      sync.Mutex // leaf lock, but for Conn.mu it may be taken under; not held while resolving
	hosts   *hosts
	version int      // of the list: how often it has changed
	turn    string   // the host whose addresses are being tried, "" if all have been
	tried   []string // of turn
	first   *server  // to be tried before all others
}

// parseServers reads "host:port,host,[v6]:port/chroot".
// Source: ConnectStringParser.
func parseServers(s string) (hosts []string, root chroot, err error) {
	list := s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		list = s[:i]
		if root, err = parseChroot(s[i:]); err != nil {
			return nil, "", fmt.Errorf("zk: connect string %q: %w", s, err)
		}
	}
	for h := range strings.SplitSeq(list, ",") {
		if h = strings.TrimSpace(h); h == "" {
			continue
		}
		if h, err = withPort(h); err != nil {
			return nil, "", fmt.Errorf("zk: connect string %q: %w", s, err)
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 {
		return nil, "", fmt.Errorf("zk: connect string %q names no server", s)
	}
	return hosts, root, nil
}

func parseChroot(s string) (chroot, error) {
	if s == "/" {
		return "", nil
	}
	for name := range strings.SplitSeq(s[1:], "/") {
		if name == "" || name == "." || name == ".." {
			return "", fmt.Errorf("chroot %q is not a path", s)
		}
	}
	return chroot(s), nil
}

// withPort brings one server into the form host:port.
func withPort(h string) (string, error) {
	host, port := h, defaultPort
	switch {
	case strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]"):
		host = h[1 : len(h)-1]
	case strings.Contains(h, ":"):
		var err error
		if host, port, err = net.SplitHostPort(h); err != nil {
			return "", fmt.Errorf("server %q: %w (IPv6 addresses need brackets)", h, err)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("server %q: port must be 1 to 65535", h)
	}
	if host == "" {
		return "", fmt.Errorf("server %q has no host", h)
	}
	return net.JoinHostPort(host, port), nil
}

func newServers(list []string, resolve bool) *servers {
	dice := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	s := &servers{dice: dice, hosts: newHosts(list, dice)}
	if resolve {
		s.lookup = net.DefaultResolver.LookupHost
	}
	return s
}

// next returns the address to try now. again is true when every host has been
// tried since the latest connection, or since it was true last.
func (s *servers) next(ctx context.Context) (to server, again bool, err error) {
	host, again, done := s.nextHost(&to)
	if done {
		return to, false, nil
	}
	for {
		addrs, err := s.resolve(ctx, host)
		if err != nil {
			s.mu.Lock()
			s.turn = ""
			s.mu.Unlock()
			return server{}, again, fmt.Errorf("resolve %s: %w", host, err)
		}
		if to, ok := s.draw(host, addrs); ok {
			return to, again, nil
		}
		host, again, _ = s.nextHost(&to)
	}
}

// nextHost returns whose addresses to resolve, or fills to and is done.
func (s *servers) nextHost(to *server) (host string, again, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first != nil {
		*to, s.first = *s.first, nil
		return "", false, true
	}
	if s.turn == "" {
		s.turn, again = s.hosts.next()
		s.tried = s.tried[:0]
	}
	return s.turn, again, false
}

// draw chooses an address that has not been tried in host's turn. If there is
// none, or the list has changed while the name was being resolved, the turn is over.
func (s *servers) draw(host string, addrs []string) (to server, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := slices.DeleteFunc(addrs, func(a string) bool { return slices.Contains(s.tried, a) })
	if len(left) == 0 || s.turn != host {
		s.turn = ""
		return server{}, false
	}
	addr := left[s.dice.IntN(len(left))]
	if s.tried = append(s.tried, addr); len(left) == 1 {
		s.turn = ""
	}
	return server{host, addr, s.version}, true
}

// tryFirst makes a server the one to try next.
func (s *servers) tryFirst(to server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = &to
}

// connected tells that a server handed out by next has been reached, and
// returns whether the list is still the one that next went by.
func (s *servers) connected(to server) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to.list != s.version {
		return false
	}
	s.hosts.connected()
	return true
}

// update replaces the list; see hosts.update. current is nil without a connection.
func (s *servers) update(list []string, current *server) (leave bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.turn, s.first = "", nil
	if current == nil {
		return s.hosts.update(list)
	}
	return s.hosts.update(list, current.host, current.addr)
}

// same reports whether the list consists of these hosts already.
func (s *servers) same(list []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Equal(slices.Sorted(slices.Values(s.hosts.list)), slices.Sorted(slices.Values(list)))
}

// size returns how many hosts there are.
func (s *servers) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.hosts.list)
}

func (s *servers) resolve(ctx context.Context, hostPort string) ([]string, error) {
	if s.lookup == nil {
		return []string{hostPort}, nil
	}
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	ips, err := s.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(ips) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	addrs := make([]string, len(ips))
	for i, ip := range ips {
		addrs[i] = net.JoinHostPort(ip, port)
	}
	return addrs, nil
}
