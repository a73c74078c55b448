package quorum

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// voteLink is one connection, with a goroutine for each direction; either ends both.
type voteLink struct {
	line *voteLine
	nc   net.Conn
	wake chan struct{} // holds a token while the line's queue may not be empty
	done chan struct{} // closed with nc
	once sync.Once
}

func (k *voteLink) wakeWriter() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *voteLink) close() {
	k.once.Do(func() {
		close(k.done)
		k.nc.Close()
	})
}

// attach makes nc the connection to l's peer, in the place of any older one: that is dead, or its other end will
// close it for the same reason. What was sent last may have been lost with it, so it is sent again, unless there is
// something newer. The caller holds mu. Java: QuorumCnxManager.SendWorker.run.
func (n *voteNet) attach(l *voteLine, nc net.Conn) {
	if n.closed {
		nc.Close()
		return
	}
	k := &voteLink{line: l, nc: nc, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if l.link != nil {
		l.link.close()
	}
	l.link, l.dialBack, l.told = k, false, nil
	if l.next == nil && l.last != nil && !n.outdated(l.last) {
		l.next = l.last
	}
	if l.next != nil {
		k.wakeWriter()
	}
	l.wakeDialer()
	n.wg.Go(func() { n.write(k) })
	n.wg.Go(func() { n.read(k) })
}

// detach ends k. If something could not be sent, or may have been lost during an election, another connection is
// due; with a peer that has just died it is refused, which is worth knowing too.
func (n *voteNet) detach(k *voteLink) {
	k.close()
	l := k.line
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.link != k {
		return
	}
	l.link = nil
	if l.next == nil && l.last != nil && l.last.looking && !n.settled {
		l.next = l.last
	}
	if l.next != nil {
		n.dialSoon(l)
	}
	n.forgetIfIdle(l)
}

// take empties the queue, if k is still the connection to use.
func (n *voteNet) take(k *voteLink) *voteNote {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := k.line
	if l.link != k || l.next == nil {
		return nil
	}
	l.last, l.next = l.next, nil
	return l.last
}

// putBack returns a notification that could not be written, unless there is a newer one.
func (n *voteNet) putBack(k *voteLink, m *voteNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := k.line; l.next == nil && l.last == m {
		l.next = m
		if l.link != nil && l.link != k {
			l.link.wakeWriter()
		}
	}
}

func (n *voteNet) write(k *voteLink) {
	defer n.detach(k)
	for {
		select {
		case <-k.wake:
		case <-k.done:
			return
		}
		m := n.take(k)
		if m == nil {
			continue
		}
		k.nc.SetWriteDeadline(time.Now().Add(n.opts.ConnectTimeout))
		if _, err := k.nc.Write(m.frame); err != nil {
			n.putBack(k, m)
			return
		}
	}
}

func (n *voteNet) read(k *voteLink) {
	err := n.readFrames(k)
	n.detach(k)
	switch {
	case n.ctx.Err() != nil:
	case errors.Is(err, errFrameLength):
		n.log.Warn("election connection closed", "peer", k.line.id, "from", k.nc.RemoteAddr(), "err", err)
	default:
		n.opts.Logger.Debug("election connection ended", "peer", k.line.id, "err", err)
	}
}

func (n *voteNet) readFrames(k *voteLink) error {
	r := bufio.NewReaderSize(k.nc, 1<<10)
	var buf []byte
	for {
		body, err := readVoteFrame(r, buf)
		if err != nil {
			return err
		}
		note, err := proto.DecodeNotification(body)
		if err != nil { // The framing is intact; the peer may be of a version we do not know (ZOOKEEPER-3769).
			n.log.Warn("notification skipped", "peer", k.line.id, "err", err)
		} else if n.current(k) {
			n.opts.Receive(k.line.id, note)
		}
		if buf = body; cap(buf) > 16<<10 {
			buf = nil
		}
	}
}

// current reports whether k has not been replaced. What an old connection still holds is older than what comes on
// the new one.
func (n *voteNet) current(k *voteLink) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return k.line.link == k
}

var errFrameLength = errors.New("unreasonable frame length")

// readVoteFrame reads a frame into buf, which it grows as bytes come in, not as the length claims.
func readVoteFrame(r io.Reader, buf []byte) ([]byte, error) {
	buf = slices.Grow(buf[:0], 256)
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return nil, err
	}
	size := int32(binary.BigEndian.Uint32(buf[:4]))
	if size < 1 || size > proto.MaxNotification {
		return nil, fmt.Errorf("%w %d", errFrameLength, size)
	}
	for len(buf) < int(size) {
		had := len(buf)
		step := min(int(size)-had, max(had, 256))
		buf = slices.Grow(buf, step)[:had+step]
		if _, err := io.ReadFull(r, buf[had:]); err != nil {
			return nil, fmt.Errorf("frame of %d bytes ends early: %w", size, err)
		}
	}
	return buf, nil
}
