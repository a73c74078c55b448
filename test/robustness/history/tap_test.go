package history

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func framed(record []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(record))), record...)
}

// TestTap sends a conversation through a tap in pieces of every size.
func TestTap(t *testing.T) {
	connect := proto.ConnectRequest{Passwd: make([]byte, 16)}
	read := proto.PathWatchRequest{Path: "/a", Watch: true}
	rearm := proto.SetWatchesRequest{RelativeZxid: 7, Data: []string{"/b"}, Exist: []string{}, Child: []string{"/c"}, Persist: []string{}, Recursive: []string{"/"}, V2: true}
	add := proto.AddWatchRequest{Path: "/", Mode: proto.AddWatchPersistentRecursive}
	var out, in []byte
	for _, f := range [][]byte{
		connect.Append(nil),
		rearm.Append(proto.RequestHeader{Xid: 1, Op: proto.OpSetWatches2}.Append(nil)),
		read.Append(proto.RequestHeader{Xid: 2, Op: proto.OpGetData}.Append(nil)),
		add.Append(proto.RequestHeader{Xid: 3, Op: proto.OpAddWatch}.Append(nil)),
	} {
		out = append(out, framed(f)...)
	}
	welcome := proto.ConnectResponse{Timeout: 1000, SessionID: 0x5e55, Passwd: make([]byte, 16)}
	event := proto.WatcherEvent{Type: proto.EventNodeDataChanged, Path: "/a"}
	for _, f := range [][]byte{
		welcome.Append(nil),
		proto.ReplyHeader{Xid: 1, Zxid: 8}.Append(nil),
		proto.ReplyHeader{Xid: 2, Zxid: 9, Err: proto.ErrNoNode}.Append(nil),
		event.Append(proto.ReplyHeader{Xid: proto.XidNotification, Zxid: 10}.Append(nil)),
		proto.ReplyHeader{Xid: 3, Zxid: 11}.Append(nil),
	} {
		in = append(in, framed(f)...)
	}
	want := []Wire{
		{Frame: Rearmed},
		{Frame: Welcome, Session: 0x5e55},
		{Frame: Reply, Op: "setWatches2", Zxid: 8},
		{Frame: Reply, Op: "getData", Path: "/a", Watch: true, Zxid: 9, Err: int32(proto.ErrNoNode)},
		{Frame: Event, Type: 3, Path: "/a", Zxid: 10},
		{Frame: Reply, Op: "addWatch", Path: "/", Mode: 1, Zxid: 11},
	}
	for size := 1; size < len(out)+len(in); size += 1 + size/4 {
		got := converse(t, out, in, size)
		if len(got) != len(want) {
			t.Fatalf("pieces of %d: %d frames, want %d: %+v", size, len(got), len(want), got)
		}
		for i, w := range want {
			g := got[i]
			if g.Frame != w.Frame || g.Op != w.Op || g.Path != w.Path || g.Watch != w.Watch || g.Mode != w.Mode ||
				g.Type != w.Type || g.Err != w.Err || g.Zxid != w.Zxid || i > 0 && g.Session != 0x5e55 || g.Client != 4 {
				t.Errorf("pieces of %d, frame %d: got %+v, want %+v", size, i, g, w)
			}
		}
		if r := got[0].Rearm; r == nil || r.Relative != 7 || len(r.Data) != 1 || len(r.Child) != 1 || len(r.Recursive) != 1 {
			t.Errorf("pieces of %d: setWatches2 %+v", size, r)
		}
	}
}

// converse sends out, then reads in, and returns what the tap has recorded.
func converse(t *testing.T, out, in []byte, size int) []Wire {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	rec := NewRecorder(1, 0)
	nc := rec.Tap(4, near)
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.ReadFull(far, make([]byte, len(out)))
		far.Write(in)
		far.Close()
	}()
	for b := out; len(b) > 0; b = b[min(size, len(b)):] {
		if _, err := nc.Write(b[:min(size, len(b))]); err != nil {
			t.Fatal(err)
		}
	}
	for buf := make([]byte, size); ; {
		if _, err := nc.Read(buf); err != nil {
			break
		}
	}
	<-done
	return rec.History().Wire
}

// TestRefused: a server that does not know the session any more is on record.
func TestRefused(t *testing.T) {
	connect := proto.ConnectRequest{SessionID: 0xdead, Passwd: make([]byte, 16)}
	refusal := proto.ConnectResponse{Passwd: make([]byte, 16)}
	got := converse(t, framed(connect.Append(nil)), framed(refusal.Append(nil)), 1000)
	if len(got) != 1 || got[0].Frame != Expired || got[0].Session != 0xdead {
		t.Errorf("got %+v", got)
	}
}

// TestDisorder: a reply that overtakes another is on record.
func TestDisorder(t *testing.T) {
	connect := proto.ConnectRequest{Passwd: make([]byte, 16)}
	welcome := proto.ConnectResponse{Timeout: 1000, SessionID: 1, Passwd: make([]byte, 16)}
	out, in := framed(connect.Append(nil)), framed(welcome.Append(nil))
	for xid := int32(1); xid <= 2; xid++ {
		out = append(out, framed(proto.RequestHeader{Xid: xid, Op: proto.OpSync}.Append(nil))...)
		in = append(in, framed(proto.ReplyHeader{Xid: 3 - xid, Zxid: 1}.Append(nil))...)
	}
	disorders := 0
	for _, w := range converse(t, out, in, 1000) {
		if w.Frame == Disorder {
			disorders++
		}
	}
	if disorders != 1 {
		t.Errorf("%d replies out of order, want 1", disorders)
	}
}

// TestHistoryStays: connections that are still open do not change what has been taken.
func TestHistoryStays(t *testing.T) {
	rec := NewRecorder(1, 0)
	rec.addWire(Wire{Frame: Welcome})
	h := rec.History()
	rec.addWire(Wire{Frame: Reply})
	rec.Add(Record{})
	if len(h.Wire) != 1 || len(h.Records) != 0 || len(rec.History().Wire) != 2 {
		t.Errorf("%d frames and %d records were taken, %d frames are there", len(h.Wire), len(h.Records), len(rec.History().Wire))
	}
}
