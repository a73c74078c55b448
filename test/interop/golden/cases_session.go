package golden

import (
	"bytes"
	"fmt"
)

func freshCase(t *Transcript, addr string) {
	s := Connect(t, addr, "first session of a fresh server")
	s.Ask(OpGetChildren2, Watched("/", false), "getChildren2 /")
	s.Ask(OpExists, Watched("/", false), "exists /")
	s.Ask(OpGetData, Watched("/zookeeper", false), "getData /zookeeper")
	s.Ask(OpGetData, Watched("/zookeeper/quota", false), "getData /zookeeper/quota")
	s.Ask(OpGetData, Watched("/zookeeper/config", false), "getData /zookeeper/config")
	s.Ask(OpGetACL, Record{}.Ustring("/"), "getACL /")
	s.Ask(OpGetACL, Record{}.Ustring("/zookeeper/config"), "getACL /zookeeper/config")
	s.Close()
}

func handshakeCase(t *Transcript, addr string) {
	for _, h := range []struct {
		comment   string
		timeoutMs int32
	}{
		{"new session, timeout 10000 within the bounds 1000..10000", 10000},
		{"timeout 1 below the least of 2 ticks", 1},
		{"timeout 3600000 above the most of 20 ticks", 3600000},
		{"timeout -5", -5},
	} {
		s := Dial(t, addr)
		s.Handshake(Handshake{TimeoutMs: h.timeoutMs, Password: NoPassword}, h.comment)
		s.Close()
	}
	s := Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, Password: nil}, "null password")
	s.Close()
	s = Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, Password: NoPassword, ReadOnly: true}, "read-only allowed")
	s.Close()
}

func legacyCase(t *Transcript, addr string) {
	s := Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, Password: NoPassword, Legacy: true}, "44 bytes: no read-only byte")
	id, password := s.ID, s.Password
	s.Drop()
	s = Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, ID: id, Password: password, Legacy: true}, "44 bytes, the same session again")
	s.Close()
	s = Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, ID: id, Password: password, Legacy: true}, "44 bytes, the session is closed")
	s.ExpectClose()
}

func refusedCase(t *Transcript, addr string) {
	s := Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, ID: 0x1234, Password: NoPassword}, "unknown session")
	s.ExpectClose()
	live := Connect(&Transcript{}, addr, "")
	t.Note("session %#x is open on another connection", live.ID)
	s = Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, ID: live.ID, Password: bytes.Repeat([]byte{7}, 16)}, "live session, wrong password")
	s.ExpectClose()
	s = Dial(t, addr)
	s.Handshake(Handshake{TimeoutMs: 10000, ID: live.ID, Password: live.Password}, "live session, right password: unharmed")
	s.Close()
	s = Dial(t, addr)
	s.Send(Handshake{LastZxid: 1 << 60, TimeoutMs: 10000, Password: NoPassword}.Record(), "lastZxidSeen ahead of the server")
	s.ExpectClose()
	s = Dial(t, addr)
	s.Add(ToListener, []byte{0x00, 0x10, 0x00, 0x00}, "length 1048576, one more than jute.maxbuffer")
	_, err := s.nc.Write([]byte{0x00, 0x10, 0x00, 0x00})
	Must(err, "send length")
	s.ExpectClose()
	s = Dial(t, addr)
	s.Send(Record{}.Int(0).Long(0), "ConnectRequest cut short")
	s.ExpectClose()
}

// reconnectCase takes over its own session first and drops the connection second: after a drop Java may
// notice the old connection's end late, and then forgets which connection the session is on
// (ServerCnxnFactory.removeCnxnFromSessionMap), so that a takeover would close nothing.
func reconnectCase(t *Transcript, addr string) {
	first := Connect(t, addr, "new session")
	first.Ask(OpCreate, Create("/reconnect", []byte("mine"), Open, 1), "create ephemeral /reconnect")
	last := zxid(first.Ask(OpExists, Watched("/reconnect", false), "exists /reconnect"))
	again := Handshake{LastZxid: last, TimeoutMs: 8000, ID: first.ID, Password: first.Password}
	second := Dial(t, addr)
	second.Handshake(again, "same session while the old connection is open")
	first.expectClose("the old connection: " + listenerCloses)
	second.Ask(OpExists, Watched("/reconnect", false), "exists /reconnect")
	second.Drop()
	third := Dial(t, addr)
	third.Handshake(again, "same session after the connection was dropped, another timeout")
	third.Ask(OpExists, Watched("/reconnect", false), "exists /reconnect")
	third.Close()
}

func syncPingCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.AskAs(-2, OpPing, nil, "ping")
	s.AskAs(77, OpPing, nil, "ping under another xid")
	s.Ask(OpSync, Record{}.Ustring("/"), "sync /")
	s.Ask(OpSync, Record{}.Ustring("/no/such/node"), "sync of a missing node")
	s.AskAs(0, OpExists, Watched("/", false), "xid 0")
	s.AskAs(0x7fffffff, OpExists, Watched("/", false), "xid 2147483647")
	s.AskAs(-2147483648, OpExists, Watched("/", false), "xid -2147483648")
	s.AskAs(-8, OpExists, append(Watched("/", false), 1, 2, 3), "xid -8, bytes behind the record")
	s.AskAs(0x7fffffff, OpCloseSession, nil, "closeSession, xid 2147483647")
	s.ExpectClose()
}

func authCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.Ask(OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("alice:pw")), "auth under an ordinary xid, as go-zookeeper sends it")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("ip").Buffer([]byte{}), "auth ip")
	s.Ask(OpCreate, Create("/auth", []byte("x"), []Entry{{31, "auth", ""}}, 0), "create with scheme auth")
	s.Ask(OpGetACL, Record{}.Ustring("/auth"), "getACL: scheme auth has become the ids")
	s.Close()
}

func authFailedCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("nobody").Buffer([]byte("x")), "auth: unknown scheme")
	s.ExpectClose()
	s = Connect(t, addr, "new session")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("world").Buffer([]byte("anyone")), "auth: scheme world")
	s.ExpectClose()
}

func whoAmICase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpWhoAmI, nil, "whoAmI: the address")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("alice:pw")), "auth digest alice:pw")
	s.Ask(OpWhoAmI, nil, "whoAmI: in any order")
	s.Close()
}

func unknownOpcodeCase(t *Transcript, addr string) {
	for _, op := range []int32{99, 500, OpNotification, OpError} {
		s := Connect(t, addr, "new session")
		s.Ask(op, nil, fmt.Sprintf("opcode %d", op))
		s.ExpectClose()
	}
}

func illegalCheckCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCheck, Record{}.Ustring("/").Int(-1), "check outside a multi")
	s.ExpectClose()
}

func shortRequestCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Send([]byte{0, 0, 0, 1}, "a request of four bytes")
	s.ExpectClose()
	s = Connect(t, addr, "new session")
	s.Ask(OpCreate, Record{}.Ustring("/short"), "create cut short after the path")
	s.Ask(OpGetData, Record{}.Int(5000), "getData whose path is longer than the frame")
	s.Ask(OpGetData, Record{}.Int(-7), "getData whose path has length -7")
	s.Close()
}
func reconfigCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpReconfig, Record{}.Ustring("server.4=127.0.0.1:1:2;3").Ustring("").Ustring("").Long(-1), "reconfig on a standalone server")
	s.Close()
}
