package validate

import (
	"cmp"
	"slices"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// epochOf returns the epoch that a zxid belongs to.
func epochOf(zxid int64) int64 { return zxid >> 32 }

// javaLed reports whether a Java server led one of the epochs from one to
// another, both included.
func javaLed(h *history.History, from, to int64) bool {
	return slices.ContainsFunc(h.JavaLed, func(epoch int64) bool { return from <= epoch && epoch <= to })
}

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

// Excuse returns the history that the rules are for, and how many reads behind a
// sync have become plain reads in it. A Java leader answers a sync without asking
// whether it still leads (ZOOKEEPER-1675), so what comes behind such a sync may be
// what was true before another began to lead. That is the only excuse: the read
// must be behind what clients had been told when the sync was asked for, a Java
// server must have led an epoch that may have been the sync's, and a newer epoch
// must have begun by then.
func Excuse(h *history.History) (judged *history.History, excused int) {
	if len(h.JavaLed) == 0 {
		return h, 0
	}
	grown := tellings(h)
	judged = new(history.History)
	*judged = *h
	judged.Records = slices.Clone(h.Records)
	for i := range judged.Records {
		r := &judged.Records[i]
		if newest := by(grown, r.Call); r.Latest && r.Zxid < newest && javaLed(h, epochOf(r.Zxid), epochOf(newest)-1) {
			r.Latest = false
			excused++
		}
	}
	return judged, excused
}
