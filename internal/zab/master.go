package zab

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Master is the observer master: what a follower is to observers that are
// connected to it and not to the leader. It hands on what is decided, and waits
// for nobody: to observers its epoch is an old one that was established long ago.
// It is for one term of a serving follower. Source: ObserverMaster, LearnerHandler.
//
//	observer                            master, a follower in epoch E
//	FollowerInfo(acceptedEpoch) ------>
//	        <------- LeaderInfo(E)
//	AckEpoch(currentEpoch, last) ----->
//	        <------- Diff | Trunc | Snap, Proposal, Commit ..., NewLeader(E)
//	Ack(E,0) ------------------------->
//	        <------- UpToDate
//	        <------- Inform(z)            for every Commit(z) that the leader sends,
//	                                      InformActivate for a CommitActivate
type Master struct {
	feed
	members  *ensemble.Pair // as the follower knows it
	epoch    int64
	nextPing time.Duration
}

// observerHeld is what is held back for an observer during its snapshot. Java:
// observerMaster.sizeLimit, of the packets that it keeps for those that come.
const observerHeld = 32 << 20

// BecomeMaster returns the observer master of a follower that serves in epoch.
func BecomeMaster(opts Options, epoch int64, hist *History, members *ensemble.Pair, now time.Duration) *Master {
	return &Master{feed: feed{opts: opts, hist: hist}, members: members, epoch: epoch, nextPing: now + opts.Tick/2}
}

// Connected tells of a new link.
func (m *Master) Connected(now time.Duration, link LinkID) {
	m.learners = append(m.learners, &learner{link: link, heardAt: now})
}

// Has reports whether a link is one of an observer.
func (m *Master) Has(link LinkID) bool { return m.find(link) != nil }

// Observer reports whether the server at the other end of a link has been brought
// up to date, so that its clients may ask for something.
func (m *Master) Observer(link LinkID) bool {
	f := m.find(link)
	return f != nil && f.state == serving
}

// Disconnected tells that a link is gone.
func (m *Master) Disconnected(link LinkID, reason string, out []Action) []Action {
	i := slices.IndexFunc(m.learners, func(f *learner) bool { return f.link == link })
	if i < 0 {
		return out
	}
	f := m.learners[i]
	m.learners = slices.Delete(m.learners, i, i+1)
	return append(out, Note{Fact: FactLearnerLost, Peer: f.info.ID, Text: reason})
}

// Drop hangs up an observer's link.
func (m *Master) Drop(link LinkID, reason string, out []Action) []Action {
	return m.hangup(m.find(link), reason, out)
}

func (m *Master) hangup(f *learner, reason string, out []Action) []Action {
	out = append(out, Hangup{f.link, reason})
	return m.Disconnected(f.link, reason, out)
}

// Message handles what came on a link. Messages that only the replica understands
// count as a sign of life.
func (m *Master) Message(now time.Duration, link LinkID, msg Message, out []Action) []Action {
	f := m.find(link)
	if f == nil {
		return out
	}
	f.heardAt = now
	switch msg := msg.(type) {
	case FollowerInfo:
		return m.observerInfo(f, msg, out)
	case AckEpoch:
		if f.state != epochTold {
			return m.hangup(f, "ACKEPOCH out of order", out)
		}
		f.state, f.lastZxid = epochAcked, msg.LastZxid
		out = append(out, Note{Fact: FactLearnerJoined, Peer: f.info.ID, Epoch: msg.CurrentEpoch, Zxid: msg.LastZxid})
		return m.synchronize(f, out)
	case Ack:
		return m.ack(f, msg.Zxid, out)
	case Ping, Revalidate, *Forward:
		return out
	}
	return m.hangup(f, fmt.Sprintf("unexpected %T from an observer", msg), out)
}

func (m *Master) observerInfo(f *learner, info FollowerInfo, out []Action) []Action {
	switch {
	case f.state != linkOpen:
		return m.hangup(f, "second OBSERVERINFO on one link", out)
	case !info.Observer:
		return m.hangup(f, fmt.Sprintf("server %d is no observer, and this is the port for observers", info.ID), out)
	case info.ID == m.opts.Self:
		return m.hangup(f, "observer has this server's own id", out)
	case info.ConfigVersion > m.members.Committed.Version:
		return m.hangup(f, "observer has a newer configuration", out)
	case !possible(info.AcceptedEpoch):
		return m.hangup(f, fmt.Sprintf("observer cannot have accepted epoch %d", info.AcceptedEpoch), out)
	}
	for _, old := range slices.Clone(m.learners) {
		if old != f && old.state != linkOpen && old.info.ID == info.ID {
			out = m.hangup(old, "the server has connected anew", out)
		}
	}
	f.info, f.state = info, epochTold
	return append(out, Send{f.link, LeaderInfo{m.epoch}})
}

