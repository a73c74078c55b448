package sim

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Server is one server: its replica and tree, its disk, and what stands for the
// goroutines around them.
type Server struct {
	w       *World
	id      int
	observe bool

	up      bool
	gen     int           // counts starts
	bootAt  time.Duration // of this start
	rate    float64       // of its clock
	wallOff int64         // milliseconds that its wall clock is wrong by
	paused  bool          // the process is stopped
	backlog []func()      // what came meanwhile

	r    *replica.Replica
	tree *tree.Tree
	hist *zab.History
	// Every transaction of its history. Invariant: in step with what was given to the log.
	chain  []proto.Zxid
	mended []proto.Zxid // what chain is again when the damaged files are whole
	role   replica.Role
	began  bool // to serve, in this step
	res    tree.Result

	drive   drive
	ballots []*ballotBox
	tasks   []*task

	// The loop's batch.
	applies []*proto.Txn
	reqs    replica.Requests
	planned bool          // the end of the batch is
	tickAt  time.Duration // when the next tick is planned
	touched []replica.Touch

	snap      *task
	snapTxns  int
	snapAt    int
	conns     []*conn // by watcher
	lastConn  tree.WatcherID
	bySession map[proto.SessionID]*conn
	sessions  int // made here
}

func newServer(w *World, id int) *Server {
	s := &Server{w: w, id: id, observe: id > w.cfg.voters && !w.cfg.reconfig, rate: 1}
	s.drive.init(s)
	return s
}

// at plans something that this run of the server does.
func (s *Server) at(d time.Duration, fn func()) {
	gen := s.gen
	s.w.after(d, func() {
		if s.up && s.gen == gen {
			s.deliver(fn)
		}
	})
}

// deliver lets something happen to the server now, or when it is awake again.
func (s *Server) deliver(fn func()) {
	switch {
	case !s.up || s.w.err != nil:
	case s.paused:
		s.backlog = append(s.backlog, fn)
	default:
		fn()
	}
}

// local is the server's own clock.
func (s *Server) local() time.Duration {
	return time.Duration(float64(s.w.now-s.bootAt) * s.rate)
}

// global is when the server's own clock will show at.
func (s *Server) global(at time.Duration) time.Duration {
	if at >= time.Hour {
		return s.w.now + time.Hour
	}
	return s.bootAt + time.Duration(float64(at)/s.rate)
}

func (s *Server) wall() int64 { return epoch0 + s.w.now.Milliseconds() + s.wallOff }

// boot starts the server over what its disk holds. If the disk does not let it,
// it tries again later, as a supervisor would.
func (s *Server) boot() {
	if s.up || s.w.err != nil {
		return
	}
	w := s.w
	s.gen++
	rec, disk, err := s.drive.open()
	if err != nil {
		s.drive.close()
		if !s.drive.troubled() {
			w.fail("server %d does not start: %v", s.id, err)
			return
		}
		w.event(s, fmt.Sprintf("does not start: %v", err))
		w.after(100*ms+w.upTo(400*ms), s.boot)
		return
	}
	s.up, s.bootAt, s.tickAt = true, w.now, 0
	if w.cfg.drift {
		s.rate = 0.95 + w.rng.Float64()/10
	}
	s.tree, s.role, s.hist = rec.Tree, zab.RoleNone, &rec.Hist
	s.tree.SetSink(s)
	s.bySession = map[proto.SessionID]*conn{}
	s.drive.ops.Tree = s.tree
	rec.Hist.MaxTxns = w.cfg.window
	switch {
	case s.drive.repair != nil && s.mended == nil:
		s.mended = append([]proto.Zxid{}, s.chain...)
	case s.drive.repair == nil && s.mended != nil: // mended on disk when the last run ended
		s.chain, s.mended = s.mended, nil
	}
	s.cut(rec.Last)
	w.check.recovered(w, s, rec)
	w.check.reads(w, s, disk)
	s.r = replica.New(s.options(), s.tree, &rec.Hist, disk)
	s.rollSnapDice()
	w.event(s, fmt.Sprintf("starts with %s, epochs %d and %d", rec.Last, disk.AcceptedEpoch, disk.CurrentEpoch))
	w.greet(s)
	s.exec(s.r.Start(s.local(), s.wall(), nil))
	s.endBatch()
	s.schedule()
	s.stepRepair(repair.Tick{})
}

func (s *Server) options() replica.Options {
	c := &s.w.cfg
	p := s.takeUp()
	m, _ := p.Committed.Member(int64(s.id))
	s.drive.ops.Members.Pair = p
	return replica.Options{
		Self: proto.PeerID(s.id), Ensemble: p.Committed, LastSeen: p.LastSeen, Observer: m.Role == ensemble.Observer,
		Reconfig: c.reconfig, EditRules: ensemble.EditRules{StandaloneEnabled: true},
		Tick: c.tick, InitTimeout: c.initTimeout, SyncTimeout: c.syncTimeout,
		Prep:          prep.Options{Digest: true, ExtendedTypes: true},
		Reap:          replica.ReapOptions{Interval: time.Second, PerMinute: 10_000},
		LocalSessions: c.local, UpgradeSessions: true, ReadOnlyAfter: c.readOnlyAfter,
		Masters: replica.MasterOptions{Feed: c.masters, ElectionDelay: c.electionDelay},
		Zab: replica.ZabOptions{
			Feeding:  zab.Feeding{ReadLogs: c.readLogs, MaxSnapSyncs: c.syncs, MaxDiffSyncs: c.syncs},
			Rollover: zab.Rollover{LastCounter: c.lastCounter},
		},
	}
}

