package sim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/zab"
)

// fault is a class of troubles.
type fault struct {
	name   string
	strike func(*World)
}

var faults = []fault{
	{"crash", (*World).crashOne},
	{"crash of all", (*World).crashAll},
	{"trouble at a turn", (*World).armTurn},
	{"wiped disk", (*World).wipeOne},
	{"stale disk", (*World).staleDisk},
	{"cut links", (*World).cutLinks},
	{"partition", (*World).partition},
	{"one-way partition", (*World).oneWay},
	{"isolation", (*World).isolate},
	{"desertion", (*World).desert},
	{"pause", (*World).pauseOne},
	{"clock jump", (*World).clockJump},
	{"slow disk", (*World).slowDisk},
	{"disk error", (*World).diskError},
	{"damaged files", (*World).damageFiles},
	{"client pause", (*World).pauseClient},
	{"client partition", (*World).clientPartition},
}

// plan lets a class of faults strike again and again.
func (w *World) plan(f fault) {
	w.after(w.upTo(2*w.cfg.pace)+ms, func() {
		if w.faults && !w.undisturbed {
			f.strike(w)
			w.plan(f)
		}
	})
}

// heal ends all faults.
func (w *World) heal() {
	w.faults, w.healed = false, w.now
	w.event(nil, "faults end")
	clear(w.blocked)
	for _, s := range w.servers {
		s.drive.slow, s.drive.rule = 0, nil
		s.resume()
	}
	for _, c := range w.clients {
		c.paused = false
	}
	for _, s := range w.servers {
		if !s.up {
			s.boot()
		}
	}
}

func (w *World) anyServer() *Server { return w.servers[w.rng.IntN(len(w.servers))] }

// anyOrLeader prefers the one whose troubles are everybody's.
func (w *World) anyOrLeader() *Server {
	s := w.anyServer()
	if w.chance(2) {
		return s
	}
	for _, o := range w.servers {
		if o.up && o.role == zab.RoleLeader {
			return o
		}
	}
	return s
}

// crash ends a server: with the power, or the process alone.
func (s *Server) crash(down time.Duration) {
	if !s.up {
		return
	}
	w := s.w
	if w.chance(3) {
		w.Kills++
		s.drive.interrupt()
		s.down("is killed")
		s.drive.kill()
	} else {
		w.PowerCuts++
		s.drive.interrupt()
		s.down("loses power")
		s.drive.powerCut()
	}
	w.after(down, s.boot)
}

func (w *World) crashOne() { w.anyOrLeader().crash(w.upTo(2 * time.Second)) }

// armTurn lets some servers crash, or lose their links, right after one of the
// turns of the protocol to come: an election, a synchronisation, its end.
func (w *World) armTurn() { w.armed += 2 }

// turn is such a moment of a server.
func (w *World) turn(s *Server) {
	if w.armed == 0 || !w.faults || !w.chance(4) {
		return
	}
	w.armed--
	gen := s.gen
	if w.chance(3) {
		w.after(w.upTo(ms), func() {
			for _, l := range s.links() {
				w.Cuts++
				l.end(nil, "the connection broke")
			}
		})
		return
	}
	w.after(w.upTo(w.cfg.disk+w.cfg.hop), func() {
		if s.gen == gen {
			s.crash(w.upTo(time.Second))
		}
	})
}

func (w *World) crashAll() {
	for _, s := range w.servers {
		s.crash(w.upTo(time.Second))
	}
}

// wipeOne replaces a disk by an empty one, which the server is told not to
// trust, as with db.autocreate=false: a voter that forgets its promises is more
// than the protocol survives. For the same reason it is one voter at a time, and
// none whose disk is needed by then: what was decided may be on a bare quorum.
func (w *World) wipeOne() {
	s := w.anyServer()
	if !s.up || s.mayVote() && (w.doubtful() || !w.dispensable(s) || w.powerFailure(s) != nil) {
		return
	}
	w.Wipes++
	s.down("loses its disk")
	s.drive.wipe()
	w.after(w.upTo(2*time.Second), s.boot)
}

// doubtful reports whether a voter is not to be trusted already.
func (w *World) doubtful() bool {
	for _, s := range w.servers {
		if s.mayVote() && (s.drive.wiped || s.drive.damaged) {
			return true
		}
	}
	return false
}

