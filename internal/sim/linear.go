package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/paddock-io/paddock/proto"
)

// register is the state of a znode in the model that porcupine runs.
type register struct {
	there   bool
	version int32
	value   string
}

// ask is what an operation was asked.
type ask struct {
	kind    kind
	value   string
	version int32
}

// told is what it was answered.
type told struct {
	known   bool // there was an answer
	err     proto.ErrCode
	version int32
	value   string
}

// registers is the sequential specification of one znode: create, setData,
// delete and reads behind a sync.
var registers = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, output any) (bool, any) {
		ok, next := state.(register).step(input.(ask), output.(told))
		return ok, next
	},
	Equal: func(a, b any) bool { return a.(register) == b.(register) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
}

// step returns whether an answer fits the state, and the state after it.
func (r register) step(in ask, out told) (bool, register) {
	if in.kind == create && out.err == proto.ErrNoNode {
		return !r.there, r // the znode above it was not there yet
	}
	err, next := r.outcome(in)
	if !out.known {
		return err == out.err, next // the log tells whether it failed
	}
	switch {
	case err != out.err:
		return false, r
	case err != proto.OK:
		return true, r
	case in.kind == getData:
		return out.version == r.version && out.value == r.value, r
	case in.kind == exists:
		return out.version == r.version, r
	case in.kind == setData:
		return out.version == next.version, next
	}
	return true, next
}

func (r register) outcome(in ask) (proto.ErrCode, register) {
	wrong := in.version != -1 && in.version != r.version
	switch in.kind {
	case create:
		if r.there {
			return proto.ErrNodeExists, r
		}
		return proto.OK, register{true, 0, in.value}
	case setData:
		switch {
		case !r.there:
			return proto.ErrNoNode, r
		case wrong:
			return proto.ErrBadVersion, r
		}
		return proto.OK, register{true, r.version + 1, in.value}
	case remove:
		switch {
		case !r.there:
			return proto.ErrNoNode, r
		case wrong:
			return proto.ErrBadVersion, r
		}
		return proto.OK, register{}
	}
	if !r.there {
		return proto.ErrNoNode, r
	}
	return proto.OK, r
}

// linearizable looks for an order of what every register was asked that
// explains all answers.
func (w *World) linearizable() error {
	for i := range keys {
		path := fmt.Sprintf("%s/%d", keyRoot, i)
		ops := w.check.operations(w, path)
		w.Checked += len(ops)
		switch res, _ := porcupine.CheckOperationsVerbose(registers, ops, 20*time.Second); res {
		case porcupine.Illegal:
			return fmt.Errorf("no order explains the %d operations on %s: not linearizable", len(ops), path)
		case porcupine.Unknown:
			w.Undecided++
		}
	}
	return nil
}

// operations are those on one register that can have had an effect, or whose
// answer must have been up to date. Of those without an answer the log tells
// whether they were decided at all; those that were may count at any time after
// the call.
func (k *checks) operations(w *World, path string) []porcupine.Operation {
	var ops []porcupine.Operation
	for _, o := range k.history {
		switch o.kind {
		case create, setData, remove:
		case getData, exists:
			if !o.fresh || o.ret == 0 || o.sync.ret == 0 {
				continue
			}
		default:
			continue
		}
		if o.path != path || fromNowhere(o.err) {
			continue
		}
		op := porcupine.Operation{
			ClientId: o.client, Call: int64(o.call), Return: int64(o.ret),
			Input:  ask{o.kind, o.value, o.version},
			Output: told{true, o.err, o.stat.Version, o.data},
		}
		if o.fresh {
			op.Call = int64(o.sync.call)
		}
		if o.ret == 0 {
			z, ok := k.byRequest[request{o.session, o.cxid}]
			if !ok {
				continue
			}
			t, err := proto.DecodeTxn([]byte(k.decisions[z].raw))
			must(err)
			fate := told{}
			if e, failed := t.Body.(*proto.ErrorTxn); failed {
				if fate.err = e.Err; fromNowhere(e.Err) {
					continue
				}
			}
			op.Output, op.Return = fate, int64(k.moments+1)
		}
		ops = append(ops, op)
	}
	return slices.Clip(ops)
}

// fromNowhere reports whether an error says that a request came from where its
// session does not live, whatever it was about: BadArguments is what a follower makes
// of such a one that comes from behind it.
func fromNowhere(err proto.ErrCode) bool {
	return err == proto.ErrSessionExpired || err == proto.ErrSessionMoved || err == proto.ErrBadArguments
}
