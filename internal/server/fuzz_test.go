package server

import (
	"io"
	"net"
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
		{proto.OpAuth, &proto.AuthPacket{Scheme: "digest", Auth: []byte("a:b")}},
		{proto.OpSync, &proto.PathRequest{Path: "/"}},
		{proto.OpCloseSession, nil},
		{proto.OpMultiRead, raw(proto.MultiEnd.Append(nil))},
	} {
		f.Add(append(open[:len(open):len(open)], frameOf(1, req.op, req.r)...))
	}
	w := newWorld(f, 0, func(o *Options) { o.Words = func(string, io.Writer) {} })
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		near.SetDeadline(time.Now().Add(patience))
		w.srv.admit(far)
		go func() {
			near.Write(b)
			near.Close()
		}()
		if _, err := io.Copy(io.Discard, near); err != nil && err != io.ErrClosedPipe {
			t.Fatal(err)
		}
		waitGone(t, w.srv, 0)
	})
}