// damageFiles damages what a server's disk holds while the process is down: bits,
// sectors, whole files, those that the server keeps beside ZooKeeper's among
// them. It is one voter at a time, so that what it lost is elsewhere. The process
// was killed and the machine went on: a sector that a power failure takes
// from the newest batch looks like one that was never written, and no reader
// can tell (storage/tail.go).
func (w *World) damageFiles() {
	s := w.anyServer()
	if !s.up || s.drive.damaged || s.mayVote() && (w.doubtful() || !w.dispensable(s)) {
		return
	}
	d := &s.drive
	s.down("is killed, and its files are damaged")
	d.kill()
	d.mem.WriteBack()
	d.damaged = true
	files, epochs, logs := d.mem.Files(), false, map[string]bool{}
	for range 1 + w.rng.IntN(3) {
		name := files[w.rng.IntN(len(files))]
		// A log and its index are witnesses for each other: a log of one sector that is
		// zero and has no index looks like one that nothing was written to.
		if log, ok := strings.CutPrefix(filepath.Base(name), "index."); ok && logs["log."+log] {
			continue
		}
		if log, ok := strings.CutPrefix(filepath.Base(name), "log."); ok && logs["index."+log] {
			continue
		}
		logs[filepath.Base(name)] = true
		switch filepath.Base(name) {
		case "initialize", ".paddock.lock":
			continue
		case "acceptedEpoch", "currentEpoch", ".paddock.epochs": // each is a witness for the others
			if epochs {
				continue
			}
			epochs = true
		}
		if done, ok := d.mem.Damage(d.dice(), name); ok {
			w.Damages++
			w.event(s, "damage: "+done.String())
			if done.Kind == vfs.FileLost {
				break // with its index it would be lost without a trace
			}
		}
	}
	w.after(w.upTo(2*time.Second), s.boot)
}

// staleDisk puts back an older disk of an observer. A voter's would be a breach
// of its promises, which no protocol of this kind survives unless the server
// knows: see wipeOne.
func (w *World) staleDisk() {
	s := w.anyServer()
	if !s.observe || !s.up {
		return
	}
	old, chain := s.drive.mem.CrashClone(s.drive.dice()), slices.Clone(s.chain)
	w.after(w.upTo(3*time.Second), func() {
		if !s.up || !w.faults {
			return
		}
		w.StaleDisks++
		s.down("gets back an older disk")
		s.drive.mem, s.drive.rule, s.chain = old, nil, chain
		w.after(w.upTo(time.Second), s.boot)
	})
}

// cutLinks breaks some connections, wherever they are in what they carry.
func (w *World) cutLinks() {
	for _, l := range append([]*link(nil), w.links...) {
		if w.chance(2) {
			w.Cuts++
			l.end(nil, "the connection broke")
		}
	}
}

func (w *World) partition() {
	a, b := w.anyServer(), w.anyServer()
	if a == b {
		return
	}
	w.Partitions++
	d := w.upTo(3 * time.Second)
	w.block(a.id, b.id, d)
	w.block(b.id, a.id, d)
	w.breakSome(a, b)
	w.event(nil, fmt.Sprintf("servers %d and %d cannot talk for %v", a.id, b.id, d))
}

// breakSome breaks connections between two servers, or leaves them open and
// silent.
func (w *World) breakSome(a, b *Server) {
	for _, l := range append([]*link(nil), w.links...) {
		if (l.ends[0].s == a && l.ends[1].s == b || l.ends[0].s == b && l.ends[1].s == a) && w.chance(2) {
			l.end(nil, "partition")
		}
	}
}

func (w *World) oneWay() {
	a, b := w.anyServer(), w.anyServer()
	if a == b {
		return
	}
	w.OneWays++
	d := w.upTo(4 * time.Second)
	w.block(a.id, b.id, d)
	w.event(nil, fmt.Sprintf("nothing gets from server %d to server %d for %v", a.id, b.id, d))
}

