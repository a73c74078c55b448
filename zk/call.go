package zk

import (
	"context"
	"encoding/binary"

	"github.com/paddock-io/paddock/proto"
)

// call is one request from submission to completion.
type call struct {
	op      Op
	record  *proto.SetWatchesRequest // instead of op's own record, for setWatches
	xid     int32
	watch   *Watch           // registered by a reply that says so
	lasting *PersistentWatch // the same for addWatch
	done    func(Result)     // called with the result; nil: ready is signalled
	ready   chan struct{}    // has room for one
	res     Result
}

// newCall returns a call for op, from the pool.
func (c *Conn) newCall(op Op) *call {
	k := c.calls.Get().(*call)
	k.op = op
	if op.code == proto.OpAddWatch {
		k.lasting = c.newPersistentWatch(op)
	} else if op.onEvent != nil {
		k.watch = &Watch{conn: c, path: op.path, fn: op.onEvent}
	} else if op.watch {
		k.watch = &Watch{conn: c, path: op.path, ch: make(chan Event, 1)}
	}
	return k
}

// release puts a completed call back; its result must have been copied.
func (c *Conn) release(k *call) {
	ready := k.ready
	*k = call{ready: ready}
	c.calls.Put(k)
}

// finish hands the result to whoever waits for it.
func (c *Conn) finish(k *call) {
	if k.done == nil {
		k.ready <- struct{}{}
		return
	}
	k.done(k.res)
	c.release(k)
}

// fail sets the result to an error about the call's operation.
func (k *call) fail(err error, sent bool) {
	k.res = Result{Zxid: k.res.Zxid, Err: &Error{Op: k.op.name(), Path: k.op.path, Err: err, Sent: sent}}
}

// Do executes op and waits for the outcome; its error is also in the Result.
// While there is no connection it waits for one. A request that was under way
// when the connection broke fails with ErrConnectionLoss and is never repeated.
// When ctx ends, Do returns at once, but a request already sent may still be
// executed: Error.Sent tells.
func (c *Conn) Do(ctx context.Context, op Op) (Result, error) {
	res, _, err := c.do(ctx, op)
	return res, err
}

func (c *Conn) do(ctx context.Context, op Op) (Result, *Watch, error) {
	return c.wait(ctx, nil, c.newCall(op))
}

// wait submits k, directly behind first if that is not nil, and waits for its
// outcome.
func (c *Conn) wait(ctx context.Context, first, k *call) (Result, *Watch, error) {
	name, path := k.op.name(), k.op.path // k is not to be read once it is on its way
	if err := c.submitWait(ctx, first, k); err != nil {
		k.fail(err, false)
		return k.res, nil, k.res.Err
	}
	select {
	case <-k.ready:
		res, watch := k.res, k.watch
		c.release(k)
		return res, watch, res.Err
	case <-ctx.Done():
		// The call stays queued until its reply comes; nobody reuses it.
		err := &Error{Op: name, Path: path, Err: ctx.Err(), Sent: true}
		return Result{Err: err}, nil, err
	}
}

// Go sends op and returns at once; done is called exactly once with the
// outcome if Go returns nil, and not at all otherwise. Go never waits: it
// fails with ErrConnectionLoss while there is no connection, and with ErrBusy
// when Options.MaxInFlight requests are under way. Requests are executed in the
// order of the Go calls of a goroutine, and done is called in that order too,
// on the goroutine that reads replies: it must neither block nor call a method
// that does, but may call Go. This is for many requests in flight without a
// goroutine each.
func (c *Conn) Go(op Op, done func(Result)) error {
	k := c.newCall(op)
	k.done = done
	c.mu.Lock()
	err := c.submit(k)
	c.mu.Unlock()
	if err != nil {
		c.release(k)
		return &Error{Op: op.name(), Path: op.path, Err: err}
	}
	return nil
}

// submitWait submits first, which may be nil, and k, as soon as there is a
// connection with room for them.
func (c *Conn) submitWait(ctx context.Context, first, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		c.mu.Lock()
		err := c.submitBoth(first, k)
		if err != ErrBusy && err != error(ErrConnectionLoss) {
			c.mu.Unlock()
			return err
		}
		changed := c.waitLocked()
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Conn) submitBoth(first, k *call) error {
	if first != nil {
		if err := k.op.check(c.root); err != nil {
			return err // before anything is sent
		}
		if err := c.submit(first); err != nil {
			return err
		}
		return c.push(c.link, k) // one more than there is room for does no harm
	}
	return c.submit(k)
}

// maxSendBuffer is how many bytes may wait for the writer before further
// requests have to.
const maxSendBuffer = 4 << 20

// submit queues k for writing; c.mu is held.
func (c *Conn) submit(k *call) error {
	if err := c.gone(); err != nil {
		return err
	}
	if err := k.op.check(c.root); err != nil {
		return err
	}
	l := c.link
	switch {
	case l == nil || l.leaving != nil:
		return ErrConnectionLoss
	case l.pending.n >= c.opts.MaxInFlight || len(l.out) > maxSendBuffer:
		return ErrBusy
	}
	return c.push(l, k)
}

// push encodes k behind what l has yet to send and notes that its reply is
// due; c.mu is held.
func (c *Conn) push(l *link, k *call) error {
	k.xid = proto.XidAuth
	if k.op.code != proto.OpAuth {
		k.xid = c.nextXid()
	}
	start := len(l.out)
	b := append(l.out, 0, 0, 0, 0)
	b = proto.RequestHeader{Xid: k.xid, Op: k.op.code}.Append(b)
	if k.record != nil {
		b = k.record.Append(b)
	} else {
		b = k.op.append(b, c.root)
	}
	size := len(b) - start - 4
	if size > c.opts.MaxFrame && k.record == nil {
		return ErrTooLarge // l.out still ends where it did
	}
	binary.BigEndian.PutUint32(b[start:], uint32(size))
	l.out = b
	if k.op.code == proto.OpAuth {
		l.auths.push(k) // answered out of turn
	} else {
		l.pending.push(k)
	}
	k.op.data, k.op.acl = nil, nil // the caller may reuse them now
	l.wakeWriter()
	return nil
}

// callQueue is a first-in first-out ring of calls.
type callQueue struct {
	ring []*call
	head int
	n    int
}

func (q *callQueue) push(k *call) {
	if q.n == len(q.ring) {
		ring := make([]*call, max(8, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = k
	q.n++
}

// at returns the call that i others are before.
func (q *callQueue) at(i int) *call { return q.ring[(q.head+i)%len(q.ring)] }

// peek returns the oldest call, or nil.
func (q *callQueue) peek() *call {
	if q.n == 0 {
		return nil
	}
	return q.at(0)
}

func (q *callQueue) pop() *call {
	k := q.peek()
	if k != nil {
		q.ring[q.head] = nil
		q.head = (q.head + 1) % len(q.ring)
		q.n--
	}
	return k
}

func (q *callQueue) drain() []*call {
	out := make([]*call, 0, q.n)
	for q.n > 0 {
		out = append(out, q.pop())
	}
	return out
}
