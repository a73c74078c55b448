package zk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = "2181"

// servers hands out addresses to try, round after round: hosts in an order
// drawn once, each host's addresses resolved anew every round. It belongs to
// the goroutine that connects.
type servers struct {
	hosts  []string // host:port
	lookup func(ctx context.Context, host string) ([]string, error)
	turn   int      // index of the host to resolve next
	addrs  []string // addresses of the host before it, still to be tried
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

func newServers(hosts []string, resolve bool) *servers {
	s := &servers{hosts: hosts}
	if resolve {
		s.lookup = net.DefaultResolver.LookupHost
	}
	shuffle(s.hosts)
	return s
}

// next returns the address to try now. last is true at the end of a round,
// also when a name cannot be resolved.
func (s *servers) next(ctx context.Context) (addr string, last bool, err error) {
	if len(s.addrs) == 0 {
		host := s.hosts[s.turn]
		s.turn = (s.turn + 1) % len(s.hosts)
		if s.addrs, err = s.resolve(ctx, host); err != nil {
			return "", s.turn == 0, fmt.Errorf("resolve %s: %w", host, err)
		}
	}
	addr, s.addrs = s.addrs[0], s.addrs[1:]
	return addr, s.turn == 0 && len(s.addrs) == 0, nil
}

// first makes addr the address to try next.
func (s *servers) first(addr string) {
	if i := slices.Index(s.addrs, addr); i >= 0 {
		s.addrs = slices.Delete(s.addrs, i, i+1)
	}
	s.addrs = append([]string{addr}, s.addrs...)
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
	shuffle(addrs)
	return addrs, nil
}

func shuffle(v []string) {
	rand.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
}