// isolate cuts one server, or any part, off from the others.
func (w *World) isolate() {
	w.Isolations++
	d := w.upTo(5 * time.Second)
	part := map[*Server]bool{}
	for _, s := range w.servers {
		if w.chance(3) {
			part[s] = true
		}
	}
	for _, a := range w.servers {
		for _, b := range w.servers {
			if part[a] != part[b] {
				w.block(a.id, b.id, d)
				w.breakSome(a, b)
			}
		}
	}
	w.event(nil, fmt.Sprintf("a part of the servers is cut off for %v", d))
}

// desert cuts a server off, and lets all others but not the server itself know:
// they elect another leader while it takes itself for one.
func (w *World) desert() {
	s := w.anyOrLeader()
	w.Desertions++
	s.desertFor(w.upTo(5 * time.Second))
}

func (s *Server) desertFor(d time.Duration) {
	w := s.w
	for _, l := range s.links() {
		l.forsake(1 - l.side(s))
		w.after(d, func() { l.end(nil, "deserted") })
	}
	for _, o := range w.servers {
		if o != s {
			w.block(s.id, o.id, d)
			w.block(o.id, s.id, d)
		}
	}
	w.event(nil, fmt.Sprintf("server %d is deserted for %v", s.id, d))
}

func (w *World) pauseOne() {
	s := w.anyOrLeader()
	if !s.up || s.paused {
		return
	}
	w.Pauses++
	s.paused = true
	w.event(s, "is stopped")
	gen := s.gen
	w.after(w.upTo(5*time.Second), func() {
		if s.gen == gen {
			s.resume()
		}
	})
}

// resume lets a stopped server go on with all that has come meanwhile.
func (s *Server) resume() {
	if !s.paused {
		return
	}
	s.paused = false
	s.w.event(s, "goes on")
	for len(s.backlog) > 0 && s.up && !s.paused {
		fn := s.backlog[0]
		s.backlog = s.backlog[1:]
		fn()
	}
}

// clockJump sets a wall clock wrong, or right again.
func (w *World) clockJump() {
	s := w.anyServer()
	w.ClockJumps++
	s.wallOff = w.rng.Int64N(48*3600_000) - 24*3600_000
	if w.chance(3) {
		s.wallOff = 0
	}
}

func (w *World) slowDisk() {
	s := w.anyServer()
	w.SlowDisks++
	s.drive.slow = 1
	w.after(w.upTo(4*time.Second), func() { s.drive.slow = 0 })
}

// diskError lets a disk fail for a while: errors, a full disk, short writes. The
// server ends at once, and comes back when it can.
func (w *World) diskError() {
	s := w.anyServer()
	if s.drive.rule != nil {
		return
	}
	d := &s.drive
	skip, left := w.rng.IntN(30), w.rng.IntN(4)
	err, keep := errIO, 0
	switch w.rng.IntN(3) {
	case 0:
		w.IOErrors++
	case 1:
		w.FullDisks++
		err, left = errSpace, 1000
	case 2:
		w.ShortWrites++
		err, keep = errSpace, 1+w.rng.IntN(2000)
	}
	full := err == errSpace
	d.rule = func(op vfs.Op, _ string) (int, error) {
		switch op {
		case vfs.OpWrite, vfs.OpCreate, vfs.OpTruncate, vfs.OpSync, vfs.OpSyncDir, vfs.OpRename:
		default:
			return 0, nil
		}
		if full && (op == vfs.OpSync || op == vfs.OpSyncDir || op == vfs.OpRename) {
			return 0, nil
		}
		if skip--; skip >= 0 || left < 0 {
			return 0, nil
		}
		left--
		return keep, err
	}
	w.after(w.upTo(3*time.Second), func() { d.rule = nil })
}

// pauseClient silences a client, so that its session may expire.
func (w *World) pauseClient() {
	c := w.clients[w.rng.IntN(len(w.clients))]
	w.ClientPauses++
	c.paused = true
	w.after(w.upTo(8*time.Second), func() { c.paused = false })
}

// clientPartition keeps a client from a server, or only its answers.
func (w *World) clientPartition() {
	c, s := w.clients[w.rng.IntN(len(w.clients))], w.anyServer()
	w.Partitions++
	d := w.upTo(3 * time.Second)
	if !w.chance(3) {
		w.block(-1-c.id, s.id, d)
	}
	w.block(s.id, -1-c.id, d)
}
