package server

import (
	"sync"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// A connection stops reading while its lane holds this much. The replies to
// what a lane holds are bounded by the outbox, and what its reads cost while
// nothing can be ordered by turn.go.
const (
	laneMaxEntries = 16 << 10
	laneMaxBytes   = 4 << 20 // of parked records
)

// call is one request on its way to its reply.
type call struct {
	xid    int32
	op     proto.OpCode
	at     int64      // arrival, nanoseconds since the server's start
	ids    []proto.ID // of the connection at arrival; immutable
	record []byte     // behind the header; owned by the call only once it is parked
	// throttled: it has waited for too long, and is refused in its turn.
	throttled bool
	found     finding
}

// finding is a znode that was looked for, to be used under the same hold of the
// tree's lock.
type finding struct {
	made bool
	ok   bool
	node tree.Node
}

// entryState says what an entry at the head of a lane waits for.
type entryState uint8

const (
	stateReady   entryState = iota // nothing: its turn has come
	stateWrite                     // its transaction
	stateHeld                      // a later sync's answer, which counts for this one as well; see conn.askSync
	stateSync                      // Synced
	stateSettled                   // nothing: header is its reply
)

// entry is a call in a lane.
type entry struct {
	call
	state  entryState
	write  bool              // came as stateWrite
	size   int               // of a write: bytes of its record
	units  int               // of a read: what it may cost, 0 until somebody has looked; of a write: of the reads that it hems in
	large  int               // bytes that it takes of the limit of large requests
	header proto.ReplyHeader // with stateSettled
	last   bool              // with stateSettled: the connection ends with this reply
	// ephemeral says that this creates an ephemeral znode, for which a local
	// session is not enough.
	ephemeral bool
	next      *entry
}

var entryPool = sync.Pool{New: func() any { return new(entry) }}

// lane keeps the calls of a connection that wait for the quorum and those that
// came after them, in order. It is guarded by conn.mu.
//
// Invariant: entries are added at the end by the readLoop, and removed at the
// head after they have been answered: by the quorum's goroutine under the tree's
// Lock, or by Server.catchUp under its RLock, for which backlog lets one of its
// goroutines at a time have a connection. So a readLoop that finds the lane empty
// can be sure that nothing older is being worked on.
//
// A read is hemmed in when there is a write behind it: it must be answered
// before that is applied. Invariant: hemmed is the sum of units of the writes, and
// loose that of the reads that no write hems in, as far as they are known. Reads ahead
// of a write are.
type lane struct {
	head, tail *entry
	n          int
	bytes      int // of the records of all entries
	large      int // of all entries
	writes     int // entries that came as writes
	written    int // bytes of their records
	hemmed     int
	loose      int
	unseen     *entry // nobody has looked what this one, and reads behind it, may cost; nil if there is none
}

// noLane is the lane of connections that have had nothing to wait for since they
// last were at rest. Nothing is ever pushed into it.
var noLane lane

// push adds an entry. A write hems in what is loose.
func (l *lane) push(e *entry) {
	if e.write = e.state == stateWrite; e.write {
		e.units, l.loose = l.loose, 0
		l.hemmed += e.units
		l.writes++
		l.written += e.size
	} else {
		l.loose += e.units
		if e.units == 0 && l.unseen == nil {
			l.unseen = e
		}
	}
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	l.n++
	l.bytes += len(e.record)
	l.large += e.large
}

// pop removes the head and recycles it. It returns how many units are hemmed in
// no longer.
func (l *lane) pop() (units int) {
	e := l.head
	switch {
	case e.write:
		units = e.units
		l.hemmed -= units
		l.writes--
		l.written -= e.size
	case l.writes == 0:
		l.loose -= e.units
	}
	if l.unseen == e {
		l.unseen = e.next
	}
	if l.head = e.next; l.head == nil {
		l.tail = nil
	}
	l.n--
	l.bytes -= len(e.record)
	l.large -= e.large
	*e = entry{}
	entryPool.Put(e)
	return units
}

// due reports whether the head waits for nothing.
func (l *lane) due() bool {
	return l.head != nil && (l.head.state == stateReady || l.head.state == stateSettled)
}

func (l *lane) full() bool { return l.n >= laneMaxEntries || l.bytes >= laneMaxBytes }

// synced marks the oldest sync before the quorum as ready, if it has this xid, and
// those that have waited for it. It returns how many these are.
func (l *lane) synced(xid int32) (n int) {
	last := l.head
	for last != nil && last.state != stateSync {
		last = last.next
	}
	if last == nil || last.xid != xid {
		return 0
	}
	for e := l.head; ; e = e.next {
		if e.state == stateHeld || e == last {
			e.state = stateReady
			n++
		}
		if e == last {
			return n
		}
	}
}

// applied says that nobody needs an answer to txn any more, as the connection
// has ended: if it was the request of an entry, that and the writes before it,
// which have been lost, shall not become orphans. It reports whether it was.
func (l *lane) applied(txn *proto.Txn) bool {
	match := l.head
	for match != nil && (match.state != stateWrite || match.xid != txn.Cxid || !answers(txn, match.op)) {
		match = match.next
	}
	if match == nil {
		return false
	}
	for e := l.head; ; e = e.next {
		if e.state == stateWrite {
			e.state = stateSettled
		}
		if e == match {
			return true
		}
	}
}

// undecided returns the writes that wait for their transactions and the syncs
// that wait for their answers.
func (l *lane) undecided() (list []orphan) {
	for e := l.head; e != nil; e = e.next {
		if e.state == stateWrite || e.state == stateSync {
			list = append(list, orphan{xid: e.xid, op: e.op, large: e.large, sync: e.state == stateSync})
		}
	}
	return list
}
