package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Options configure a Replica. Tick, InitTimeout and SyncTimeout must be
// positive.
type Options struct {
	Self        proto.PeerID
	Ensemble    ensemble.Ensemble // the last one committed; no members when Standalone
	LastSeen    ensemble.Ensemble // the last one proposed, if that is newer
	Reconfig    bool              // the membership may change (reconfigEnabled)
	EditRules   ensemble.EditRules
	Standalone  bool
	Observer    bool
	Tick        time.Duration // tickTime: width of the session buckets, pings twice in it
	InitTimeout time.Duration // initLimit ticks
	SyncTimeout time.Duration // syncLimit ticks
	DialTimeout time.Duration // connectToLearnerMasterLimit ticks; 0 means InitTimeout
	// UnconfirmedSync answers a sync without asking a quorum; see zab.Options.
	UnconfirmedSync bool
	Election        election.Options
	Prep            prep.Options
	Reap            ReapOptions

	// LocalSessions makes new sessions known to this server alone, and
	// UpgradeSessions makes them global when they want ephemerals. A standalone
	// server has no use for either.
	LocalSessions, UpgradeSessions bool
	// Masters are how observers are fed by followers.
	Masters MasterOptions
	// Zab are further options of package zab.
	Zab ZabOptions
	// ReadOnlyAfter is how long to look for a leader before clients may read; 0
	// is for ever.
	ReadOnlyAfter time.Duration
}

// state is what the server is doing.
type state uint8

const (
	stopped  state = iota
	draining       // a role has ended; its disk writes are still under way
	looking
	leading
	learning
)

// Replica is one server. It is for one goroutine.
type Replica struct {
	opts Options
	tree *tree.Tree
	prep *prep.Prep
	hist *zab.History
	vote *election.Election // nil when standalone

	members     ensemble.Pair
	knownConfig int64 // version of the membership that the recovered tree shows

	state   state
	role    Role // RoleNone until clients may come
	disk    zab.Durable
	leader  *zab.Leader
	learner *zab.Learner
	master  *zab.Master                // feeds observers while following, if there are to be masters
	homes   map[proto.SessionID]LinkID // while feeding: where sessions live that have moved here, or behind this server

	appended  proto.Zxid // newest transaction given to the log
	persisted proto.Zxid // newest transaction known durable
	diskOps   int        // epoch, truncate and snapshot writes under way
	reload    bool       // the tree must be reloaded before the next vote
	mended    bool       // the history on disk is whole again, and the tree does not show it yet
	tail      []*proto.Txn
	reason    string // why we are looking

	early    []earlyLink // learners that came before we knew that we lead
	sessions *sessions   // while leading
	ended    ended       // global sessions, while leading with local ones
	reaper   *reaper     // while leading, if there is one
	local    *sessions   // while serving with LocalSessions
	touches  map[proto.SessionID]int32
	syncs    syncs
	queries  []query
	own      []proto.Zxid            // this server's own clients' undecided proposals, while leading
	inflight map[proto.SessionID]int // requests sent to the leader, by session
	pending  int                     // sum of inflight

	lookedAt time.Duration // when this search for a leader began

	choice masterChoice // of an observer
	oracle bool         // lets this server go on alone

	handOver  bool         // no election is needed after this role:
	successor proto.PeerID // who is to lead

	failed int           // tries to follow in a row that came to nothing
	lookAt time.Duration // no election before this
	wall   int64         // milliseconds since 1970 ...
	wallAt time.Duration // ... at this time
}

// earlyLink is a link whose FollowerInfo waits for the election's end.
type earlyLink struct {
	link   LinkID
	master bool // an observer's, which waits until this server follows
	at     time.Duration
	msgs   []zab.Message
}

// Bounds for links that wait; a peer sends one message and then listens.
const (
	maxEarlyLinks = 64
	maxEarlyMsgs  = 4
)

