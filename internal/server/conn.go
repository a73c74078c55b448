package server

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// phase is the life of a connection; it only goes forward.
type phase uint8

const (
	phaseNew     phase = iota // no frame yet, or a four-letter word
	phaseWaiting              // the quorum has to open or to find the session
	phaseOpen
	phaseEnding // the last reply is in the outbox; close when it is written
	phaseClosed
)

// conn is one client connection. There may be tens of thousands, most of them at
// rest: what only a readLoop needs is in reader, and small fields stand together.
type conn struct {
	// Fixed.
	srv    *Server
	id     uint64 // unique in this process
	origin *origin
	opened int64          // nanoseconds since the server's start
	slot   tree.WatcherID // index in Server.conns; reused after the connection's end
	port   uint16         // of the client

	// Owned by readLoop, or by the poller at rest.
	readOnly bool    // of period: nothing may be written
	legacy   bool    // the connect request had no read-only byte, and the response gets none
	admitted bool    // has an identity of a scheme that is enforced, if any is
	calm     bool    // has had no request but pings since it last was, or could have been, at rest
	deaf     bool    // nothing more is to be done for this client but to answer what it asked
	period   *period // the time of serving in which the session was opened
	*reader          // nil at rest
	// verdicts is of whoever answers reads of c, under the tree's lock: readLoop
	// if the lane is empty, else the quorum's goroutine, or the one that has set
	// busy. Who holds the tree's Lock may use it in any case, as Notify does.
	verdicts tree.Verdicts

	seen    atomic.Int64 // when the client last was not silent, nanoseconds since the server's start
	waiting atomic.Bool  // readLoop waits for the server; see await.go
	touched atomic.Bool  // is in Server.touched; only when its session was open

	mu        sync.Mutex // below Server.mu; see doc.go
	timeoutMs int32      // negotiated on this connection
	outHint   int32      // size of the last outbox taken
	phase     phase
	word      bool            // a four-letter word is being answered, which takes no quorum
	resting   bool            // has no readLoop, and belongs to whoever sets this to false; see rest.go
	opening   bool            // in phaseWaiting: the session is new
	behind    bool            // in Server.backlog, or about to be
	busy      bool            // catchUp works on the lane, under the tree's RLock
	writing   bool            // somebody has taken from the outbox and will look again
	scheduled bool            // a flusher will look at the outbox
	waitedAt  int64           // when phaseWaiting began, nanoseconds since the server's start
	session   proto.SessionID // from phaseWaiting on
	ids       []proto.ID      // immutable slice, replaced by readLoop when an identity is added
	reason    error           // why the connection ended; the first one counts
	lane      *lane           // &noLane as long as nothing had to wait
	wait      chan struct{}   // closed to wake a readLoop in block; nil if there is none
	done      chan struct{}   // closed in phaseClosed; nil while nobody has asked; see whileOpen

	out      *buffer // the outbox: encoded frames, oldest first; nil if empty
	mark     int     // where the frame being encoded starts
	inflight int     // bytes taken from the outbox and not yet written

	received, sent int64
	stats          ConnStats

	// The socket; see sock.
	nc     net.Conn
	rc     syscall.RawConn       // nil: use nc's Read and Write
	writer rawWriter             // arguments and results of tryWrite
	write1 func(fd uintptr) bool // writer.try, bound once
}

func newConn(s *Server, nc net.Conn, port uint16) *conn {
	c := &conn{
		srv: s, port: port, opened: s.now(), stats: newConnStats,
		verdicts: tree.Verdicts{Max: 4}, calm: true, lane: &noLane, nc: nc,
	}
	c.initRaw()
	c.seen.Store(s.now())
	return c
}

// abort ends the connection at once, unless it has ended already: nothing is
// read or written any more. It does not close the socket, because that may not
// be done under a lock; closeSocket does. Holds c.mu.
func (c *conn) abort(reason error) {
	if c.reason == nil {
		c.reason = reason
	}
	if c.phase != phaseClosed && c.done != nil {
		close(c.done)
	}
	c.phase = phaseClosed
	if c.out != nil {
		putBuffer(c.out)
		c.out = nil
	}
	c.wake()
}

// close ends the connection at once.
func (c *conn) close(reason error) {
	c.mu.Lock()
	c.abort(reason)
	c.mu.Unlock()
	c.closeSocket()
}

