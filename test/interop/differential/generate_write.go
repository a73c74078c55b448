package differential

import "github.com/paddock-io/paddock/test/interop/golden"

// write is a drawn write, before it is sent or made part of a multi.
type write struct {
	op     int32
	body   golden.Record
	likely bool   // it ought to succeed
	broken bool   // a multi with it does not decode
	effect func() // what it does to the model then
}

func (g *generator) sendWrite(w write) {
	g.send(w.op, w.body)
	if w.likely && !g.fails {
		w.effect()
	}
}

func (g *generator) create()  { g.sendWrite(g.drawCreate()) }
func (g *generator) remove()  { g.sendWrite(g.drawRemove()) }
func (g *generator) setData() { g.sendWrite(g.drawSetData()) }

// The flags of creations.
const (
	flagsPersistent          = 0
	flagsEphemeral           = 1
	flagsSequential          = 2
	flagsEphemeralSequential = 3
	flagsContainer           = 4
	flagsTTL                 = 5
	flagsTTLSequential       = 6
)

// kind draws an operation that creates, its flags, and a time to live for createTTL; ok says whether
// they fit. Not drawn is what makes a Java server corrupt its digest or stop: flags of containers without
// createContainer or the reverse, and createTTL without the flags and with a negative time.
func (g *generator) kind() (op, flags int32, ttl int64, ok bool) {
	op = pick[int32](g, golden.OpCreate, golden.OpCreate, golden.OpCreate2)
	switch g.IntN(32) {
	case 0, 1, 2, 3:
		return op, flagsEphemeral, -1, true
	case 4, 5, 6, 7:
		return op, flagsSequential, -1, true
	case 8, 9, 10:
		return op, flagsEphemeralSequential, -1, true
	case 11, 12:
		return golden.OpCreateContainer, flagsContainer, -1, true
	case 13, 14:
		return golden.OpCreateTTL, pick[int32](g, flagsTTL, flagsTTLSequential), pick[int64](g, 1<<40-1, 1<<39, 3600_000), true
	case 15:
		return golden.OpCreateTTL, pick[int32](g, flagsTTL, flagsTTLSequential), pick[int64](g, 0, -1, 1<<40, 1<<63-1, -1<<63), false
	case 16:
		return golden.OpCreateTTL, pick[int32](g, 0, 1, 2, 3, flagsContainer), pick[int64](g, 0, 1, 5000), g.inMulti
	case 17:
		return op, pick[int32](g, flagsTTL, flagsTTLSequential, 7, -1, 99, 1<<31-1), -1, false
	case 18:
		return golden.OpCreateContainer, pick[int32](g, flagsTTL, flagsTTLSequential, 7, -5), -1, false
	}
	return op, flagsPersistent, -1, true
}

func (g *generator) drawCreate() write {
	var w write
	var flags int32
	var ttl int64
	w.op, flags, ttl, w.likely = g.kind()
	path := g.fresh()
	switch g.IntN(20) {
	case 0:
		path, w.likely = g.badPath(), false
	case 1:
		path = g.known()
	case 2:
		path = g.fresh() + "/" + g.name() + "/x"
	}
	made := path
	if flags == flagsSequential || flags == flagsEphemeralSequential || flags == flagsTTLSequential {
		path = parent(path) + "/" + pick(g, "n-", "", "a", "b")
		made = g.model.sequential(path)
	}
	w.broken = w.op != golden.OpCreateTTL && (flags < 0 || flags > flagsContainer)
	owner := -1
	if flags == flagsEphemeral || flags == flagsEphemeralSequential {
		owner = g.conns[g.burstConn].session
	}
	data := g.data()
	if quota := g.quotaData(path); quota != nil {
		data = quota
	}
	body, acl, valid := g.acl(g.nullable(nil, path).Buffer(data))
	w.body = body.Int(flags)
	if w.op == golden.OpCreateTTL {
		w.body = w.body.Long(ttl)
	}
	w.likely = w.likely && valid && g.model.creatable(made) && g.may(permCreate, parent(made))
	w.effect = func() { g.model.create(made, owner).acl = acl }
	return w
}

func (g *generator) drawRemove() write {
	path := g.path()
	if g.oneIn(2) { // one without children is to be found among the new ones
		path = g.model.order[len(g.model.order)-1]
	}
	if path == root { // what is to come needs it
		path = g.fresh()
	}
	node, _ := g.model.look(path)
	version := g.version(node.version)
	return write{
		op: golden.OpDelete, body: g.nullable(nil, path).Int(version),
		likely: g.model.removable(path) && fits(version, node.version) && g.may(permDelete, parent(path)), effect: func() { g.model.forget(path) },
	}
}

