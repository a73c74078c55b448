package zk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// link is one connection to one server. Two goroutines serve it: readLoop
// completes calls, writeLoop sends what push has encoded.
type link struct {
	nc          net.Conn // readLoop reads, writeLoop writes, either may close
	to          server
	readTimeout time.Duration // silence that ends the link
	pingEvery   time.Duration // silence of ours that a ping breaks
	readOnly    bool          // the server has no quorum
	wake        chan struct{} // has room for one

	in    frameReader // owned by readLoop
	heard time.Time   // owned by readLoop, read by run after it has ended

	// Owned by readLoop: whom an event is for.
	once    []*Watch
	lasting []*PersistentWatch

	// Guarded by Conn.mu.
	out     []byte // frames to send
	idle    bool   // writeLoop waits for wake, or is about to
	pending callQueue
	auths   callQueue
	leaving *time.Timer // closes nc; not nil when no more requests are taken, see Conn.leave
	marks   []sentMark  // of batches not answered, oldest first; no more than there are calls pending
	pings   []time.Time // when those that were not answered were sent, oldest first
}

func newLink(nc net.Conn, to server, maxFrame int) *link {
	l := &link{nc: nc, to: to, wake: make(chan struct{}, 1)}
	l.in = frameReader{r: readerFunc(l.read), max: maxFrame}
	return l
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// read reads from the server; too long a silence is an error.
func (l *link) read(p []byte) (int, error) {
	if l.readTimeout > 0 {
		if err := l.nc.SetReadDeadline(time.Now().Add(l.readTimeout)); err != nil {
			return 0, err
		}
	}
	n, err := l.nc.Read(p)
	if n > 0 {
		l.heard = time.Now()
	}
	return n, err
}

// replyHeaderSize is the encoded size of a reply without a body. A read-only
// server that cannot make a session answers with one.
const replyHeaderSize = 16

// handshake presents a session and returns the server's answer.
func (l *link) handshake(req *proto.ConnectRequest) (*proto.ConnectResponse, error) {
	frame := req.Append(make([]byte, 4, 64))
	putLength(frame)
	if _, err := l.nc.Write(frame); err != nil {
		return nil, fmt.Errorf("send connect request: %w", err)
	}
	p, _, err := l.in.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("server closed the connection; it may not be serving, or be behind this client")
	}
	if err != nil {
		return nil, fmt.Errorf("read connect response: %w", err)
	}
	d := jute.NewDecoder(p)
	if len(p) == replyHeaderSize { // no welcome is as short
		var h proto.ReplyHeader
		h.Decode(&d)
		return nil, fmt.Errorf("server refused the session: %w", h.Err)
	}
	resp := new(proto.ConnectResponse)
	resp.Decode(&d)
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("decode connect response: %w", err)
	}
	resp.Passwd = bytes.Clone(resp.Passwd)
	return resp, nil
}

// nextXid returns the number of the next request: 1 and up, then 1 again. It
// goes on with the next connection, where a server may still have answers to
// requests of the last; c.mu is held. Source: ClientCnxn.getXid.
func (c *Conn) nextXid() int32 {
	if c.xid == math.MaxInt32 {
		c.xid = 0
	}
	c.xid++
	return c.xid
}

// wakeWriter tells writeLoop that there is something to send; Conn.mu is held.
func (l *link) wakeWriter() {
	if !l.idle {
		return // it will look before it waits
	}
	l.idle = false
	select {
	case l.wake <- struct{}{}:
	default: // left from a wake that came together with the time for a ping
	}
}

// serve runs both loops until the link breaks, and returns the reason.
func (c *Conn) serve(ctx context.Context, l *link) error {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(ctx, func() { l.nc.Close() }) // unblocks both loops
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { cancel(c.writeLoop(ctx, l)) })
	if l.readOnly {
		wg.Go(func() { c.seekQuorum(ctx, cancel) })
	}
	cancel(c.readLoop(l))
	wg.Wait()
	return c.whyEnded(l, context.Cause(ctx))
}

// maxIdleBuffer is how large a send buffer is kept for reuse in any case. A larger
// one is kept as long as a quarter of it is used, and no ping was due.
const maxIdleBuffer = 64 << 10

