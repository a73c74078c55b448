package validate

import (
	"path"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// children checks every list of children against the changes up to its zxid.
func (c *checker) children() {
	below := map[string][]string{}
	for p := range c.changes {
		below[path.Dir(p)] = append(below[path.Dir(p)], p)
	}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if r.Kind == history.Children && r.Outcome == history.OK {
			c.listed(r, below[r.Path])
		}
	}
}

// listed checks one list against the znodes that are known to have been there.
func (c *checker) listed(r *history.Record, known []string) {
	held := map[string]bool{}
	for _, name := range r.Children {
		held[path.Join(r.Path, name)] = true
	}
	for _, p := range known {
		last, ok := c.newest(p, r.Zxid)
		switch {
		case !ok && held[p] && !c.creates[p]:
			c.violate(p, "%s lists %s, which nobody had created by then", describe(r), p)
		case ok && last.kind == history.Delete && held[p] && !c.creates[p]:
			c.violate(p, "%s lists %s, deleted at %#x%s", describe(r), p, last.zxid, author(last))
		case ok && last.kind != history.Delete && !held[p] && !c.mayBeDeleted(p, r.Zxid):
			c.violate(p, "%s does not list %s, written at %#x%s", describe(r), p, last.zxid, author(last))
		}
	}
}
