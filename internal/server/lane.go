package server

import (
	"sync"

	"github.com/paddock-io/paddock/proto"
)

// A connection stops reading while its lane holds this much. The replies to
// what a lane holds are bounded by the outbox.
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
}

// entryState says what an entry at the head of a lane waits for.
type entryState uint8

const (
	stateReady   entryState = iota // nothing: its turn has come
	stateWrite                     // its transaction
	stateSync                      // Synced
	stateSettled                   // nothing: header is its reply
)

// entry is a call in a lane.
type entry struct {
	call
	state  entryState
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
// head by the quorum's goroutine after they have been answered. So a readLoop
// that finds the lane empty can be sure that nothing older is being worked on.
type lane struct {
	head, tail *entry
	n          int
	bytes      int // of the records of all entries
}

func (l *lane) push(e *entry) {
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	l.n++
	l.bytes += len(e.record)
}

// pop removes the head and recycles it.
func (l *lane) pop() {
	e := l.head
	if l.head = e.next; l.head == nil {
		l.tail = nil
	}
	l.n--
	l.bytes -= len(e.record)
	*e = entry{}
	entryPool.Put(e)
}

func (l *lane) full() bool { return l.n >= laneMaxEntries || l.bytes >= laneMaxBytes }

// synced marks the oldest waiting sync with this xid as ready.
func (l *lane) synced(xid int32) {
	for e := l.head; e != nil; e = e.next {
		if e.state == stateSync {
			if e.xid == xid {
				e.state = stateReady
			}
			return
		}
	}
}

// writes returns the xids of the writes that wait for their transactions.
func (l *lane) writes() (xids []int32) {
	for e := l.head; e != nil; e = e.next {
		if e.state == stateWrite {
			xids = append(xids, e.xid)
		}
	}
	return xids
}
