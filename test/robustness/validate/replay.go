package validate

import (
	"fmt"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// replay checks every read against the changes up to its zxid. This holds for
// plain reads too: they may be late, but not wrong.
func (c *checker) replay() {
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if !r.Reads() || r.Zxid == 0 {
			continue
		}
		switch {
		case r.Stat != nil:
			c.present(r.Path, r.Data, r.Stat, r.Zxid, r.Kind == history.Get, describe(r))
		case r.Outcome == history.Failed && r.Err == "NoNode":
			c.absent(r.Path, r.Zxid, describe(r))
		}
	}
	for i := range c.h.Trees {
		c.replayTree(&c.h.Trees[i])
	}
	c.sameStates()
	c.authored()
}

// replayTree checks what a server holds in the end: everything acknowledged is
// in it.
func (c *checker) replayTree(t *history.Tree) {
	where := fmt.Sprintf("the tree of server %d in the end (zxid %#x)", t.Server, t.Zxid)
	held := map[string]bool{}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		held[n.Path] = true
		c.present(n.Path, n.Data, &n.Stat, t.Zxid, true, where)
	}
	for path := range c.changes {
		if !held[path] {
			c.absent(path, t.Zxid, where)
		}
	}
}

// present checks a znode that was seen at a zxid.
func (c *checker) present(path, data string, st *history.Stat, zxid int64, hasData bool, where string) {
	if st.Mzxid > zxid || st.Czxid > st.Mzxid {
		c.violate(path, "%s shows %s as it was at %#x, created at %#x", where, path, st.Mzxid, st.Czxid)
	}
	last, ok := c.newest(path, zxid)
	if !ok {
		return // its author never had an answer
	}
	switch {
	case last.kind == history.Delete && st.Czxid < last.zxid:
		c.violate(path, "%s shows %s, which %s had deleted", where, path, describe(last.rec))
	case last.kind != history.Delete && st.Mzxid < last.zxid:
		c.violate(path, "%s shows %s as it was at %#x, before the change at %#x%s", where, path, st.Mzxid, last.zxid, author(last))
	case last.zxid == st.Mzxid && (hasData && last.data != "" && data != last.data || last.version >= 0 && last.version != st.Version):
		c.violate(path, "%s shows %q in version %d, where %q in version %d was written at %#x%s", where, data, st.Version, last.data, last.version, last.zxid, author(last))
	}
}

// absent checks that somebody may have taken away a znode that is not there.
func (c *checker) absent(path string, zxid int64, where string) {
	last, ok := c.newest(path, zxid)
	if ok && last.kind != history.Delete && !c.mayBeDeleted(path, zxid) {
		c.violate(path, "%s lacks %s, written at %#x%s and deleted by nobody", where, path, last.zxid, author(last))
	}
}

func author(ch change) string {
	if ch.rec == nil {
		return ""
	}
	return " by " + describe(ch.rec)
}

// mayBeDeleted reports whether there is a way for a znode to have gone by a
// zxid without one of the changes that are known: a delete without an answer, or
// the end of a session that owns it.
func (c *checker) mayBeDeleted(path string, to int64) bool {
	if c.deletes[path] {
		return true
	}
	for _, id := range c.owners[path] {
		if c.mayHaveEnded(id, to) {
			return true
		}
	}
	return false
}

// mayHaveEnded reports whether a session can have ended by a zxid: nothing that
// the leader has answered to it is newer.
func (c *checker) mayHaveEnded(id history.Session, zxid int64) bool {
	for _, alive := range c.h.Alive {
		if alive == id {
			return false
		}
	}
	s := c.sessions[id]
	if len(s.Answered) == 0 {
		return true
	}
	for _, r := range s.Answered {
		if r.Writes() && ordered(r) && r.Zxid > zxid {
			return false
		}
	}
	return true
}

// sameStates: what one znode was like at one zxid is the same for everybody.
func (c *checker) sameStates() {
	type state struct{ data, stat, where string }
	by := map[place]state{}
	c.eachState(func(path, data string, st *history.Stat, where string) {
		now := state{data, fmt.Sprint(st.Czxid, st.Version, st.Owner), where}
		was, ok := by[place{path, st.Mzxid}]
		if ok && (was.data != now.data || was.stat != now.stat) {
			c.violate(path, "%s at %#x is seen in two ways:\n\t%q %s: %s\n\t%q %s: %s", path, st.Mzxid, was.data, was.stat, was.where, data, now.stat, where)
		}
		by[place{path, st.Mzxid}] = now
	})
}

// authored: what anybody sees was asked for, and not refused.
func (c *checker) authored() {
	authors := c.authors()
	c.eachState(func(path, data string, st *history.Stat, where string) {
		author := authors[data]
		switch {
		case data == "":
		case author == nil:
			c.violate(path, "%s shows %q in %s, which nobody has written", where, data, path)
		case author.Outcome == history.Failed:
			c.violate(path, "%s shows %q in %s, written at %#x, which was refused: %s", where, data, path, st.Mzxid, describe(author))
		}
	})
}