// New returns a replica over a recovered tree, whose /zookeeper/config still is
// what was recovered. hist holds the recovered transactions, disk tells what is
// durable.
func New(opts Options, t *tree.Tree, hist *zab.History, disk zab.Durable) *Replica {
	r := &Replica{
		opts: opts, tree: t, prep: prep.New(t, opts.Prep), hist: hist, disk: disk,
		appended: disk.LastZxid, persisted: disk.LastZxid,
		touches: map[proto.SessionID]int32{}, inflight: map[proto.SessionID]int{},
	}
	if !opts.Standalone {
		o := opts.Election
		o.Self = opts.Self
		r.vote = election.New(opts.Ensemble, o)
		r.initMembers()
	}
	return r
}

// Start begins to look for a leader, or to serve when standalone. It must be
// called once, before Step.
func (r *Replica) Start(now time.Duration, wall int64, out []Action) []Action {
	r.wall, r.wallAt = wall, now
	from := len(out)
	if r.opts.Standalone {
		r.state = leading
		r.leader = zab.BecomeLeader(r.zabOptions(), r.disk, r.hist)
		out = r.leader.Start(now, out)
	} else {
		r.reason = "started"
		out = r.look(now, out)
	}
	return r.absorb(now, from, out)
}

func (r *Replica) zabOptions() zab.Options {
	return zab.Options{
		Self: r.opts.Self, Ensemble: r.members.Committed, LastSeen: r.members.LastSeen, Reconfig: r.opts.Reconfig,
		InitTimeout: r.opts.InitTimeout,
		SyncTimeout: r.opts.SyncTimeout, DialTimeout: r.opts.DialTimeout, Tick: r.opts.Tick,
		Standalone: r.opts.Standalone, Observer: r.opts.Observer, UnconfirmedSync: r.opts.UnconfirmedSync,
		Feeding: r.opts.Zab.Feeding, EpochTimeout: r.opts.Zab.EpochTimeout, RedialPause: r.opts.Zab.RedialPause, Rollover: r.opts.Zab.Rollover, Granted: r.oracle,
	}
}

// Step takes one event at time now and appends what must be done to out.
func (r *Replica) Step(now time.Duration, ev Event, out []Action) []Action {
	switch ev := ev.(type) {
	case Message:
		return r.stepMessage(now, ev, out)
	case Messages:
		for _, m := range ev.Msgs {
			out = r.stepMessage(now, Message{Link: ev.Link, Msg: m}, out)
		}
		return out
	}
	from := len(out)
	return r.absorb(now, from, r.step(now, ev, out))
}

// stepMessage is Step for one message. A run of commits is taken apart if there are
// observers to hear of them: who joins between two of them gets what came before it
// as his history, and must not hear it again. What is left of a run when the role ends
// is dropped, as a COMMIT would be; and one on a link that is not to the leader stays
// whole, since it is refused or dropped once for all.
func (r *Replica) stepMessage(now time.Duration, ev Message, out []Action) []Action {
	run, ok := ev.Msg.(zab.Commits)
	if !ok || r.master == nil || ev.Link != r.learner.Link() {
		from := len(out)
		return r.absorb(now, from, r.message(now, ev, out))
	}
	for z := run.First; z <= run.Last && r.master != nil; z++ { // the role has ended if one did not fit
		from := len(out)
		out = r.absorb(now, from, r.message(now, Message{Link: ev.Link, Msg: zab.Commit{Zxid: z}}, out))
	}
	return out
}

func (r *Replica) step(now time.Duration, ev Event, out []Action) []Action {
	switch ev := ev.(type) {
	case *Request:
		return r.askSyncs(r.request(now, ev, out))
	case Requests:
		for _, q := range ev {
			out = r.request(now, q, out)
		}
		return r.askSyncs(out)
	case Heard:
		if r.state == learning {
			r.learner.Heard(now, ev.Link)
		}
	case Persisted:
		return r.onPersisted(now, ev.Zxid, out)
	case Applied:
		r.prep.Applied(ev.Zxid)
	case Tick:
		return r.tick(now, ev, out)
	case Touched:
		r.touched(now, ev.Touches)
	case Vote:
		if r.vote != nil && r.state != draining {
			return r.onVote(now, ev, out)
		}
	case Reachable:
		if r.vote != nil {
			return r.reachable(now, ev, out)
		}
	case Oracle:
		r.oracle = ev.Grants
		if r.vote != nil {
			r.vote.Oracle(ev.Grants)
		}
		if r.state == leading {
			return r.leader.Oracle(now, ev.Grants, out)
		}
	case Connected:
		return r.connected(now, ev, out)
	case DialFailed:
		if r.state == learning && r.learner.Target() == ev.Leader {
			return r.learner.DialFailed(now, ev.Reason, out)
		}
	case Disconnected:
		return r.disconnected(now, ev, out)
	case SnapshotSent:
		switch {
		case r.state == leading:
			return r.leader.SnapshotSent(now, ev.Link, out)
		case r.master != nil:
			return r.master.SnapshotSent(now, ev.Link, out)
		}
	case LogRead:
		switch {
		case r.state == leading:
			return r.leader.LogRead(now, ev.Link, ev.Txns, ev.Whole, out)
		case r.master != nil:
			return r.master.LogRead(now, ev.Link, ev.Txns, ev.Whole, out)
		}
	default:
		return r.diskAnswer(now, ev, out)
	}
	return out
}

