package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// who asks who the client is to this server, as "scheme:name" in order.
func (c *client) who() (list []string) {
	c.t.Helper()
	r := c.must(proto.OpWhoAmI, nil)
	d := jute.NewDecoder(r.body)
	for range d.Count(8) {
		scheme := d.String()
		list = append(list, scheme+":"+d.String())
	}
	if d.Err() != nil {
		c.t.Fatal(d.Err())
	}
	return list
}

// A client of another ensemble is cut off without an answer, behind what it has
// been answered so far; its own ensemble's name adds no identity.
func TestOtherEnsemble(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) {
		o.Auth = auth.New(auth.Options{Ensemble: true, EnsembleNames: []string{"prod"}})
	})
	c := w.connect()
	c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "ensemble", Auth: []byte("prod")})
	if got := c.who(); len(got) != 1 || got[0] != "ip:127.0.0.1" {
		t.Errorf("identities %q", got)
	}
	c.send(proto.OpAuth, &proto.AuthPacket{Scheme: "ensemble", Auth: []byte("test")})
	c.send(proto.OpPing, nil)
	c.ended()
}

// Identities of schemes that the server does not have are shown without a name,
// as Java shows them: sasl ids may come from a login while no provider stands
// for them in ACLs.
func TestWhoAmIByScheme(t *testing.T) {
	given := []proto.ID{{Scheme: "digest", ID: "bob:hash"}, {Scheme: "sasl", ID: "u/h@R"}, {Scheme: "x509", ID: "CN=a"}, {Scheme: "key"}, {Scheme: "super", ID: "CN=a"}}
	for name, tc := range map[string]struct {
		rules tree.ACLRules
		want  []string
	}{
		"default":   {tree.ACLRules{}, []string{"ip:127.0.0.1", "digest:bob", "sasl:", "x509:", "key:", "super:"}},
		"all":       {tree.ACLRules{SASL: true, X509: true, Key: true}, []string{"ip:127.0.0.1", "digest:bob", "sasl:u/h@R", "x509:CN=a", "key:", "super:"}},
		"no digest": {tree.ACLRules{NoDigest: true}, []string{"ip:127.0.0.1", "digest:", "sasl:", "x509:", "key:", "super:"}},
	} {
		w := newWorld(t, 0, func(o *Options) {
			o.ACL = tc.rules
			o.Auth = auth.New(auth.Options{Providers: []auth.Provider{gives(given)}})
		})
		c := w.connect()
		c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "gives"})
		if got := c.who(); !sameSet(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// gives is a provider that proves whatever it was told to.
type gives []proto.ID

func (gives) Scheme() string { return "gives" }
func (g gives) Authenticate(netip.Addr, []byte) ([]proto.ID, error) {
	return g, nil
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// A connection acts with what a provider gave it: its entries are expanded,
// stored, matched and hidden by the same rules for reads and writes.
func TestGivenIdentitiesCount(t *testing.T) {
	given := []proto.ID{{Scheme: "sasl", ID: "bob"}, {Scheme: "x509", ID: "CN=bob"}}
	w := newWorld(t, 0, func(o *Options) {
		o.ACL = tree.ACLRules{SASL: true}
		o.Auth = auth.New(auth.Options{Providers: []auth.Provider{gives(given)}})
	})
	c, stranger := w.connect(), w.connect()
	c.must(proto.OpAuth, &proto.AuthPacket{Scheme: "gives"})
	c.create("/mine", "x", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}, 0)
	c.must(setData("/mine", "y"))
	if r := stranger.call(getData("/mine", false)); r.Err != proto.ErrNoAuth {
		t.Errorf("a stranger reads: %v", r.Err)
	}
	r := c.must(proto.OpGetACL, &proto.PathRequest{Path: "/mine"})
	d := jute.NewDecoder(r.body)
	if got := proto.DecodeACLs(&d); len(got) != 1 || got[0].ID != given[0] {
		t.Errorf("stored %v", got) // x509 is not there, so auth does not stand for it
	}
	if r := c.call(proto.OpCreate, &proto.CreateRequest{Path: "/x", ACL: []proto.ACL{{Perms: 31, ID: given[1]}}}); r.Err != proto.ErrInvalidACL {
		t.Errorf("an ACL of a scheme that is not there: %v", r.Err)
	}
}

// Recorded with Java 3.9.5, enforce.auth.schemes=digest, key and KeyAuthenticationProvider: a client without such an
// identity is told -124 with zxid 0 and cut off, whatever it asks for, unknown operations included.
func TestEnforcedAuthentication(t *testing.T) {
	newServer := func() *world {
		return newWorld(t, 0, func(o *Options) {
			o.Enforce = []string{"digest", "key"}
			o.Auth = auth.New(auth.Options{Key: func() ([]byte, bool) { return nil, false }})
		})
	}
	w := newServer()
	for name, frame := range map[string][]byte{
		"ping":          frameOf(-2, proto.OpPing, nil),
		"exists":        frameOf(1, proto.OpExists, &proto.PathWatchRequest{Path: "/"}),
		"create":        frameOf(1, proto.OpCreate, &proto.CreateRequest{Path: "/x", ACL: proto.OpenACL}),
		"unknown":       frameOf(1, 999, nil),
		"createSession": frameOf(1, proto.OpCreateSession, nil),
		"closeSession":  frameOf(1, proto.OpCloseSession, nil),
		"setWatches":    frameOf(-8, proto.OpSetWatches, &proto.SetWatchesRequest{}),
		"whoAmI":        frameOf(1, proto.OpWhoAmI, nil),
	} {
		c := w.connect()
		n := w.requests()
		c.sendFrame(frame)
		c.sendFrame(frameOf(2, proto.OpPing, nil)) // not answered any more
		if r := c.next(); r.Err != proto.ErrSessionClosedRequireSasl || r.Zxid != 0 || len(r.body) != 0 {
			t.Errorf("%s: %+v %x", name, r.ReplyHeader, r.body)
		}
		c.ended()
		if got := w.requests() - n; got != 0 {
			t.Errorf("%s: %d requests came through", name, got)
		}
	}
	for scheme, want := range map[string]proto.ErrCode{"digest": proto.OK, "key": proto.OK, "ip": proto.ErrSessionClosedRequireSasl} {
		c := w.connect()
		c.sendFrame(jute.AppendBuffer(proto.RequestHeader{Xid: 7, Op: proto.OpSasl}.Append(nil), []byte("token")))
		if r := c.next(); r.Err != proto.OK { // is answered, and gives no identity
			t.Errorf("sasl: %v", r.Err)
		}
		c.must(proto.OpAuth, &proto.AuthPacket{Scheme: scheme, Auth: []byte("a:b")})
		if r := c.call(getData("/", false)); r.Err != want {
			t.Errorf("%s: %v, want %v", scheme, r.Err, want)
		}
	}
	c := w.connect()
	if r := c.call(proto.OpAuth, &proto.AuthPacket{Scheme: "nope"}); r.Err != proto.ErrAuthFailed {
		t.Errorf("an unknown scheme: %v", r.Err)
	}
	c.ended()

	ip := newWorld(t, 0, func(o *Options) { o.Enforce = []string{"ip"} }) // everybody has one
	ip.connect().must(getData("/", false))
}

// An early refusal goes to nobody else, has zxid 0, and waits for its turn: Java
// lets it overtake the answers to earlier writes, which its own client takes for
// a broken connection.
func TestEagerACL(t *testing.T) {
	w := newWorld(t, 0, func(o *Options) { o.EagerACL = true })
	owner := w.connect()
	owner.must(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")})
	owner.create("/mine", "", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "auth"}}}, 0)

	c := w.connect()
	w.hold()
	n := w.requests()
	c.send(setData("/", "x"))
	c.send(setData("/mine", "x"))
	c.send(proto.OpCreate, &proto.CreateRequest{Path: "/no/parent", ACL: []proto.ACL{{ID: proto.ID{Scheme: "magic"}}}})
	c.send(setData("/", "y"))
	w.submitted(n + 2)
	w.release(-1)
	for i, want := range []proto.ErrCode{proto.OK, proto.ErrNoAuth, proto.ErrInvalidACL, proto.OK} {
		r := c.next()
		if early := want != proto.OK; r.Xid != int32(i+1) || r.Err != want || early != (r.Zxid == 0) {
			t.Errorf("request %d: %+v, want %v", i+1, r.ReplyHeader, want)
		}
	}
	if got := w.requests() - n; got != 2 {
		t.Errorf("%d requests came through, want 2", got)
	}
	owner.must(setData("/mine", "z"))
}

