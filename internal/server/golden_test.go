package server

import (
	"testing"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// The examples of the protocol description, byte by byte. Zxids start so that
// the session is opened by 0x100000004.
const (
	connectRequest  = "0000002d 00000000 0000000000000000 00007530 0000000000000000 0000001000000000000000000000000000000000 00"
	connectResponse = "00000025 00000000 00007530 0100019a2b3c0000 00000010065c5bdc1bc4b0bd548d586f5cedbfae 00"
	legacyRequest   = "0000002c 00000000 0000000000000000 00007530 0000000000000000 0000001000000000000000000000000000000000"
	legacyResponse  = "00000024 00000000 00007530 0100019a2b3c0000 00000010065c5bdc1bc4b0bd548d586f5cedbfae"
	invalidResponse = "00000025 00000000 00000000 0000000000000000 0000001000000000000000000000000000000000 00"
	ping            = "00000008 fffffffe 0000000b"
)

func TestGoldenRequests(t *testing.T) {
	w := newWorld(t, proto.MakeZxid(1, 3), nil)
	c := w.dial()
	for _, step := range []struct{ name, send, want string }{
		{"G1, G2 connect", connectRequest, connectResponse},
		{"G5 auth", "00000024 fffffffc 00000064 00000000 00000006646967657374 0000000a626f623a736563726574", "00000010fffffffc000000000000000000000000"},
		{"G6 create", "00000033 00000001 00000001 000000022f61 000000026869 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000000", "0000001600000001000000010000000500000000000000022f61"},
		{"G4 ping", ping, "00000010fffffffe000000010000000500000000"},
		{"G7, G8 create2", "00000034 00000002 0000000f 000000052f612f6e2d ffffffff 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000003", "00000067 00000002 0000000100000006 00000000 0000000f2f612f6e2d30303030303030303030 0000000100000006 0000000100000006 0000018bcfe56800 0000018bcfe56800 00000000 00000000 00000000 0100019a2b3c0000 00000000 00000000 0000000100000006"},
		{"G9, G10 getData with watch", "0000000f 00000004 00000004 000000022f61 01", "0000005a 00000004 0000000100000006 00000000 000000026869 0000000100000005 0000000100000005 0000018bcfe56800 0000018bcfe56800 00000000 00000001 00000000 0000000000000000 00000002 00000001 0000000100000006"},
		{"G11 exists on a missing znode", "0000000f 00000005 00000003 000000022f78 00", "00000010 00000005 0000000100000006 ffffff9b"},
		// The event of the client's own write comes before the reply.
		{"G12 event", "00000018 00000063 00000005 000000022f61 000000026869 ffffffff", "0000001e ffffffff 0000000100000007 00000000 00000003 00000003 000000022f61"},
		{"reply to setData", "", "00000054 00000063 0000000100000007 00000000 0000000100000005 0000000100000007 0000018bcfe56800 0000018bcfe56800 00000001 00000001 00000000 0000000000000000 00000002 00000001 0000000100000006"},
	} {
		c.sendRaw(unhex(t, step.send))
		c.expect(step.name, step.want)
	}

	null := c.call(getData("/a/n-0000000000", false))
	if got := null.body[:4]; string(got) != "\xff\xff\xff\xff" {
		t.Errorf("null data came as %x", got)
	}

	c.sendRaw(unhex(t, "00000030 fffffff8 00000069 0000000100000005 00000001000000022f61 00000000 00000000 00000001000000022f70 00000000"))
	c.expect("event missed by setWatches", "0000001e ffffffff ffffffffffffffff 00000000 00000003 00000003 000000022f61")
	c.expect("G16 setWatches2", "00000010fffffff8000000010000000700000000")
	c.sendRaw(unhex(t, "00000012 00000007 0000006a 000000022f70 00000001"))
	c.expect("G17 addWatch", "000000140000000700000001000000070000000000000000")

	c.sendRaw(unhex(t, "00000008 0000000a fffffff5"))
	c.expect("G19 closeSession", "000000100000000a000000010000000800000000")
	c.ended()
}

func TestGoldenMulti(t *testing.T) {
	const (
		multi  = "0000006b 00000006 0000000e 0000000d00ffffffff 000000022f61 00000000 0000000100ffffffff 000000022f62 00000000 00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00000000 0000000200ffffffff 000000042f6f6c64 ffffffff ffffffff01ffffffff"
		ok     = "0000003a 00000006 0000000100000008 00000000 0000000d0000000000 000000010000000000 000000022f62 000000020000000000 ffffffff01ffffffff"
		failed = "00000040 00000006 0000000100000009 00000000 ffffffff0000000000 00000000 ffffffff00ffffff92 ffffff92 ffffffff00fffffffe fffffffe ffffffff01ffffffff"
	)
	w := newWorld(t, proto.MakeZxid(1, 4), nil)
	c := w.connect()
	c.create("/a", "", proto.OpenACL, 0)
	c.create("/old", "", proto.OpenACL, 0)
	c.sendRaw(unhex(t, multi))
	c.expect("G13, G14 multi", ok)
	c.sendRaw(unhex(t, multi))
	c.expect("G15 failed multi", failed)

	bad := &proto.MultiRequest{Ops: []proto.MultiOp{{Type: proto.OpGetData, Req: &proto.PathWatchRequest{Path: "/a"}}}}
	if r := c.call(proto.OpMulti, bad); r.Err != proto.ErrMarshalling || len(r.body) != 0 || r.Zxid != proto.MakeZxid(1, 10) {
		t.Errorf("reads in a multi: %+v", r)
	}
}

func TestGoldenLegacyHandshake(t *testing.T) {
	c := newWorld(t, 0, nil).dial()
	c.sendRaw(unhex(t, legacyRequest))
	c.expect("legacy G2", legacyResponse)
}

func TestGoldenInvalidSession(t *testing.T) {
	w := newWorld(t, 0, nil)
	for name, request := range map[string]string{
		"unknown session": "0000002d 00000000 0000000000000000 00007530 0100019a2b3c0000 00000010065c5bdc1bc4b0bd548d586f5cedbfae 00",
		"wrong password":  "0000002d 00000000 0000000000000000 00007530 0100019a2b3c0000 00000010065c5bdc1bc4b0bd548d586f5cedbfaf 00",
	} {
		c := w.dial()
		c.sendRaw(unhex(t, request))
		c.expect("G3 "+name, invalidResponse)
		c.ended()
	}
}

func TestGoldenFreshRoot(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.do(func() { // a session that took no zxid of this tree's
		w.srv.Apply([]*proto.Txn{{TxnHeader: proto.TxnHeader{Session: goldenSession, Type: proto.OpCreateSession}, Body: &proto.CreateSessionTxn{Timeout: 30000}}})
	})
	c := w.dial()
	c.sendRaw(unhex(t, "0000002d 00000000 0000000000000000 00007530 0100019a2b3c0000 00000010065c5bdc1bc4b0bd548d586f5cedbfae 00"))
	c.expect("resumed", connectResponse)
	c.sendRaw(frameOf(8, proto.OpGetChildren2, &proto.PathWatchRequest{Path: "/"}))
	c.expect("G18", "00000065 00000008 0000000000000000 00000000 00000001 000000097a6f6f6b6565706572 0000000000000000 0000000000000000 0000000000000000 0000000000000000 00000000 ffffffff 00000000 0000000000000000 00000000 00000001 0000000000000000")
}

// Operations that are unknown, or not for clients (G20).
func TestGoldenUnimplemented(t *testing.T) {
	w := newWorld(t, 0, nil)
	for name, request := range map[string]string{
		"unknown":         "00000008 0000000b 000001f4",
		"notification":    "00000008 0000000b 00000000",
		"error":           "00000008 0000000b ffffffff",
		"check alone":     "00000012 0000000b 0000000d 000000022f70 00000001",
		"createSession":   "0000000c 0000000b fffffff6 00007530",
		"deleteContainer": "0000000e 0000000b 00000014 000000022f61",
	} {
		c := w.connect()
		c.sendRaw(unhex(t, request))
		c.expect("G20 "+name, "00000010 0000000b ffffffffffffffff fffffffa")
		c.ended()
	}
}

func TestGoldenAuthFailure(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	c.sendRaw(unhex(t, "00000021 fffffffc 00000064 00000000 00000003666f6f 0000000a626f623a736563726574"))
	c.expect("G5 refused", "00000010fffffffc0000000000000000ffffff8d")
	c.ended()
	if n := w.srv.Stats().AuthFailed; n != 1 {
		t.Errorf("%d failures counted", n)
	}
}

func TestSaslWithoutMechanisms(t *testing.T) {
	c := newWorld(t, 0, nil).connect()
	c.sendRaw(unhex(t, "0000000c 00000001 00000066 00000000"))
	c.expect("null token", "00000014 00000001 0000000000000000 00000000 ffffffff")
}

// A request of the server's own, with cxid 0, must not be taken for the answer
// to a client's request with xid 0, which go-zookeeper can send.
func TestXidZero(t *testing.T) {
	w := newWorld(t, 0, nil)
	c := w.connect()
	w.hold()
	n := w.requests()
	c.sendRaw(frameOf(0, proto.OpCreate, &proto.CreateRequest{Path: "/z", ACL: proto.OpenACL}))
	w.submitted(n + 1)
	w.do(func() { // expiry overtakes
		own := answerable{req: &replica.Request{Request: prep.Request{Session: c.session, Op: proto.OpCloseSession}}}
		w.waiting = append([]answerable{own}, w.waiting...)
	})
	w.release(-1)
	c.ended()
}
