package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Where a server's files lie.
const (
	dataDir = "/data"
	logDir  = "/log" // with config.split
)

// drive is a server's disk, and what stands for its disk goroutine: it works on
// one batch of operations at a time and reports when the batch is done.
type drive struct {
	s     *Server
	mem   *vfs.Mem
	conf  *shelf
	rule  vfs.Rule // what fails at present, nil for nothing
	store *storage.Store
	ops   persist.Disk
	slow  int64 // what an operation takes longer, in nanoseconds

	queue       []persist.Op
	busy        bool
	current     []persist.Op // what it is working on while busy
	events      []replica.Event
	changed     []*persist.Damage // what the work has said of the damage
	repair      *repair.Machine   // while the files are damaged
	promiseLost bool              // acceptedEpoch is not what was promised
	reloaded    *persist.Recovered
	durable     proto.Zxid // the log is known to hold everything up to here
	wiped       bool       // the server must not be trusted until it has been synchronised
	damaged     bool       // its files were, and nothing has made up for it yet
	hurt        bool       // it has failed in this run of the server
	dead        bool       // the process is gone: nothing it still does reaches the disk
}

func (d *drive) init(s *Server) {
	d.s, d.mem = s, vfs.NewMem()
	d.conf = newShelf(d)
	d.mark()
}

// mark lets an empty disk vote, as a new ensemble's may.
func (d *drive) mark() {
	dir := d.logs()
	must(d.mem.MkdirAll(dir))
	f, err := d.mem.Create(dir + "/initialize")
	must(err)
	must(f.Sync())
	must(d.mem.SyncDir(dir))
}

func (d *drive) logs() string {
	if d.s.w.cfg.split {
		return logDir
	}
	return dataDir
}

// troubled reports whether it is no wonder that the disk fails.
func (d *drive) troubled() bool { return d.rule != nil || d.hurt }

// open recovers what the disk holds.
func (d *drive) open() (*persist.Recovered, zab.Durable, error) {
	d.repair = nil
	d.dead, d.hurt = false, false
	fs := vfs.FS(&vfs.Faulty{FS: d.mem, Rule: d.decide, Sectors: true})
	var err error
	d.store, err = storage.Open(storage.Options{
		FS: fs, DataDir: dataDir, LogDir: d.logs(), PreallocBytes: 32 << 10, LogSizeLimit: d.s.w.cfg.logSize,
		NoAutoCreateDB: true, Logger: quiet,
	})
	if err != nil {
		return nil, zab.Durable{}, err
	}
	d.queue, d.busy, d.current, d.events, d.reloaded = nil, false, nil, nil, nil
	d.ops = persist.Disk{
		Store: d.store, MaxBatch: d.s.w.cfg.maxBatch, Logger: quiet,
		Report:   func(ev replica.Event) { d.events = append(d.events, ev) },
		Reloaded: func(rec *persist.Recovered) { d.reloaded = rec },
		Damaged:  func(damage *persist.Damage) { d.changed = append(d.changed, damage) },
		Members:  persist.Members{Files: d.conf, Self: int64(d.s.id)},
	}
	rec, disk, damage, err := persist.Open(d.store)
	if err == nil {
		d.wiped, d.durable = rec.Last < 0, rec.Last
		if damage != nil {
			d.damaged = true
			d.ops.Damage = damage
			d.beginRepair(damage)
		}
	}
	return rec, disk, err
}

// close lets another run open the directories; what is buffered is lost with the
// process.
func (d *drive) close() { d.mem.ReleaseLocks() }

func (d *drive) decide(op vfs.Op, name string) (int, error) {
	switch {
	case d.dead:
		return 0, errCut
	case d.rule == nil:
		return 0, nil
	}
	keep, err := d.rule(op, name)
	d.hurt = d.hurt || err != nil
	return keep, err
}

func (d *drive) put(op persist.Op) { d.queue = append(d.queue, op) }