// diskAnswer handles the completion of a slow disk operation.
func (r *Replica) diskAnswer(now time.Duration, ev Event, out []Action) []Action {
	switch ev := ev.(type) {
	case EpochSaved:
		r.diskOps--
		if ev.Kind == zab.AcceptedEpoch {
			r.disk.AcceptedEpoch = ev.Epoch
		} else {
			r.disk.CurrentEpoch = ev.Epoch
		}
		switch r.state {
		case leading:
			return r.leader.EpochSaved(now, ev.Kind, ev.Epoch, out)
		case learning:
			return r.learner.EpochSaved(now, ev.Kind, ev.Epoch, out)
		}
	case Truncated:
		r.diskOps--
		r.appended, r.persisted = ev.Last, ev.Last
		if r.state == learning {
			return r.learner.Truncated(now, ev.Asked, ev.Last, out)
		}
		r.hist.Truncate(ev.Last)
	case SnapshotSaved:
		r.diskOps--
		r.appended, r.persisted, r.mended = ev.Zxid, ev.Zxid, false
		if r.state == learning {
			return r.learner.SnapshotSaved(now, ev.Zxid, out)
		}
		r.reload = false // the tree is on disk after all
	case Mended:
		return r.onMended(now, ev, out)
	case Reloaded:
		r.diskOps--
		r.hist.Reset(ev.Last)
		r.appended, r.persisted = ev.Last, ev.Last
	}
	return r.tryLook(now, out)
}

// onMended goes on with a history that is whole again: at once while looking,
// else when the role ends. A learner gets a snapshot from its leader anyway.
func (r *Replica) onMended(now time.Duration, ev Mended, out []Action) []Action {
	r.disk.AcceptedEpoch, r.disk.CurrentEpoch = ev.Accepted, ev.Current
	if r.state == learning {
		r.mended = true
		if e := r.learner.Epoch(); e != 0 && e < ev.Accepted {
			return r.endRole(now, fmt.Sprintf("the lost promise was for epoch %d, newer than the leader's %d", ev.Accepted, e), out)
		}
		return out
	}
	r.reload = true
	if r.state == looking {
		r.state, r.reason, r.lookAt = draining, "the damaged history was mended", now
	}
	return r.tryLook(now, out)
}

func (r *Replica) onPersisted(now time.Duration, z proto.Zxid, out []Action) []Action {
	r.persisted = max(r.persisted, z)
	switch r.state {
	case leading:
		return r.leader.Persisted(now, z, out)
	case learning:
		return r.learner.Persisted(now, z, out)
	}
	return r.tryLook(now, out)
}

