package validate

import (
	"cmp"
	"slices"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// epochOf returns the epoch that a zxid belongs to.
func epochOf(zxid int64) int64 { return zxid >> 32 }

// told is a zxid that somebody was told of.
type told struct {
	at   time.Duration
	zxid int64 // the largest by then
}

// tellings returns what was the largest zxid that clients had been told of, each
// time that it grew.
func tellings(h *history.History) []told {
	var all []told
	for i := range h.Wire {
		if w := &h.Wire[i]; w.Frame == history.Reply && w.Zxid > 0 {
			all = append(all, told{w.At, w.Zxid})
		}
	}
	for i := range h.Records {
		if r := &h.Records[i]; r.Zxid > 0 {
			all = append(all, told{r.Return, r.Zxid})
		}
	}
	slices.SortFunc(all, func(a, b told) int { return cmp.Compare(a.at, b.at) })
	grown := all[:0]
	for _, t := range all {
		if len(grown) == 0 || t.zxid > grown[len(grown)-1].zxid {
			grown = append(grown, t)
		}
	}
	return grown
}

// by returns the largest zxid that anybody had been told of before a time, 0 if
// there was none.
func by(grown []told, at time.Duration) int64 {
	i, _ := slices.BinarySearchFunc(grown, at, func(t told, at time.Duration) int { return cmp.Compare(t.at, at) })
	if i == 0 {
		return 0
	}
	return grown[i-1].zxid
}

// Excuse returns the history that the rules are for, and how much of the other one
// is excused: reads behind a sync have become plain reads in it. Java's leader answers a sync without asking
// whether it still leads (ZOOKEEPER-1675), so what comes behind it may be what was
// true before another began to lead. And it does not let a sync of its own clients
// wait for anything: it may have told others that a write is decided which it has
// yet to apply itself (LeaderZooKeeperServer has a CommitProcessor that does not
// match syncs). For this excuse the read must be behind what clients
// had been told when the sync was asked for, and a Java server must have led then,
// one that was deposed since or that answered the read itself.
//
// The other excuse is for a reply before its turn. A Java server hangs up on a write
// of a session that has moved to another server, but what it puts behind the mark
// that ends the connection may go out before that is looked at
// (NIOServerCnxn.handleWrite). So the reply must be the connection's last, and a
// write before it must have got none from a Java server.
func Excuse(h *history.History) (judged *history.History, excused int) {
	if len(h.Java)+len(h.JavaLed) == 0 {
		return h, 0
	}
	grown := tellings(h)
	judged = new(history.History)
	*judged = *h
	judged.Wire = slices.DeleteFunc(slices.Clone(h.Wire), func(w history.Wire) bool { return overtook(h, &w) })
	excused = len(h.Wire) - len(judged.Wire)
	judged.Records = slices.Clone(h.Records)
	for i := range judged.Records {
		r := &judged.Records[i]
		if newest := by(grown, r.Call); r.Latest && r.Zxid > 0 && r.Zxid < newest && mayHaveLed(h, r, newest) {
			r.Latest = false
			excused++
		}
	}
	return judged, excused
}

// mayHaveLed reports whether a Java server may have answered the sync of a read
// that is behind what clients had been told.
func mayHaveLed(h *history.History, r *history.Record, newest int64) bool {
	return slices.ContainsFunc(h.JavaLed, func(t history.Term) bool {
		return t.Epoch >= epochOf(r.Zxid) && (t.Epoch < epochOf(newest) || t.Epoch == epochOf(newest) && t.Server == r.Server)
	})
}

// overtook reports whether w is a reply of a Java server before its turn that is
// excused.
func overtook(h *history.History, w *history.Wire) bool {
	if w.Frame != history.Disorder {
		return false
	}
	replies := 0
	for i := range h.Wire {
		if l := &h.Wire[i]; l.Conn == w.Conn && l.Frame == history.Reply && l.At >= w.At {
			replies++
		}
	}
	return replies <= 1 && slices.ContainsFunc(h.Records, func(r history.Record) bool {
		return r.Session == w.Session && r.Outcome == history.Unknown && r.Writes() &&
			r.Call <= w.At && r.Return >= w.At && slices.Contains(h.Java, r.Server)
	})
}
