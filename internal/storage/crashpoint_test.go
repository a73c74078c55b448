package storage

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

var (
	crashPointFull = flag.Bool("crashpoint.full", false, "crash after every change of every workload and in every recovery; make crashpoints")
	crashPointAt   = flag.Int("crashpoint.at", -1, "only after this change of the workload, but there in every way")
	crashPointSeed = flag.Uint64("crashpoint.seed", 0, "only the random workload of this seed")
)

// workload is a server's life and how its directories are laid out.
type workload struct {
	name string
	opts Options
	seed uint64
	work func(w *server) error
}

func workloads() []workload {
	script := (*server).script
	return []workload{
		{"common", Options{DataDir: "/data", PreallocBytes: 4096, LogSizeLimit: 6000}, 1, script},
		{"separate", Options{DataDir: "/data", LogDir: "/log", PreallocBytes: 16 << 10, LogSizeLimit: 9000}, 2, script},
		{"exact", Options{DataDir: "/srv/data", LogDir: "/srv/log", PreallocBytes: -1}, 3, script},
		{"zeroed", Options{DataDir: "/data", PreallocBytes: 2 * zeroStep}, 4, script},
	}
}

func wandering(seed uint64) workload {
	rng := rand.New(rand.NewPCG(seed, 9))
	w := workloads()[rng.IntN(3)]
	return workload{fmt.Sprintf("seed%d", seed), w.opts, seed, func(w *server) error { return w.wander(30) }}
}

// TestCrashPoints records what a server's life does to its disk, stops the
// machine, or the process, after each of these changes, leaves of what was not synced
// now this and now that, recovers as a server does and compares with what had been
// acknowledged by then. Recovery is itself crashed in the same way, and
// so is the server that goes on writing after it.
//
// Without a flag it takes a share of all this that fits into a second or two.
func TestCrashPoints(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // each recovery has large buffers for a short time
	var sum counts
	work, random := workloads(), 2
	if *crashPointFull {
		random = 12
	}
	for seed := range uint64(random) {
		work = append(work, wandering(seed+1))
	}
	if *crashPointSeed != 0 {
		work = []workload{wandering(*crashPointSeed)}
	}
	for i, w := range work {
		t.Run(w.name, func(t *testing.T) {
			p := &crashPoints{workload: w, seen: map[string]bool{}}
			if p.outer.of, p.inner.of = 7, 211; i >= len(workloads()) {
				p.outer.of, p.inner.of = 13, 307
			}
			if *crashPointFull || *crashPointAt >= 0 {
				p.outer.of, p.inner.of = 1, 1
			}
			err := p.run()
			t.Logf("crash points %d of %d, states %d, of them %d in a recovery or after it", p.points, p.changes, p.states, p.second)
			if err != nil {
				t.Fatalf("%v\nreplay: go test ./internal/storage -run 'TestCrashPoints/%s' %s", err, w.name, p.replay())
			}
			sum.add(p.counts)
		})
	}
	t.Logf("crash points %d of %d, states %d, of them %d in a recovery or after it", sum.points, sum.changes, sum.states, sum.second)
}

// counts are what a run covered.
type counts struct {
	changes int // recorded
	points  int // of them, after which the machine stopped
	states  int // different disks that were recovered
	second  int // of them, after two crashes
}

func (c *counts) add(d counts) {
	c.changes, c.points, c.states, c.second = c.changes+d.changes, c.points+d.points, c.states+d.states, c.second+d.second
}

// crashPoints is the run of one workload.
type crashPoints struct {
	workload
	counts
	outer  thin            // of the states after one crash, which ones are taken
	inner  thin            // of those after a second one
	seen   map[string]bool // states that were recovered, with what they had to satisfy
	failed int             // after this change
}

// thin takes one in so many.
type thin struct{ of, turn int }

func (t *thin) take() bool {
	t.turn++
	return t.turn%t.of == 0
}

func (p *crashPoints) replay() string {
	args := ""
	if strings.HasPrefix(p.name, "seed") {
		args = "-crashpoint.seed=" + p.name[len("seed"):] + " "
	}
	return fmt.Sprintf("%s-crashpoint.at=%d", args, p.failed)
}

func (p *crashPoints) run() error {
	w := newServer(p.opts, p.seed)
	p.failed = -1
	if err := p.work(w); err != nil {
		return fmt.Errorf("without any crash, at %q: %w\nafter\n%s", w.what, err, tell(w.disk.Changes(), w.disk.Len()))
	}
	changes := w.disk.Changes()
	p.changes = len(changes)
	disk := vfs.NewReplay(vfs.NewMem())
	for k := range len(changes) + 1 {
		if k > 0 {
			disk.Apply(changes[k-1])
		}
		if *crashPointAt >= 0 && k != *crashPointAt {
			continue
		}
		if err := p.crash(disk, w.claims, k); err != nil {
			p.failed = k
			return fmt.Errorf("%w\nthe last changes before that crash:\n%s", err, tell(changes, k))
		}
		p.points++
	}
	p.points-- // before the first change there is none
	return nil
}

