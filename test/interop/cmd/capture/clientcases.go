package main

import (
	"bytes"
	"fmt"
)

// clientCase is one file of client frames. It runs on a connection of its own against a standalone
// server; earlier cases have left their nodes behind, each below a path of its own.
type clientCase struct {
	name string
	run  func(t *transcript, addr string)
}

// clientCases, in the order in which they run. The first sees a fresh server.
var clientCases = []clientCase{
	{"fresh", freshCase},
	{"handshake", handshakeCase},
	{"handshake_legacy", legacyCase},
	{"handshake_refused", refusedCase},
	{"handshake_reconnect", reconnectCase},
	{"create", createCase},
	{"create_errors", createErrorsCase},
	{"delete", deleteCase},
	{"read", readCase},
	{"set", setCase},
	{"acl", aclCase},
	{"sync_ping", syncPingCase},
	{"multi", multiCase},
	{"multi_errors", multiErrorsCase},
	{"multi_read", multiReadCase},
	{"auth", authCase},
	{"auth_failed", authFailedCase},
	{"watches", watchesCase},
	{"set_watches", setWatchesCase},
	{"persistent_watches", persistentWatchesCase},
	{"remove_watches", removeWatchesCase},
	{"other_reads", otherReadsCase},
	{"reconfig_disabled", reconfigCase},
	{"unknown_opcode", unknownOpcodeCase},
	{"illegal_check", illegalCheckCase},
	{"short_request", shortRequestCase},
}

func freshCase(t *transcript, addr string) {
	s := connect(t, addr, "first session of a fresh server")
	s.ask(opGetChildren2, watched("/", false), "getChildren2 /")
	s.ask(opExists, watched("/", false), "exists /")
	s.ask(opGetData, watched("/zookeeper", false), "getData /zookeeper")
	s.ask(opGetData, watched("/zookeeper/quota", false), "getData /zookeeper/quota")
	s.ask(opGetData, watched("/zookeeper/config", false), "getData /zookeeper/config")
	s.ask(opGetACL, record{}.string("/"), "getACL /")
	s.ask(opGetACL, record{}.string("/zookeeper/config"), "getACL /zookeeper/config")
	s.ask(opGetAllChildrenCount, record{}.string("/"), "getAllChildrenNumber /")
	s.close()
}

func handshakeCase(t *transcript, addr string) {
	for _, h := range []struct {
		comment   string
		timeoutMs int32
	}{
		{"new session, timeout 10000 within the bounds 1000..10000", 10000},
		{"timeout 1 below the least of 2 ticks", 1},
		{"timeout 3600000 above the most of 20 ticks", 3600000},
		{"timeout -5", -5},
	} {
		s := dial(t, addr)
		s.handshake(handshake{timeoutMs: h.timeoutMs, password: noPassword}, h.comment)
		s.close()
	}
	s := dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, password: nil}, "null password")
	s.close()
	s = dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, password: noPassword, readOnly: true}, "read-only allowed")
	s.close()
}

func legacyCase(t *transcript, addr string) {
	s := dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, password: noPassword, legacy: true}, "44 bytes: no read-only byte")
	id, password := s.id, s.password
	s.drop()
	s = dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, id: id, password: password, legacy: true}, "44 bytes, the same session again")
	s.close()
	s = dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, id: id, password: password, legacy: true}, "44 bytes, the session is closed")
	s.expectClose()
}

func refusedCase(t *transcript, addr string) {
	s := dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, id: 0x1234, password: noPassword}, "unknown session")
	s.expectClose()
	live := connect(&transcript{}, addr, "")
	t.note("session %#x is open on another connection", live.id)
	s = dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, id: live.id, password: bytes.Repeat([]byte{7}, 16)}, "live session, wrong password")
	s.expectClose()
	s = dial(t, addr)
	s.handshake(handshake{timeoutMs: 10000, id: live.id, password: live.password}, "live session, right password: unharmed")
	s.close()
	s = dial(t, addr)
	s.send(handshake{lastZxid: 1 << 60, timeoutMs: 10000, password: noPassword}.record(), "lastZxidSeen ahead of the server")
	s.expectClose()
	s = dial(t, addr)
	s.add(toListener, []byte{0x00, 0x10, 0x00, 0x00}, "length 1048576, one more than jute.maxbuffer")
	_, err := s.nc.Write([]byte{0x00, 0x10, 0x00, 0x00})
	must(err, "send length")
	s.expectClose()
	s = dial(t, addr)
	s.send(record{}.int(0).long(0), "ConnectRequest cut short")
	s.expectClose()
}

func reconnectCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/reconnect", []byte("mine"), open, 1), "create ephemeral /reconnect")
	last := zxid(s.ask(opExists, watched("/reconnect", false), "exists /reconnect"))
	id, password := s.id, s.password
	s.drop()
	s = dial(t, addr)
	s.handshake(handshake{lastZxid: last, timeoutMs: 8000, id: id, password: password}, "same session, another timeout")
	s.ask(opExists, watched("/reconnect", false), "exists /reconnect")
	first := s
	s = dial(t, addr)
	s.handshake(handshake{lastZxid: last, timeoutMs: 8000, id: id, password: password}, "same session while the old connection is open")
	t.note("the old connection is closed by the server")
	first.expectClose()
	s.close()
}

func createCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/create", []byte("hi"), open, 0), "create persistent")
	s.ask(opCreate, create("/create/e", []byte("hi"), open, 1), "create ephemeral")
	s.ask(opCreate, create("/create/s-", []byte("hi"), open, 2), "create persistent sequential")
	s.ask(opCreate, create("/create/es-", []byte("hi"), open, 3), "create ephemeral sequential")
	s.ask(opCreate, create("/create/", []byte("hi"), open, 2), "create sequential with an empty name")
	s.ask(opCreate2, create("/create/c2", nil, open, 0), "create2 persistent, null data")
	s.ask(opCreate2, create("/create/c2e", []byte{}, open, 1), "create2 ephemeral, empty data")
	s.ask(opCreate2, create("/create/c2s-", []byte("x"), open, 2), "create2 persistent sequential")
	s.ask(opCreate2, create("/create/c2es-", []byte("x"), open, 3), "create2 ephemeral sequential")
	s.ask(opCreateContainer, create("/create/container", []byte("x"), open, 4), "createContainer")
	s.ask(opCreateTTL, append(create("/create/ttl", []byte("x"), open, 5), record{}.long(60000)...), "createTTL, 60000 ms")
	s.ask(opCreateTTL, append(create("/create/ttl-", []byte("x"), open, 6), record{}.long(60000)...), "createTTL sequential")
	s.ask(opExists, watched("/create/c2", false), "exists /create/c2")
	s.ask(opExists, watched("/create/container", false), "exists /create/container: owner 0")
	s.ask(opExists, watched("/create/ttl", false), "exists /create/ttl: owner 0")
	s.ask(opGetData, watched("/create/c2", false), "getData: null data")
	s.ask(opGetData, watched("/create/c2e", false), "getData: empty data")
	s.ask(opExists, watched("/create", false), "exists /create: cversion after the creates")
	s.close()
}

func createErrorsCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/errors", nil, open, 0), "create /errors")
	s.ask(opCreate, create("/errors/e", nil, open, 1), "create ephemeral /errors/e")
	for _, e := range []struct {
		comment string
		body    record
	}{
		{"exists already", create("/errors", nil, open, 0)},
		{"no parent", create("/nothing/here", nil, open, 0)},
		{"parent is ephemeral", create("/errors/e/child", nil, open, 0)},
		{"path without slash", create("errors", nil, open, 0)},
		{"path ends in slash", create("/errors/x/", nil, open, 0)},
		{"empty path", create("", nil, open, 0)},
		{"path with //", create("/errors//x", nil, open, 0)},
		{"path with a dot name", create("/errors/./x", nil, open, 0)},
		{"path with NUL", create("/errors/a\x00b", nil, open, 0)},
		{"empty ACL", create("/errors/x", nil, nil, 0)},
		{"unknown scheme", create("/errors/x", nil, []entry{{31, "nobody", "x"}}, 0)},
		{"auth scheme without auth", create("/errors/x", nil, []entry{{31, "auth", ""}}, 0)},
		{"unknown flags 9", create("/errors/x", nil, open, 9)},
		{"the root", create("/", nil, open, 0)},
		{"below /zookeeper", create("/zookeeper/x", nil, open, 0)},
	} {
		s.ask(opCreate, e.body, "create: "+e.comment)
	}
	s.ask(opCreateTTL, append(create("/errors/ttl", nil, open, 5), record{}.long(0)...), "createTTL of 0 ms")
	s.ask(opCreateTTL, append(create("/errors/ttl", nil, open, 5), record{}.long(1<<40)...), "createTTL of 2^40 ms")
	s.ask(opGetChildren2, watched("/errors", false), "nothing came of it")
	s.close()
}

func deleteCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/delete", nil, open, 0), "create /delete")
	s.ask(opCreate, create("/delete/a", nil, open, 0), "create /delete/a")
	s.ask(opDelete, record{}.string("/delete").int(-1), "delete: not empty")
	s.ask(opDelete, record{}.string("/delete/a").int(7), "delete: wrong version")
	s.ask(opDelete, record{}.string("/delete/b").int(-1), "delete: no node")
	s.ask(opDelete, record{}.string("/delete/a").int(0), "delete: right version")
	s.ask(opDelete, record{}.string("/").int(-1), "delete: the root")
	s.ask(opDelete, record{}.string("/zookeeper").int(-1), "delete: /zookeeper")
	s.ask(opDelete, record{}.string("delete").int(-1), "delete: path without slash")
	s.ask(opExists, watched("/delete", false), "exists /delete: cversion and pzxid after the delete")
	s.ask(opDelete, record{}.string("/delete").int(-1), "delete: any version")
	s.close()
}

func readCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/read", []byte("data"), open, 0), "create /read")
	for _, op := range []struct {
		name string
		op   int32
	}{{"exists", opExists}, {"getData", opGetData}, {"getChildren", opGetChildren}, {"getChildren2", opGetChildren2}} {
		s.ask(op.op, watched("/read", false), op.name)
		s.ask(op.op, watched("/read/nothing", false), op.name+": no node")
		s.ask(op.op, watched("read", false), op.name+": path without slash")
		s.ask(op.op, watched("", false), op.name+": empty path")
	}
	s.ask(opCreate, create("/read/a", nil, open, 0), "create /read/a")
	s.ask(opGetChildren, watched("/read", false), "getChildren: one child")
	s.ask(opGetChildren2, watched("/read", false), "getChildren2: one child")
	s.ask(opGetChildren, watched("/", false), "getChildren /")
	s.close()
}

func setCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/set", []byte("a"), open, 0), "create /set")
	set := func(path string, data []byte, version int32) record {
		return record{}.string(path).buffer(data).int(version)
	}
	s.ask(opSetData, set("/set", []byte("bb"), -1), "setData: any version")
	s.ask(opSetData, set("/set", []byte("ccc"), 1), "setData: right version")
	s.ask(opSetData, set("/set", []byte("d"), 1), "setData: wrong version")
	s.ask(opSetData, set("/set/nothing", []byte("d"), -1), "setData: no node")
	s.ask(opSetData, set("/set", nil, -1), "setData: null")
	s.ask(opGetData, watched("/set", false), "getData: null")
	s.ask(opSetData, set("/set", []byte{}, -1), "setData: empty")
	s.ask(opGetData, watched("/set", false), "getData: empty")
	s.ask(opSetData, set("/", []byte("root"), -1), "setData: the root")
	s.ask(opSetData, set("set", []byte("x"), -1), "setData: path without slash")
	s.ask(opSetData, set("/zookeeper/config", []byte("x"), -1), "setData: /zookeeper/config")
	s.close()
}

func aclCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	mixed := []entry{{1, "world", "anyone"}, {31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}, {3, "ip", "10.0.0.0/8"}}
	setACL := func(path string, acl []entry, version int32) record {
		return record{}.string(path).acl(acl).int(version)
	}
	s.ask(opCreate, create("/acl", nil, open, 0), "create /acl")
	s.ask(opGetACL, record{}.string("/acl"), "getACL: open")
	s.ask(opSetACL, setACL("/acl", mixed, 5), "setACL: wrong version")
	s.ask(opSetACL, setACL("/acl", nil, -1), "setACL: empty")
	s.ask(opSetACL, setACL("/acl", []entry{{31, "ip", "1.2.3.4.5"}}, -1), "setACL: malformed ip")
	s.ask(opSetACL, setACL("/acl/nothing", open, -1), "setACL: no node")
	s.ask(opSetACL, setACL("/acl", append(mixed, mixed[0]), 0), "setACL: three entries and a double")
	s.ask(opGetACL, record{}.string("/acl"), "getACL: as one who may only read")
	s.ask(opSetData, record{}.string("/acl").buffer([]byte("x")).int(-1), "setData: no permission")
	s.ask(opCreate, create("/acl/x", nil, open, 0), "create: no permission on the parent")
	s.ask(opGetData, watched("/acl", false), "getData: permitted")
	s.askAs(-4, opAuth, record{}.int(0).string("digest").buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.ask(opGetACL, record{}.string("/acl"), "getACL: as the owner")
	s.ask(opSetACL, setACL("/acl", []entry{{4, "auth", ""}}, -1), "setACL: scheme auth, create only")
	s.ask(opGetACL, record{}.string("/acl"), "getACL: no permission")
	s.ask(opGetData, watched("/acl", false), "getData: no permission")
	s.ask(opExists, watched("/acl", false), "exists: no permission")
	s.ask(opGetChildren, watched("/acl", false), "getChildren: no permission")
	s.ask(opDelete, record{}.string("/acl").int(-1), "delete: the parent permits")
	s.close()
}

func syncPingCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.askAs(-2, opPing, nil, "ping")
	s.askAs(77, opPing, nil, "ping under another xid")
	s.ask(opSync, record{}.string("/"), "sync /")
	s.ask(opSync, record{}.string("/no/such/node"), "sync of a missing node")
	s.askAs(0, opExists, watched("/", false), "xid 0")
	s.askAs(0x7fffffff, opExists, watched("/", false), "xid 2147483647")
	s.askAs(-2147483648, opExists, watched("/", false), "xid -2147483648")
	s.askAs(-8, opExists, append(watched("/", false), 1, 2, 3), "xid -8, bytes behind the record")
	s.askAs(0x7fffffff, opCloseSession, nil, "closeSession, xid 2147483647")
	s.expectClose()
}

func multiCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/multi", []byte("m"), open, 0), "create /multi")
	s.ask(opMulti, multi(
		operation{opCheck, record{}.string("/multi").int(0)},
		operation{opCreate, create("/multi/a", []byte("a"), open, 0)},
		operation{opCreate2, create("/multi/s-", []byte("s"), open, 2)},
		operation{opCreate, create("/multi/e", nil, open, 1)},
		operation{opCreateContainer, create("/multi/c", nil, open, 4)},
		operation{opCreateTTL, append(create("/multi/t", nil, open, 5), record{}.long(60000)...)},
		operation{opSetData, record{}.string("/multi").buffer([]byte("mm")).int(0)},
		operation{opSetData, record{}.string("/multi").buffer([]byte("mmm")).int(1)},
		operation{opDelete, record{}.string("/multi/a").int(-1)},
	), "multi: every kind of operation")
	s.ask(opGetChildren2, watched("/multi", false), "getChildren2 /multi")
	s.ask(opMulti, multi(), "multi: empty")
	s.close()
}

func multiErrorsCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/multi_errors", nil, open, 0), "create /multi_errors")
	first := operation{opCreate, create("/multi_errors/a", nil, open, 0)}
	s.ask(opMulti, multi(first, operation{opCreate, create("/multi_errors", nil, open, 0)},
		operation{opDelete, record{}.string("/multi_errors").int(-1)}), "multi: the second exists already")
	s.ask(opMulti, multi(operation{opCheck, record{}.string("/multi_errors").int(9)}, first), "multi: check fails")
	s.ask(opMulti, multi(operation{opCheck, record{}.string("/nothing").int(0)}, first), "multi: check of a missing node")
	s.ask(opMulti, multi(first, operation{opSetData, record{}.string("/nothing").buffer(nil).int(-1)}), "multi: the last fails")
	s.ask(opExists, watched("/multi_errors/a", false), "exists: nothing was applied")
	s.ask(opMulti, multi(first, operation{opCreate, create("/multi_errors/b", nil, open, 9)}), "multi: unknown flags 9")
	s.ask(opMulti, multi(first, operation{opGetData, watched("/multi_errors", false)}), "multi: a read among writes")
	s.ask(opExists, watched("/multi_errors", false), "the connection goes on")
	s.close()
}

func multiReadCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/multi_read", []byte("m"), open, 0), "create /multi_read")
	s.ask(opCreate, create("/multi_read/a", nil, open, 0), "create /multi_read/a")
	s.ask(opMultiRead, multi(
		operation{opGetData, watched("/multi_read", false)},
		operation{opGetChildren, watched("/multi_read", false)},
		operation{opGetData, watched("/nothing", false)},
		operation{opGetChildren, watched("/nothing", false)},
	), "multiRead")
	s.close()
}

func authCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.askAs(-4, opAuth, record{}.int(0).string("digest").buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.ask(opAuth, record{}.int(0).string("digest").buffer([]byte("alice:pw")), "auth under an ordinary xid, as go-zookeeper sends it")
	s.askAs(-4, opAuth, record{}.int(0).string("ip").buffer([]byte{}), "auth ip")
	s.ask(opWhoAmI, nil, "whoAmI")
	s.ask(opCreate, create("/auth", []byte("x"), []entry{{31, "auth", ""}}, 0), "create with scheme auth")
	s.ask(opGetACL, record{}.string("/auth"), "getACL: scheme auth has become the ids")
	s.close()
}

func authFailedCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.askAs(-4, opAuth, record{}.int(0).string("nobody").buffer([]byte("x")), "auth: unknown scheme")
	s.expectClose()
	s = connect(t, addr, "new session")
	s.askAs(-4, opAuth, record{}.int(0).string("world").buffer([]byte("anyone")), "auth: scheme world")
	s.expectClose()
}

func watchesCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opExists, watched("/watches", true), "exists with watch: no node")
	event := func(comment string) { s.receive("notification: " + comment) }
	// A write's notification comes before its reply.
	act := func(op int32, body record, comment string, events ...string) {
		s.xid++
		s.send(append(record{}.int(s.xid).int(op), body...), comment)
		for _, e := range events {
			event(e)
		}
		s.receive("")
	}
	set := func(data string) record { return record{}.string("/watches").buffer([]byte(data)).int(-1) }
	act(opCreate, create("/watches", nil, open, 0), "create /watches", "created")
	s.ask(opGetData, watched("/watches", true), "getData with watch")
	s.ask(opExists, watched("/watches", true), "exists with watch: the same watch")
	act(opSetData, set("a"), "setData", "data changed")
	act(opSetData, set("b"), "setData: the watch was used up")
	s.ask(opGetChildren, watched("/watches", true), "getChildren with watch")
	act(opCreate, create("/watches/a", nil, open, 0), "create /watches/a", "children changed")
	s.ask(opGetChildren2, watched("/watches", true), "getChildren2 with watch")
	act(opDelete, record{}.string("/watches/a").int(-1), "delete /watches/a", "children changed")
	s.ask(opGetData, watched("/watches/nothing", true), "getData with watch: no node, no watch")
	act(opCreate, create("/watches/nothing", nil, open, 0), "create /watches/nothing")
	act(opDelete, record{}.string("/watches/nothing").int(-1), "delete /watches/nothing")
	s.ask(opGetData, watched("/watches", true), "getData with watch")
	s.ask(opGetChildren, watched("/watches", true), "getChildren with watch")
	act(opDelete, record{}.string("/watches").int(-1), "delete /watches: one event for both watches", "deleted")
	s.close()
}

func setWatchesCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/set_watches", nil, open, 0), "create /set_watches")
	s.ask(opCreate, create("/set_watches/gone", nil, open, 0), "create /set_watches/gone")
	seen := zxid(s.ask(opCreate, create("/set_watches/same", nil, open, 0), "create /set_watches/same"))
	s.ask(opSetData, record{}.string("/set_watches").buffer([]byte("x")).int(-1), "setData /set_watches")
	s.ask(opDelete, record{}.string("/set_watches/gone").int(-1), "delete /set_watches/gone")
	s.ask(opCreate, create("/set_watches/new", nil, open, 0), "create /set_watches/new")
	id, password := s.id, s.password
	s.drop()
	s = dial(t, addr)
	s.handshake(handshake{lastZxid: seen, timeoutMs: 10000, id: id, password: password}, "same session")
	s.send(append(record{}.int(-8).int(opSetWatches), record{}.long(seen).
		strings("/set_watches", "/set_watches/gone", "/set_watches/same").
		strings("/set_watches/new", "/set_watches/never").
		strings("/set_watches", "/set_watches/same", "/set_watches/gone")...),
		fmt.Sprintf("setWatches, relative to zxid %#x: data, exist, child", seen))
	s.receiveUntilReply(-8)
	s.send(append(record{}.int(7).int(opSetData), record{}.string("/set_watches/same").buffer([]byte("x")).int(-1)...),
		"setData /set_watches/same: its watch is armed again")
	s.receiveUntilReply(7)
	s.send(append(record{}.int(8).int(opSetWatches2), record{}.long(seen).
		strings("/set_watches").strings().strings().strings("/set_watches/same").strings("/set_watches")...),
		"setWatches2: data, none, none, persistent, recursive")
	s.receiveUntilReply(8)
	s.send(append(record{}.int(9).int(opSetData), record{}.string("/set_watches/same").buffer([]byte("y")).int(-1)...),
		"setData /set_watches/same: persistent and recursive watch, one event")
	s.receiveUntilReply(9)
	s.xid = 9
	s.close()
}

