package prep

import (
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// Excess tells that a request is more than a quota allows.
type Excess struct {
	Path      string // that has the quota
	Namespace string // first name in the path of the znode
	Bytes     bool   // bytes are too many; otherwise znodes
	Used      int64  // with the request
	Limit     int64
	Hard      bool // the limit is one that refuses
	Refused   bool // it did; without EnforceQuota it does not
}

// maxExcesses bounds what is told of one multi.
const maxExcesses = 8

// Excesses returns what the last Prepare found too much, until the next.
func (p *Prep) Excesses() []Excess { return p.excesses }

// quota refuses what is more than a hard limit of the quota that path counts
// towards allows, if quotas are enforced, and otherwise makes a note of it. What
// is used is as the tree has it, without what is outstanding, so that a burst
// may go above a limit. A hard limit takes the place of the other. Where nothing
// is added nothing is checked: what is too large already may be written again,
// though not made smaller as long as it remains too large. ZooKeeper looks at
// limits of either kind only while quotas are enforced. Source:
// ZooKeeperServer.checkQuota.
func (p *Prep) quota(path string, count, size int64) proto.ErrCode {
	of, limits, used, ok := p.tree.QuotaOf(path)
	if !ok {
		return proto.OK
	}
	if count != 0 {
		if err := p.within(path, of, false, used.Count+count, limits.Count, limits.CountHard); err != proto.OK {
			return err
		}
	}
	if size != 0 {
		return p.within(path, of, true, used.Bytes+size, limits.Bytes, limits.BytesHard)
	}
	return proto.OK
}

// within compares one number with its limits.
func (p *Prep) within(path, of string, isBytes bool, used, soft, hard int64) proto.ErrCode {
	limit := soft
	if hard > -1 {
		limit = hard
	}
	if limit <= -1 || used <= limit {
		return proto.OK
	}
	e := Excess{Path: of, Namespace: namespace(path), Bytes: isBytes, Used: used, Limit: limit,
		Hard: hard > -1, Refused: hard > -1 && p.opts.EnforceQuota}
	if e.Refused || len(p.excesses) < maxExcesses {
		p.excesses = append(p.excesses, e)
	}
	if e.Refused {
		return proto.ErrQuotaExceeded
	}
	return proto.OK
}

// namespace returns the first name in a path. Source: PathUtils.getTopNamespace.
func namespace(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name
}
