package prep

import (
	"slices"

	"github.com/paddock-io/paddock/proto"
)

func (p *Prep) createSession(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	r, ok := req.Body.(*proto.CreateSessionRequest)
	if !ok {
		return 0, nil, proto.ErrMarshalling
	}
	return proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: r.Timeout}, proto.OK
}

// closeSession lists the ephemerals that go with the session. Whether the
// session is known, and whose it is, does not matter: closing twice is
// harmless, and expiry closes sessions it does not own.
//
// The parents lose their children at once. ZooKeeper forgets to count here, so
// that the deletion of a parent fails or not depending on whether the close has
// been applied yet.
func (p *Prep) closeSession(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	paths := p.ephemerals(req.Session)
	for _, path := range paths {
		p.find(&p.node, path)
		above, _ := splitParent(path)
		if p.find(&p.parent, above) {
			p.bury(&p.node, &p.parent)
		}
	}
	return proto.OpCloseSession, &proto.CloseSessionTxn{Paths: paths, HasPaths: true}, proto.OK
}

// ephemerals returns the paths a session owns, sorted: those of the tree whose
// records do not say otherwise, and those of records the tree lacks.
func (p *Prep) ephemerals(id proto.SessionID) []string {
	if id == 0 {
		return nil
	}
	paths := slices.DeleteFunc(p.tree.Ephemerals(id), func(path string) bool {
		return p.overlay.changes[path] != nil // listed below, if it is still there
	})
	for c := p.overlay.owned[id]; c != nil; c = c.next {
		paths = append(paths, c.key)
	}
	slices.Sort(paths)
	return paths
}