// Nothing that a client presents as a secret may come into a log, whatever
// becomes of it and at any level.
func TestNoSecretsInLogs(t *testing.T) {
	const secret = "hunter2"
	var log lockedBuffer
	w := newWorld(t, 0, func(o *Options) {
		o.Auth = auth.New(auth.Options{SuperDigest: "super:D/InIHSb7yEEbrWz8b9l71RjZJU=", Key: func() ([]byte, bool) { return []byte("7"), true }})
		o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	for _, scheme := range []string{"digest", "ip", "key", "sasl", "nope"} {
		c := w.connect()
		c.call(proto.OpAuth, &proto.AuthPacket{Scheme: scheme, Auth: []byte("bob:" + secret)})
	}
	c := w.connect()
	for range maxIDs { // one more than there may be is refused too
		r := c.call(proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: fmt.Append(nil, secret, c.xid)})
		if r.Err != proto.OK {
			break
		}
	}
	c.ended()
	hash := auth.Digest(0, "bob:"+secret)
	text := log.String()
	if !strings.Contains(text, "authentication failed") {
		t.Error("nothing is logged at all")
	}
	for _, s := range []string{secret, hash, base64.StdEncoding.EncodeToString([]byte(secret))} {
		if strings.Contains(text, s) {
			t.Errorf("%q is in the log", s)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What Java 3.9.5 let a client of [::1] do with znodes of these ACLs, and of a
// socket that takes both kinds of addresses.
func TestIPv6Client(t *testing.T) {
	w := newWorld(t, 0, nil)
	addr, err := w.srv.Listen("[::]:0")
	if err != nil {
		t.Skip(err)
	}
	_, port, _ := net.SplitHostPort(addr.String())
	for host, tc := range map[string]struct {
		id  string
		yes []string
		no  []string
	}{
		"::1": {
			"ip:0:0:0:0:0:0:0:1",
			[]string{"::1", "::1/128", "0:0:0:0:0:0:0:1", "::/0", "::1/127", "0000:0::0001"},
			[]string{"127.0.0.1", "0.0.0.0/0", "::2", "::ffff:0:0/96"},
		},
		"127.0.0.1": {"ip:127.0.0.1", []string{"127.0.0.1", "0.0.0.0/0", "127.0.0.0/8"}, []string{"::1", "::/0", "::ffff:0:0/96"}},
	} {
		w.addr = net.JoinHostPort(host, port)
		if nc, err := net.Dial("tcp", w.addr); err != nil {
			t.Skip(err)
		} else {
			nc.Close()
		}
		c := w.connect()
		if got := c.who(); len(got) != 1 || got[0] != tc.id {
			t.Errorf("%s is %q", host, got)
		}
		for want, list := range map[proto.ErrCode][]string{proto.OK: tc.yes, proto.ErrNoAuth: tc.no} {
			for i, id := range list {
				path := fmt.Sprintf("/%s%d%d", strings.ReplaceAll(host, ":", ""), want, i)
				c.create(path, "", []proto.ACL{{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: id}}}, 0)
				if r := c.call(getData(path, false)); r.Err != want {
					t.Errorf("%s reads what is for %s: %v, want %v", host, id, r.Err, want)
				}
			}
		}
	}
}

// A token that is null or missing ends the connection, as in Java, which trips over it.
func TestNullToken(t *testing.T) {
	w := newWorld(t, 0, nil)
	header := proto.RequestHeader{Xid: 7, Op: proto.OpSasl}.Append(nil)
	for name, frame := range map[string][]byte{"null": jute.AppendBuffer(header, nil), "missing": header} {
		t.Run(name, func(t *testing.T) {
			c := w.connect()
			c.sendFrame(frame)
			c.ended()
		})
	}
}

// Java reads the record of a create or delete and trips over its null path when it has a zxid already; a record that does
// not decode spends none.
func TestNullPathSpendsAZxid(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	last := c.must(proto.OpPing, nil).Zxid
	for name, tc := range map[string]struct {
		op     proto.OpCode
		record []byte
		spends proto.Zxid
	}{
		"delete":                 {proto.OpDelete, jute.AppendInt(jute.AppendInt(nil, -1), -1), 1},
		"delete, cut short":      {proto.OpDelete, jute.AppendInt(nil, -1), 0},
		"create":                 {proto.OpCreate, jute.AppendInt(proto.AppendACLs(jute.AppendInt(jute.AppendInt(nil, -1), -1), proto.OpenACL), 0), 1},
		"setData, a bad path":    {proto.OpSetData, jute.AppendInt(jute.AppendInt(jute.AppendInt(nil, -1), -1), -1), 1},
		"multi with a null path": {proto.OpMulti, jute.AppendInt(jute.AppendInt(proto.MultiHeader{Type: proto.OpCheck}.Append(nil), -1), -1), 1},
	} {
		c.sendFrame(append(proto.RequestHeader{Xid: 5, Op: tc.op}.Append(nil), tc.record...))
		r := c.next()
		if r.Err != proto.ErrMarshalling && tc.op != proto.OpSetData || r.Zxid != last+tc.spends {
			t.Errorf("%s: %v at %v, want %v", name, r.Err, r.Zxid, last+tc.spends)
		}
		last = r.Zxid
	}
}
