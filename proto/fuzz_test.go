package proto

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/paddock-io/paddock/jute"
)

// bounded fails the test if f allocates far more than the size of its input.
func bounded(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n, most := after.TotalAlloc-before.TotalAlloc, uint64(64*size+64<<10); n > most {
		t.Errorf("%d bytes allocated for %d", n, size)
	}
}

// fuzzRequest feeds records of these operations to their decoders. What decodes
// must encode and decode to the same again, and no input may allocate far more
// than its own size.
func fuzzRequest(f *testing.F, seeds map[OpCode]Request) {
	ops := make([]OpCode, 0, len(seeds))
	for _, op := range OpCodes() {
		r, ok := seeds[op]
		if !ok {
			continue
		}
		f.Add(uint8(len(ops)), r.Append(nil))
		f.Add(uint8(len(ops)), append(r.Append(nil), 0xff))
		f.Add(uint8(len(ops)), []byte{0xff, 0xff, 0xff, 0xff})
		f.Add(uint8(len(ops)), []byte{0x7f, 0xff, 0xff, 0xff, 0})
		ops = append(ops, op)
	}
	f.Fuzz(func(t *testing.T, which uint8, record []byte) {
		op := ops[int(which)%len(ops)]
		var r Request
		var err error
		bounded(t, len(record), func() { r, err = DecodeRequest(op, record) })
		if err != nil {
			return
		}
		again, err := DecodeRequest(op, r.Append(nil))
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%s: %+v becomes %+v, %v", op, r, again, err)
		}
	})
}

var someACL = []ACL{{PermAll, ID{"world", "anyone"}}, {PermRead, ID{"ip", "::1/64"}}}

// FuzzFlatRequest: the records without lists.
func FuzzFlatRequest(f *testing.F) {
	watch, path := &PathWatchRequest{"/a", true}, &PathRequest{"/a"}
	fuzzRequest(f, map[OpCode]Request{
		OpExists: watch, OpGetData: watch, OpGetChildren: watch, OpGetChildren2: watch,
		OpGetACL: path, OpSync: path, OpGetEphemerals: path, OpGetAllChildren: path, OpDeleteContainer: path,
		OpDelete: &DeleteRequest{Path: "/a", Version: -1}, OpSetData: &SetDataRequest{"/a", []byte("x"), 3},
		OpAddWatch: &AddWatchRequest{"/a", 1}, OpCheckWatches: &WatchesRequest{"/a", 3}, OpRemoveWatches: &WatchesRequest{"/a", 5},
		OpReconfig: &ReconfigRequest{Joining: "server.4=h:1:2;3", ConfigID: -1},
		OpAuth:     &AuthPacket{0, "digest", []byte("a:b")}, OpCreateSession: &CreateSessionRequest{4000},
	})
}

// FuzzCreateRequest: create in all its forms, and setACL.
func FuzzCreateRequest(f *testing.F) {
	r := &CreateRequest{Path: "/a", Data: []byte("x"), ACL: someACL, Flags: EphemeralSequential}
	ttl := &CreateRequest{Path: "/a", ACL: someACL, Flags: PersistentTTL, TTL: 1000, HasTTL: true}
	fuzzRequest(f, map[OpCode]Request{
		OpCreate: r, OpCreate2: r, OpCreateContainer: r, OpCreateTTL: ttl, OpSetACL: &SetACLRequest{"/a", someACL, 1},
	})
}

// FuzzMultiRequest: multi with every operation that may stand in it.
func FuzzMultiRequest(f *testing.F) {
	create := &CreateRequest{Path: "/a", Data: []byte("x"), ACL: someACL, TTL: -1}
	fuzzRequest(f, map[OpCode]Request{OpMulti: &MultiRequest{Ops: []MultiOp{
		{OpCreate, create},
		{OpCreate2, create},
		{OpCreateContainer, create},
		{OpCreateTTL, &CreateRequest{Path: "/t", ACL: someACL, Flags: PersistentTTL, TTL: 1000, HasTTL: true}},
		{OpDelete, &DeleteRequest{Path: "/a", Version: -1}},
		{OpSetData, &SetDataRequest{"/a", nil, 0}},
		{OpCheck, &CheckVersionRequest{"/a", 2}},
	}}})
}

// FuzzSetWatchesRequest: both forms of setWatches.
func FuzzSetWatchesRequest(f *testing.F) {
	old := &SetWatchesRequest{RelativeZxid: 5, Data: []string{"/a"}, Exist: []string{}, Child: []string{"/b", "/c"}}
	all := *old
	all.V2, all.Persist, all.Recursive = true, []string{"/d"}, []string{"/"}
	cut := all
	cut.Exist, cut.Child, cut.Persist, cut.Recursive, cut.Cut = nil, nil, nil, nil, true
	f.Add(uint8(1), cut.Append(nil))
	fuzzRequest(f, map[OpCode]Request{OpSetWatches: old, OpSetWatches2: &all})
}

// FuzzConnectRequest: the first frame of a connection.
func FuzzConnectRequest(f *testing.F) {
	for _, readOnly := range []bool{false, true} {
		r := ConnectRequest{LastZxidSeen: 1, Timeout: 4000, SessionID: 7, Passwd: make([]byte, 16), HasReadOnly: readOnly, ReadOnly: readOnly}
		f.Add(r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		var r, again ConnectRequest
		d := jute.NewDecoder(record)
		bounded(t, len(record), func() { r.Decode(&d) })
		if d.Err() != nil {
			return
		}
		d = jute.NewDecoder(r.Append(nil))
		if again.Decode(&d); d.Err() != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%+v becomes %+v, %v", r, again, d.Err())
		}
	})
}
