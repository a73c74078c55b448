package validate

import (
	"slices"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// ephemeral checks that znodes go when their session does, and sessions when
// their time has come.
func (c *checker) ephemeral() {
	c.outlived()
	c.kept()
	c.tooEarly()
}

// outlived: no znode is there whose session has ended.
func (c *checker) outlived() {
	for i := range c.h.Trees {
		for _, n := range c.h.Trees[i].Nodes {
			if n.Stat.Owner != 0 && !slices.Contains(c.h.Alive, n.Stat.Owner) {
				c.violate(n.Path, "server %d still holds %s of session %#x, which has ended", c.h.Trees[i].Server, n.Path, int64(n.Stat.Owner))
			}
		}
	}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if r.Kind != history.Get || !r.Latest || r.Stat == nil || r.Stat.Owner == 0 {
			continue
		}
		if s := c.sessions[r.Stat.Owner]; s != nil && s.Gone < r.Call {
			c.violate(r.Path, "%s shows a znode of session %#x, which had ended by %v", describe(r), int64(r.Stat.Owner), s.Gone)
		}
	}
}

// kept: what a living session has created is there, unless somebody may have
// deleted it.
func (c *checker) kept() {
	for i := range c.h.Records {
		r := &c.h.Records[i]
		if r.Kind != history.Create || !r.Ephemeral || r.Outcome != history.OK || !slices.Contains(c.h.Alive, r.Session) {
			continue
		}
		if last, _ := c.newest(r.Name, 1<<62); last.rec != r || c.mayBeDeleted(r.Name, 1<<62) {
			continue
		}
		for j := range c.h.Trees {
			t := &c.h.Trees[j]
			if !slices.ContainsFunc(t.Nodes, func(n history.Node) bool { return n.Path == r.Name }) {
				c.violate(r.Name, "server %d lacks what a living session has created: %s", t.Server, describe(r))
			}
		}
	}
}

// tooEarly: a session that was not closed lives for its timeout at least after
// the last request that the leader has had from it, which was not before its call.
func (c *checker) tooEarly() {
	for id, seen := range c.ends() {
		s := c.sessions[id]
		if s == nil || s.Timeout == 0 || s.Closed != nil && s.Closed.Call < seen.at {
			continue
		}
		for _, r := range s.Answered {
			if r.Writes() && ordered(r) && r.Call+s.Timeout > seen.at {
				c.violate(seen.path, "session %#x with a timeout of %v was gone at %v (%s), %v after\n\t%s", int64(id), s.Timeout,
					seen.at.Round(time.Millisecond), seen.how, (seen.at - r.Call).Round(time.Millisecond), describe(r))
				break
			}
		}
	}
}

// ending is when, and by what, a session was first seen to have ended.
type ending struct {
	at   time.Duration
	path string
	how  string
}

// ends looks for the signs of ended sessions: a server says so, or a znode of
// theirs is missing that nobody can have deleted.
func (c *checker) ends() map[history.Session]ending {
	ends := map[history.Session]ending{}
	note := func(id history.Session, e ending) {
		if was, ok := ends[id]; !ok || e.at < was.at {
			ends[id] = e
		}
	}
	for i := range c.h.Wire {
		if w := &c.h.Wire[i]; w.Frame == history.Expired && w.Session != 0 {
			note(w.Session, ending{w.At, "", "a server told the client"})
		}
	}
	owned := map[string]*history.Record{}
	for i := range c.h.Records {
		if r := &c.h.Records[i]; r.Kind == history.Create && r.Ephemeral && r.Sequence && r.Outcome == history.OK {
			owned[r.Name] = r // nobody deletes these
		}
	}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		o := owned[r.Path]
		if o != nil && r.Reads() && r.Outcome == history.Failed && r.Err == "NoNode" && r.Zxid > o.Zxid {
			note(o.Session, ending{r.Return, r.Path, describe(r)})
		}
	}
	for i := range c.h.Wire {
		w := &c.h.Wire[i]
		if o := owned[w.Path]; o != nil && w.Frame == history.Event && w.Type == nodeDeleted {
			note(o.Session, ending{w.At, w.Path, "its deletion was reported"})
		}
	}
	return ends
}
