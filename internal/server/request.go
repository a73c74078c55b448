package server

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

const (
	// burstBytes is how much a burst of requests may put into the outbox
	// before it is written, and burstReads how many reads may run under one
	// RLock, which is also let go after every burstLook once the burst is older
	// than maxHold: a write waits for every connection's lock.
	burstBytes = 64 << 10
	burstReads = 64
	burstLook  = 8
	maxHold    = time.Millisecond
	// readPause is the backlog of unwritten replies above which a connection is
	// not read: its client is slower than its own requests.
	readPause = 1 << 20
	// maxIDs bounds the identities that a client can give its connection.
	maxIDs = 1024
)

// readLoop handles what the client sends until the connection ends, or is at rest.
// in is what the poller has read, nil if that is nothing.
func (c *conn) readLoop(in *buffer) {
	c.beginReading(in)
	err := c.run()
	if err == errAtRest {
		return
	}
	defer c.srv.readers.Done()
	defer c.endReading()
	c.unlockTree()
	if err == io.EOF || err == errStale && c.sock.peerClosed() {
		c.srv.counters.dropped.Add(1)
	}
	c.close(err)
	c.release()
	c.sock.release()
	c.srv.counters.add(c.burst)
	c.srv.forget(c)
	c.srv.logEnd(c)
}

func (c *conn) run() error {
	for begun := false; ; begun = true {
		if begun && c.rest() {
			return errAtRest
		}
		if begun || len(c.sock.rest()) == 0 { // else the poller has read something
			if err := c.sock.fill(); c.calmed(err) {
				continue
			} else if err != nil {
				return err
			}
		}
		if c.deaf { // and no sign of life either: reap shall find it
			c.sock.release()
			continue
		}
		now := c.srv.now()
		if c.period != nil { // a client without a session has its time from the start
			c.seen.Store(now)
		}
		err := c.consume(now)
		c.endBurst(now)
		if err != nil {
			return err
		}
	}
}

// consume handles the frames that have arrived whole.
func (c *conn) consume(now int64) error {
	for !c.deaf {
		if c.period == nil {
			if err := c.greet(); err != nil {
				return err
			}
		}
		if c.srv.limited {
			if err := c.announce(); err != nil {
				return err
			}
		}
		frame, ok, err := c.sock.next(c.srv.opts.MaxFrame)
		if err != nil {
			c.srv.counters.badFrames.Add(1)
			return err
		}
		if !ok {
			return nil
		}
		c.announced = false
		c.burst.received++
		if c.period == nil {
			err = c.handshake(frame, now)
		} else {
			err = c.request(frame, now)
		}
		if err != nil {
			return err
		}
		if c.crowded {
			c.crowded = false
			c.await(func(c *conn) bool { return !c.lane.full() })
		}
		if n := c.burst.received; n%burstReads == 0 || n%burstLook == 0 && time.Duration(c.srv.now()-now) > maxHold {
			c.unlockTree()
		}
		if c.burst.bytes > burstBytes {
			c.endBurst(now)
			c.block(func(c *conn) bool { return c.pending() < readPause })
		}
	}
	return nil
}

// greet looks at the first four bytes of a connection as soon as they are
// there. Source: NIOServerCnxn.readLength.
func (c *conn) greet() error {
	b := c.sock.rest()
	if len(b) < 4 {
		return nil
	}
	if word, ok := wordIn(b); ok {
		return c.answerWord(word, b[4:])
	}
	if n := int32(binary.BigEndian.Uint32(b)); n < 0 || int(n) > c.srv.opts.MaxFrame {
		return nil // next will say so
	}
	if c.srv.period.Load() == nil {
		return errNotServing
	}
	return nil
}

// endBurst counts what the burst did and writes what it produced.
func (c *conn) endBurst(now int64) {
	c.unlockTree()
	if c.burst.received > 0 && c.period != nil {
		c.sign()
	}
	c.mu.Lock()
	c.received += c.burst.received
	if c.direct > 0 {
		end := c.srv.now()
		d := time.Duration(end - now)
		c.stats.observe(d, c.direct)
		c.stats.LastResponse = time.Duration(end)
		c.srv.counters.observe(c.burst, d, c.direct)
		c.direct = 0
	}
	c.mu.Unlock()
	c.burst.bytes, c.shared = 0, nil
	c.srv.counters.add(c.burst)
	c.flush()
	c.askSync() // an error means that the connection has ended
}

// lockTree takes the tree's RLock for one or more reads in a row.
func (c *conn) lockTree() {
	if !c.treeLocked {
		c.srv.tree.RLock()
		c.treeLocked = true
	}
}

func (c *conn) unlockTree() {
	if c.treeLocked {
		c.srv.tree.RUnlock()
		c.treeLocked = false
	}
}

// request handles one frame of an open session. An error ends the connection.
func (c *conn) request(frame []byte, now int64) error {
	if len(frame) < 8 {
		c.srv.counters.badFrames.Add(1)
		return errShort
	}
	q := call{
		xid: int32(binary.BigEndian.Uint32(frame)), op: proto.OpCode(int32(binary.BigEndian.Uint32(frame[4:]))),
		at: now, ids: c.ids, record: frame[8:],
	}
	if q.op != proto.OpPing {
		c.calm = false
	}
	if !c.admitted && q.op != proto.OpAuth && q.op != proto.OpSasl {
		c.turnAway(&q)
		return nil
	}
	if c.srv.limited {
		return c.limitedRequest(&q)
	}
	return c.dispatch(&q)
}

