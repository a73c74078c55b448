package validate

import (
	"sort"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// change is a change of one znode that certainly happened, at a zxid.
type change struct {
	zxid    int64
	path    string
	kind    history.Kind // Create, Set or Delete
	data    string       // "" of what is only known to have happened
	version int32        // after it; -1 if not known
	rec     *history.Record
}

// collect finds the changes: those that were acknowledged, and those that
// somebody has read, whose authors may never have had an answer.
func (c *checker) collect() {
	c.changes = map[string][]change{}
	seen := map[place]bool{}
	add := func(ch change) {
		if key := (place{ch.path, ch.zxid}); !seen[key] {
			seen[key] = true
			c.changes[ch.path] = append(c.changes[ch.path], ch)
			c.all = append(c.all, ch)
		}
	}
	authors := c.authors()
	for i := range c.h.Records {
		if r := &c.h.Records[i]; r.Writes() && r.Outcome == history.OK {
			happened(r, r.Zxid, add)
		}
	}
	c.eachState(func(path, data string, st *history.Stat, _ string) {
		if author := authors[data]; author != nil && author.Outcome == history.Unknown {
			happened(author, st.Mzxid, add) // with all of its parts
		}
		if st.Mzxid != st.Czxid {
			add(change{st.Mzxid, path, history.Set, data, st.Version, authors[data]})
			data = ""
		}
		add(change{st.Czxid, path, history.Create, data, 0, authors[data]})
	})
	for _, list := range c.changes {
		sort.Slice(list, func(i, j int) bool { return list[i].zxid < list[j].zxid })
	}
	sort.Slice(c.all, func(i, j int) bool { return c.all[i].zxid < c.all[j].zxid })
	c.collectEnds()
}

// collectEnds notes how znodes may go without a change that is known.
func (c *checker) collectEnds() {
	c.deletes, c.creates, c.owners = map[string]bool{}, map[string]bool{}, map[string][]history.Session{}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if !r.Writes() || r.Outcome == history.Failed {
			continue
		}
		for _, op := range r.Ops() {
			if op.Kind == history.Create && r.Outcome == history.Unknown {
				c.creates[op.Path] = true
			}
			switch {
			case op.Kind == history.Delete && r.Outcome == history.Unknown:
				c.deletes[op.Path] = true
			case op.Kind == history.Create && op.Ephemeral && op.Target() != "":
				c.owners[op.Target()] = append(c.owners[op.Target()], r.Session)
			}
		}
	}
	c.eachState(func(path, _ string, st *history.Stat, _ string) {
		if st.Owner != 0 && c.sessions[st.Owner] != nil {
			c.owners[path] = append(c.owners[path], st.Owner)
		}
	})
}

type place struct {
	path string
	zxid int64
}

// happened adds what a write has changed.
func happened(r *history.Record, zxid int64, add func(change)) {
	for _, op := range r.Ops() {
		if op.Kind == history.Check || op.Target() == "" {
			continue
		}
		ch := change{zxid, op.Target(), op.Kind, op.Data, -1, r}
		switch {
		case op.Kind == history.Create:
			ch.version = 0
		case op.Stat != nil:
			ch.version = op.Stat.Version
		}
		add(ch)
	}
}

// authors returns who has asked for data to be written, which is asked for once.
func (c *checker) authors() map[string]*history.Record {
	authors := map[string]*history.Record{}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if !r.Writes() {
			continue
		}
		for _, op := range r.Ops() {
			if op.Data != "" {
				authors[op.Data] = r
			}
		}
	}
	return authors
}

// eachState calls f for every state of a znode that somebody has seen with its
// data: by a read, or in a server's tree.
func (c *checker) eachState(f func(path, data string, st *history.Stat, where string)) {
	for i := range c.h.Records {
		if r := &c.h.Records[i]; r.Kind == history.Get && r.Stat != nil {
			f(r.Path, r.Data, r.Stat, describe(r))
		}
	}
	for i := range c.h.Trees {
		for j := range c.h.Trees[i].Nodes {
			n := &c.h.Trees[i].Nodes[j]
			f(n.Path, n.Data, &n.Stat, "the end")
		}
	}
}

// newest returns the newest of a path's changes up to a zxid.
func (c *checker) newest(path string, zxid int64) (change, bool) {
	list := c.changes[path]
	i := sort.Search(len(list), func(i int) bool { return list[i].zxid > zxid })
	if i == 0 {
		return change{}, false
	}
	return list[i-1], true
}

// next returns the zxid of the first of a path's changes after a zxid that count.
func (c *checker) next(path string, zxid int64, counts func(*change) bool) (int64, bool) {
	list := c.changes[path]
	for i := sort.Search(len(list), func(i int) bool { return list[i].zxid > zxid }); i < len(list); i++ {
		if counts == nil || counts(&list[i]) {
			return list[i].zxid, true
		}
	}
	return 0, false
}
