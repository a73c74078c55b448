package validate

import (
	"path"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// happening is what an event tells.
type happening struct {
	typ  int32
	path string
	zxid int64
}

// lasting is a persistent watch of one connection.
type lasting struct {
	root      string
	recursive bool
	at        int // index of the first of all changes that has not been accounted for
}

// persistent plays each connection against the rules for persistent watches, and
// for the order of events.
func (c *checker) persistent() {
	for _, frames := range c.connections() {
		c.persistentOn(frames)
	}
}

func (c *checker) persistentOn(frames []*history.Wire) {
	var watches []*lasting
	var again *history.Rearm
	told := map[happening]bool{}
	last := int64(0)
	add := func(root string, recursive bool, zxid int64) {
		w := &lasting{root: root, recursive: recursive}
		for w.at < len(c.all) && c.all[w.at].zxid <= zxid {
			w.at++
		}
		watches = append(watches, w)
	}
	for _, f := range frames {
		switch {
		case f.Frame == history.Rearmed:
			again = f.Rearm
		case f.Frame == history.Event && f.Zxid > 0:
			if f.Zxid < last {
				c.violate(f.Path, "%s\n\tcomes behind one of %#x", frame(f), last)
			}
			last = f.Zxid
			key := happening{f.Type, f.Path, f.Zxid}
			if told[key] && f.Type != childrenChanged { // children may change twice in a multi
				c.violate(f.Path, "%s\n\tcomes twice", frame(f))
			}
			told[key] = true
		case f.Frame == history.Reply && f.Zxid > 0:
			for _, w := range watches {
				c.account(w, f, told)
			}
			switch {
			case f.Err != 0:
			case f.Op == "addWatch":
				add(f.Path, f.Mode == 1, f.Zxid)
			case again != nil && (f.Op == "setWatches" || f.Op == "setWatches2"):
				for _, p := range again.Persist {
					add(p, false, f.Zxid)
				}
				for _, p := range again.Recursive {
					add(p, true, f.Zxid)
				}
				again = nil
			}
		}
	}
}

// account looks that a watch was told of all changes up to a reply's zxid.
func (c *checker) account(w *lasting, f *history.Wire, told map[happening]bool) {
	for ; w.at < len(c.all) && c.all[w.at].zxid <= f.Zxid; w.at++ {
		ch := &c.all[w.at]
		typ := map[history.Kind]int32{history.Create: nodeCreated, history.Set: dataChanged, history.Delete: nodeDeleted}[ch.kind]
		key := happening{typ, ch.path, ch.zxid}
		switch {
		case w.recursive && under(w.root, ch.path), ch.path == w.root:
		case !w.recursive && path.Dir(ch.path) == w.root && ch.kind != history.Set:
			key = happening{childrenChanged, w.root, ch.zxid}
		default:
			continue
		}
		if !told[key] {
			c.violate(ch.path, "the persistent watch of %s missed the %s of %s at %#x:\n\t%s\n\tcame first", w.root, ch.kind, ch.path, ch.zxid, frame(f))
		}
	}
}
