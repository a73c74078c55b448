package zab

import (
	"cmp"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// The low half of a zxid counts the transactions of an epoch, and a counter that
// is used up needs a new epoch, which only an election brings: followers that got
// a newer epoch's transaction without one would have a log that is ahead of their
// currentEpoch, and Java does not start over such a directory. So the leader hands
// over. It does so where nothing is lost by it: it orders nothing more, waits until
// all that it has ordered is decided and its learners have heard so, and resigns.
// From some distance to the end on, any moment will do in which nothing is under
// way. Source: ZooKeeper resigns in the middle of its work (Leader.propose,
// ZOOKEEPER-1277).

// Rollover are options for tests. The zero value is ZooKeeper's counter.
type Rollover struct {
	LastCounter  uint32 // of an epoch; 0 means 0xfffffffe
	FirstCounter uint32 // an epoch's first transaction is the one after it (testingonly.initialZxid)
	// AnyFirst lets a learner take an epoch's first transaction with any counter
	// (test.allowDiscontinuousProposals).
	AnyFirst bool
}

func (o Rollover) last() uint32 { return cmp.Or(o.LastCounter, 0xfffffffe) }

// margin is how long before the end a quiet moment is looked for, in transactions.
func (o Rollover) margin() uint32 { return min(1<<20, (o.last()-min(o.FirstCounter, o.last()))/16) }

// ending is how far a leader is with handing over.
type ending struct {
	begun bool
	asked int64         // the round of confirmation that everybody was asked in when all was decided; 0 before
	by    time.Duration // resign then in any case; 0 until the next tick
}

// usedUp is NextZxid for a counter that is used up. A server alone goes on in the
// next epoch.
func (l *Leader) usedUp(out []Action) (proto.Zxid, []Action, bool) {
	if l.opts.Standalone && l.lastProposed.Epoch() < maxEpoch {
		return proto.MakeZxid(l.lastProposed.Epoch()+1, 1), out, true
	}
	l.ending.begun = true
	return 0, l.tryEnd(out), false
}

// tickEnding looks for a moment to hand over in, and bounds how long that takes.
func (l *Leader) tickEnding(now time.Duration, out []Action) []Action {
	e := &l.ending
	quiet := len(l.outstanding) == 0 && len(l.syncs) == 0
	switch {
	case !e.begun && quiet && l.lastProposed.Counter() >= l.opts.last()-l.opts.margin():
		e.begun = true
		return l.tryEnd(out)
	case !e.begun:
		return out
	case e.by == 0:
		e.by = now + l.opts.SyncTimeout
	case now >= e.by:
		return l.resign(counterUsedUp, out)
	}
	return l.tryEnd(out)
}

const counterUsedUp = "the zxid counter of this epoch is used up"

// tryEnd resigns once all that was proposed is decided, and every learner that is
// served has answered a ping that was sent behind it.
func (l *Leader) tryEnd(out []Action) []Action {
	e := &l.ending
	if !e.begun || l.resigned || len(l.outstanding) > 0 || l.asked != l.confirmed && e.asked == 0 {
		return out
	}
	if e.asked == 0 {
		l.asked++
		l.askedAfter = l.lastProposed
		e.asked = l.asked
		for _, f := range l.learners {
			if f.state == serving {
				out = append(out, Send{f.link, Ping{Zxid: proto.Zxid(-l.asked)}})
			}
		}
		out = l.confirm(out)
	}
	for _, f := range l.learners {
		if f.state == serving && f.answered < e.asked {
			return out
		}
	}
	return l.resign(counterUsedUp, out)
}
