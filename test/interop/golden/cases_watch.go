package golden

import (
	"bytes"
	"fmt"
)

func watchesCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpExists, Watched("/watches", true), "exists with watch: no node")
	event := func(comment string) { s.Receive("notification: " + comment) }
	// A write's notification comes before its reply.
	act := func(op int32, body Record, comment string, events ...string) {
		s.xid++
		s.Send(append(Record{}.Int(s.xid).Int(op), body...), comment)
		for _, e := range events {
			event(e)
		}
		s.Receive("")
	}
	set := func(data string) Record { return Record{}.Ustring("/watches").Buffer([]byte(data)).Int(-1) }
	act(OpCreate, Create("/watches", nil, Open, 0), "create /watches", "created")
	s.Ask(OpGetData, Watched("/watches", true), "getData with watch")
	s.Ask(OpExists, Watched("/watches", true), "exists with watch: the same watch")
	act(OpSetData, set("a"), "setData", "data changed")
	act(OpSetData, set("b"), "setData: the watch was used up")
	s.Ask(OpGetChildren, Watched("/watches", true), "getChildren with watch")
	act(OpCreate, Create("/watches/a", nil, Open, 0), "create /watches/a", "children changed")
	s.Ask(OpGetChildren2, Watched("/watches", true), "getChildren2 with watch")
	act(OpDelete, Record{}.Ustring("/watches/a").Int(-1), "delete /watches/a", "children changed")
	s.Ask(OpGetData, Watched("/watches/nothing", true), "getData with watch: no node, no watch")
	act(OpCreate, Create("/watches/nothing", nil, Open, 0), "create /watches/nothing")
	act(OpDelete, Record{}.Ustring("/watches/nothing").Int(-1), "delete /watches/nothing")
	s.Ask(OpGetData, Watched("/watches", true), "getData with watch")
	s.Ask(OpGetChildren, Watched("/watches", true), "getChildren with watch")
	act(OpDelete, Record{}.Ustring("/watches").Int(-1), "delete /watches: one event for both watches", "deleted")
	s.Close()
}

func setWatchesCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/set_watches", nil, Open, 0), "create /set_watches")
	s.Ask(OpCreate, Create("/set_watches/gone", nil, Open, 0), "create /set_watches/gone")
	seen := zxid(s.Ask(OpCreate, Create("/set_watches/same", nil, Open, 0), "create /set_watches/same"))
	s.Ask(OpSetData, Record{}.Ustring("/set_watches").Buffer([]byte("x")).Int(-1), "setData /set_watches")
	s.Ask(OpDelete, Record{}.Ustring("/set_watches/gone").Int(-1), "delete /set_watches/gone")
	s.Ask(OpCreate, Create("/set_watches/new", nil, Open, 0), "create /set_watches/new")
	id, password := s.ID, s.Password
	s.Drop()
	s = Dial(t, addr)
	s.Handshake(Handshake{LastZxid: seen, TimeoutMs: 10000, ID: id, Password: password}, "same session")
	s.Send(append(Record{}.Int(-8).Int(OpSetWatches), Record{}.Long(seen).
		Ustrings("/set_watches", "/set_watches/gone", "/set_watches/same").
		Ustrings("/set_watches/new", "/set_watches/never").
		Ustrings("/set_watches", "/set_watches/same", "/set_watches/gone")...),
		fmt.Sprintf("setWatches, relative to zxid %#x: data, exist, child", seen))
	s.receiveUntilReply(-8)
	s.Send(append(Record{}.Int(7).Int(OpSetData), Record{}.Ustring("/set_watches/same").Buffer([]byte("x")).Int(-1)...),
		"setData /set_watches/same: its watch is armed again")
	s.receiveUntilReply(7)
	s.xid = 7
	s.Close()
}

func setWatches2Case(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/set_watches", nil, Open, 0), "create /set_watches")
	seen := zxid(s.Ask(OpCreate, Create("/set_watches/same", nil, Open, 0), "create /set_watches/same"))
	s.Ask(OpSetData, Record{}.Ustring("/set_watches").Buffer([]byte("x")).Int(-1), "setData /set_watches")
	s.Send(append(Record{}.Int(8).Int(OpSetWatches2), Record{}.Long(seen).
		Ustrings("/set_watches").Ustrings().Ustrings().Ustrings("/set_watches/same").Ustrings("/set_watches")...),
		"setWatches2: data, none, none, persistent, recursive")
	s.receiveUntilReply(8)
	s.Send(append(Record{}.Int(9).Int(OpSetData), Record{}.Ustring("/set_watches/same").Buffer([]byte("y")).Int(-1)...),
		"setData /set_watches/same: persistent and recursive watch, one event")
	s.receiveUntilReply(9)
	s.xid = 9
	s.Close()
}

// receiveUntilReply takes frames up to the one with the xid.
func (s *Session) receiveUntilReply(xid int32) {
	for {
		frame, _, err := SplitFrames(s.nc)
		Must(err, "receive")
		if bytes.HasPrefix(frame[4:], Record{}.Int(xid)) {
			s.Add(ToDialer, frame, "")
			return
		}
		s.Add(ToDialer, frame, "notification")
	}
}

func persistentWatchesCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/persistent", nil, Open, 0), "create /persistent")
	s.Ask(OpAddWatch, Record{}.Ustring("/persistent").Int(0), "addWatch persistent")
	s.Ask(OpAddWatch, Record{}.Ustring("/persistent").Int(1), "addWatch recursive: stands beside the first")
	s.Ask(OpAddWatch, Record{}.Ustring("/persistent").Int(7), "addWatch: unknown mode 7")
	for _, w := range []struct {
		comment string
		op      int32
		body    Record
	}{
		{"create child", OpCreate, Create("/persistent/a", nil, Open, 0)},
		{"setData of the child", OpSetData, Record{}.Ustring("/persistent/a").Buffer([]byte("x")).Int(-1)},
		{"setData of the child again", OpSetData, Record{}.Ustring("/persistent/a").Buffer([]byte("y")).Int(-1)},
		{"delete child", OpDelete, Record{}.Ustring("/persistent/a").Int(-1)},
		{"delete", OpDelete, Record{}.Ustring("/persistent").Int(-1)},
		{"create: the watch is still there", OpCreate, Create("/persistent", nil, Open, 0)},
	} {
		s.xid++
		s.Send(append(Record{}.Int(s.xid).Int(w.op), w.body...), w.comment)
		s.receiveUntilReply(s.xid)
	}
	s.Ask(OpRemoveWatches, Record{}.Ustring("/persistent").Int(3), "removeWatches any")
	s.Close()
}

func removeWatchesCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/remove", nil, Open, 0), "create /remove")
	s.Ask(OpGetData, Watched("/remove", true), "getData with watch")
	s.Ask(OpGetChildren, Watched("/remove", true), "getChildren with watch")
	check := func(kind int32) Record { return Record{}.Ustring("/remove").Int(kind) }
	s.Ask(OpCheckWatches, check(1), "checkWatches children")
	s.Ask(OpCheckWatches, check(2), "checkWatches data")
	s.Ask(OpCheckWatches, check(3), "checkWatches any")
	s.Ask(OpRemoveWatches, check(1), "removeWatches children")
	s.Ask(OpCheckWatches, check(1), "checkWatches children: none")
	s.Ask(OpRemoveWatches, check(1), "removeWatches children: none")
	s.Ask(OpRemoveWatches, check(3), "removeWatches any")
	s.Ask(OpSetData, Record{}.Ustring("/remove").Buffer([]byte("x")).Int(-1), "setData: no event")
	s.Close()
}