// receiveUntilReply takes frames up to the one with the xid.
func (s *session) receiveUntilReply(xid int32) {
	for {
		frame, _, err := splitFrames(s.nc)
		must(err, "receive")
		if bytes.HasPrefix(frame[4:], record{}.int(xid)) {
			s.add(toDialer, frame, "")
			return
		}
		s.add(toDialer, frame, "notification")
	}
}

func persistentWatchesCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/persistent", nil, open, 0), "create /persistent")
	s.ask(opAddWatch, record{}.string("/persistent").int(0), "addWatch persistent")
	s.ask(opAddWatch, record{}.string("/persistent").int(1), "addWatch recursive: stands beside the first")
	s.ask(opAddWatch, record{}.string("/persistent").int(7), "addWatch: unknown mode 7")
	for _, w := range []struct {
		comment string
		op      int32
		body    record
	}{
		{"create child", opCreate, create("/persistent/a", nil, open, 0)},
		{"setData of the child", opSetData, record{}.string("/persistent/a").buffer([]byte("x")).int(-1)},
		{"setData of the child again", opSetData, record{}.string("/persistent/a").buffer([]byte("y")).int(-1)},
		{"delete child", opDelete, record{}.string("/persistent/a").int(-1)},
		{"delete", opDelete, record{}.string("/persistent").int(-1)},
		{"create: the watch is still there", opCreate, create("/persistent", nil, open, 0)},
	} {
		s.xid++
		s.send(append(record{}.int(s.xid).int(w.op), w.body...), w.comment)
		s.receiveUntilReply(s.xid)
	}
	s.ask(opRemoveWatches, record{}.string("/persistent").int(3), "removeWatches any")
	s.close()
}

func removeWatchesCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/remove", nil, open, 0), "create /remove")
	s.ask(opGetData, watched("/remove", true), "getData with watch")
	s.ask(opGetChildren, watched("/remove", true), "getChildren with watch")
	check := func(kind int32) record { return record{}.string("/remove").int(kind) }
	s.ask(opCheckWatches, check(1), "checkWatches children")
	s.ask(opCheckWatches, check(2), "checkWatches data")
	s.ask(opCheckWatches, check(3), "checkWatches any")
	s.ask(opRemoveWatches, check(1), "removeWatches children")
	s.ask(opCheckWatches, check(1), "checkWatches children: none")
	s.ask(opRemoveWatches, check(1), "removeWatches children: none")
	s.ask(opRemoveWatches, check(3), "removeWatches any")
	s.ask(opSetData, record{}.string("/remove").buffer([]byte("x")).int(-1), "setData: no event")
	s.close()
}

func otherReadsCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCreate, create("/other", nil, open, 0), "create /other")
	s.ask(opCreate, create("/other/e", nil, open, 1), "create ephemeral /other/e")
	s.ask(opGetEphemerals, record{}.string("/"), "getEphemerals /")
	s.ask(opGetEphemerals, record{}.string("/nothing"), "getEphemerals /nothing")
	s.ask(opGetAllChildrenCount, record{}.string("/other"), "getAllChildrenNumber /other")
	s.ask(opGetAllChildrenCount, record{}.string("/nothing"), "getAllChildrenNumber: no node")
	s.ask(opWhoAmI, nil, "whoAmI")
	s.ask(opDeleteContainer, record{}.string("/other"), "deleteContainer of what is none")
	s.close()
}

func reconfigCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opReconfig, record{}.string("server.4=127.0.0.1:1:2;3").string("").string("").long(-1), "reconfig on a standalone server")
	s.close()
}

func unknownOpcodeCase(t *transcript, addr string) {
	for _, op := range []int32{99, 500, opNotification, opError} {
		s := connect(t, addr, "new session")
		s.ask(op, nil, fmt.Sprintf("opcode %d", op))
		s.expectClose()
	}
}

func illegalCheckCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.ask(opCheck, record{}.string("/").int(-1), "check outside a multi")
	s.expectClose()
}

func shortRequestCase(t *transcript, addr string) {
	s := connect(t, addr, "new session")
	s.send([]byte{0, 0, 0, 1}, "a request of four bytes")
	s.expectClose()
	s = connect(t, addr, "new session")
	s.ask(opCreate, record{}.string("/short"), "create cut short after the path")
	s.ask(opGetData, record{}.int(5000), "getData whose path is longer than the frame")
	s.ask(opGetData, record{}.int(-7), "getData whose path has length -7")
	s.close()
}
