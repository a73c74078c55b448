package storage

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// place is where an entry lies.
type place struct {
	file     string // base name
	off, end int64
	id       EntryID
}

// history builds a directory with snapshot.0 and several logs over two epochs,
// entries of many sizes among them, and says where each entry lies. Closed or
// not is about the newest log.
func history(t testing.TB, closed bool) (*vfs.Mem, []place) {
	t.Helper()
	mem := vfs.NewMem()
	s, err := Open(Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 14})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteSnapshot(0, stateSource{smallState(0, 1)}); err != nil {
		t.Fatal(err)
	}
	var last string
	for _, batches := range [][][2]proto.Zxid{
		{{proto.MakeZxid(1, 1), proto.MakeZxid(1, 1)}, {proto.MakeZxid(1, 2), proto.MakeZxid(1, 4)}},
		{{proto.MakeZxid(1, 5), proto.MakeZxid(1, 5)}},
		{{proto.MakeZxid(2, 1), proto.MakeZxid(2, 3)}, {proto.MakeZxid(2, 4), proto.MakeZxid(2, 4)}},
	} {
		if err := s.Log().Roll(); err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			for z := b[0]; z <= b[1]; z++ {
				if err := s.Log().Append(entry(z, int(z.Counter())*int(z.Counter())*90)); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Log().Flush(); err != nil {
				t.Fatal(err)
			}
		}
		last = filepath.Base(s.Log().name)
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	out := unlocked(t, mem)
	var places []place
	logs, _ := listFiles(out, "/d/version-2", logPrefix)
	for _, f := range logs {
		if _, err := VerifyLog(out, "/d/version-2/"+f.name, func(at int64, e Entry) error {
			places = append(places, place{f.name, at, at + entryFrame + int64(len(e.Payload)), IDOf(e)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(places) != 9 || last != "log.200000001" {
		t.Fatalf("%d entries, the last in %s", len(places), last)
	}
	return out, places
}

// damages are the ways in which an entry is lost.
var damages = []string{"flip", "length", "zeros", "ones", "unreadable"}

// damage loses an entry.
func damage(t testing.TB, mem *vfs.Mem, p place, how string) {
	t.Helper()
	path := "/d/version-2/" + p.file
	if how == "unreadable" {
		if _, ok := mem.Unreadable(path, p.off, p.end-p.off); !ok {
			t.Fatalf("%s has no byte %d", path, p.off)
		}
		return
	}
	b := get(t, mem, path)
	switch how {
	case "flip":
		b[(p.off+p.end)/2] ^= 4
	case "length":
		b[p.off+10] ^= 1
	case "zeros":
		clear(b[p.off:p.end])
	case "ones":
		copy(b[p.off:p.end], bytes.Repeat([]byte{0xff}, int(p.end-p.off)))
	}
	put(t, mem, path, b)
}

// ask fills the gaps of v from a peer, as far as it can, a few bytes at a time.
func ask(t testing.TB, v *Survey, peer *vfs.Mem) []Entry {
	t.Helper()
	s, err := Open(Options{FS: unlocked(t, peer), DataDir: "/d"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var found []Entry
	for _, g := range v.Gaps {
		w := Want{Lost: g.Lost, After: g.After, Until: g.Until}
		for whole := !g.Fillable(); !whole; {
			var es []Entry
			if es, whole, err = s.Lookup(w, 200, nil); err != nil {
				t.Fatal(err)
			}
			if len(es) == 0 {
				break
			}
			found = append(found, es...)
			w.After = IDOf(es[len(es)-1])
			if len(w.Lost) > 0 {
				w.Lost = w.Lost[len(es):]
			}
		}
	}
	return found
}

// mend opens a damaged directory, surveys it and mends it from a peer. Without
// damage it returns nil.
func mend(t testing.TB, mem, peer *vfs.Mem) (*Survey, error) {
	t.Helper()
	s, err := Open(Options{FS: mem, DataDir: "/d"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Recover(newState(), func(Entry) error { return nil }); err == nil {
		return nil, nil
	}
	v, err := s.Survey()
	if err != nil {
		t.Fatal(err)
	}
	return v, s.Mend(v, ask(t, v, peer))
}

// recovered returns what a directory replays.
func replayed(t testing.TB, mem *vfs.Mem) ([]EntryID, error) {
	t.Helper()
	s, err := Open(Options{FS: mem, DataDir: "/d"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var ids []EntryID
	rec, err := s.Recover(newState(), func(e Entry) error { ids = append(ids, IDOf(e)); return nil })
	if err == nil {
		err = checkIndexes(mem, "/d/version-2", rec.Snapshot)
	}
	return ids, err
}

// TestMend loses every combination of two entries in every way, of closed and
// unclosed logs, and gets them back from a peer.
func TestMend(t *testing.T) {
	for _, closed := range []bool{true, false} {
		whole, places := history(t, closed)
		var all []EntryID
		for _, p := range places {
			all = append(all, p.id)
		}
		for i := range places {
			for j := range places[:i+1] {
				for _, how := range damages {
					name := fmt.Sprintf("closed %v, %d and %d, %s", closed, j, i, how)
					mem := unlocked(t, whole)
					damage(t, mem, places[i], how)
					if i != j {
						damage(t, mem, places[j], how)
					}
					v, err := mend(t, mem, whole)
					if v == nil || err != nil {
						t.Fatalf("%s: %+v, %v", name, v, err)
					}
					var lost []EntryID
					for _, g := range v.Gaps {
						if len(g.Lost) == 0 {
							t.Errorf("%s: %s", name, &g)
						}
						lost = append(lost, g.Lost...)
					}
					var want []EntryID
					for k, p := range places {
						if k == i || k == j || how == "unreadable" && (sharesSector(p, places[i]) || sharesSector(p, places[j])) {
							want = append(want, p.id)
						}
					}
					if !slices.Equal(lost, want) || v.Last != all[len(all)-1].Zxid {
						t.Errorf("%s: lost %v, want %v; last %s", name, lost, want, v.Last)
					}
					got, err := replayed(t, mem)
					if err != nil || !slices.Equal(got, all) {
						t.Fatalf("%s: %v, %v", name, got, err)
					}
					names, _ := mem.List("/d/version-2")
					if !slices.ContainsFunc(names, func(n string) bool {
						return strings.HasPrefix(n, damagedPrefix) && strings.HasSuffix(n, places[i].file)
					}) {
						t.Errorf("%s: the damaged log was not kept: %v", name, names)
					}
					for _, p := range places {
						if !closed && p.file == "log.200000001" {
							continue
						}
						if a, b := get(t, mem, "/d/version-2/"+p.file), get(t, whole, "/d/version-2/"+p.file); !bytes.Equal(a, b) {
							t.Fatalf("%s: %s differs", name, p.file)
						}
					}
				}
			}
		}
	}
}

// sharesSector reports whether two entries have bytes in one sector.
func sharesSector(a, b place) bool {
	mask := int64(vfs.SectorSize - 1)
	return a.file == b.file && a.off&^mask < (b.end+mask)&^mask && b.off&^mask < (a.end+mask)&^mask
}

// TestMendWithoutIndex is the same without any index, as in a directory that a
// Java server left: between two intact entries everything comes back, at the
// open end nothing is claimed.
func TestMendWithoutIndex(t *testing.T) {
	whole, places := history(t, true)
	var all []EntryID
	for _, p := range places {
		all = append(all, p.id)
	}
	for i := range places {
		for _, how := range damages {
			name := fmt.Sprintf("%d, %s", i, how)
			mem := unlocked(t, whole)
			names, _ := mem.List("/d/version-2")
			for _, n := range names {
				if strings.HasPrefix(n, indexPrefix) {
					mem.Remove("/d/version-2/" + n)
				}
			}
			damage(t, mem, places[i], how)
			v, err := mend(t, mem, whole)
			if last := places[len(places)-1]; i == len(places)-1 || how == "unreadable" && sharesSector(places[i], last) {
				switch {
				case v == nil: // looks like the remains of an interrupted write; nobody can know
				case err == nil || len(v.Gaps) != 1 || v.Gaps[0].Fillable():
					t.Errorf("%s: %+v, %v", name, v, err)
				}
				continue
			}
			if i == 0 && v != nil && v.Gaps[0].After != (EntryID{}) || err != nil {
				t.Errorf("%s: %+v, %v", name, v, err)
				continue
			}
			got, err := replayed(t, mem)
			if err != nil || !slices.Equal(got, all) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
}

// TestMendLostFiles takes whole logs away, with and without their indexes.
func TestMendLostFiles(t *testing.T) {
	whole, places := history(t, true)
	var all []EntryID
	for _, p := range places {
		all = append(all, p.id)
	}
	logs := []string{"100000001", "100000005", "200000001"}
	for mask := 1; mask < 64; mask++ {
		mem := unlocked(t, whole)
		// The index of the newest log knows where the history ends, and what came before
		// its log; without it the end leaves no trace.
		certain := mask>>5&1 == 0
		for i, z := range logs {
			if mask>>i&1 != 0 {
				mem.Remove("/d/version-2/log." + z)
			}
			if mask>>(i+3)&1 != 0 {
				mem.Remove("/d/version-2/index." + z)
			}
		}
		v, err := mend(t, mem, whole)
		got, rerr := replayed(t, mem)
		if certain && (err != nil || rerr != nil || !slices.Equal(got, all)) {
			t.Errorf("mask %06b: %+v, %v; %d entries, %v", mask, v, err, len(got), rerr)
		}
	}
}

// TestMendCrash interrupts mending at every operation and starts again: the
// directory is damaged as before or mended, and never something else.
func TestMendCrash(t *testing.T) {
	for _, how := range []string{"zeros", "flip"} {
		whole, places := history(t, false)
		for n := range 60 {
			mem := unlocked(t, whole)
			damage(t, mem, places[len(places)-1], how)
			damage(t, mem, places[2], how)
			s, err := Open(Options{FS: mem, DataDir: "/d"})
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Survey()
			if err != nil {
				t.Fatal(err)
			}
			found := ask(t, v, whole)
			rng := newRand(uint64(n))
			s.fs = &vfs.Faulty{FS: mem, Rule: powerFailure(rng, n)}
			err = s.Mend(v, found)
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			mem = mem.CrashClone(rng)
			got, rerr := replayed(t, mem)
			var c *CorruptionError
			if rerr == nil && len(got) != len(places) || rerr != nil && !errors.As(rerr, &c) || err == nil && rerr != nil {
				t.Fatalf("%s, stopped after %d operations: %v; then %d entries, %v", how, n, err, len(got), rerr)
			}
			if _, err := mend(t, mem, whole); err != nil {
				t.Fatalf("%s, stopped after %d operations, once more: %v", how, n, err)
			}
			if got, err := replayed(t, mem); err != nil || len(got) != len(places) {
				t.Fatalf("%s, stopped after %d operations, once more: %d entries, %v", how, n, len(got), err)
			}
			if err == nil && n < 10 {
				t.Fatalf("only %d operations", n)
			}
		}
	}
}

// TestStretchOverSnapshot: a log that ends with what was never decided must not
// be taken for what comes before the next one, between which a leader's snapshot
// has replaced it.
func TestStretchOverSnapshot(t *testing.T) {
	z := func(e int64, n uint32) proto.Zxid { return proto.MakeZxid(e, n) }
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(s.Log().Append(entries(z(1, 1), z(1, 9), 5)...), s.DiscardAbove(z(2, 0)))
	_, err := s.WriteSnapshot(z(2, 0), stateSource{smallState(z(2, 0), 1)})
	must(err, s.Log().Append(entries(z(2, 1), z(2, 3), 5)...), s.Log().Roll(), s.Log().Append(entries(z(3, 1), z(3, 2), 5)...), s.Log().Flush())
	id := func(z proto.Zxid) EntryID { return IDOf(entry(z, 5)) }
	for name, tc := range map[string]struct {
		after, until EntryID
		want         int // -1 for not here
	}{
		"inside a log":         {id(z(1, 2)), id(z(1, 5)), 2},
		"over the snapshot":    {id(z(1, 8)), id(z(2, 1)), -1},
		"from the snapshot":    {EntryID{Zxid: z(2, 0)}, id(z(2, 3)), 2},
		"over an epoch":        {id(z(2, 2)), id(z(3, 2)), 2},
		"another transaction":  {id(z(2, 2)), IDOf(entry(z(3, 2), 6)), -1},
		"from another":         {IDOf(entry(z(2, 2), 6)), id(z(3, 2)), -1},
		"beyond the end":       {id(z(2, 2)), id(z(3, 3)), -1},
		"before the beginning": {EntryID{}, id(z(1, 3)), -1},
		"nothing between":      {id(z(2, 3)), id(z(3, 1)), 0},
	} {
		es, whole, err := s.Lookup(Want{After: tc.after, Until: tc.until}, 1<<20, nil)
		if err != nil || whole != (tc.want >= 0) || len(es) != max(tc.want, 0) {
			t.Errorf("%s: %d entries, whole %v, %v", name, len(es), whole, err)
		}
	}
}

// TestEffort: a peer's questions cost no more reading than they are given.
func TestEffort(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), DataDir: "/d"})
	es := entries(1, 200, 100)
	if err := errors.Join(s.Log().Append(es...), s.Log().Flush()); err != nil {
		t.Fatal(err)
	}
	last := IDOf(es[len(es)-1])
	effort := &Effort{Bytes: 50 * 100}
	for range 2 {
		if found, whole, err := s.Lookup(Want{Lost: []EntryID{last}}, 1<<20, effort); len(found) != 0 || whole || err != nil {
			t.Errorf("found %d of what lies too far, whole %v, %v", len(found), whole, err)
		}
	}
	if effort.Bytes > 0 || effort.Bytes < -1000 {
		t.Errorf("%d bytes are left", effort.Bytes)
	}
	effort.Bytes = 1 << 20
	if found, whole, err := s.Lookup(Want{Lost: []EntryID{last}}, 1<<20, effort); len(found) != 1 || !whole || err != nil {
		t.Errorf("found %d, whole %v, %v", len(found), whole, err)
	}
	stopped, left := errors.New("stopped"), 20
	effort.Stop = func() error {
		if left--; left < 0 {
			return stopped
		}
		return nil
	}
	if _, _, err := s.Lookup(Want{Lost: []EntryID{last}}, 1<<20, effort); !errors.Is(err, stopped) || left != -1 {
		t.Errorf("stopped: %v, %d entries on", err, -1-left)
	}
}
