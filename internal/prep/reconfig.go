package prep

import (
	"errors"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Membership is what a leader knows of its ensemble when it is asked to change
// it.
type Membership struct {
	Alone bool // a standalone server has none
	Now   ensemble.Pair
	Rules ensemble.EditRules
	// Synced reports whether a quorum of an ensemble follows this leader and is up
	// to date.
	Synced func(ensemble.Ensemble) bool
}

// configPath is the znode with the configuration's text.
const configPath = "/zookeeper/config"

// reconfig orders a change of the membership. Its transaction is the setting of
// the znode, with the zxid as the configuration's version. The permission is
// looked at last, but before a long text is read, which takes long. Source:
// PrepRequestProcessor.pRequest2Txn.
func (p *Prep) reconfig(req *Request) (proto.OpCode, proto.TxnBody, proto.ErrCode) {
	m := req.Members
	if m == nil {
		return 0, nil, proto.ErrReconfigDisabled
	}
	if err := sessionErr(req, false); err != proto.OK {
		return 0, nil, err
	}
	r, ok := req.Body.(*proto.ReconfigRequest)
	switch {
	case m.Alone:
		return 0, nil, proto.ErrUnimplemented
	case !ok:
		return 0, nil, proto.ErrMarshalling
	case m.Now.Pending():
		return 0, nil, proto.ErrReconfigInProgress
	case r.ConfigID != -1 && r.ConfigID != m.Now.LastSeen.Version:
		return 0, nil, proto.ErrBadVersion
	}
	denied := p.access(req, configPath, proto.PermWrite)
	if denied != proto.OK && len(r.Joining)+len(r.Leaving)+len(r.NewMembers) > maxUnasked {
		return 0, nil, denied
	}
	next, err := requested(r, m)
	switch {
	case errors.Is(err, ensemble.ErrUnexpected):
		return 0, nil, proto.ErrMarshalling
	case err != nil:
		return 0, nil, proto.ErrBadArguments
	case !m.Synced(next):
		return 0, nil, proto.ErrNewConfigNoQuorum
	case denied != proto.OK:
		return 0, nil, denied
	}
	text := []byte(next.WithVersion(int64(p.zxid)).Text())
	if len(text) > p.opts.MaxTxn {
		return 0, nil, proto.ErrMarshalling
	}
	node := &p.node
	node.stat.Version, node.stat.Mzxid, node.stat.Mtime = -1, p.zxid, p.time
	p.setBytes(node, text)
	p.record(node)
	return proto.OpReconfig, &proto.SetDataTxn{Path: configPath, Data: text, Version: -1}, proto.OK
}

// maxUnasked is how many bytes of a change are read for whoever may not make it,
// to say what is wrong with it: a membership of some dozen servers.
const maxUnasked = 2 << 10

func requested(r *proto.ReconfigRequest, m *Membership) (ensemble.Ensemble, error) {
	if r.Full {
		return ensemble.Replace(r.NewMembers, m.Rules)
	}
	return m.Now.LastSeen.Edit(r.Joining, r.Leaving, m.Rules)
}
