package history

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// Tap wraps a client's connection to a server and records its frames.
func (r *Recorder) Tap(client int, nc net.Conn) net.Conn {
	return &tap{Conn: nc, rec: r, client: client, number: r.connection(), pending: map[int32]Wire{}}
}

type tap struct {
	net.Conn
	rec    *Recorder
	client int
	number int

	in, out frames // each owned by the goroutine that reads or writes

	mu      sync.Mutex
	session Session
	pending map[int32]Wire // the reply to come, by the request's xid
	order   []int32        // of the replies to come
}

// Write records requests before they are sent, so that each is known before
// its reply.
func (t *tap) Write(b []byte) (int, error) {
	t.out.feed(b, t.request)
	return t.Conn.Write(b)
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.in.feed(b[:n], t.reply)
	return n, err
}

// frames cuts a stream into frames.
type frames struct {
	buf    []byte
	handed int
}

// feed hands on each frame that b completes; the number of a connection's
// first frame is 0.
func (f *frames) feed(b []byte, take func(number int, frame []byte)) {
	f.buf = append(f.buf, b...)
	for len(f.buf) >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(f.buf))
		if len(f.buf) < size {
			return
		}
		take(f.handed, f.buf[4:size])
		f.handed++
		f.buf = f.buf[:copy(f.buf, f.buf[size:])]
	}
}

func (t *tap) add(w Wire) {
	w.Client, w.Conn, w.Session = t.client, t.number, t.session
	t.rec.addWire(w)
}

// request notes what a reply will be to.
func (t *tap) request(number int, frame []byte) {
	d := jute.NewDecoder(frame)
	if number == 0 {
		var r proto.ConnectRequest
		r.Decode(&d)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.session = Session(r.SessionID)
		return
	}
	var h proto.RequestHeader
	h.Decode(&d)
	w := Wire{Frame: Reply, Op: h.Op.String()}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch h.Op {
	case proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2:
		var r proto.PathWatchRequest
		r.Decode(&d)
		w.Path, w.Watch = r.Path, r.Watch
	case proto.OpAddWatch:
		var r proto.AddWatchRequest
		r.Decode(&d)
		w.Path, w.Mode = r.Path, int32(r.Mode)
	case proto.OpSetWatches, proto.OpSetWatches2:
		r := proto.SetWatchesRequest{V2: h.Op == proto.OpSetWatches2}
		r.Decode(&d)
		t.add(Wire{Frame: Rearmed, Rearm: &Rearm{int64(r.RelativeZxid), r.Data, r.Exist, r.Child, r.Persist, r.Recursive}})
	}
	t.pending[h.Xid] = w
	if h.Xid >= 0 {
		t.order = append(t.order, h.Xid)
	}
}

func (t *tap) reply(number int, frame []byte) {
	d := jute.NewDecoder(frame)
	t.mu.Lock()
	defer t.mu.Unlock()
	if number == 0 {
		var r proto.ConnectResponse
		r.Decode(&d)
		if r.Timeout <= 0 || r.SessionID == 0 {
			t.add(Wire{Frame: Expired})
			return
		}
		t.session = Session(r.SessionID)
		t.add(Wire{Frame: Welcome})
		return
	}
	var h proto.ReplyHeader
	h.Decode(&d)
	switch h.Xid {
	case proto.XidNotification:
		var ev proto.WatcherEvent
		ev.Decode(&d)
		t.add(Wire{Frame: Event, Type: int32(ev.Type), Path: ev.Path, Zxid: int64(h.Zxid)})
	case proto.XidAuth:
	default:
		w := t.pending[h.Xid]
		if h.Xid >= 0 {
			if len(t.order) == 0 || t.order[0] != h.Xid {
				t.add(Wire{Frame: Disorder, Op: w.Op, Path: w.Path, Zxid: int64(h.Zxid)})
			} else {
				t.order = t.order[1:]
			}
			delete(t.pending, h.Xid)
		}
		w.Frame, w.Err, w.Zxid = Reply, int32(h.Err), int64(h.Zxid)
		t.add(w)
	}
}