// limitedRequest is dispatch with the limits that are usually off. They do not
// concern what Java answers outside of its request pipeline. Source:
// ZooKeeperServer.processPacket.
func (c *conn) limitedRequest(q *call) error {
	if q.op == proto.OpAuth || q.op == proto.OpSasl {
		return c.dispatch(q)
	}
	if err := c.takeLarge(len(q.record)); err != nil {
		return err
	}
	if c.srv.throttle != nil {
		if err := c.admit(q); err != nil {
			return err
		}
	}
	err := c.dispatch(q)
	c.release()
	return err
}

// dispatch does what a request wants.
func (c *conn) dispatch(q *call) error {
	if c.readOnly && c.readOnlyRefuses(q) {
		return nil
	}
	switch q.op {
	case proto.OpPing, proto.OpExists, proto.OpGetData, proto.OpGetChildren, proto.OpGetChildren2,
		proto.OpGetACL, proto.OpMultiRead, proto.OpGetEphemerals, proto.OpGetAllChildren, proto.OpWhoAmI,
		proto.OpSetWatches, proto.OpSetWatches2, proto.OpAddWatch, proto.OpCheckWatches, proto.OpRemoveWatches:
		if heavy(q) || c.listsMany(q) {
			return c.readHeavy(q)
		}
		c.read(q)
	case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer, proto.OpCreateTTL, proto.OpDelete,
		proto.OpSetData, proto.OpSetACL, proto.OpMulti, proto.OpReconfig:
		return c.submit(q, stateWrite)
	case proto.OpSync:
		return c.submit(q, stateHeld)
	case proto.OpCloseSession:
		c.deaf = true
		return c.submit(q, stateWrite)
	case proto.OpAuth:
		return c.authenticate(q)
	case proto.OpSasl:
		return c.sasl(q)
	default:
		c.unimplemented(q)
	}
	return nil
}

// unimplemented refuses an operation that is not known, not served, or not for
// clients: the last are deleteContainer, which Java takes from anybody, and
// createSession. Source: UnimplementedRequestProcessor.
func (c *conn) unimplemented(q *call) {
	c.unlockTree()
	c.srv.counters.unimplemented.Add(1)
	c.srv.log.Debug("unimplemented request", "remote", c.remote(), "session", c.session.String(), "op", q.op.String())
	c.settle(q, -1, proto.ErrUnimplemented, true)
}

// read answers a read, at once or after what the lane holds.
func (c *conn) read(q *call) {
	if c.sync == nil { // else it stays in the lane until readLoop has asked for it
		c.lockTree()
	}
	if c.park(q) {
		return
	}
	c.lockTree()
	c.srv.execute(c, q, c.burst)
	c.direct++
}

// heavyRecord is from which size on a list of paths may take long.
const heavyRecord = 16 << 10

// heavy reports whether a read may take long.
func heavy(q *call) bool {
	switch q.op {
	case proto.OpMultiRead, proto.OpSetWatches, proto.OpSetWatches2:
		return len(q.record) > heavyRecord
	case proto.OpGetAllChildren, proto.OpGetEphemerals:
		return true
	}
	return false
}

// listsMany reports whether q wants the children of a znode that has so many that
// the list is heavy.
func (c *conn) listsMany(q *call) bool {
	if q.op != proto.OpGetChildren && q.op != proto.OpGetChildren2 {
		return false
	}
	c.lockTree()
	return c.srv.units(q) > turnUnits
}

// readHeavy answers a read that may take long. It is not left to the quorum's
// goroutine behind what the lane holds, but waits for that here; and few run at
// a time, so that a write waits for those and not for as many as there are
// connections.
func (c *conn) readHeavy(q *call) error {
	if !c.await(func(c *conn) bool { return c.lane.n == 0 }) {
		return errDone
	}
	c.unlockTree()
	c.flush()
	c.keep() // it is the server that is late, and the client's pings lie unread
	defer c.kept()
	select {
	case c.srv.heavy <- struct{}{}:
	case <-whileOpen{c}.Done():
		return errDone
	}
	c.read(q)
	c.unlockTree()
	<-c.srv.heavy
	return nil
}

// park puts a read into the lane if there is something before it. The caller
// holds the tree's lock, or a sync that is not before the quorum, so that the lane
// cannot become empty meanwhile. It returns true if nothing is left to do.
func (c *conn) park(q *call) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != phaseOpen:
		return true
	case c.lane.n == 0:
		return false
	}
	e := newEntry(q, stateReady)
	e.record, e.units = c.ownRecord(q.record), 0 // see conn.appraise
	c.enqueue(e)
	return true
}

// settle answers a request whose answer is known, when its turn has come. If it
// is the last, the connection ends with it and nothing more is read.
func (c *conn) settle(q *call, zxid proto.Zxid, err proto.ErrCode, last bool) {
	c.deaf = c.deaf || last
	header := proto.ReplyHeader{Zxid: zxid, Err: err}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != phaseOpen:
	case c.lane.n == 0:
		c.answerSettled(q, header, last, c.burst)
		c.direct++
	default:
		e := newEntry(q, stateSettled)
		e.record, e.header, e.last, e.units = nil, header, last, readUnits
		c.enqueue(e)
	}
}

// answerSettled queues such an answer. Holds c.mu.
func (c *conn) answerSettled(q *call, h proto.ReplyHeader, last bool, t *tally) {
	b := c.header(c.start(20), q, h.Zxid, h.Err)
	if q.op == proto.OpSasl { // without mechanisms there is no token, and no failure
		b = jute.AppendBuffer(b, nil)
	}
	c.finish(b, t)
	if last && c.phase == phaseOpen {
		c.phase = phaseEnding
	}
}
