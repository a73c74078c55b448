package validate

import (
	"sort"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// sequence checks the numbers that servers append to names. The number is how
// often the parent's children have changed, so under a parent whose children are
// only ever created this way, none is left out.
func (c *checker) sequence() {
	created := map[string][]*history.Record{} // by prefix
	only := map[string]bool{}                 // nothing is deleted there
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if r.Kind == history.Create && r.Sequence {
			only[r.Path] = (only[r.Path] || len(created[r.Path]) == 0) && !r.Ephemeral
			created[r.Path] = append(created[r.Path], r)
		}
	}
	for prefix, records := range created {
		c.growing(prefix, records)
		if only[prefix] {
			for i := range c.h.Trees {
				c.noGap(prefix, &c.h.Trees[i])
			}
		}
	}
}

// number returns what was appended to a prefix, or -1.
func number(prefix, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(name, prefix), 10, 64)
	if err != nil || !strings.HasPrefix(name, prefix) {
		return -1
	}
	return n
}

// growing: numbers are unique, and grow with the zxid.
func (c *checker) growing(prefix string, records []*history.Record) {
	var named []*history.Record
	for _, r := range records {
		if r.Outcome == history.OK {
			named = append(named, r)
		}
	}
	sort.Slice(named, func(i, j int) bool { return named[i].Zxid < named[j].Zxid })
	last := int64(-1)
	for i, r := range named {
		n := number(prefix, r.Name)
		if n <= last {
			c.violate(r.Name, "sequence numbers do not grow:\n\t%s\n\t%s", describe(named[max(i-1, 0)]), describe(r))
		}
		last = n
	}
}

// noGap: in the end all numbers up to the last are there, with whatever requests
// were never answered.
func (c *checker) noGap(prefix string, t *history.Tree) {
	var numbers []int64
	for i := range t.Nodes {
		if n := number(prefix, t.Nodes[i].Path); n >= 0 {
			numbers = append(numbers, n)
		}
	}
	sort.Slice(numbers, func(i, j int) bool { return numbers[i] < numbers[j] })
	for i, n := range numbers {
		if n != int64(i) {
			c.violate(prefix, "server %d holds %d names with %s, and number %d is missing", t.Server, len(numbers), prefix, i)
			return
		}
	}
}
