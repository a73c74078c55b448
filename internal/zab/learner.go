package zab

import (
	"cmp"
	"fmt"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// Learner is the following side of one link to one leader. It is for one try:
// after a Resign action it must be dropped.
type Learner struct {
	opts   Options
	hist   *History
	disk   Durable
	leader proto.PeerID
	target Dial // whom to dial: the leader, or an observer master
	link   LinkID

	state    followState
	epoch    int64
	resigned bool
	dials    int
	deadline time.Duration // of the present step before following
	redialAt time.Duration // when to dial again; 0 if not waiting
	heardAt  time.Duration

	inMemory    bool         // SNAP or TRUNC: the tree runs ahead of the disk until a snapshot is saved
	snapped     bool         // the tree came by SNAP, so it is no longer what the disk tells
	pending     []*proto.Txn // proposals received and not yet committed, oldest first
	logged      int          // how many of pending are appended to the log
	decided     []*proto.Txn // committed during synchronisation, to be logged and applied at NewLeader
	anyProposal bool         // a proposal has come
	queued      proto.Zxid   // newest proposal received
	appended    proto.Zxid   // newest transaction given to the log
	persisted   proto.Zxid   // newest transaction known durable
	applied     proto.Zxid   // newest transaction applied to the tree
	unacked     []proto.Zxid // appended and to be acknowledged once durable
	stash       []stashed    // messages that came while the disk was busy

	members   ensemble.Pair
	newConfig *ensemble.Ensemble // what NewLeader has brought
	change    CommitActivate     // the last one that has come
}

type stashed struct{ msg Message }

type followState uint8

const (
	dialing          followState = iota
	awaitingEpoch                // FollowerInfo sent
	savingAccepted               // acceptedEpoch is being written
	awaitingSync                 // AckEpoch sent
	truncating                   // Truncate is under way
	syncing                      // collecting the initial history
	savingHistory                // NewLeader is here, history is being written
	savingCurrent                // history is durable, currentEpoch is being written
	awaitingUpToDate             // NewLeader acknowledged
	following
)

// Retries of a learner's dial. Source: Learner.connectToLeader.
const (
	dialTries = 5
	dialPause = 100 * time.Millisecond // leaderConnectDelayDuringRetryMs
)

// maxStash bounds what is kept while the disk is busy; a leader sends no more
// than its outstanding window then.
const maxStash = 1 << 20

// BecomeLearner returns a learner of leader; call Start.
func BecomeLearner(opts Options, disk Durable, hist *History, leader proto.PeerID) *Learner {
	return &Learner{
		opts: opts, disk: disk, hist: hist, leader: leader, target: Dial{Leader: leader}, members: opts.members(),
		appended: disk.LastZxid, persisted: disk.LastZxid, applied: disk.LastZxid,
	}
}

// Leader returns the server that is followed.
func (f *Learner) Leader() proto.PeerID { return f.leader }

// Link returns the link to the leader, 0 before there is one.
func (f *Learner) Link() LinkID { return f.link }

// Epoch returns the epoch of the leader, 0 before it is known.
func (f *Learner) Epoch() int64 { return f.epoch }

// Following reports whether synchronisation is over.
func (f *Learner) Following() bool { return f.state == following }

// Phase returns how far the learner has come.
func (f *Learner) Phase() Phase {
	switch {
	case f.state < awaitingSync:
		return Discovery
	case f.state < following:
		return Synchronization
	}
	return Broadcast
}

// Start dials the leader.
func (f *Learner) Start(now time.Duration, out []Action) []Action {
	f.deadline, f.dials = now+cmp.Or(f.opts.DialTimeout, f.opts.InitTimeout), 1
	return append(out, f.target)
}

// StartAt is Start for an observer that is to come after a pause, or to a server
// that feeds observers in the leader's place.
func (f *Learner) StartAt(now, pause time.Duration, target Dial, out []Action) []Action {
	if f.target = target; pause <= 0 {
		return f.Start(now, out)
	}
	f.deadline, f.redialAt = now+pause+cmp.Or(f.opts.DialTimeout, f.opts.InitTimeout), now+pause
	return out
}

// Target is the server that is dialled, or connected.
func (f *Learner) Target() proto.PeerID { return f.target.Leader }

// Deadline returns when Tick is wanted at the latest.
func (f *Learner) Deadline() time.Duration {
	switch {
	case f.state == following:
		return f.heardAt + f.opts.SyncTimeout
	case f.redialAt != 0:
		return min(f.redialAt, f.deadline)
	}
	return f.deadline
}

// DialFailed tells that the leader's port could not be reached. A leader opens
// its port only once it knows that it leads, so a few tries are due.
func (f *Learner) DialFailed(now time.Duration, reason string, out []Action) []Action {
	if f.state != dialing || f.link != 0 {
		return out
	}
	if f.dials >= dialTries || f.target.Master { // there are other masters
		return f.resign("cannot reach the leader: "+reason, out)
	}
	f.redialAt = now + cmp.Or(f.opts.RedialPause, dialPause)
	return out
}

// Connected tells that the dial succeeded.
func (f *Learner) Connected(now time.Duration, link LinkID, out []Action) []Action {
	if f.state != dialing || f.resigned {
		return append(out, Hangup{link, "not wanted any more"})
	}
	f.link, f.state = link, awaitingEpoch
	f.heard(now)
	return append(out, Send{link, FollowerInfo{
		ID: f.opts.Self, AcceptedEpoch: f.disk.AcceptedEpoch,
		ConfigVersion: f.members.Committed.Version, Observer: f.opts.Observer,
	}})
}

// Disconnected tells that the link is gone. Something that stands between two
// servers and takes connections by itself closes those to a port that is not open
// yet: before the leader has said a word that is a dial that failed.
func (f *Learner) Disconnected(now time.Duration, link LinkID, reason string, out []Action) []Action {
	if link != f.link || link == 0 {
		return out
	}
	f.link = 0
	if f.state == awaitingEpoch && f.dials < dialTries && !f.target.Master {
		f.state = dialing
		return f.DialFailed(now, reason, out)
	}
	return f.resign(f.lost(reason), out)
}

// lost says what a closed link means. A leader that refuses a learner has no word
// for it; what it looks at says at least where to look.
func (f *Learner) lost(reason string) string {
	switch f.state {
	case awaitingEpoch:
		return fmt.Sprintf("lost the leader before it said a word: %s; its log says so if it refuses this server, whose membership has version %x",
			reason, f.members.Committed.Version)
	case savingAccepted, awaitingSync:
		return fmt.Sprintf("lost the leader before it sent any history: %s; its log says so if it refuses this server, whose own ends at %s in epoch %d",
			reason, f.disk.LastZxid, f.disk.CurrentEpoch)
	}
	return "lost the leader: " + reason
}

// Tick does what is due by now.
func (f *Learner) Tick(now time.Duration, out []Action) []Action {
	switch {
	case f.resigned:
	case f.state == following:
		if now >= f.heardAt+f.opts.SyncTimeout {
			return f.resign("the leader is silent", out)
		}
	case now >= f.deadline && !f.busy():
		return f.resign(fmt.Sprintf("no word from the leader within %v", f.opts.InitTimeout), out)
	case now >= f.deadline:
		f.deadline = now + f.opts.InitTimeout // our own disk is slow; the leader decides how long it waits
	case f.redialAt != 0 && now >= f.redialAt:
		f.redialAt = 0
		f.dials++
		return append(out, f.target)
	}
	return out
}

func (f *Learner) resign(reason string, out []Action) []Action {
	return f.end(Resign{Reason: reason}, out)
}

func (f *Learner) end(r Resign, out []Action) []Action {
	if f.resigned {
		return out
	}
	f.resigned = true
	if f.link != 0 {
		out = append(out, Hangup{f.link, r.Reason})
	}
	return append(out, r)
}

// MustReload reports whether the tree holds more than the disk, so that it
// must be reloaded before this server votes again (ZOOKEEPER-3642, 5094).
func (f *Learner) MustReload() bool { return f.inMemory }

// EndTerm returns the proposals that are in the log but not applied, oldest
// first. The tree must have them before this server votes (ZOOKEEPER-2845).
func (f *Learner) EndTerm() []*proto.Txn {
	tail := f.pending[:f.logged]
	for len(tail) > 0 && tail[0].Zxid <= f.applied { // a repetition of what the tree has
		tail = tail[1:]
	}
	return tail
}

// Appended returns the newest transaction given to the log.
func (f *Learner) Appended() proto.Zxid { return f.appended }

// Message handles what the leader sent. Answers to the replica's own messages
// (Revalidated, Sync) only count as a sign of life.
func (f *Learner) Message(now time.Duration, link LinkID, m Message, out []Action) []Action {
	if link != f.link || link == 0 || f.resigned {
		return out
	}
	f.heard(now)
	if f.busy() {
		if len(f.stash) >= maxStash {
			return f.resign("the leader sends more than can be kept while the disk is busy", out)
		}
		f.stash = append(f.stash, stashed{m})
		return out
	}
	return f.handle(now, m, out)
}

// Heard tells that something is arriving on the link, though no message is
// complete yet: a snapshot takes its time.
func (f *Learner) Heard(now time.Duration, link LinkID) {
	if link == f.link && link != 0 {
		f.heard(now)
	}
}

// heard notes a sign of life of the leader. As in Java it is single reads that
// have a limit, not the whole synchronisation.
func (f *Learner) heard(now time.Duration) {
	f.heardAt = now
	f.deadline = max(f.deadline, now+f.opts.InitTimeout)
}

// busy reports whether messages must wait for the disk.
func (f *Learner) busy() bool {
	switch f.state {
	case savingAccepted, truncating, savingHistory, savingCurrent:
		return true
	}
	return false
}

// unstash handles what came while the disk was busy, until it is busy again.
func (f *Learner) unstash(now time.Duration, out []Action) []Action {
	for len(f.stash) > 0 && !f.busy() && !f.resigned {
		m := f.stash[0].msg
		f.stash[0] = stashed{}
		f.stash = f.stash[1:]
		out = f.handle(now, m, out)
	}
	if len(f.stash) == 0 {
		f.stash = nil
	}
	return out
}

func (f *Learner) handle(now time.Duration, m Message, out []Action) []Action {
	switch m := m.(type) {
	case Proposal:
		return f.proposal(m.Txn, out)
	case Commit:
		return f.commit(m.Zxid, out)
	case Commits:
		return f.commits(m, out)
	case Ping:
		return out // the replica answers, with the touches that it keeps
	case Inform:
		return f.inform(m.Txn, out)
	case CommitActivate:
		return f.commitActivate(m, out)
	case InformActivate:
		return f.informActivate(m, out)
	case LeaderInfo:
		return f.leaderInfo(m, out)
	case Diff, Snap, Trunc:
		return f.beginSync(m, out)
	case NewLeader:
		return f.newLeader(now, m, out)
	case UpToDate:
		return f.upToDate(now, out)
	case Revalidated, Sync:
		return out
	}
	return f.resign(fmt.Sprintf("unexpected %T from the leader", m), out)
}