// tell lists the changes before a crash right after the k-th.
func tell(changes []vfs.Change, k int) string {
	var out strings.Builder
	for i := max(k-14, 0); i < k; i++ {
		fmt.Fprintf(&out, "%6d  %s\n", i+1, changes[i])
	}
	return out.String()
}

// leftovers are the corners and random ones, other ones for every point.
func leftovers(point, random int) []vfs.Leftover {
	all := vfs.Corners[:len(vfs.Corners):len(vfs.Corners)]
	for i := range random {
		all = append(all, vfs.RandomLeftover(uint64(point*100+i)))
	}
	return all
}

// crash stops the machine, and then the process, after the k-th change.
func (p *crashPoints) crash(disk *vfs.Replay, claims []claim, k int) error {
	now := inForce(claims, k)
	for _, l := range leftovers(k, 5) {
		if !p.outer.take() {
			continue
		}
		m := disk.Crash(l)
		if !p.fresh(m, now) {
			continue
		}
		p.states++
		durable := vfs.NewReplay(m)
		err := p.withoutNewest(durable.Killed(), now)
		if err == nil {
			err = p.relive(m, durable, now, k)
		}
		if err != nil {
			return fmt.Errorf("crash after change %d, during %q, leaving %s: %w", k, now[0].what, l.Name, err)
		}
	}
	if !p.outer.take() {
		return nil
	}
	if err := p.relive(disk.Killed(), disk.Clone(), now, k); err != nil {
		return fmt.Errorf("killed after change %d, during %q: %w", k, now[0].what, err)
	}
	return nil
}

// fresh reports whether a state has not been recovered under these claims.
func (p *crashPoints) fresh(m *vfs.Mem, claims []claim) bool {
	key := fmt.Sprintf("%x %p %d", m.Fingerprint(), &claims[0], len(claims))
	if p.seen[key] {
		return false
	}
	p.seen[key] = true
	return true
}

// relive recovers m and goes on writing, then stops the machine after changes of that second life.
// disk is m with what of it is durable.
func (p *crashPoints) relive(m *vfs.Mem, disk *vfs.Replay, now []claim, k int) error {
	w := newServer(p.opts, uint64(k))
	w.disk.FS = m
	w.claims = []claim{{what: "recovery", also: now}}
	w.what = "recovery"
	err := w.start()
	if err == nil {
		w.what = "batch after recovery"
		if err = w.batch(2, 300); err == nil {
			err = w.s.kill()
		}
	}
	if err != nil {
		return fmt.Errorf("%w\nafter\n%s", err, tell(w.disk.Changes(), w.disk.Len()))
	}
	changes := w.disk.Changes()
	for i, c := range changes {
		disk.Apply(c)
		j := i + 1
		then := inForce(w.claims, j)
		for _, l := range leftovers(k+j, 1) {
			if !p.inner.take() {
				continue
			}
			m := disk.Crash(l)
			if !p.fresh(m, then) {
				continue
			}
			p.states++
			p.second++
			if err := p.twice(m, then); err != nil {
				return fmt.Errorf("and again after change %d of its next life, during %q, leaving %s: %w\nthe changes of that life:\n%s",
					j, then[0].what, l.Name, err, tell(changes, j))
			}
		}
	}
	return nil
}

// withoutNewest recovers from the snapshot before the newest one, and from the one
// before that, and the logs behind it, which must lead to the same end: that is
// what Purge keeps them for.
func (p *crashPoints) withoutNewest(m *vfs.Mem, now []claim) error {
	dir := filepath.Join(p.opts.DataDir, versionDir)
	snaps, err := listFiles(m, dir, snapPrefix)
	if errors.Is(err, fs.ErrNotExist) || now[len(now)-1].gap {
		return nil
	}
	if err != nil {
		return err
	}
	for back := 1; back < min(len(snaps), MinRetain); back++ {
		newest := snaps[len(snaps)-back].name
		m.Zero(filepath.Join(dir, newest), snapHeaderSize, 40)
		s, f, err := recoverDisk(m, p.opts)
		if err == nil {
			err = errors.Join(f.check(now), s.kill())
		}
		if err != nil {
			return fmt.Errorf("without %s: %w", newest, err)
		}
	}
	return nil
}

// twice recovers, stops in good order and recovers again.
func (p *crashPoints) twice(m *vfs.Mem, now []claim) error {
	s, f, err := recoverDisk(m, p.opts)
	if err == nil {
		err = errors.Join(f.check(now), s.Close())
	}
	if err != nil {
		return err
	}
	s, again, err := recoverDisk(m, p.opts)
	if err != nil {
		return err
	}
	if a, b := fmt.Sprint(f.txns, f.epochs), fmt.Sprint(again.txns, again.epochs); a != b {
		return fmt.Errorf("a restart makes %s of %s", b, a)
	}
	return s.kill()
}
