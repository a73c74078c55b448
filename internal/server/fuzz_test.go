package server

import (
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// FuzzConnection sends arbitrary bytes over a fresh connection. Nothing may
// panic, and the server must let go of the connection in the end.
func FuzzConnection(f *testing.F) {
	open := unhex(f, connectRequest)
	f.Add([]byte("ruok"))
	f.Add(open)
	f.Add(unhex(f, legacyRequest))
	f.Add(append(open, unhex(f, ping)...))
	for _, req := range []struct {
		op proto.OpCode
		r  proto.Request
	}{
		{proto.OpCreate, &proto.CreateRequest{Path: "/a", ACL: proto.OpenACL}},
		{proto.OpGetData, &proto.PathWatchRequest{Path: "/", Watch: true}},
		{proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{{Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: "/a"}}}}},
		{proto.OpSetWatches, &proto.SetWatchesRequest{Data: []string{"/a"}, Exist: []string{"/"}}},
		{proto.OpSetWatches2, &proto.SetWatchesRequest{V2: true, Persist: []string{"/a"}, Recursive: []string{"/", "x"}}},
		{proto.OpAddWatch, &proto.AddWatchRequest{Path: "/", Mode: proto.AddWatchPersistentRecursive}},
		{proto.OpRemoveWatches, &proto.WatchesRequest{Path: "/", Type: proto.WatcherAny}},
		{proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("a:b")}},
		{proto.OpSync, &proto.PathRequest{Path: "/"}},
		{proto.OpCloseSession, nil},
		{proto.OpMultiRead, raw(proto.MultiEnd.Append(nil))},
	} {
		f.Add(append(open[:len(open):len(open)], frameOf(1, req.op, req.r)...))
	}
	w := newWorld(f, 0, func(o *Options) { o.Words = func(string, io.Writer) {} })
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		near, far := net.Pipe()
		near.SetDeadline(time.Now().Add(patience))
		w.srv.receive(far)
		go func() {
			near.Write(b)
			near.Close()
		}()
		if _, err := io.Copy(io.Discard, near); err != nil && err != io.ErrClosedPipe {
			t.Fatal(err)
		}
		waitGone(t, w.srv, 0)
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(256*len(b)+4<<20); n > most {
			t.Errorf("%d bytes allocated for %d", n, len(b))
		}
	})
}

// FuzzRequest sends one request with an arbitrary record in an open session, and
// a ping behind it. Either each is answered once and in order, whatever events
// come between, or the connection ends.
func FuzzRequest(f *testing.F) {
	for _, op := range proto.OpCodes() {
		f.Add(int32(op), []byte{})
		f.Add(int32(op), (&proto.PathWatchRequest{Path: "/", Watch: true}).Append(nil))
		f.Add(int32(op), (&proto.CreateRequest{Path: "/a", ACL: proto.OpenACL, TTL: -1, HasTTL: true}).Append(nil))
		f.Add(int32(op), (&proto.SetWatchesRequest{V2: true, Data: []string{"/a"}, Recursive: []string{"/"}}).Append(nil))
		read := proto.MultiHeader{Type: proto.OpGetData, Err: -1}.Append(nil)
		read = (&proto.PathWatchRequest{Path: "/"}).Append(read)
		f.Add(int32(op), proto.MultiEnd.Append(read))
	}
	w := newWorld(f, 0, nil)
	f.Fuzz(func(t *testing.T, op int32, record []byte) {
		near, far := net.Pipe()
		near.SetDeadline(time.Now().Add(patience))
		w.srv.receive(far)
		c := &client{t: t, nc: near}
		go func() {
			near.Write(frameOfRecord(&proto.ConnectRequest{Timeout: 30000, Passwd: make([]byte, 16)}))
			near.Write(frameOf(1, proto.OpCode(op), raw(record)))
			near.Write(frameOf(2, proto.OpPing, nil))
		}()
		want := []int32{1, proto.XidPing}
		if _, err := c.tryRecv(); err != nil { // the connect response
			want = nil // the end of the connection has overtaken it
		}
		for len(want) > 0 {
			b, err := c.tryRecv()
			if err != nil {
				break
			}
			switch xid := int32(binary.BigEndian.Uint32(b)); xid {
			case proto.XidNotification:
			case want[0]:
				want = want[1:]
			default:
				if op != int32(proto.OpPing) || xid != proto.XidPing {
					t.Fatalf("answer to %d, want %d", xid, want[0])
				}
				want = want[1:]
			}
		}
		near.Close()
		waitGone(t, w.srv, 0)
	})
}
