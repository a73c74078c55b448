package server

import (
	"net/netip"
	"testing"

	"github.com/paddock-io/paddock/internal/proxyproto"
	"github.com/paddock-io/paddock/proto"
)

// behind opens a session from a loopback address that counts as a balancer's, for
// the client that the header names.
func (w *world) behind(h []byte) *client {
	w.t.Helper()
	c := w.dial()
	c.sendRaw(h)
	c.handshake(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16), HasReadOnly: true})
	return c
}

func forClient(addr string) proxyproto.Header {
	return proxyproto.Header{Source: netip.MustParseAddrPort(addr), Dest: netip.MustParseAddrPort("192.0.2.1:2181")}
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// A balancer's client has the address that the header names: for its identity,
// for the limit of connections, and in lists.
func TestBehindBalancer(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.Balancers, o.MaxClientConns = loopback, 1 })
	v4, v6 := forClient("192.0.2.7:50000"), forClient("[2001:db8::7]:50000")
	one := w.behind(v4.AppendV1(nil))
	if got := one.who(); len(got) != 1 || got[0] != "ip:192.0.2.7" {
		t.Errorf("identities %q", got)
	}
	if got := w.behind(v6.AppendV2(nil)).who(); len(got) != 1 || got[0] != "ip:2001:db8:0:0:0:0:0:7" {
		t.Errorf("identities %q", got)
	}
	if got := w.behind(proxyproto.Header{}.AppendV2(nil)).who(); len(got) != 1 || got[0] != "ip:127.0.0.1" {
		t.Errorf("identities of the balancer itself: %q", got)
	}
	second := w.dial()
	second.sendRaw(v4.AppendV2(nil))
	second.ended()
	if n := w.srv.Stats().Connections; n != 3 {
		t.Errorf("%d connections", n)
	}
	w.gone(3)
	if n := w.srv.headers.Load(); n != 0 {
		t.Errorf("%d headers are waited for", n)
	}
}

// From a balancer's address nothing is taken without a header; from another one
// a header is not understood, or anybody could be anybody.
func TestHeaderWhereItBelongs(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.Balancers = loopback })
	for _, first := range []string{"srvr", "\x00\x00\x00\x2d", "PROXY TCP4 192.0.2.7 nobody 1 2\r\n"} {
		c := w.dial()
		c.sendRaw([]byte(first))
		c.ended()
	}
	w.gone(0)
	w.until("three are rejected", func() bool { return w.srv.Stats().Rejected == 3 })

	w = newWorld(t, 0, nil)
	c := w.dial()
	c.sendRaw(forClient("192.0.2.7:50000").AppendV2(nil))
	c.ended()
	if got := w.connect().who(); got[0] != "ip:127.0.0.1" {
		t.Errorf("identities %q", got)
	}
}

// Connections that wait for their header end with the server, and are few.
func TestHeadersThatDoNotCome(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.Balancers = loopback })
	c := w.dial()
	c.sendRaw([]byte("PROXY TCP4 192.0.2.7"))
	w.until("the header is waited for", func() bool { return w.srv.headers.Load() == 1 })
	w.srv.headers.Add(maxHeaders - 1)
	more := w.dial()
	more.nc.Write(forClient("192.0.2.7:50000").AppendV1(nil))
	connect := &proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16)}
	more.nc.Write(connect.Append([]byte{0, 0, 0, 44}))
	more.ended() // not an answer
	w.srv.headers.Add(1 - maxHeaders)
	if err := w.srv.Close(t.Context()); err != nil {
		t.Error(err)
	}
	c.ended()
}
