package validate

import (
	"sort"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// order checks that zxids are the order of real time.
func (c *checker) order() {
	c.oneEach()
	c.realTime()
}

// ordered reports whether a write was decided in its turn, so that its zxid is
// its own: it happened, or failed for what the znode was like.
func ordered(r *history.Record) bool {
	if !r.Writes() || r.Zxid == 0 {
		return false
	}
	switch r.Err {
	case "NoNode", "NodeExists", "BadVersion":
		return r.Outcome == history.Failed
	}
	return r.Outcome == history.OK
}

// oneEach: no two writes have one zxid.
func (c *checker) oneEach() {
	by := map[int64]*history.Record{}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if !ordered(r) {
			continue
		}
		if other := by[r.Zxid]; other != nil {
			c.violate(r.Path, "two writes have one zxid:\n\t%s\n\t%s", describe(other), describe(r))
		}
		by[r.Zxid] = r
	}
}

// realTime: what is asked for after a write was answered has a larger zxid, and
// a read behind a sync has at least the same.
func (c *checker) realTime() {
	var writes, later []*history.Record
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if ordered(r) {
			writes = append(writes, r)
		}
		if ordered(r) || r.Latest && r.Zxid != 0 {
			later = append(later, r)
		}
	}
	sort.Slice(writes, func(i, j int) bool { return writes[i].Return < writes[j].Return })
	sort.Slice(later, func(i, j int) bool { return later[i].Call < later[j].Call })
	var last *history.Record // of the writes answered so far, that with the largest zxid
	for _, r := range later {
		for len(writes) > 0 && writes[0].Return < r.Call {
			if last == nil || writes[0].Zxid > last.Zxid {
				last = writes[0]
			}
			writes = writes[1:]
		}
		if last == nil {
			continue
		}
		if r.Zxid < last.Zxid || r.Writes() && r.Zxid == last.Zxid {
			c.violate(r.Path, "%s\n\tis behind what had been answered %v before it began:\n\t%s", describe(r), (r.Call - last.Return).Round(time.Microsecond), describe(last))
		}
	}
}