// work begins with what has queued, unless the disk is busy.
func (d *drive) work() {
	if d.busy || len(d.queue) == 0 || !d.s.up {
		return
	}
	w := d.s.w
	n := len(d.queue)
	if n > 1 && w.chance(3) { // the rest came while it was working already
		n = 1 + w.rng.IntN(n-1)
	}
	d.busy, d.current, d.queue = true, d.queue[:n:n], d.queue[n:]
	took := w.cfg.disk/4 + w.upTo(w.cfg.disk)
	if d.slow > 0 {
		took += w.upTo(ms * 300)
	}
	gen := d.s.gen
	w.after(took, func() { // the disk works while the process is stopped
		if !d.s.up || d.s.gen != gen {
			return
		}
		ops := d.current
		d.current = nil
		err := d.ops.Work(ops)
		events, changed := d.events, d.changed
		d.events, d.changed = nil, nil
		d.s.deliver(func() {
			d.busy = false
			for _, damage := range changed {
				d.beginRepair(damage)
			}
			d.report(events)
			if err != nil {
				d.s.exit(err)
				return
			}
			d.work()
		})
	})
}

func (d *drive) report(events []replica.Event) {
	for _, ev := range events {
		switch ev := ev.(type) {
		case replica.Persisted:
			d.durable = max(d.durable, ev.Zxid)
		case replica.Reloaded:
			d.durable = ev.Last
		case replica.Truncated:
			d.durable = ev.Last
		case replica.SnapshotSaved:
			d.wiped, d.damaged, d.durable, d.s.mended = false, false, max(d.durable, ev.Zxid), nil
		}
		d.s.step(ev)
	}
}

// errCut is what ends the work on a disk whose machine loses power.
var errCut = errors.New("sim: the power is gone")

// interrupt does a part of what the disk was working on when the power went, or
// the process was killed.
func (d *drive) interrupt() {
	w := d.s.w
	ops := d.current
	if !d.busy || len(ops) == 0 || w.chance(2) {
		return
	}
	n, rule := w.rng.IntN(12), d.rule
	d.rule = func(vfs.Op, string) (int, error) {
		if n--; n >= 0 {
			return 0, nil
		}
		return 0, errCut
	}
	_ = d.ops.Work(ops)
	d.rule = rule
	w.MidCuts++
}

// powerCut is what the disk holds after the machine has lost power: of what was
// not synced, any part is lost.
func (d *drive) powerCut() {
	seed := d.s.w.rng.Uint64()
	d.mem, d.conf.mem = d.mem.CrashClone(rand.New(rand.NewPCG(seed, 1))), d.conf.crashed(seed)
	d.rule = nil
}

// kill is the end of the process alone: what was written stays.
func (d *drive) kill() { d.mem.ReleaseLocks() }

// exit is what a server does when its disk fails.
func (s *Server) exit(err error) {
	if !s.up {
		return
	}
	if !s.drive.troubled() {
		s.w.fail("server %d: the disk fails without a reason: %v", s.id, err)
		return
	}
	s.w.Exits++
	s.down(fmt.Sprintf("exits: %v", err))
	s.drive.kill()
	s.w.after(s.w.upTo(time.Second), s.boot)
}

// Errors of a failing disk.
var (
	errIO    error = syscall.EIO
	errSpace error = syscall.ENOSPC
)

// wipe puts an empty disk in, which must not be trusted.
func (d *drive) wipe() {
	d.mem, d.rule, d.wiped, d.s.chain, d.s.mended = vfs.NewMem(), nil, true, nil, nil
}

// glance recovers what the disk would hold after a power cut now, and leaves it
// as it is.
func (d *drive) glance() (*persist.Recovered, error) {
	store, err := d.copyAfterCut()
	if err != nil {
		return nil, err
	}
	return persist.Recover(store)
}

// dice is a generator for what a disk draws, so that it takes one draw of the
// world's.
func (d *drive) dice() *rand.Rand { return rand.New(rand.NewPCG(d.s.w.rng.Uint64(), 3)) }
