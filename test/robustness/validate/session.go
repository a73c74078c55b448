package validate

import (
	"sort"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// session checks the order within each session.
func (c *checker) session() {
	for i := range c.h.Wire {
		if w := &c.h.Wire[i]; w.Frame == history.Disorder {
			c.violate(w.Path, "%s\n\tcame before its turn", frame(w))
		}
	}
	for _, records := range c.bySubmission() {
		c.neverBack(records)
		c.firstInFirstOut(records)
		c.ownWrites(records)
	}
}

// neverBack: in the order of arrival, zxids do not go back, through whichever
// servers.
func (c *checker) neverBack(records []*history.Record) {
	arrived := append([]*history.Record(nil), records...)
	sort.Slice(arrived, func(i, j int) bool { return arrived[i].Arrive < arrived[j].Arrive })
	var last *history.Record
	for _, r := range arrived {
		if r.Zxid == 0 || r.Outcome == history.Unknown {
			continue
		}
		if last != nil && r.Zxid < last.Zxid {
			c.violate(r.Path, "the zxid goes back:\n\t%s\n\tthen %s", describe(last), describe(r))
		}
		last = r
	}
}

// firstInFirstOut: writes take effect in the order of submission, also those
// that were never answered but that somebody has seen.
func (c *checker) firstInFirstOut(records []*history.Record) {
	var last *history.Record
	var lastZxid int64
	for _, r := range records {
		if !r.Writes() {
			continue
		}
		zxid := c.effect(r)
		if zxid == 0 {
			continue
		}
		if last != nil && zxid <= lastZxid {
			c.violate(r.Path, "a session's writes are out of order: at %#x\n\t%s\n\tat %#x, asked for later,\n\t%s", lastZxid, describe(last), zxid, describe(r))
		}
		last, lastZxid = r, zxid
	}
}

// effect returns the zxid at which a write took effect, 0 if nobody knows.
func (c *checker) effect(r *history.Record) int64 {
	if ordered(r) {
		return r.Zxid
	}
	if r.Outcome != history.Unknown {
		return 0
	}
	for _, op := range r.Ops() {
		for _, ch := range c.changes[op.Target()] {
			if ch.rec == r {
				return ch.zxid
			}
		}
	}
	return 0
}

// ownWrites: a read that follows an answered write of its session shows it.
func (c *checker) ownWrites(records []*history.Record) {
	last := map[string]*history.Record{}
	for _, r := range records {
		if r.Writes() && r.Outcome == history.OK {
			for _, op := range r.Ops() {
				if op.Kind != history.Check {
					last[op.Target()] = r
				}
			}
		}
		w := last[r.Path]
		if w != nil && r.Reads() && r.Zxid != 0 && r.Outcome != history.Unknown && r.Zxid < w.Zxid {
			c.violate(r.Path, "a session does not see its own write:\n\t%s\n\t%s", describe(w), describe(r))
		}
	}
}
