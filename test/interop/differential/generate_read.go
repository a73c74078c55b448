package differential

import "github.com/paddock-io/paddock/test/interop/golden"

// watched draws the record of a read that may leave a watch. A boolean is true whatever is not 0.
func (g *generator) watched(path string) golden.Record {
	return append(g.nullable(nil, path), pick[byte](g, 0, 0, 1, 1, 1, 2, 0xff))
}

func (g *generator) read() {
	op := pick[int32](g, golden.OpExists, golden.OpGetData, golden.OpGetACL, golden.OpGetChildren, golden.OpGetChildren2,
		golden.OpExists, golden.OpGetData, golden.OpGetChildren, golden.OpGetAllChildrenCount, golden.OpSync, golden.OpGetEphemerals)
	path := g.path()
	if op == golden.OpGetACL && g.oneIn(2) {
		if at, ok := g.guarded(); ok {
			path = at
		}
	}
	switch op {
	case golden.OpGetACL, golden.OpSync, golden.OpGetAllChildrenCount:
		g.send(op, g.nullable(nil, path))
	case golden.OpGetEphemerals:
		if g.oneIn(3) {
			path = pick(g, "", "/", " ", root, path[:len(path)/2])
		}
		g.send(op, g.nullable(nil, path))
	default:
		if op == golden.OpExists && g.oneIn(3) {
			path = g.fresh()
		}
		g.send(op, g.watched(path))
	}
}

// readParts draws the operations of a multiRead.
func (g *generator) readParts() []golden.Operation {
	var parts []golden.Operation
	for range 1 + g.IntN(5) {
		parts = append(parts, golden.Part(pick[int32](g, golden.OpGetData, golden.OpGetChildren), g.watched(g.path())))
	}
	return parts
}

func (g *generator) multiRead() {
	parts := g.readParts()
	switch g.IntN(20) {
	case 0:
		parts = nil
	case 1:
		w := g.drawPart()
		parts = append(parts, golden.Part(w.op, w.body))
	case 2:
		parts = append(parts, golden.Part(pick[int32](g, golden.OpExists, golden.OpGetChildren2, 99), golden.Watched(g.path(), false)))
	}
	g.send(golden.OpMultiRead, golden.Multi(parts...))
}

// other draws what has no or hardly any record.
func (g *generator) other() {
	switch g.IntN(4) {
	case 0:
		g.send(golden.OpWhoAmI, nil)
	case 1:
		g.send(golden.OpPing, nil)
	case 2:
		g.send(golden.OpReconfig, golden.Record{}.Ustring(pick(g, "", "server.9=127.0.0.1:1:2;3")).Ustring("").Ustring("").Long(-1))
	default:
		g.send(golden.OpSync, g.nullable(nil, g.path()))
	}
}