// isAhead reports whether an observer has what this follower has not been told
// of yet. An observer has nothing that is not decided, so it is not told to drop
// it, as in Java; the follower will have it soon.
func (m *Master) isAhead(f *learner) bool {
	return f.lastZxid.Epoch() == m.epoch && f.lastZxid.Counter() != 0 && f.lastZxid > m.hist.Last()
}

func (m *Master) synchronize(f *learner, out []Action) []Action {
	if m.isAhead(f) {
		return out
	}
	out, sent, refused := m.begin(f, out)
	return m.begun(f, sent, refused, out)
}

func (m *Master) begun(f *learner, sent bool, refused string, out []Action) []Action {
	switch {
	case refused != "":
		return m.hangup(f, refused, out)
	case sent:
		return m.tellNewLeader(f, out)
	}
	return out
}

func (m *Master) tellNewLeader(f *learner, out []Action) []Action {
	f.state = newLeaderTold
	return append(out, Send{f.link, NewLeader{m.epoch, m.members.Committed.Text()}})
}

// LogRead brings what ReadLog asked for.
func (m *Master) LogRead(now time.Duration, link LinkID, txns []*proto.Txn, whole bool, out []Action) []Action {
	f := m.find(link)
	if f == nil || f.state != readingLog {
		return out
	}
	f.heardAt = now
	out, sent, refused := m.logRead(f, txns, whole, out)
	return m.begun(f, sent, refused, out)
}

// SnapshotSent tells that the dump for an observer is on its way.
func (m *Master) SnapshotSent(now time.Duration, link LinkID, out []Action) []Action {
	f := m.find(link)
	if f == nil || f.state != snapshotting {
		return out
	}
	return m.tellNewLeader(f, m.snapshotSent(now, f, out))
}

// ack handles the ACK of NEWLEADER, and the second one behind UPTODATE.
func (m *Master) ack(f *learner, z proto.Zxid, out []Action) []Action {
	switch {
	case z.Counter() != 0:
		return m.hangup(f, "an observer acknowledges a proposal", out)
	case f.state == newLeaderTold && z == proto.MakeZxid(m.epoch, 0):
		f.state = serving
		return append(out, Note{Fact: FactLearnerSynced, Peer: f.info.ID}, Send{f.link, UpToDate{}})
	case f.state < newLeaderTold:
		return m.hangup(f, "ACK before NEWLEADER", out)
	}
	return out
}

// Committed hands on a transaction that the leader has decided, and lets those go
// on that have waited for it. If it is the one of change, the membership changes
// with it. Source: ObserverMaster.informAndActivate.
func (m *Master) Committed(t *proto.Txn, change CommitActivate, out []Action) []Action {
	if len(m.learners) == 0 {
		return out
	}
	commit, inform := decision(t, t.Zxid == change.Zxid, change.Leader)
	limit := cmp.Or(m.opts.MaxHeldBytes, observerHeld)
	for _, f := range slices.Clone(m.learners) {
		switch {
		case f.state == epochAcked:
			out = m.synchronize(f, out)
		case f.state == snapshotting && f.heldBytes+len(t.Raw) > limit:
			out = m.hangup(f, "too much is written while its snapshot is under way (observerMaster.sizeLimit)", out)
		default:
			out = f.inform(t, commit, inform, out)
		}
	}
	return out
}

// Deadline returns when Tick is wanted at the latest.
func (m *Master) Deadline() time.Duration {
	if len(m.learners) == 0 {
		return Never
	}
	return m.nextPing
}

// Tick does what is due by now: pings, and silent observers.
func (m *Master) Tick(now time.Duration, out []Action) []Action {
	for _, f := range slices.Clone(m.learners) {
		out = m.dropIfSilent(now, f, out)
	}
	if now < m.nextPing {
		return out
	}
	m.nextPing = now + m.opts.Tick/2
	for _, f := range m.learners {
		if f.state >= newLeaderTold {
			out = append(out, Send{f.link, Ping{Zxid: m.hist.Last()}})
		}
	}
	return out
}

func (m *Master) dropIfSilent(now time.Duration, f *learner, out []Action) []Action {
	silent := now - f.heardAt
	switch {
	case f.state == snapshotting, f.state == readingLog: // bounded by the shell
	case f.state == epochAcked && silent > m.opts.SyncTimeout:
		return m.hangup(f, fmt.Sprintf("it has %s, of which this follower has not heard", f.lastZxid), out)
	case f.state < serving && silent > m.opts.InitTimeout:
		return m.hangup(f, "silent while joining", out)
	case f.state == serving && silent > m.opts.SyncTimeout:
		return m.hangup(f, "silent for longer than syncLimit", out)
	}
	return out
}

// Links returns the links in the order in which they came.
func (m *Master) Links() []LinkID {
	v := make([]LinkID, len(m.learners))
	for i, f := range m.learners {
		v[i] = f.link
	}
	return v
}

// Observers counts those that are served.
func (m *Master) Observers() int {
	n := 0
	for _, f := range m.learners {
		if f.state == serving {
			n++
		}
	}
	return n
}