// closeSocket ends the system's part of the connection, as politely as it can:
// the end of the stream goes out even if the client has sent more than was read.
// A connection at rest gets a readLoop, for which there is nothing to do but to end.
func (c *conn) closeSocket() {
	hangUp(c.nc)
	if c.rouse() {
		go c.readLoop(nil)
	}
}

func hangUp(nc net.Conn) {
	if cw, ok := nc.(interface{ CloseWrite() error }); ok {
		cw.CloseWrite()
	}
	nc.Close()
}

// wake lets a readLoop in block look again. Holds c.mu.
func (c *conn) wake() {
	if c.wait != nil {
		close(c.wait)
		c.wait = nil
	}
}

// block waits in readLoop until ready, which is called with c.mu held, returns
// true. It returns false if the connection ends first.
func (c *conn) block(ready func(c *conn) bool) bool {
	c.mu.Lock()
	for c.phase < phaseEnding && !ready(c) {
		wait := make(chan struct{})
		c.wait = wait
		c.mu.Unlock()
		<-wait
		c.mu.Lock()
	}
	ok := c.phase < phaseEnding
	c.mu.Unlock()
	return ok
}

// begin starts a frame of about size bytes in the outbox and returns the outbox
// to append to. The frame is queued by commit, and c.mu is held in between. It
// returns false, without the lock, if nothing may be sent any more.
func (c *conn) begin(size int) ([]byte, bool) {
	c.mu.Lock()
	if c.phase >= phaseEnding {
		c.mu.Unlock()
		return nil, false
	}
	return c.start(size), true
}

// start is begin for those who hold c.mu and know that frames may be sent.
func (c *conn) start(size int) []byte {
	if c.out == nil {
		c.out = getBuffer(max(size+4, int(c.outHint)))
	} else {
		c.out = growBuffer(c.out, size+4)
	}
	c.mark = len(c.out.b)
	return jute.AppendInt(c.out.b, 0)
}

// finish queues the frame of a reply or an event that start began. Holds c.mu.
func (c *conn) finish(b []byte, t *tally) {
	t.size(len(b) - c.mark - 4)
	c.push(b, t)
}

// push queues the frame that start began. If what was queued before is over
// the budget, the client does not read, and the connection ends; a single frame
// may be of any size. Holds c.mu.
func (c *conn) push(b []byte, t *tally) {
	binary.BigEndian.PutUint32(b[c.mark:], uint32(len(b)-c.mark-4))
	c.out.b = b
	c.sent++
	t.sent++
	t.bytes += len(b) - c.mark
	if c.mark+c.inflight > c.srv.opts.OutboxBytes {
		c.srv.counters.overflows.Add(1)
		c.abort(errOutbox)
	}
}

// commit ends what begin began.
func (c *conn) commit(b []byte, t *tally) {
	c.finish(b, t)
	c.mu.Unlock()
}

// reply starts the frame of the answer to q; finishReply or commitReply queue
// it. size is that of the body.
func (c *conn) reply(q *call, zxid proto.Zxid, size int) ([]byte, bool) {
	b, ok := c.begin(16 + size)
	if !ok {
		return nil, false
	}
	return c.header(b, q, zxid, proto.OK), true
}

// header appends a reply header. Holds c.mu.
func (c *conn) header(b []byte, q *call, zxid proto.Zxid, err proto.ErrCode) []byte {
	c.stats.LastOp, c.stats.LastZxid = q.op, zxid
	if q.xid >= 0 {
		c.stats.LastCxid = q.xid
	}
	return proto.ReplyHeader{Xid: q.replyXid(), Zxid: zxid, Err: err}.Append(b)
}

// replyError answers q with a header only.
func (c *conn) replyError(q *call, zxid proto.Zxid, err proto.ErrCode, t *tally) {
	b, ok := c.begin(16)
	if !ok {
		return
	}
	c.commit(c.header(b, q, zxid, err), t)
}

// replyXid is the xid that the answer carries. Source:
// FinalRequestProcessor.processRequest, which answers pings with -2 whatever
// the request said.
func (q *call) replyXid() int32 {
	if q.op == proto.OpPing {
		return proto.XidPing
	}
	return q.xid
}

// pending returns how many bytes wait to be written. Holds c.mu.
func (c *conn) pending() int {
	n := c.inflight
	if c.out != nil {
		n += len(c.out.b)
	}
	return n
}