// absorb looks at the actions from index from on and keeps this machine's own
// books in step with them; ending a role appends further actions.
func (r *Replica) absorb(now time.Duration, from int, out []Action) []Action {
	for i := from; i < len(out); i++ {
		switch a := out[i].(type) {
		case Append:
			r.appended = a.Txn.Zxid
		case Apply:
			r.applying(now, a.Txn)
			if r.master != nil {
				out = r.master.Committed(a.Txn, r.learner.Change(), out)
			}
		case SaveEpoch, Truncate, SaveSnapshot, Reload:
			r.diskOps++
		case zab.OwnSynced:
			n := len(out)
			if out = r.release(i, out); len(out) < n {
				i-- // the role has ended in this batch, and nobody waits
			}
		case Serve:
			r.serve(now, a)
			out = r.feedObservers(now, a, out)
		case SeeConfig:
			r.seeConfig(a.Config)
		case CommitConfig:
			r.commitConfig(a.Config)
		case zab.Resign:
			out = slices.Delete(out, i, i+1)
			i--
			r.handOver, r.successor = a.HandOver, a.Next
			out = r.endRole(now, a.Reason, out)
		}
	}
	return out
}

// serve starts the books of a role that takes clients.
func (r *Replica) serve(now time.Duration, a Serve) {
	r.role = a.Role
	if r.opts.LocalSessions && !r.opts.Standalone {
		r.local = newSessions(r.opts.Tick, now)
	}
	if a.Role == zab.RoleReadOnly {
		return
	}
	r.failed = 0
	r.prep.Reset()
	if r.vote != nil {
		r.vote.Established(a.Epoch)
	}
	if a.Role == zab.RoleLeader || a.Role == zab.RoleStandalone {
		r.sessions, r.ended = newSessions(r.opts.Tick, now), ended{keep: 2 * r.opts.SyncTimeout}
		r.reaper = newReaper(r.opts.Reap, now)
		r.tree.EachSession(func(id proto.SessionID, ms int32) {
			r.sessions.add(now, id, time.Duration(ms)*time.Millisecond)
		})
		for _, id := range r.tree.EphemeralOwners() {
			// A session that is not in the table has no right to ephemerals; it
			// ends with the first bucket. Source: ZooKeeperServer.killSession.
			if _, ok := r.tree.SessionTimeout(id); !ok {
				r.sessions.add(now, id, 0)
			}
		}
	}
}

// applying keeps sessions and counts in step with a transaction that the tree
// is about to get.
func (r *Replica) applying(now time.Duration, t *proto.Txn) {
	if n := r.inflight[t.Session]; n > 0 {
		r.answered(t.Session, n)
	}
	for len(r.own) > 0 && r.own[0] <= t.Zxid {
		r.own = r.own[1:]
	}
	if r.reaper != nil {
		r.reaper.decided(t.Zxid)
	}
	if t.Type == proto.OpCloseSession {
		delete(r.homes, t.Session)
	}
	if r.sessions != nil && t.Type == proto.OpCloseSession {
		r.sessions.remove(t.Session)
		if r.local != nil {
			r.ended.add(now, t.Session)
		}
	}
}

func (r *Replica) answered(id proto.SessionID, n int) {
	r.pending--
	if n == 1 {
		delete(r.inflight, id)
	} else {
		r.inflight[id] = n - 1
	}
}

// endRole leaves leading or learning: clients and links are closed at once,
// and the next election waits until the disk holds what was given to it.
func (r *Replica) endRole(now time.Duration, reason string, out []Action) []Action {
	if r.state != leading && r.state != learning {
		return out
	}
	if r.role != zab.RoleNone {
		out = append(out, StopServing{reason})
	}
	switch r.state {
	case leading:
		r.tail = slices.Clone(r.leader.EndTerm())
		for _, l := range r.leader.Links() {
			out = append(out, Hangup{Link: l, Reason: reason})
		}
	case learning:
		r.tail = slices.Clone(r.learner.EndTerm())
		r.pauseAfter(now, r.learner.Following())
		out = r.dropObservers(now, reason, out)
		r.reload = r.learner.MustReload() || r.mended
		r.mended = false
	}
	r.leader, r.learner, r.sessions, r.local, r.reaper = nil, nil, nil, nil, nil
	r.role, r.state, r.reason = zab.RoleNone, draining, reason
	r.syncs, r.queries, r.pending, r.own = syncs{}, nil, 0, nil
	clear(r.inflight)
	clear(r.touches)
	r.prep.Reset()
	return r.tryLook(now, out)
}

