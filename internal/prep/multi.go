package prep

import (
	"github.com/paddock-io/paddock/internal/slab"
	"github.com/paddock-io/paddock/proto"
)

// multi prepares its operations one after the other, each seeing the effects
// of those before it. The first that fails takes everything back; the
// transaction then tells readers to apply nothing: the operations before keep
// their records, the failed one has its error, and those after it
// ErrRuntimeInconsistency. Source: PrepRequestProcessor.pRequestHelper.
func (p *Prep) multi(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	r, ok := req.Body.(*proto.MultiRequest)
	if !ok || !WellFormed(r) {
		return 0, nil, proto.ErrMarshalling
	}
	subs := make([]proto.SubTxn, 0, len(r.Ops))
	digest, size := p.digest, 0
	p.overlay.mark()
	defer func() { p.sets = slab.Slab[proto.SetDataTxn]{} }() // what is left would keep the data of the others in memory
	for i, op := range r.Ops {
		p.multiLeft = len(r.Ops) - i
		typ, body, err := p.single(req, Effective(op), op.Req)
		if err == proto.OK {
			if size += 8 + bodySize(body); size > p.opts.MaxTxn {
				err = proto.ErrMarshalling // ACLs of scheme auth have blown it up
			}
		}
		if err != proto.OK {
			p.overlay.rollback()
			p.digest = digest
			return proto.OpMulti, &proto.MultiTxn{Subs: failed(subs, err)}, proto.OK
		}
		subs = append(subs, proto.SubTxn{Type: typ, Body: body})
	}
	p.overlay.commit()
	return proto.OpMulti, &proto.MultiTxn{Subs: subs}, proto.OK
}

// failed fills subs up to its capacity after an operation failed.
func failed(subs []proto.SubTxn, err proto.ErrCode) []proto.SubTxn {
	subs = append(subs, proto.SubTxn{Type: proto.OpError, Body: &proto.ErrorTxn{Err: err}})
	rest := &proto.ErrorTxn{Err: proto.ErrRuntimeInconsistency}
	for len(subs) < cap(subs) {
		subs = append(subs, proto.SubTxn{Type: proto.OpError, Body: rest})
	}
	return subs
}

// WellFormed reports whether every operation may stand in a multi. A null ACL
// spoils the whole, where a lone create would have an invalid ACL, and so do
// flags that do not fit; only createTTL is judged when its turn comes.
func WellFormed(r *proto.MultiRequest) bool {
	for _, op := range r.Ops {
		switch sub := op.Req.(type) {
		case *proto.CreateRequest:
			if !sub.HasTTL && (sub.ACL == nil || !sub.Flags.Valid() || sub.Flags.IsTTL()) {
				return false
			}
		case *proto.DeleteRequest, *proto.SetDataRequest, *proto.CheckVersionRequest:
		default:
			return false
		}
	}
	return true
}

// Effective returns what an operation of a multi really is: there the mode of a
// create wins over its type, and a createTTL without a mode that wants it is a
// create whose TTL nobody looks at. Source: Op.create, Op.Create.getOpcode.
func Effective(op proto.MultiOp) proto.OpCode {
	r, ok := op.Req.(*proto.CreateRequest)
	switch {
	case !ok:
		return op.Type
	case r.Flags == proto.Container:
		return proto.OpCreateContainer
	case r.Flags.IsTTL():
		return proto.OpCreateTTL
	case op.Type == proto.OpCreateTTL:
		return proto.OpCreate
	}
	return op.Type
}
