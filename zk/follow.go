package zk

import (
	"net"
	"net/netip"
	"strings"
)

// readConfig asks for the ensemble's configuration and leaves a watch for the
// next one, in the place of an earlier one; c.mu is held.
func (c *Conn) readConfig(l *link) {
	if c.config != nil {
		c.watches.once.remove(c.config)
	}
	k := c.newCall(GetConfigOp().OnEvent(c.configChanged))
	c.config = k.watch
	k.done = func(res Result) {
		if res.Err != nil {
			c.opts.Logger.Debug("cannot read the ensemble's configuration", "reason", res.Err)
			return
		}
		c.follow(res.Data)
	}
	c.push(l, k)
}

// configChanged is the end of the watch. Without a connection, the next one
// begins with reading the configuration.
func (c *Conn) configChanged(ev Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.link; ev.Err == nil && l != nil && l.leaving == nil {
		c.readConfig(l)
	}
}

// follow goes by a configuration that names other client addresses than the
// list. Source: EnsembleTracker.processConfigData of Curator.
func (c *Conn) follow(config []byte) {
	list := clientAddresses(string(config))
	if len(list) == 0 || c.servers.same(list) {
		return
	}
	c.opts.Logger.Info("ensemble's configuration names other servers", "servers", strings.Join(list, ","))
	c.updateServers(list) // fails only if the Conn has ended
}

// maxConfigServers is how many servers a configuration may name. Session ids
// leave one byte for a server's number, so no ensemble has as many.
const maxConfigServers = 4096

// clientAddresses returns host:port for each server of a configuration that
// tells where its clients connect:
//
//	server.1=host:2888:3888:participant;2181
//	server.2=host:2888:3888|host2:2888:3888;host:2181
//
// Source: ConfigUtils.getClientConfigStr; EnsembleTracker.configToConnectionString.
func clientAddresses(config string) (list []string) {
	for line := range strings.Lines(config) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || !strings.HasPrefix(strings.TrimSpace(key), "server.") {
			continue
		}
		peers, client, ok := strings.Cut(value, ";")
		if !ok {
			continue
		}
		if addr, ok := clientAddress(strings.TrimSpace(peers), strings.TrimSpace(client)); ok {
			list = append(list, addr)
		}
		if len(list) > maxConfigServers {
			return nil
		}
	}
	return list
}

// clientAddress returns where a server's clients connect, given the two halves
// of its line.
func clientAddress(peers, client string) (addr string, ok bool) {
	host, port := "", client
	if strings.Contains(client, ":") {
		var err error
		if host, port, err = net.SplitHostPort(client); err != nil {
			return "", false
		}
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = peerHost(peers)
	}
	if host == "" || port == "" {
		return "", false
	}
	addr, err := withPort(net.JoinHostPort(host, port))
	return addr, err == nil
}

// peerHost returns the host that host:port:port or [v6]:port:port begins with.
func peerHost(peers string) string {
	if v6, ok := strings.CutPrefix(peers, "["); ok {
		host, _, _ := strings.Cut(v6, "]")
		return host
	}
	host, _, _ := strings.Cut(peers, ":")
	return host
}
