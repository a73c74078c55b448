package differential

import "github.com/paddock-io/paddock/test/interop/golden"

func (g *generator) watch() {
	g.choose(
		choice{5, g.addWatch},
		choice{4, g.setWatches},
		choice{3, g.askWatches},
	)
}

// addWatch leaves a persistent watch, recursive or not. Now and then the mode is none.
func (g *generator) addWatch() {
	mode := pick[int32](g, 0, 0, 1, 1)
	if g.oneIn(25) {
		mode = pick[int32](g, 2, -1, 99)
	}
	path := g.path()
	if g.oneIn(3) {
		path = pick(g, root, parent(path), g.fresh())
	}
	g.send(golden.OpAddWatch, g.unlessNull(nil, path).Int(mode))
}

// askWatches is checkWatches or removeWatches.
func (g *generator) askWatches() {
	kind := pick[int32](g, 1, 2, 3, 4, 5)
	if g.oneIn(25) {
		kind = pick[int32](g, 0, 6, -1)
	}
	path := g.path()
	if g.oneIn(4) {
		path = pick(g, root, g.fresh())
	}
	g.send(pick[int32](g, golden.OpCheckWatches, golden.OpRemoveWatches), g.unlessNull(nil, path).Int(kind))
}

// setWatches registers watches again, as clients do after they have connected anew.
func (g *generator) setWatches() {
	op, lists := int32(golden.OpSetWatches), 3
	if g.oneIn(2) {
		op, lists = golden.OpSetWatches2, 5
	}
	body := golden.Record{}.Long(0)
	for list := range lists {
		text := g.nullable
		if list >= 3 {
			text = g.unlessNull
		}
		switch g.IntN(40) {
		case 0:
			body = body.Int(-1)
			continue
		case 1:
			body = body.Int(pick[int32](g, -2, 1<<30))
			continue
		}
		n := g.IntN(4)
		body = body.Int(int32(n))
		for range n {
			body = text(body, pick(g, g.known(), g.known(), g.fresh(), g.path()))
		}
	}
	r := g.send(op, body)
	r.HasRelative, r.Relative = true, pick[int64](g, 0, 0, 1, 3, 10, 50, 1000, -5)
}
