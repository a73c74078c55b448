package server

import (
	"bytes"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/slab"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

func newEntry(q *call, state entryState) *entry {
	e := entryPool.Get().(*entry)
	e.call, e.state = *q, state
	return e
}

// enqueue adds to the lane. Holds c.mu.
func (c *conn) enqueue(e *entry) {
	if c.srv.limited {
		c.handOver(e)
	}
	if c.lane == &noLane {
		c.lane = new(lane)
	}
	c.lane.push(e)
	c.crowded = c.lane.full()
	c.srv.counters.outstanding.Add(1)
}

// submit puts a write or a sync into the lane and before the quorum, in one step
// with the look whether c is still its session's connection: what it leaves in
// its lane is on its way then, and nothing follows. A record that does not decode is no
// matter for the quorum, and execute refuses it in its turn; only for a multi,
// unless nullACL says otherwise, Java spends a zxid on that. Source:
// PrepRequestProcessor.pRequestHelper.
func (c *conn) submit(q *call, state entryState) error {
	if q.throttled || q.op == proto.OpMulti && nullACL(q.record) {
		c.read(q)
		return nil
	}
	if state == stateHeld {
		return c.submitSync(q)
	}
	r, body := c.newRequest(q)
	r.Request = prep.Request{Session: c.session, Cxid: q.xid, Op: q.op, IDs: q.ids}
	if len(q.record) > 0 {
		r.Raw = c.ownRecord(q.record)
	}
	var err error
	if body != nil {
		r.Body = body
		err = proto.DecodeInto(body, q.op, r.Raw)
	} else {
		r.Body, err = proto.DecodeRequest(q.op, r.Raw)
	}
	if err != nil {
		if q.op != proto.OpMulti {
			c.read(q)
			return nil
		}
		r.Body, r.Malformed = nil, true
	}
	if c.srv.opts.EagerACL {
		c.lockTree()
		err := prep.Refusal(c.srv.tree, &c.srv.opts.ACL, r.Body, q.op, q.ids)
		if err != proto.OK {
			c.settle(q, 0, err, false)
			return nil
		}
	}
	c.unlockTree()
	e := newEntry(q, state)
	e.record, e.size, e.units = nil, len(r.Raw), readUnits
	e.ephemeral = c.srv.opts.LocalSessions && createsEphemeral(q.op, r.Body)
	c.sign()
	return c.propose(e, r)
}

// sharing is memory for the writes of one burst, which are before the quorum for
// about as long as one another.
type sharing struct {
	records []byte
	sets    slab.Slab[wholeSet]
	creates slab.Slab[wholeCreate]
}

// wholeSet and wholeCreate are the frequent writes with their records.
type (
	wholeSet struct {
		request replica.Request
		body    proto.SetDataRequest
	}
	wholeCreate struct {
		request replica.Request
		body    proto.CreateRequest
	}
)

// Limits of the records that writes share.
const (
	maxRecords = 16 << 10 // in bytes
	likeIt     = 8        // times a record is what one that waits alone may keep in memory
)

// share returns what writes share, nil if there are no more behind this one.
func (c *conn) share() *sharing {
	if c.shared == nil && len(c.sock.rest()) > 0 {
		c.shared = new(sharing)
	}
	return c.shared
}

// newRequest returns memory for a write and, if it is of a frequent kind, for its
// record; nil if not.
func (c *conn) newRequest(q *call) (*replica.Request, proto.Request) {
	switch q.op {
	case proto.OpSetData:
		w := wholeOf(c, q, func(s *sharing) *slab.Slab[wholeSet] { return &s.sets })
		return &w.request, &w.body
	case proto.OpCreate, proto.OpCreate2:
		w := wholeOf(c, q, func(s *sharing) *slab.Slab[wholeCreate] { return &s.creates })
		return &w.request, &w.body
	}
	return new(replica.Request), nil
}

// wholeOf returns a write with its record, out of what the writes of a burst share if
// there is one.
func wholeOf[T any](c *conn, q *call, of func(*sharing) *slab.Slab[T]) *T {
	if s := c.share(); s != nil {
		return of(s).Next(c.alike(q))
	}
	return new(T)
}

// alike returns how many have come that are as long as q, with it.
func (c *conn) alike(q *call) int { return 1 + len(c.sock.rest())/(len(q.record)+12) }

// ownRecord copies a record that waits out of the input.
func (c *conn) ownRecord(record []byte) []byte {
	s, n := c.share(), len(record)
	if s == nil || n > maxRecords/4 {
		return bytes.Clone(record)
	}
	if n > len(s.records) {
		s.records = make([]byte, min(n+len(c.sock.rest()), maxRecords, likeIt*n))
	}
	b := s.records[:n:n]
	s.records = s.records[n:]
	copy(b, record)
	return b
}

// submitSync puts a sync into the lane. It comes before the quorum with the next one
// of the same burst, if only reads are between them: one confirmation, for which is
// asked after all of them, is as good as many. Of its record nobody wants more than
// that it decodes.
func (c *conn) submitSync(q *call) error {
	d := jute.NewDecoder(q.record)
	if d.Buffer(); d.Err() != nil {
		c.read(q)
		return nil
	}
	e := newEntry(q, stateHeld)
	e.record, e.size, e.units = c.ownRecord(q.record), len(q.record), readUnits
	c.mu.Lock()
	if c.phase != phaseOpen {
		c.mu.Unlock()
		return errDone
	}
	c.enqueue(e)
	c.mu.Unlock()
	c.sync = e
	if c.srv.limited { // others may wait for what this one has got
		return c.askSync()
	}
	return nil
}

// askSync puts the newest sync that is held before the quorum, for all of them. It is called
// before readLoop waits for anything.
func (c *conn) askSync() error {
	e := c.sync
	if e == nil {
		return nil
	}
	c.sync = nil
	c.unlockTree()
	p := c.srv.opts.Proposer
	if err := c.reserve(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != phaseOpen { // and the entry may be another one's by now
		p.Release()
		return errDone
	}
	e.state = stateSync
	p.Submit(&replica.Request{
		Request: prep.Request{Session: c.session, Cxid: e.xid, Op: e.op, IDs: e.ids},
		Raw:     e.record,
	})
	return nil
}

// propose puts a write into the lane and before the quorum. It waits until what is
// before it may be hemmed in.
func (c *conn) propose(e *entry, r *replica.Request) error {
	if err := c.askSync(); err != nil {
		return err
	}
	p := c.srv.opts.Proposer
	for {
		if err := c.reserve(); err != nil {
			return err
		}
		c.appraise()
		c.mu.Lock()
		if c.phase != phaseOpen {
			c.mu.Unlock()
			p.Release()
			return errDone
		}
		if c.hem() {
			break
		}
		c.mu.Unlock()
		p.Release() // others need not wait, too
		if !c.await(func(c *conn) bool { return c.lane.loose == 0 }) {
			return errDone
		}
	}
	c.enqueue(e)
	p.Submit(r)
	c.mu.Unlock()
	return nil
}

// sign counts a request as a sign of life of the session, unless it is the
// client's last. A burst may wait for the quorum longer than the session's
// timeout, so that its end is too late. Source: ZooKeeperServer.submitRequestNow.
func (c *conn) sign() {
	if !c.deaf {
		c.touch()
	}
}

// nullACL reports whether a multi has a create with a null ACL vector. A Java
// leader stops reading there without spending a zxid, so that no transaction
// would ever answer it. With a TTL it does answer, and so it does if it finds
// something else wrong first. Source: MultiOperationRecord.deserialize,
// CreateOptions.Builder.
func nullACL(record []byte) bool {
	d := jute.NewDecoder(record)
	for {
		var h proto.MultiHeader
		if h.Decode(&d); d.Err() != nil || h.Done {
			return false
		}
		d.Buffer() // the path, which may be null here
		switch h.Type {
		case proto.OpCreate, proto.OpCreate2, proto.OpCreateContainer:
			d.Buffer()
			null := skipACLs(&d)
			switch flags := proto.CreateFlags(d.Int()); {
			case d.Err() != nil || !flags.Valid():
				return false
			case null:
				return true
			case flags.IsTTL():
				return false
			}
		case proto.OpCreateTTL:
			d.Buffer()
			skipACLs(&d)
			d.Int()
			d.Long()
		case proto.OpSetData:
			d.Buffer()
			d.Int()
		case proto.OpDelete, proto.OpCheck:
			d.Int()
		case proto.OpGetData, proto.OpGetChildren:
			d.Bool()
		default:
			return false
		}
	}
}

// skipACLs passes over a vector of ACL entries and reports whether it is null.
func skipACLs(d *jute.Decoder) (null bool) {
	n := d.Count(12)
	for range n {
		d.Int()
		d.Buffer()
		d.Buffer()
	}
	return n < 0
}
