package persist_test

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

var (
	damageSeed = flag.Uint64("damage.seed", 0, "run one history of damaged servers")
	damageN    = flag.Int("damage.n", 150, "how many histories of damaged servers to run")
)

// TestAnyDamage damages one file on each of one to three servers, whose histories
// end at different places: any file, in any way. What a quorum had must be there
// when they serve. If two servers are whole they must serve, all three.
func TestAnyDamage(t *testing.T) {
	seeds := make([]uint64, *damageN)
	for i := range seeds {
		seeds[i] = uint64(i) + 1
	}
	if *damageSeed != 0 {
		seeds = []uint64{*damageSeed}
	}
	healed, down := 0, 0
	for _, seed := range seeds {
		d := &damageRun{t: t, rng: rand.New(rand.NewPCG(seed, 7))}
		served, err := d.run()
		if err != nil {
			t.Errorf("%v\n%s\nreplay: go test ./internal/persist -run TestAnyDamage -damage.seed=%d", err, strings.Join(d.story, "\n"), seed)
		}
		if served {
			healed++
		} else {
			down++
		}
	}
	t.Logf("%d of %d ensembles serve, %d stay down", healed, len(seeds), down)
}

type damageRun struct {
	t     *testing.T
	rng   *rand.Rand
	story []string
	disks []*vfs.Mem
}

func (d *damageRun) say(format string, args ...any) {
	d.story = append(d.story, fmt.Sprintf(format, args...))
}

// txn creates /n<i>.
func numbered(i int, z proto.Zxid, size int) *proto.Txn {
	txn := &proto.Txn{
		TxnHeader: proto.TxnHeader{Session: 1, Cxid: int32(i), Zxid: z, Time: 5, Type: proto.OpCreate},
		Body:      &proto.CreateTxn{Path: fmt.Sprintf("/n%d", i), Data: make([]byte, size), ACL: proto.OpenACL, ParentCversion: int32(i + 1)},
	}
	txn.Encode(size + 100)
	return txn
}

// history draws transactions: their zxids over some epochs, and sizes.
func (d *damageRun) history() []*proto.Txn {
	var txns []*proto.Txn
	z := proto.MakeZxid(1, 0)
	for i := range 3 + d.rng.IntN(25) {
		if z++; d.rng.IntN(6) == 0 {
			z = proto.MakeZxid(z.Epoch()+1, 1)
		}
		size := d.rng.IntN(300)
		if d.rng.IntN(5) == 0 {
			size = d.rng.IntN(4000)
		}
		txns = append(txns, numbered(i, z, size))
	}
	return txns
}

