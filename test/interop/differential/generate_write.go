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
	if w.likely {
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

// kind draws an operation that creates, its flags, and a time to live for createTTL. Not drawn is what
// makes a Java server corrupt its digest or stop: flags of containers without createContainer or the
// reverse, and createTTL without the flags and with a negative time.
func (g *generator) kind() (op, flags int32, ttl int64) {
	op = pick[int32](g, golden.OpCreate, golden.OpCreate, golden.OpCreate2)
	switch g.IntN(24) {
	case 0, 1, 2:
		return op, flagsEphemeral, -1
	case 3, 4, 5:
		return op, flagsSequential, -1
	case 6, 7:
		return op, flagsEphemeralSequential, -1
	case 8, 9:
		return golden.OpCreateContainer, flagsContainer, -1
	case 10, 11:
		return golden.OpCreateTTL, pick[int32](g, flagsTTL, flagsTTLSequential), pick[int64](g, 1<<40-1, 1<<39, 3600_000)
	case 12:
		return golden.OpCreateTTL, pick[int32](g, flagsTTL, flagsTTLSequential), pick[int64](g, 0, -1, 1<<40, 1<<63-1, -1<<63)
	case 13:
		return golden.OpCreateTTL, pick[int32](g, 0, 1, 2, 3, flagsContainer), pick[int64](g, 0, 1, 5000)
	case 14:
		return op, pick[int32](g, flagsTTL, flagsTTLSequential, 7, -1, 99, 1<<31-1), -1
	case 15:
		return golden.OpCreateContainer, pick[int32](g, flagsTTL, flagsTTLSequential, 7, -5), -1
	}
	return op, flagsPersistent, -1
}

func (g *generator) drawCreate() write {
	w := write{likely: true}
	var flags int32
	var ttl int64
	w.op, flags, ttl = g.kind()
	path := g.fresh()
	switch g.IntN(14) {
	case 0:
		path, w.likely = g.badPath(), false
	case 1:
		path, w.likely = g.known(), false
	case 2:
		path, w.likely = g.fresh()+"/"+g.name()+"/x", false
	}
	sequential := flags == flagsSequential || flags == flagsEphemeralSequential || flags == flagsTTLSequential
	if sequential && w.likely {
		path = parent(path) + "/" + pick(g, "n-", "", "a", "b")
	}
	w.likely = w.likely && flags >= 0 && flags <= 6
	w.broken = w.op != golden.OpCreateTTL && (flags < 0 || flags > flagsContainer)
	owner := -1
	if flags == flagsEphemeral || flags == flagsEphemeralSequential {
		owner = g.conns[g.burstConn].session
	}
	data := g.data()
	if quota := g.quotaData(path); quota != nil {
		data = quota
	}
	w.body = g.acl(g.nullable(nil, path).Buffer(data)).Int(flags)
	if w.op == golden.OpCreateTTL {
		w.body = w.body.Long(ttl)
	}
	w.effect = func() {
		if sequential {
			g.model.sequential(path, owner)
		} else {
			g.model.create(path, owner)
		}
	}
	return w
}

func (g *generator) drawRemove() write {
	path := g.path()
	node, _ := g.model.look(path)
	return write{
		op: golden.OpDelete, body: g.nullable(nil, path).Int(g.version(node.version)),
		likely: true, effect: func() { g.model.remove(path) },
	}
}

func (g *generator) drawSetData() write {
	path := g.path()
	node, known := g.model.look(path)
	data := g.data()
	if quota := g.quotaData(path); quota != nil {
		data = quota
	}
	body := g.nullable(nil, path).Buffer(data).Int(g.version(node.version))
	return write{op: golden.OpSetData, body: body, likely: known, effect: func() { node.version++ }}
}

func (g *generator) drawCheck() write {
	path := g.path()
	node, _ := g.model.look(path)
	return write{op: golden.OpCheck, body: g.nullable(nil, path).Int(g.version(node.version)), likely: true, effect: func() {}}
}

// setACL leaves the root and the system paths as they are: the streams to come need them. It ends the
// burst, because Java checks what comes soon after it by the old ACL or the new one, as it happens.
func (g *generator) setACL() {
	path := g.path()
	node, _ := g.model.look(path)
	r := g.nullable(nil, path)
	if len(path) < len(root)+2 {
		r = r.ACL(golden.Open)
	} else {
		r = g.acl(r)
	}
	g.send(golden.OpSetACL, r.Int(g.version(node.aversion)))
	node.aversion++
	g.last = true
}

// multi draws one with up to eight operations, most of which succeed, or one with a part that fails.
func (g *generator) multi() {
	var parts []golden.Operation
	var effects []func()
	likely := true
	g.inMulti = true
	defer func() { g.inMulti = false }()
	for range g.IntN(8) {
		w := g.drawPart()
		if w.broken && g.Decoding {
			continue
		}
		parts = append(parts, golden.Part(w.op, w.body))
		effects = append(effects, w.effect)
		likely = likely && w.likely
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
	if likely {
		for _, effect := range effects {
			effect()
		}
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
