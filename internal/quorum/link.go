package quorum

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// link is one connection between a learner and a leader, with a goroutine for
// each half.
type link struct {
	id      zab.LinkID
	nc      net.Conn
	leads   bool // this end is the leader's, or the observer master's
	master  bool // it came by the port for observers
	counted bool // guarded by peer.netMu: among the links that learners opened
	peer    *Peer
	budget  int        // bytes that may wait in the queue or be under way
	in      linkReader // owned by readLoop
	br      *bufio.Reader
	packets *wire.Reader // of br

	mu      sync.Mutex
	queue   []zab.Message // guarded by mu
	queued  int           // guarded by mu: about how many bytes queue holds, and what is being written
	writing int           // guarded by mu: how many of them are being written
	over    bool          // guarded by mu: the queue went over its budget
	closed  bool          // guarded by mu
	endBy   time.Time     // guarded by mu: when set, what is queued is sent until then, and then the link ends
	wake    chan struct{}
	dirty   bool // owned by the loop: put since the last flush
}

// sendSnapshot stands in a link's queue for the dump of the live tree.
type sendSnapshot struct{ zab.Snap }

// Sizes of a link's buffers and queue, in bytes.
const (
	linkReadBuffer  = 64 << 10
	linkWriteBatch  = 256 << 10
	linkQueueBudget = 256 << 20
	maxFirstPacket  = 1 << 10 // from whoever connects, which should be FOLLOWERINFO
)

// partingTime is how long a server that stops goes on sending what it has to tell.
const partingTime = time.Second

func newLink(p *Peer, id zab.LinkID, nc net.Conn, leads bool) *link {
	l := &link{id: id, nc: nc, leads: leads, peer: p, budget: linkQueueBudget, wake: make(chan struct{}, 1)}
	l.in.l = l
	l.br = bufio.NewReaderSize(&l.in, linkReadBuffer)
	l.packets = wire.NewReader(l.br)
	return l
}

// put queues a message; the loop calls wakeUp once per batch. A queue over its
// budget ends the link: the learner is too slow and must synchronise anew.
func (l *link) put(m zab.Message) {
	size := 32
	switch m := m.(type) {
	case zab.Proposal:
		size += len(m.Txn.Raw)
	case zab.Inform:
		size += len(m.Txn.Raw)
	case zab.InformActivate:
		size += len(m.Txn.Raw)
	case *zab.Forward:
		size += len(m.Raw)
	case zab.Commits:
		size *= int(m.Last-m.First) + 1
	case zab.Acks:
		size *= int(m.Last-m.First) + 1
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.over {
		return
	}
	if l.queued += size; l.queued > l.budget {
		l.over = true
		l.nc.Close() // the reader reports the end
		return
	}
	l.queue = append(l.queue, m)
}

func (l *link) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// close ends both halves. The writer gets the chance to send nothing more.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nc.Close()
	l.wakeUp()
}

// finish ends the link once what is queued has been sent, or soon if the other end
// does not take it. A leader that stops right after a decision may be the only one
// that knows of it: if that was a change of the membership which leaves this server
// out, those who remain could not go on without hearing of it.
func (l *link) finish(by time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endBy = by
	l.nc.SetWriteDeadline(by)
	l.wakeUp()
}

// take returns what is queued, and whether the link ends after that.
func (l *link) take(spare []zab.Message) (taken []zab.Message, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, true
	}
	l.queued -= l.writing // the last burst has been written
	l.writing = l.queued
	taken, l.queue = l.queue, spare[:0]
	return taken, !l.endBy.IsZero()
}

// writeLoop sends what is queued, a burst in one write, until the link ends.
func (l *link) writeLoop() error {
	var buf []byte
	var spare []zab.Message
	for range l.wake {
		for {
			msgs, last := l.take(spare)
			if last && len(msgs) == 0 {
				return nil
			}
			if len(msgs) == 0 {
				spare = msgs
				break
			}
			var err error
			if buf, err = l.writeAll(buf[:0], msgs); err != nil {
				return err
			}
			if cap(buf) > 2*linkWriteBatch {
				buf = nil // one large transaction must not pin its size
			}
			spare = emptied(msgs)
		}
	}
	return nil
}

func (l *link) writeAll(buf []byte, msgs []zab.Message) ([]byte, error) {
	for _, m := range msgs {
		if s, ok := m.(sendSnapshot); ok {
			if err := l.flush(wire.AppendMessage(buf, s.Snap, true)); err != nil {
				return nil, err
			}
			buf = buf[:0]
			if err := l.streamTree(); err != nil {
				return nil, err
			}
			continue
		}
		if buf = wire.AppendMessage(buf, m, l.leads); len(buf) >= linkWriteBatch {
			if err := l.flush(buf); err != nil {
				return nil, err
			}
			buf = buf[:0]
		}
	}
	return buf, l.flush(buf)
}

func (l *link) flush(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := l.limitWrite(); err != nil {
		return err
	}
	_, err := l.nc.Write(b)
	return err
}

func (l *link) limitWrite() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.endBy
	if by.IsZero() {
		by = time.Now().Add(l.peer.opts.InitTimeout)
	}
	return l.nc.SetWriteDeadline(by)
}