// build makes a directory with a history: batches, logs and snapshots are drawn.
func (d *damageRun) build(txns []*proto.Txn) *vfs.Mem {
	mem := vfs.NewMem()
	s, err := storage.Open(storage.Options{FS: mem, DataDir: "/d", PreallocBytes: []int64{-1, 1 << 14}[d.rng.IntN(2)]})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, _, err := persist.Start(s, false); err != nil {
		d.t.Fatal(err)
	}
	tr := tree.New()
	var res tree.Result
	epoch := int64(0)
	for _, txn := range txns {
		if e := txn.Zxid.Epoch(); e > epoch {
			epoch = e
			if err := errors.Join(s.Log().Flush(), s.SaveAcceptedEpoch(e), s.SaveCurrentEpoch(e)); err != nil {
				d.t.Fatal(err)
			}
		}
		if err := s.Log().Append(storage.Entry{Zxid: txn.Zxid, Payload: txn.Raw}); err != nil {
			d.t.Fatal(err)
		}
		tr.Apply(txn, &res)
		switch d.rng.IntN(10) {
		case 0:
			err = s.Log().Roll()
		case 1:
			if err = s.Log().Roll(); err == nil {
				_, err = s.WriteSnapshot(tr.LastZxid(), &persist.Source{Tree: tr})
			}
		case 2, 3, 4, 5:
			err = s.Log().Flush()
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := s.Log().Flush(); err != nil {
		d.t.Fatal(err)
	}
	if d.rng.IntN(2) == 0 {
		if err := s.Close(); err != nil {
			d.t.Fatal(err)
		}
	}
	return copyOf(d.t, mem)
}

func (d *damageRun) run() (served bool, err error) {
	txns := d.history()
	var ends []int
	for range 3 {
		ends = append(ends, max(len(txns)-d.rng.IntN(4), 1))
	}
	ends[d.rng.IntN(3)] = len(txns)
	for i, n := range ends {
		d.disks = append(d.disks, d.build(txns[:n]))
		d.say("server %d has %d transactions, up to %s", i+1, n, txns[n-1].Zxid)
	}
	sorted := slices.Sorted(slices.Values(ends))
	committed := sorted[1]
	victims := d.rng.Perm(3)[:1+d.rng.IntN(3)]
	for _, i := range victims {
		d.hit(i)
	}
	for life := range 2 {
		if served, err = d.live(committed, len(victims) == 1 || life == 1 && served); err != nil {
			return served, fmt.Errorf("life %d: %w", life, err)
		}
	}
	return served, nil
}

// hit damages a file that matters.
func (d *damageRun) hit(i int) {
	files := slices.DeleteFunc(d.disks[i].Files(), func(f string) bool { return filepath.Base(f) == ".paddock.lock" })
	for {
		if done, ok := d.disks[i].Damage(d.rng, files[d.rng.IntN(len(files))]); ok {
			d.say("server %d: %s", i+1, done)
			return
		}
	}
}

// live starts all servers and looks at what they serve.
func (d *damageRun) live(committed int, must bool) (served bool, err error) {
	w := newWorld(d.t, 3)
	for i, mem := range d.disks {
		s, err := w.start(proto.PeerID(i+1), mem)
		if err != nil {
			return false, fmt.Errorf("server %d does not start: %w", i+1, err)
		}
		if s.repair != nil {
			d.say("server %d is damaged: %v", i+1, s.disk.Damage.Cause)
		}
	}
	all := func() bool { return w.serving() == 3 }
	w.run(15*time.Second, all)
	for _, id := range w.ids() {
		s := w.servers[id]
		if s.role == 0 {
			if must {
				said := ""
				if s.repair != nil {
					said = s.repair.Said()
				}
				return false, fmt.Errorf("server %d does not serve: %+v, %q", id, s.replica.Status(), said)
			}
			continue
		}
		served = true
		for n := range committed {
			if _, ok := s.tree.Get(fmt.Sprintf("/n%d", n)); !ok {
				return true, fmt.Errorf("server %d serves without the committed /n%d", id, n)
			}
		}
	}
	if len(w.ids()) < 3 {
		return served, errors.New("a server has ended")
	}
	for i := range d.disks {
		s := w.servers[proto.PeerID(i+1)]
		if served && s.role != 0 && s.tree.Digest() != w.servers[1].tree.Digest() && w.serving() == 3 {
			return true, fmt.Errorf("server %d has another tree than server 1", s.id)
		}
		d.disks[i] = copyOf(d.t, s.mem)
	}
	return served, nil
}

// TestLostPromiseStaysLost: a damaged server writes acceptedEpoch again when it
// follows somebody. If it dies before it has that leader's history, its next
// start must not take the file for what it had promised.
func TestLostPromiseStaysLost(t *testing.T) {
	mem, _ := committed(t, true)
	if _, ok := mem.Fill("/d/version-2/acceptedEpoch", 0, []byte("x")); !ok {
		t.Fatal("nothing to damage")
	}
	w := newWorld(t, 3)
	s, err := w.start(1, mem)
	if err != nil || s.repair == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	s.write(replica.SaveEpoch{Kind: zab.AcceptedEpoch, Epoch: 5})
	s.kill()
	mem = copyOf(t, s.mem)
	again, err := newWorld(t, 3).start(1, mem)
	if err != nil || again.repair == nil || again.failed != nil {
		t.Errorf("it is trusted: %v", err)
	}
}

// TestPromiseOlderThanTheLostOne: the replica may promise an epoch while the disk
// still finds out that a newer one had been promised.
func TestPromiseOlderThanTheLostOne(t *testing.T) {
	mem, _ := committed(t, true)
	if _, ok := mem.Fill("/d/version-2/acceptedEpoch", 0, []byte("x")); !ok {
		t.Fatal("nothing to damage")
	}
	s, err := newWorld(t, 3).start(1, mem)
	if err != nil || s.repair == nil {
		t.Fatalf("%+v, %v", s, err)
	}
	var saved []replica.EpochSaved
	report := s.disk.Report
	s.disk.Report = func(ev replica.Event) {
		if ev, ok := ev.(replica.EpochSaved); ok {
			saved = append(saved, ev)
		}
		report(ev)
	}
	s.write(persist.Mend{Accepted: 6})
	for _, epoch := range []int64{5, 7} {
		s.write(replica.SaveEpoch{Kind: zab.AcceptedEpoch, Epoch: epoch})
	}
	if s.failed != nil {
		t.Fatal(s.failed)
	}
	want := []replica.EpochSaved{{Kind: zab.AcceptedEpoch, Epoch: 6}, {Kind: zab.AcceptedEpoch, Epoch: 7}}
	if !slices.Equal(saved, want) || s.store.AcceptedEpoch() != 7 {
		t.Errorf("saved %v, accepted %d", saved, s.store.AcceptedEpoch())
	}
}

// TestDiesInTheMiddle: a damaged server dies at every operation of its disk while
// a leader's snapshot replaces its history. However often that happens, it
// never votes with an old state, and at last it serves.
func TestDiesInTheMiddle(t *testing.T) {
	whole, cells := committed(t, false)
	deaths := 0
	for n := range 60 {
		w := newWorld(t, 3)
		mem := copyOf(t, whole)
		damaged := copyOf(t, whole)
		for _, c := range cells {
			if _, ok := damaged.Zero(c.file, c.off, c.end-c.off); !ok {
				t.Fatal("nothing damaged")
			}
		}
		damaged.Lose("/d/version-2/index.100000001")
		damaged.Fill(cells[0].file, cells[0].off, []byte("nonsense"))
		left := n
		faulty := &vfs.Faulty{FS: damaged, Rule: func(op vfs.Op, _ string) (int, error) {
			if op == vfs.OpOpen || op == vfs.OpRead {
				return 0, nil
			}
			if left--; left < 0 {
				return 0, errors.New("power failure")
			}
			return 0, nil
		}}
		w.serve(t, 1, mem)
		w.serve(t, 2, copyOf(t, whole))
		if _, err := w.startOn(3, damaged, faulty); err == nil {
			w.run(10*time.Second, func() bool { return w.serving() == 3 || w.servers[3] == nil })
		}
		died := w.servers[3] == nil
		if died {
			deaths++
		} else if deaths == 0 {
			t.Fatal("it lives on without a disk")
		}
		if s := w.servers[3]; s != nil {
			s.kill()
		}
		after := damaged.CrashClone(rand.New(rand.NewPCG(uint64(n), 1)))
		store, err := storage.Open(storage.Options{FS: after, DataDir: "/d"})
		if err != nil {
			t.Fatal(err)
		}
		rec, _, damage, err := persist.Open(store)
		if err != nil || damage == nil && rec.Last < proto.MakeZxid(1, gridEntries) {
			t.Fatalf("died %v after %d operations, and votes with %+v, %v", died, n, rec, err)
		}
		store.Close()
		if _, err := w.start(3, copyOf(t, after)); err != nil {
			t.Fatal(err)
		}
		if !w.run(20*time.Second, func() bool { return w.serving() == 3 }) {
			t.Fatalf("after %d operations, once more: %d serve", n, w.serving())
		}
		if err := w.allThere(); err != nil {
			t.Fatal(err)
		}
	}
	if deaths < 10 || deaths == 60 {
		t.Errorf("it died %d times of 60", deaths)
	}
}

// TestUnnoticedDamage: what no start needs may be damaged for long. When a leader's
// snapshot comes, the log cannot be cut there, and is moved away.
func TestUnnoticedDamage(t *testing.T) {
	mem, cells := committed(t, true)
	opts := storage.Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 15}
	s, err := storage.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	rec, _, _, err := persist.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSnapshot(rec.Last, &persist.Source{Tree: rec.Tree}); err != nil {
		t.Fatal(err)
	}
	if !gridDamages["all zeros"](mem, cells[1]) {
		t.Fatal("nothing damaged")
	}
	z := proto.MakeZxid(1, 3)
	var events []replica.Event
	disk := persist.Disk{
		Store: s, Tree: tree.New(), MaxBatch: 10, Logger: slog.New(slog.DiscardHandler),
		Report: func(ev replica.Event) { events = append(events, ev) },
	}
	if err := disk.Work([]persist.Op{replica.SaveSnapshot{Zxid: z}}); err != nil || len(events) != 1 {
		t.Fatalf("%v, %v", events, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = storage.Open(opts); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rec, _, damage, err := persist.Open(s); err != nil || damage != nil || rec.Last != z {
		t.Errorf("%+v, %v, %v", rec, damage, err)
	}
}

// TestDamageBehindTheEnd: a sector that cannot be read where no transaction lies
// costs none, and nobody has to be asked.
func TestDamageBehindTheEnd(t *testing.T) {
	mem, cells := committed(t, false)
	last := cells[len(cells)-1]
	if _, ok := mem.Unreadable(last.file, last.end+4*vfs.SectorSize, vfs.SectorSize); !ok {
		t.Fatal("nothing damaged")
	}
	s, err := storage.Open(storage.Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 15})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rec, _, damage, err := persist.Open(s); err != nil || damage != nil || rec.Last != last.zxid {
		t.Errorf("%+v, %v, %v", rec, damage, err)
	}
}

// TestLostLogBeforeAnEpoch: a log that is gone is missed by its index, although the
// log of the next epoch seems to follow the snapshot.
func TestLostLogBeforeAnEpoch(t *testing.T) {
	mem, cells := committed(t, true)
	opts := storage.Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 15}
	s, err := storage.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := persist.Start(s, false); err != nil {
		t.Fatal(err)
	}
	txn := proto.Txn{TxnHeader: proto.TxnHeader{Session: 1, Zxid: proto.MakeZxid(2, 1), Type: proto.OpError}, Body: &proto.ErrorTxn{}}
	txn.Encode(16)
	if err := errors.Join(s.SaveAcceptedEpoch(2), s.SaveCurrentEpoch(2), s.Log().Append(storage.Entry{Zxid: txn.Zxid, Payload: txn.Raw}), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, gone := mem.Lose(cells[0].file)
	_, unread := mem.Unreadable("/d/version-2/index.200000001", 0, 1)
	if !gone || !unread {
		t.Fatal("nothing damaged")
	}
	if s, err = storage.Open(opts); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rec, _, damage, err := persist.Open(s); err != nil || damage == nil || len(damage.Survey.Gaps) != 1 || len(damage.Survey.Gaps[0].Lost) != gridEntries {
		t.Errorf("%+v, %v, %v", rec, damage, err)
	}
}