// Pauses before the next election when following keeps failing.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// pauseAfter plans a pause when one try after the other to follow comes to
// nothing, so that two servers that cannot agree do not spin.
func (r *Replica) pauseAfter(now time.Duration, followed bool) {
	if followed {
		r.failed = 0
		return
	}
	if r.failed++; r.failed > 1 {
		r.lookAt = now + min(firstPause<<min(r.failed-2, 10), lastPause)
	}
}

// tryLook starts an election once the ended role's writes are durable and the
// tree holds exactly what the log holds.
func (r *Replica) tryLook(now time.Duration, out []Action) []Action {
	if !r.drained() || now < r.lookAt {
		return out
	}
	if r.reload {
		r.reload, r.tail = false, nil
		return append(out, Reload{})
	}
	for _, t := range r.tail {
		r.hist.Add(t)
		out = append(out, Apply{Txn: t})
	}
	r.tail = nil
	if r.handOver {
		return r.assume(now, out)
	}
	return r.look(now, out)
}

// drained reports whether a role has ended and the disk is quiet.
func (r *Replica) drained() bool {
	return r.state == draining && r.diskOps == 0 && r.persisted >= r.appended
}

func (r *Replica) look(now time.Duration, out []Action) []Action {
	r.state, r.lookedAt = looking, now
	r.disk.LastZxid = r.hist.Last()
	// As a restart would say: a snapshot or DIFF of a leader that went before its
	// NEWLEADER may have brought transactions of an epoch that was not current here.
	// Without it, a server that got back what it had lost would count for less than
	// one that lacks it.
	r.disk.CurrentEpoch = max(r.disk.CurrentEpoch, r.disk.LastZxid.Epoch())
	out = r.forgetUnpromised(out)
	out = append(out, Note{Fact: zab.FactLooking, Text: r.reason, Zxid: r.disk.LastZxid, Epoch: r.disk.CurrentEpoch})
	return r.ballot(now, func(a []election.Action) []election.Action {
		return r.vote.Start(now, r.disk.LastZxid, r.disk.CurrentEpoch, a)
	}, out)
}

// ballot runs one step of the election and acts on its outcome.
func (r *Replica) ballot(now time.Duration, step func([]election.Action) []election.Action, out []Action) []Action {
	for _, a := range step(nil) {
		switch a := a.(type) {
		case election.Send:
			out = append(out, SendVote{a.To, a.Note})
		case election.Decided:
			out = r.decided(now, a, out)
		default:
			panic(fmt.Sprintf("replica: unknown election action %T", a))
		}
	}
	return out
}

func (r *Replica) decided(now time.Duration, d election.Decided, out []Action) []Action {
	leader := d.Vote.Leader
	out = r.endReadOnly(out)
	out = append(out, Note{Fact: zab.FactElected, Peer: leader, Zxid: d.Vote.Zxid, Epoch: d.Vote.PeerEpoch})
	if leader == r.opts.Self {
		r.state = leading
		r.leader = zab.BecomeLeader(r.zabOptions(), r.disk, r.hist)
		out = r.leader.Start(now, out)
		return r.admitEarly(now, out)
	}
	out = r.refuseEarly(false, fmt.Sprintf("not the leader; server %d is", leader), out)
	r.state = learning
	r.learner = zab.BecomeLearner(r.zabOptions(), r.disk, r.hist, leader)
	return r.startLearner(now, out)
}

func (r *Replica) onVote(now time.Duration, ev Vote, out []Action) []Action {
	if n := &ev.Note; r.state == leading && n.State == election.Looking && n.Leader == ev.From {
		r.leader.Looks(ev.From, n.PeerEpoch)
	}
	r.vote.Notice(ev.From, ev.Note)
	out = r.adoptNewer(now, out)
	out = r.ballot(now, func(a []election.Action) []election.Action {
		return r.vote.Receive(now, ev.From, ev.Note, a)
	}, out)
	if r.vote.Deserted() {
		return r.endRole(now, "the voters have changed their minds", out)
	}
	return out
}

func (r *Replica) reachable(now time.Duration, ev Reachable, out []Action) []Action {
	return r.ballot(now, func(a []election.Action) []election.Action {
		if ev.OK {
			r.vote.PeerReachable(ev.Peer)
			return a
		}
		return r.vote.PeerUnreachable(now, ev.Peer, a)
	}, out)
}
