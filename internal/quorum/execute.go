package quorum

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
)

// run executes actions in order. Decided transactions are collected and given
// to the state machine together; every action that must see them applied
// flushes them first.
func (p *Peer) run(actions []replica.Action) {
	for _, a := range actions {
		switch a := a.(type) {
		case replica.Send:
			p.send(a.Link, a.Msg)
		case replica.Append:
			if p.loop.leads {
				p.opts.Metrics.Proposals.Observe(len(a.Txn.Raw))
			}
			p.diskPut(a.Txn)
		case replica.Apply:
			p.loop.applies = append(p.loop.applies, a.Txn)
		case replica.SendVote:
			p.votes.Send(a.To, a.Note)
		case replica.Note:
			p.note(a)
		case replica.QuotaExceeded:
			p.quotaExceeded(a)
		default:
			p.flushApplies()
			p.runOrdered(a)
		}
	}
}

// runOrdered executes an action that must see the tree as of the actions
// before it.
func (p *Peer) runOrdered(a replica.Action) {
	switch a := a.(type) {
	case replica.Synced:
		p.sm.Synced(a.Session, a.Cxid)
	case replica.Revalidated:
		p.sm.Revalidated(a.ID, a.Conn, a.Valid)
	case replica.SessionOpened:
		p.sm.SessionOpened(a.Session)
	case replica.SessionEnded:
		p.sm.SessionEnded(a.Session, a.Cxid, a.Expired)
	case replica.SessionMoved:
		p.sm.SessionMoved(a.Session)
	case replica.SendSnapshot:
		p.send(a.Link, snapshotItem(a.Zxid))
	case replica.ReadLog:
		p.readLog(a)
	case replica.SaveEpoch, replica.Reload:
		p.diskPut(a)
	case replica.SeeConfig, replica.CommitConfig:
		p.changeMembers(a)
	case replica.Truncate:
		p.log.Warn("truncating the log to get in sync with the leader", "to", a.Zxid)
		p.stopSnapshot()
		p.diskPut(a)
	case replica.SaveSnapshot:
		p.log.Info("the leader's snapshot is here and will be saved", "zxid", a.Zxid)
		p.stopSnapshot()
		p.loop.snapTxns, p.loop.snapBytes = 0, 0
		p.diskPut(a)
	case replica.Install:
		p.installTree(a.State.(*tree.Tree))
		p.tree.Lock()
		p.tree.SetLastZxid(a.Zxid)
		p.tree.Unlock()
	case replica.SetLast:
		p.tree.Lock()
		p.tree.SetLastZxid(a.Zxid)
		p.tree.Unlock()
	case replica.Dial:
		p.dial(a)
	case replica.Hangup:
		p.hangup(a)
	case replica.Serve:
		p.drawSnapAt()
		p.loop.leads = a.Role == zab.RoleLeader
		p.serving.Store(true)
		p.sm.Serve(a.Role)
	case replica.StopServing:
		p.loop.leads = false
		p.opts.Metrics.lookingSince.Store(int64(time.Since(p.start))) // a leader may be appointed without a look
		p.serving.Store(false)
		// What the old role left undecided is applied next, and a TRUNC may take
		// it back: it must not get into a snapshot (ZOOKEEPER-1549).
		p.stopSnapshot()
		p.sm.StopServing(a.Reason)
		p.requests.drop() // after it, since no connection submits anything any more
	default:
		panic(fmt.Sprintf("quorum: unknown action %T", a))
	}
}

func (p *Peer) send(id zab.LinkID, m zab.Message) {
	k := p.loop.links[id]
	if k == nil {
		return // it ended; its Disconnected event is on the way
	}
	k.put(m)
	if !k.dirty {
		k.dirty = true
		p.loop.dirty = append(p.loop.dirty, k)
	}
}

func (p *Peer) hangup(a replica.Hangup) {
	if k := p.loop.links[a.Link]; k != nil {
		p.log.Info("link closed", "link", a.Link, "remote", k.nc.RemoteAddr(), "reason", a.Reason)
		delete(p.loop.links, a.Link)
		k.close()
	}
}

// installTree makes t the tree, under the pointer that everybody holds.
func (p *Peer) installTree(t *tree.Tree) {
	p.stopSnapshot()
	p.furnish(t)
	p.tree.Lock()
	p.tree.Replace(t)
	p.tree.Unlock()
}

// stopSnapshot ends a background snapshot: its tree is about to change in ways
// that no log replays.
func (p *Peer) stopSnapshot() {
	if s := p.loop.snap; s != nil {
		s.stop()
		p.loop.snap = nil
	}
}

// note turns the replica's facts into log lines and counters.
func (p *Peer) note(n replica.Note) {
	m := p.opts.Metrics
	switch n.Fact {
	case zab.FactLooking:
		m.Elections.Add(1)
		m.lookingSince.Store(int64(time.Since(p.start)))
		p.log.Info("LOOKING", "reason", n.Text, "zxid", n.Zxid, "epoch", n.Epoch)
	case zab.FactElected:
		p.votes.Settled()
		took := time.Since(p.start) - time.Duration(m.lookingSince.Load())
		role := "FOLLOWING"
		if n.Peer == p.opts.Self {
			role = "LEADING"
		}
		m.ElectionTime.Store(int64(took))
		p.log.Info(role+" - LEADER ELECTION TOOK "+fmt.Sprint(took.Milliseconds())+" MS", "leader", n.Peer, "zxid", n.Zxid)
	case zab.FactEpochProposed:
		p.log.Info("new epoch proposed", "epoch", n.Epoch)
	case zab.FactEstablished:
		p.log.Info("established as leader", "epoch", n.Epoch)
	case zab.FactFollowing:
		p.log.Info("synchronised with the leader", "leader", n.Peer, "epoch", n.Epoch)
	case zab.FactLearnerJoined:
		p.log.Info("learner joined", "peer", n.Peer, "zxid", n.Zxid, "epoch", n.Epoch)
		if n.Text != "" {
			p.log.Warn(n.Text, "peer", n.Peer)
		}
	case zab.FactSyncDiff:
		m.Diffs.Add(1)
		p.log.Info("learner gets a DIFF", "peer", n.Peer, "from", n.Zxid)
		if n.Text != "" {
			m.LogDiffs.Add(1)
			p.log.Info("part of the DIFF was read from the logs", "peer", n.Peer, "transactions", n.Text)
		}
	case zab.FactSyncTrunc:
		m.Truncs.Add(1)
		p.log.Info("learner is told to truncate", "peer", n.Peer, "to", n.Zxid)
	case zab.FactSyncSnap:
		m.Snaps.Add(1)
		p.log.Info("learner gets a snapshot", "peer", n.Peer, "zxid", n.Zxid)
	case zab.FactLearnerSynced:
		p.log.Info("learner synchronised", "peer", n.Peer)
	case zab.FactLearnerLost:
		p.log.Info("learner lost", "peer", n.Peer, "reason", n.Text)
	case zab.FactSessionExpired:
		m.Expired.Add(1)
		p.log.Info("Expiring session "+n.Text, "session", n.Text)
	case zab.FactSessionUpgraded:
		p.log.Info("Upgrading session "+n.Text, "session", n.Text)
	case zab.FactHandedOver:
		p.log.Warn("the membership has changed, and another server is to lead", "leader", n.Peer)
	case zab.FactRefused:
		p.log.Warn("peer's input refused", "peer", n.Peer, "reason", n.Text)
	}
}