// writeLoop sends whatever has been queued in one write, again and again, and a
// ping when there was nothing for a while.
func (c *Conn) writeLoop(ctx context.Context, l *link) error {
	ping := proto.RequestHeader{Xid: proto.XidPing, Op: proto.OpPing}.Append(make([]byte, 4, 12))
	putLength(ping)
	var spare []byte
	sent := time.Now()
	timer := time.NewTimer(l.pingEvery)
	defer timer.Stop()
	for {
		frames := c.takeOut(l, spare)
		if len(frames) == 0 {
			select {
			case <-l.wake:
				continue
			case <-timer.C:
				rest := l.pingEvery - time.Since(sent)
				if timer.Reset(max(rest, 1)); rest > 0 {
					continue
				}
				timer.Reset(l.pingEvery)
				frames = ping
				c.pinging(l)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, err := l.nc.Write(frames); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		sent = time.Now()
		if spare = frames[:0]; &frames[0] == &ping[0] || cap(frames) > maxIdleBuffer && len(frames) < cap(frames)/4 {
			spare = nil
		}
	}
}

// takeOut returns the frames to send and leaves spare to collect more. If it
// returns none, the next push sends a wake.
func (c *Conn) takeOut(l *link, spare []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames := l.out
	if l.idle = len(frames) == 0; l.idle {
		return nil
	}
	l.out = spare
	c.sending(l)
	c.wakeIfRoom(l)
	return frames
}

// wakeIfRoom lets calls go on that wait for room on l; c.mu is held. Waiting
// for half the room keeps them from waking for each single reply.
func (c *Conn) wakeIfRoom(l *link) {
	if c.changed != nil && l.pending.n <= c.opts.MaxInFlight/2 {
		c.wakeLocked()
	}
}

// readLoop completes calls and delivers events in the order of arrival.
func (c *Conn) readLoop(l *link) error {
	for {
		p, owned, err := l.in.next()
		if err != nil {
			return readError(err)
		}
		d := jute.NewDecoder(p)
		var h proto.ReplyHeader
		h.Decode(&d)
		if err := d.Err(); err != nil {
			return fmt.Errorf("decode reply header: %w", err)
		}
		switch h.Xid {
		case proto.XidNotification:
			err = c.notified(l, h, &d)
		case proto.XidPing:
			c.ponged(l)
		case proto.XidAuth:
			err = c.authReplied(l, h)
		default:
			err = c.replied(l, h, &d, owned)
		}
		if err != nil {
			return err
		}
	}
}

func readError(err error) error {
	var ne net.Error
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("server closed the connection")
	case errors.As(err, &ne) && ne.Timeout():
		return errors.New("server is silent")
	}
	return fmt.Errorf("read: %w", err)
}

// replied completes the oldest call. A reply to another one means that client
// and server disagree about the stream, so the link is given up.
func (c *Conn) replied(l *link, h proto.ReplyHeader, d *jute.Decoder, owned bool) error {
	c.mu.Lock()
	k := l.pending.peek()
	c.mu.Unlock()
	if k == nil || k.xid != h.Xid {
		return fmt.Errorf("reply with xid %d out of order", h.Xid)
	}
	// Only this goroutine takes calls out of pending while the link is up.
	k.res.Zxid = h.Zxid
	if h.Err != proto.OK {
		k.fail(h.Err, true)
	} else if err := k.op.decode(d, owned, c.root, &k.res); err != nil {
		return fmt.Errorf("decode %s reply: %w", k.op.code, err)
	}
	c.mu.Lock()
	l.pending.pop()
	c.answered(l, h.Xid)
	if h.Zxid > c.sess.LastZxid { // Source: ClientCnxn.SendThread.readResponse
		c.sess.LastZxid = h.Zxid
	}
	gone := c.settleWatches(k, h.Err)
	ended := k.op.code == proto.OpCloseSession
	c.closed = c.closed || ended && h.Err == proto.OK
	c.wakeIfRoom(l)
	left := l.mayLeave()
	c.mu.Unlock()
	c.tellRemoved(gone, k.op.path)
	c.finish(k)
	switch {
	case ended:
		return ErrClosed
	case left:
		return errLeaves
	}
	return nil
}

// settleWatches registers and removes the watches that a reply is about, and
// returns those removed; c.mu is held.
func (c *Conn) settleWatches(k *call, code Code) []removed {
	if k.watch != nil {
		if kind, ok := watchKindOf(k.op.code, code); ok {
			c.watches.once.add(k.watch, watchKey{kind, k.op.full(c.root)})
		}
	}
	switch {
	case code != proto.OK:
	case k.op.code == proto.OpRemoveWatches:
		return c.watches.remove(WatcherType(k.op.version), k.op.full(c.root))
	case k.lasting != nil:
		key := watchKey{kindOf(k.lasting.mode), k.op.full(c.root)}
		if k.lasting.hasEnded() {
			c.unwatch(key)
		} else {
			c.watches.addLasting(k.lasting, key)
		}
	}
	return nil
}

// authReplied completes the oldest auth; a refusal ends the Conn.
func (c *Conn) authReplied(l *link, h proto.ReplyHeader) error {
	c.mu.Lock()
	k := l.auths.pop()
	left := l.mayLeave()
	c.mu.Unlock()
	if k == nil {
		return errors.New("auth reply without a request")
	}
	if h.Err != proto.OK {
		k.fail(ErrAuthFailed, true)
	}
	c.finish(k)
	switch {
	case h.Err != proto.OK:
		return errAuthRefused
	case left:
		return errLeaves
	}
	return nil
}

// notified delivers an event to the watches it ends and to persistent ones.
func (c *Conn) notified(l *link, h proto.ReplyHeader, d *jute.Decoder) error {
	var ev proto.WatcherEvent
	ev.Decode(d)
	if err := d.Err(); err != nil {
		return fmt.Errorf("decode notification: %w", err)
	}
	out := Event{Type: EventType(ev.Type), Path: c.root.strip(ev.Path), Zxid: h.Zxid}
	c.mu.Lock()
	l.once = c.watches.take(out.Type, ev.Path, l.once)
	l.lasting = c.watches.reached(out.Type, ev.Path, l.lasting)
	c.mu.Unlock()
	for _, w := range l.once {
		w.deliver(out)
	}
	for _, w := range l.lasting {
		w.deliver(out)
	}
	clear(l.once)
	clear(l.lasting)
	l.once, l.lasting = l.once[:0], l.lasting[:0]
	return nil
}
