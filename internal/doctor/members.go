package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
)

// judgeMembers looks whether the addresses of the ensemble can be right, seen from this machine.
func (r *Report) judgeMembers(ctx context.Context, o *Options, c *config.Config) {
	if c.Standalone || len(c.Ensemble.Members) == 0 {
		return
	}
	own, err := o.Addresses()
	if err != nil {
		r.should(Finding{What: "the addresses of this machine are not known: " + err.Error()})
	}
	loopbacks := 0
	for _, m := range c.Ensemble.Members {
		for _, a := range m.QuorumAddrs {
			seen := Member{ID: m.ID, Role: m.Role.String(), Host: a.Host, Self: m.ID == c.MyID}
			if a.Loopback() {
				loopbacks++
			}
			r.judgeAddress(ctx, o, c, a, &seen, own)
			r.Members = append(r.Members, seen)
		}
	}
	if loopbacks > 0 && loopbacks < len(r.Members) {
		r.should(Finding{c.File, "some servers have addresses that only reach this machine, others have not",
			"give every server an address that all of them can reach"})
	}
	if voters := len(c.Ensemble.Voters()); voters == 2 {
		r.should(Finding{c.File, "two voters: the loss of either stops the ensemble", "three would survive the loss of one"})
	}
}

// judgeAddress resolves one address, and compares that of this server with the machine's.
func (r *Report) judgeAddress(ctx context.Context, o *Options, c *config.Config, a ensemble.Addr, seen *Member, own []netip.Addr) {
	line := fmt.Sprintf("server.%d", seen.ID)
	if a.Wildcard() {
		if !seen.Self {
			r.must(Finding{c.File, line + ": " + a.Host + " is no address to connect to", "write the server's name or address"})
		}
		return
	}
	addrs := []netip.Addr{}
	if ip, err := netip.ParseAddr(a.Host); err == nil {
		addrs = append(addrs, ip)
	} else {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		if addrs, err = o.Resolve(ctx, a.Host); err != nil || len(addrs) == 0 {
			r.should(Finding{c.File, fmt.Sprintf("%s: the name %s leads nowhere at the moment%s", line, a.Host, why(err)), "check it; servers resolve it anew at each connection"})
			return
		}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
		seen.Addresses = append(seen.Addresses, addrs[i].String())
	}
	isOwn := slices.ContainsFunc(addrs, func(ip netip.Addr) bool { return ip.IsLoopback() || slices.Contains(own, ip) })
	if seen.Self && !isOwn && len(own) > 0 && !c.QuorumListenOnAllIPs {
		r.should(Finding{c.File, fmt.Sprintf("%s is this server by its myid, and %s is no address of this machine", line, a.Host),
			"if this is the server's machine, its ports could not be bound: correct myid or the line, or set quorumListenOnAllIPs=true behind address translation"})
	}
}

// why is what the resolver says, without whom it asked.
func why(err error) string {
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return ": " + dns.Err
	}
	if err != nil {
		return ": " + err.Error()
	}
	return ""
}

// ownAddresses are those of this machine's interfaces.
func ownAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this machine: %w", err)
	}
	var own []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own, nil
}