// down ends the process, however that came about. What the disk then holds is
// the drive's affair.
func (s *Server) down(why string) {
	w := s.w
	w.event(s, why)
	s.up, s.paused, s.backlog, s.planned, s.began = false, false, nil, false, false
	s.drive.dead = true
	for _, t := range s.tasks {
		t.stop()
	}
	s.tasks, s.snap, s.applies, s.touched, s.ballots = nil, nil, nil, nil, nil
	for _, l := range append([]*link(nil), w.links...) {
		if l.ends[0].s == s || l.ends[1].s == s {
			l.end(s, "the server is gone")
		}
	}
	s.closeConns(true)
	s.role = zab.RoleNone
}

func (s *Server) step(ev replica.Event) {
	if !s.up || s.w.err != nil {
		return
	}
	switch ev.(type) {
	case replica.Truncated, replica.Reloaded:
		s.swapTree()
	}
	switch ev.(type) {
	case replica.Truncated, replica.SnapshotSaved:
		if err := s.w.powerFailure(nil); err != nil {
			s.w.fail("server %d: after %T: %v", s.id, ev, err)
			return
		}
	}
	s.exec(s.r.Step(s.local(), ev, nil))
	if s.began { // only now: of what came together, the history has what is behind the beginning
		s.began = false
		s.w.check.remembers(s.w, s)
	}
	s.schedule()
	s.planBatch()
}

// planBatch lets the batch end soon: at once, or when more has come.
func (s *Server) planBatch() {
	switch {
	case s.planned || !s.up:
	case s.w.cfg.batch == 0:
		s.endBatch()
	default:
		s.planned = true
		s.at(s.w.upTo(s.w.cfg.batch), func() { s.planned = false; s.endBatch() })
	}
}

func (s *Server) endBatch() {
	if reqs := s.reqs; len(reqs) > 0 {
		s.reqs = nil
		s.exec(s.r.Step(s.local(), reqs, nil))
		s.schedule()
	}
	s.flushApplies()
	s.drive.work()
}

// schedule plans the next tick, unless one is planned that is early enough.
func (s *Server) schedule() {
	w := s.w
	at := max(min(s.global(s.r.Deadline()), w.now+50*ms), w.now+ms)
	if s.tickAt > w.now && s.tickAt <= at {
		return
	}
	s.tickAt = at
	s.at(at-w.now, func() {
		if s.tickAt != at && s.tickAt > w.now {
			return
		}
		s.tickAt = 0
		if len(s.touched) > 0 {
			t := s.touched
			s.touched = nil
			s.step(replica.Touched{Touches: t})
		}
		s.step(replica.Tick{Wall: s.wall()})
	})
}

// waits reports whether anything is under way here.
func (s *Server) waits() bool {
	st := s.r.Status()
	return s.r.Pending() != 0 || st.Outstanding != 0 || st.Syncs != 0 || s.drive.busy || len(s.applies) > 0
}

func (s *Server) swapTree() {
	rec := s.drive.reloaded
	s.drive.reloaded = nil
	if s.mended != nil && rec.Last >= 0 {
		s.chain, s.mended = s.mended, nil
	}
	s.cut(rec.Last)
	s.installTree(rec.Tree)
}

func (s *Server) installTree(t *tree.Tree) {
	s.stopSnapshot()
	s.tree.Replace(t)
}

func (s *Server) stopSnapshot() {
	if s.snap != nil {
		s.snap.stop()
		s.forget(s.snap)
		s.snap = nil
	}
}

func (s *Server) rollSnapDice() {
	n := s.w.cfg.snapCount
	s.snapTxns, s.snapAt = 0, n/2+s.w.rng.IntN(max(n/2, 1))
}

func (s *Server) maybeSnapshot() {
	if s.snapTxns <= s.snapAt || s.snap != nil || s.role == zab.RoleNone {
		return
	}
	s.rollSnapDice()
	s.drive.put(persist.RollLog{})
	zxid, store := s.tree.LastZxid(), s.drive.store
	s.w.Snapshots++
	s.snap = s.start(func(src *persist.Source) error {
		src.Logged = func(z proto.Zxid) error {
			for z.Counter() != 0 && s.drive.durable < z {
				if err := src.Stop(); err != nil {
					return err
				}
			}
			return nil
		}
		_, err := store.WriteSnapshot(zxid, src)
		return err
	}, func(err error) {
		s.snap = nil
		if err != nil {
			s.exit(err)
			return
		}
		if s.w.chance(2) {
			if _, err := store.Purge(storage.MinRetain); err != nil {
				s.exit(err)
			}
		}
	})
}

var quiet = slog.New(slog.DiscardHandler)
