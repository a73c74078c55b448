package validate

import "github.com/paddock-io/paddock/test/robustness/history"

// multi checks that a multi happens at once: whatever of it anybody has seen was
// written at one zxid, that of its answer if there was one.
func (c *checker) multi() {
	type sight struct {
		zxid  int64
		path  string
		where string
	}
	parts := map[string]*history.Record{}
	for i := range c.h.Records {
		if r := &c.h.Records[i]; r.Kind == history.Multi {
			for _, op := range r.Parts {
				if op.Data != "" {
					parts[op.Data] = r
				}
			}
		}
	}
	first := map[*history.Record]sight{}
	c.eachState(func(path, data string, st *history.Stat, where string) {
		r := parts[data]
		if r == nil {
			return
		}
		seen := sight{st.Mzxid, path, where}
		if r.Outcome == history.Failed {
			c.violate(path, "a part of a multi that failed was seen at %#x: %s\n\t%s", st.Mzxid, describe(r), where)
		}
		if r.Outcome == history.OK && r.Zxid != st.Mzxid {
			c.violate(path, "a part of a multi was seen at %#x, but it was answered with %#x: %s\n\t%s", st.Mzxid, r.Zxid, describe(r), where)
		}
		if was, ok := first[r]; ok && was.zxid != st.Mzxid {
			c.violate(path, "parts of one multi happened at %#x (%s) and at %#x (%s): %s\n\t%s\n\t%s",
				was.zxid, was.path, st.Mzxid, path, describe(r), was.where, where)
		}
		first[r] = seen
	})
}
