package differential

import (
	"bytes"
	"encoding/binary"
	"time"
)

// mapping turns what one server is free in (session ids, passwords, times, where its zxids begin) into
// numbers that are the same on a server that behaves alike. It belongs to one server process and
// outlives the streams.
type mapping struct {
	origins   []origin // in the order of their zxids
	sessions  []knownSession
	byID      map[int64]int
	times     map[int64]int64 // of transactions: milliseconds by zxid
	newest    int64           // the highest key of times
	startedAt time.Time
}

// knownSession is a session that the server has opened.
type knownSession struct {
	id       int64
	password []byte
	closed   bool
}

// origin says what number a zxid has. Those after it follow, up to the next origin.
type origin struct{ zxid, number int64 }

func newMapping(now time.Time) *mapping {
	return &mapping{byID: map[int64]int{}, times: map[int64]int64{}, startedAt: now}
}

// zxid maps eight bytes in place. -1 and 0 have meanings of their own.
func (m *mapping) zxid(b []byte) {
	if z := int64(binary.BigEndian.Uint64(b)); z != 0 && z != -1 {
		binary.BigEndian.PutUint64(b, uint64(m.number(z)))
	}
}

// number returns the number of a zxid.
func (m *mapping) number(zxid int64) int64 {
	var at origin
	for i, o := range m.origins {
		if i == 0 || o.zxid <= zxid { // what is older than the first counts down from there
			at = o
		}
	}
	return at.number + zxid - at.zxid
}

// zxidOf returns the zxid that has the number, the latest if there are several.
func (m *mapping) zxidOf(number int64) int64 {
	at := m.origins[0]
	for _, o := range m.origins[1:] {
		if o.number <= number {
			at = o
		}
	}
	return at.zxid + number - at.number
}

// starts says that from a zxid on the numbers go on from there.
func (m *mapping) starts(zxid, number int64) { m.origins = append(m.origins, origin{zxid, number}) }

// spent notes that a zxid was spent by this server alone, for a reason that a rule knows: it gets the
// number of the one before.
func (m *mapping) spent(zxid int64) { m.starts(zxid, m.number(zxid)-1) }

// sessionMark stands in the upper half of a session id that has been mapped.
const sessionMark = 0x5e55_0000_0000

// session maps eight bytes in place to the number of the session, counted from 1.
func (m *mapping) session(b []byte) {
	if n, ok := m.byID[int64(binary.BigEndian.Uint64(b))]; ok {
		binary.BigEndian.PutUint64(b, sessionMark+uint64(n)+1)
	}
}

// opened notes a new session.
func (m *mapping) opened(id int64, password []byte) {
	m.byID[id] = len(m.sessions)
	m.sessions = append(m.sessions, knownSession{id: id, password: bytes.Clone(password)})
}

// What mapped times look like.
const (
	timeRight   = 1  // of the transaction beside it, and later than those before it
	timeTooFar  = 13 // not between the start of the server and now
	timeDiffers = 14 // the same transaction had another time before
	timeTurned  = 15 // earlier than that of an earlier transaction
)

// clockSlack is how far a clock may be turned back, or a reading be late, in milliseconds.
const clockSlack = 5000

// time maps the eight bytes of a time in place, given the raw zxid of the transaction that set it. The
// values differ between servers, but all times of one transaction are the same, a later transaction's
// is not earlier, and none lies in the future. 0 belongs to znodes that no transaction made.
func (m *mapping) time(b []byte, zxid int64) {
	ms := int64(binary.BigEndian.Uint64(b))
	if zxid == 0 && ms == 0 {
		return
	}
	put := func(mark uint64) { binary.BigEndian.PutUint64(b, mark) }
	known, ok := m.times[zxid]
	switch {
	case ok && known != ms:
		put(timeDiffers)
	case ms < m.startedAt.UnixMilli()-clockSlack || ms > time.Now().UnixMilli()+clockSlack:
		put(timeTooFar)
	case zxid > m.newest && ms < m.times[m.newest]-clockSlack:
		put(timeTurned)
	default:
		m.times[zxid] = ms
		m.newest = max(m.newest, zxid)
		put(timeRight)
	}
}

// stat maps a Stat of 68 bytes in place.
func (m *mapping) stat(b []byte) {
	czxid, mzxid := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
	m.time(b[16:24], czxid)
	m.time(b[24:32], mzxid)
	m.zxid(b[0:8])
	m.zxid(b[8:16])
	m.session(b[44:52])
	m.zxid(b[60:68])
}