// deadlineWriter gives every write of a long stream its own deadline.
type deadlineWriter struct{ l *link }

func (w deadlineWriter) Write(b []byte) (int, error) {
	if err := w.l.flush(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// streamTree writes the live tree as a snapshot stream.
func (l *link) streamTree() error {
	bw := bufio.NewWriterSize(deadlineWriter{l}, linkWriteBatch)
	if err := persist.WriteTree(bw, l.peer.tree); err != nil {
		return fmt.Errorf("stream the tree: %w", err)
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	l.peer.inbox.put(replica.SnapshotSent{Link: l.id})
	return nil
}

// readLoop turns packets into events until the link ends, and returns why.
func (l *link) readLoop() error {
	br := l.br
	limit := l.peer.opts.MaxPacket
	if l.leads {
		limit = maxFirstPacket
	}
	var msgs []zab.Message // read and not told; empty but for what has come together
	for {
		m, err := l.readMessage(br, limit)
		if err != nil {
			l.tell(msgs) // they came before it
			return err
		}
		limit = l.peer.opts.MaxPacket
		told := true
		switch more := len(msgs)+1 < maxTold && wire.Arrived(br); {
		case m == nil && more:
		case m == nil:
			told, msgs = l.tell(msgs), nil
		case len(msgs) == 0 && !more:
			told = l.peer.inbox.putBounded(replica.Message{Link: l.id, Msg: m})
		default:
			if msgs == nil {
				msgs = make([]zab.Message, 0, min(maxTold, 2+br.Buffered()/guessedPacket))
			}
			if msgs = append(msgs, m); !more {
				told, msgs = l.tell(msgs), nil // they are the loop's now
			}
		}
		if !told {
			io.Copy(io.Discard, br) // until the writer has sent what is queued
			return errStopped
		}
	}
}

// maxTold is how many messages the loop gets in one event, and guessedPacket a guess
// at the size of one.
const (
	maxTold       = 256
	guessedPacket = 512
)

// readMessage reads a message, nil for one of no known type.
func (l *link) readMessage(br *bufio.Reader, limit int) (zab.Message, error) {
	p, err := l.packets.ReadPacket(limit)
	if err != nil {
		return nil, err
	}
	m, err := l.decode(br, p)
	switch {
	case err != nil:
		return nil, err
	case m == nil:
		l.peer.log.Warn("unknown quorum packet ignored", "type", p.Type, "link", l.id)
	}
	return wire.ReadRun(br, m), nil
}

// tell gives the loop what has come together. It reports false if the loop has
// ended.
func (l *link) tell(msgs []zab.Message) bool {
	return len(msgs) == 0 || l.peer.inbox.putBounded(replica.Messages{Link: l.id, Msgs: msgs})
}

func (l *link) decode(br *bufio.Reader, p wire.Packet) (zab.Message, error) {
	if l.leads {
		return wire.FromLearner(p)
	}
	m, err := wire.FromLeader(p)
	if s, ok := m.(zab.Snap); ok && err == nil {
		l.in.long = true
		defer func() { l.in.long = false }()
		t, err := persist.ReadTree(br)
		if err != nil {
			return nil, fmt.Errorf("read the leader's snapshot: %w", err)
		}
		s.State = t
		m = s
	}
	return m, err
}

// linkReader is the socket as readLoop sees it. While a snapshot arrives it
// tells the loop so now and then, since that may take longer than the leader
// may be silent.
type linkReader struct {
	l    *link
	long bool // a snapshot is being read
	told time.Time
}

func (r *linkReader) Read(b []byte) (int, error) {
	n, err := r.l.nc.Read(b)
	if r.long && n > 0 && time.Since(r.told) >= r.l.peer.opts.Tick {
		r.told = time.Now()
		r.l.peer.inbox.put(replica.Heard{Link: r.l.id})
	}
	return n, err
}

// run serves the link until it ends; the loop is told unless it hung up
// itself.
func (l *link) run() {
	done := make(chan error, 1)
	go func() {
		err := l.writeLoop()
		l.nc.Close()
		done <- err
	}()
	err := l.readLoop()
	l.mu.Lock()
	hungUp, over := l.closed, l.over
	l.closed = true
	l.mu.Unlock()
	l.nc.Close()
	l.wakeUp()
	if werr := <-done; werr != nil && !errors.Is(werr, net.ErrClosed) {
		err = werr
	}
	if !hungUp {
		if errors.Is(err, wire.ErrPacket) {
			l.peer.log.Warn("what a peer sent on a quorum connection cannot be read", "remote", l.nc.RemoteAddr(), "err", err)
		}
		reason := linkReason(err)
		if over {
			reason = "its queue is full"
		}
		l.peer.inbox.put(replica.Disconnected{Link: l.id, Reason: reason})
	}
}

func linkReason(err error) string {
	if errors.Is(err, io.EOF) {
		return "connection closed"
	}
	return err.Error()
}

// snapshotItem is a snapshot's place in a link's queue. What is queued behind it is
// not in the snapshot, so its zxid is that of the moment when it is queued.
func snapshotItem(z proto.Zxid) zab.Message { return sendSnapshot{zab.Snap{Zxid: z}} }
