package repair

import (
	"bytes"

	"github.com/paddock-io/paddock/internal/storage"
)

// gap is one gap of the survey and what was found for it.
type gap struct {
	storage.Gap
	found []storage.Entry // of named transactions by place, without payload if missing; of a stretch its beginning
	left  int             // named ones that are missing
	bytes int64           // held
	whole bool
}

func newGap(g storage.Gap) gap {
	return gap{Gap: g, found: make([]storage.Entry, len(g.Lost)), left: len(g.Lost)}
}

// want returns what to ask for, with no more than names named transactions.
func (g *gap) want(names int) storage.Want {
	if len(g.Lost) == 0 {
		after := g.After
		if n := len(g.found); n > 0 {
			after = storage.IDOf(g.found[n-1])
		}
		return storage.Want{After: after, Until: g.Until}
	}
	var w storage.Want
	for i, id := range g.Lost {
		if g.found[i].Payload == nil && len(w.Lost) < names {
			w.Lost = append(w.Lost, id)
		}
	}
	return w
}

// missing describes what was not found yet.
func (g *gap) missing() string {
	w := g.want(len(g.Lost))
	rest := storage.Gap{After: w.After, Lost: w.Lost, Until: w.Until}
	return rest.String()
}

// take keeps what is new of a part and returns how much that was.
func (g *gap) take(p Part) (fresh int) {
	if g.whole {
		return 0
	}
	if len(g.Lost) > 0 {
		return g.takeNamed(p)
	}
	return g.takeStretch(p)
}

func (g *gap) takeNamed(p Part) (fresh int) {
	i := 0
	for _, e := range p.Entries {
		for i < len(g.Lost) && g.Lost[i].Zxid < e.Zxid {
			i++
		}
		if i == len(g.Lost) {
			break
		}
		if g.found[i].Payload == nil && storage.IDOf(e) == g.Lost[i] {
			g.keep(i, e)
			fresh++
		}
	}
	g.whole = g.left == 0
	return fresh
}

func (g *gap) keep(i int, e storage.Entry) {
	e.Payload = bytes.Clone(e.Payload) // it aliases the whole answer
	g.found[i] = e
	g.left--
	g.bytes += int64(len(e.Payload))
}

// takeStretch takes a beginning of the stretch. Another peer may have brought a
// part of it meanwhile; both are the same history.
func (g *gap) takeStretch(p Part) (fresh int) {
	last := g.After.Zxid
	if n := len(g.found); n > 0 {
		last = g.found[n-1].Zxid
	}
	for _, e := range p.Entries {
		if e.Zxid <= last {
			continue
		}
		if !storage.Follows(last, e.Zxid) || e.Zxid >= g.Until.Zxid {
			return fresh
		}
		last = e.Zxid
		g.found = append(g.found, storage.Entry{})
		g.keep(len(g.found)-1, e)
		fresh++
	}
	if p.Whole && storage.Follows(last, g.Until.Zxid) {
		g.whole = true
	}
	return fresh
}
