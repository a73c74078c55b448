package zab

import (
	"cmp"
	"fmt"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// Feeding are the options of those that bring learners up to date.
type Feeding struct {
	// ReadLogs lets transactions that the History does not hold any more be read
	// from the log, in place of a snapshot. The caller decides how many are too many.
	ReadLogs bool
	// MaxSnapSyncs and MaxDiffSyncs are how many learners may be brought up to date
	// at once; observers beyond are refused, others are not. 0 means 10 and 100.
	MaxSnapSyncs, MaxDiffSyncs int
	// MaxHeldBytes bounds what an observer master holds back for one observer
	// during its snapshot; 0 means 32 MiB.
	MaxHeldBytes int
}

// feed is what a leader and an observer master have in common: learners, and the
// history that they are brought up to.
type feed struct {
	opts     Options
	hist     *History
	learners []*learner // by link
}

func (d *feed) find(link LinkID) *learner {
	for _, f := range d.learners {
		if f.link == link {
			return f
		}
	}
	return nil
}

// begin starts to bring a learner up to date. sent says that its initial history
// is on the way; else an answer of the shell goes on. refused says why not.
func (d *feed) begin(f *learner, out []Action) (_ []Action, sent bool, refused string) {
	plan := d.hist.Plan(f.lastZxid)
	if plan.Kind == SyncSnap && plan.Until != nil && d.opts.ReadLogs && !f.logTried && d.logBytes() < maxPlanBytes {
		if refused = d.throttled(f, SyncDiff); refused != "" {
			return out, false, refused
		}
		f.state, f.kind, f.until = readingLog, SyncDiff, plan.Until
		return append(out, ReadLog{Link: f.link, After: f.lastZxid, Until: plan.Until, MaxBytes: maxPlanBytes}), false, ""
	}
	if refused = d.throttled(f, plan.Kind); refused != "" {
		return out, false, refused
	}
	switch f.kind = plan.Kind; plan.Kind {
	case SyncSnap:
		// The dump walks the live tree, so NewLeader must wait until every
		// transaction that may be in it has been sent (ZOOKEEPER-3104).
		f.state = snapshotting
		z := d.hist.Last()
		return append(out, SendSnapshot{f.link, z}, Note{Fact: FactSyncSnap, Peer: f.info.ID, Zxid: z}), false, ""
	case SyncTrunc:
		out = append(out, Send{f.link, Trunc{plan.To}}, Note{Fact: FactSyncTrunc, Peer: f.info.ID, Zxid: plan.To})
	case SyncDiff:
		out = append(out, Send{f.link, Diff{d.hist.Last()}}, Note{Fact: FactSyncDiff, Peer: f.info.ID, Zxid: f.lastZxid})
	}
	return sendDecided(f, plan.Txns, out), true, ""
}

// sendDecided sends transactions as a learner takes them before it is live.
func sendDecided(f *learner, txns []*proto.Txn, out []Action) []Action {
	for _, t := range txns {
		out = append(out, Send{f.link, Proposal{t}}, Send{f.link, Commit{t.Zxid}})
	}
	return out
}

// logRead goes on with what the logs had between the learner's end and the
// history kept here, of which more may be forgotten meanwhile.
func (d *feed) logRead(f *learner, txns []*proto.Txn, whole bool, out []Action) (_ []Action, sent bool, refused string) {
	f.logTried = true
	rest, ok := d.hist.since(f.until)
	if f.until = nil; !whole || !ok || tooLarge(rest) {
		f.state = epochAcked // it does not count among those under way
		return d.begin(f, out)
	}
	out = append(out, Send{f.link, Diff{d.hist.Last()}},
		Note{Fact: FactSyncDiff, Peer: f.info.ID, Zxid: f.lastZxid, Text: fmt.Sprintf("%d of them from the logs", len(txns))})
	for _, t := range txns {
		f.heldBytes += len(t.Raw) // in the link's queue until NEWLEADER is acknowledged
	}
	return sendDecided(f, rest, sendDecided(f, txns, out)), true, ""
}

// logBytes is what was read from logs for learners that are not synchronised yet.
func (d *feed) logBytes() int {
	n := 0
	for _, f := range d.learners {
		switch {
		case f.state == readingLog:
			n += maxPlanBytes / 2 // nobody knows yet
		case f.state == newLeaderTold:
			n += f.heldBytes
		}
	}
	return n
}

// throttled says why an observer must come later. Source: LearnerSyncThrottler.
func (d *feed) throttled(f *learner, kind SyncKind) string {
	if !f.info.Observer {
		return ""
	}
	limit, name := cmp.Or(d.opts.MaxDiffSyncs, 100), "Diff"
	if kind == SyncSnap {
		limit, name = cmp.Or(d.opts.MaxSnapSyncs, 10), "Snap"
	}
	n := 0
	for _, o := range d.learners {
		if o != f && o.state > epochAcked && o.state < newLeaderAcked && (o.kind == SyncSnap) == (kind == SyncSnap) {
			n++
		}
	}
	if n < limit {
		return ""
	}
	return fmt.Sprintf("%d learners are being synchronised in this way already (leader.maxConcurrent%sSyncs)", n, name)
}

// snapshotSent sends what was decided while the dump was under way.
func (d *feed) snapshotSent(now time.Duration, f *learner, out []Action) []Action {
	out = sendDecided(f, f.held, out)
	f.held, f.heldBytes, f.heardAt = nil, 0, now
	return out
}

// decision is how learners hear that a transaction is decided: one that knows the
// proposal, and an observer. activates says that it changes the membership; next is
// to lead then.
func decision(t *proto.Txn, activates bool, next proto.PeerID) (commit, inform Message) {
	if activates {
		return CommitActivate{t.Zxid, next}, InformActivate{t, next}
	}
	return Commit{t.Zxid}, Inform{t}
}

// inform tells a learner of a decided transaction, in the words of decision: an
// observer, or one whose dump is under way, for which it is held back. What is held
// back changes no membership; the NEWLEADER behind it does.
func (f *learner) inform(t *proto.Txn, commit, inform Message, out []Action) []Action {
	switch {
	case f.state == snapshotting:
		f.held = append(f.held, t)
		f.heldBytes += len(t.Raw)
	case f.state < newLeaderTold:
	case f.state == serving:
		out = append(out, Send{f.link, inform})
	default:
		out = append(out, Send{f.link, Proposal{t}}, Send{f.link, commit})
	}
	return out
}