// fits says whether a version that is expected is the one that is there.
func fits(expected, there int32) bool { return expected == -1 || expected == there }

func (g *generator) drawSetData() write {
	path := g.path()
	node, known := g.model.look(path)
	data := g.data()
	if quota := g.quotaData(path); quota != nil {
		data = quota
	}
	version := g.version(node.version)
	body := g.nullable(nil, path).Buffer(data).Int(version)
	return write{
		op: golden.OpSetData, body: body, likely: known && fits(version, node.version) && g.may(permWrite, path),
		effect: func() { g.model.nodes[path].version++ },
	}
}

func (g *generator) drawCheck() write {
	path := g.path()
	node, known := g.model.look(path)
	version := g.version(node.version)
	return write{
		op: golden.OpCheck, body: g.nullable(nil, path).Int(version),
		likely: known && fits(version, node.version) && g.may(permRead, path), effect: func() {},
	}
}

// setACL leaves the root and the system paths as they are: the streams to come need them. It ends the
// burst, because Java checks what comes soon after it by the old ACL or the new one, as it happens.
func (g *generator) setACL() {
	path := g.path()
	node, known := g.model.look(path)
	r, valid := g.nullable(nil, path), true
	var acl []grant
	if len(path) < len(root)+2 {
		r = r.ACL(golden.Open)
	} else {
		r, acl, valid = g.acl(r)
	}
	version := g.version(node.aversion)
	g.send(golden.OpSetACL, r.Int(version))
	if known && valid && !g.fails && fits(version, node.aversion) && g.may(permAdmin, path) {
		node.aversion++
		node.acl = acl
	}
	g.last = true
}

// multi draws one with up to eight operations, most of which succeed, or one with a part that fails.
func (g *generator) multi() {
	var parts []golden.Operation
	before, likely := g.model.clone(), true
	g.inMulti = true
	defer func() { g.inMulti = false }()
	careful := !g.oneIn(3) // all parts ought to succeed
	for range g.IntN(8) {
		w := g.drawPart()
		for tries := 0; careful && !w.likely && tries < 8; tries++ {
			w = g.drawPart()
		}
		if w.broken && g.Decoding {
			continue
		}
		parts = append(parts, golden.Part(w.op, w.body))
		if likely = likely && w.likely; likely {
			w.effect()
		}
	}
	body := golden.Multi(parts...)
	odd := g.IntN(60)
	if g.Decoding {
		odd = max(odd, 1)
	}
	switch odd {
	case 0:
		body = append(body[:len(body)-9], golden.Record{}.MultiHeader(pick[int32](g, -1, 1, 0), pick(g, true, false), pick[int32](g, 0, -1, 7))...)
		likely = false
	case 1:
		body, likely = golden.Multi(g.readParts()...), false
	case 2:
		if g.Decoding {
			parts = nil
		}
		parts = append(parts, g.readParts()...)
		body, likely = golden.Multi(parts...), false
	}
	g.send(golden.OpMulti, body)
	if !likely || g.fails {
		g.model = before
	}
}

// drawPart draws an operation of a multi.
func (g *generator) drawPart() write {
	nothing := func() {}
	switch g.IntN(60) {
	case 0:
		return write{op: pick[int32](g, golden.OpSetACL, golden.OpSync, golden.OpExists, golden.OpPing, golden.OpReconfig, 0, -1, 77, golden.OpMulti),
			body: golden.Record{}.Ustring(g.known()).Int(-1), effect: nothing, broken: true}
	case 1: // a null ACL
		if !g.WellFormed {
			return write{op: golden.OpCreate, body: golden.Record{}.Ustring(g.fresh()).Buffer(nil).Int(-1).Int(0), effect: nothing}
		}
	case 2: // the flags decide about the operation in a multi
		return write{op: pick[int32](g, golden.OpCreate, golden.OpCreate2), body: golden.Create(g.fresh(), nil, golden.Open, flagsContainer), effect: nothing}
	}
	var w write
	g.choose(
		choice{10, func() { w = g.drawCreate() }},
		choice{4, func() { w = g.drawRemove() }},
		choice{5, func() { w = g.drawSetData() }},
		choice{4, func() { w = g.drawCheck() }},
	)
	return w
}
