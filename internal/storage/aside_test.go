package storage

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// TestMendBelowSnapshot damages what a newer snapshot makes useless: it is left
// out, and nobody is asked.
func TestMendBelowSnapshot(t *testing.T) {
	whole, places := history(t, true)
	for _, base := range []int{1, 3, 4, 6, 8} {
		for i := range places {
			mem := unlocked(t, whole)
			z := places[base].id.Zxid
			s := open(t, Options{FS: mem, DataDir: "/d"})
			if _, err := s.WriteSnapshot(z, stateSource{smallState(z, 1)}); err != nil {
				t.Fatal(err)
			}
			s.Close()
			damage(t, mem, places[i], "flip")
			v, err := mend(t, mem, whole)
			if err != nil || v != nil && (i <= base) != (len(v.Gaps) == 0) {
				t.Fatalf("base %d, damage %d: %+v, %v", base, i, v, err)
			}
			got, err := replayed(t, mem)
			if err != nil || len(got) != len(places)-base-1 {
				t.Errorf("base %d, damage %d: %d entries, %v", base, i, len(got), err)
			}
		}
	}
}

// TestSurveySnapshots damages snapshots, and the log behind an older one.
func TestSurveySnapshots(t *testing.T) {
	whole, places := history(t, true)
	z := places[6].id.Zxid
	s := open(t, Options{FS: whole, DataDir: "/d"})
	if _, err := s.WriteSnapshot(z, stateSource{smallState(z, 1)}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	flip := func(mem *vfs.Mem, name string) {
		b := get(t, mem, "/d/version-2/"+name)
		b[len(b)/2] ^= 1
		put(t, mem, "/d/version-2/"+name, b)
	}
	mem := unlocked(t, whole)
	flip(mem, snapName(z))
	damage(t, mem, places[2], "zeros")
	if v, err := mend(t, mem, whole); err != nil || v == nil || v.Base != 0 || len(v.Gaps) != 1 {
		t.Errorf("the older snapshot and one entry: %+v, %v", v, err)
	}
	if got, err := replayed(t, mem); err != nil || len(got) != len(places) {
		t.Errorf("the older snapshot and one entry: %d, %v", len(got), err)
	}

	mem = unlocked(t, whole)
	flip(mem, snapName(z))
	mem.Remove("/d/version-2/log.200000001")
	mem.Remove("/d/version-2/index.200000001")
	v, err := mend(t, mem, whole)
	if err == nil || v == nil || len(v.Gaps) != 1 || v.Gaps[0].Fillable() || v.Last != z {
		t.Errorf("a log too short for the older snapshot: %+v, %v", v, err)
	}

	// Logs from the first transaction on need no snapshot.
	for _, lose := range []bool{false, true} {
		mem = unlocked(t, whole)
		flip(mem, snapName(z))
		flip(mem, "snapshot.0")
		if lose {
			damage(t, mem, places[2], "zeros")
			damage(t, mem, places[0], "zeros")
		}
		if v, err = mend(t, mem, whole); err != nil || (v != nil) != lose {
			t.Errorf("no snapshot, lost entries %v: %+v, %v", lose, v, err)
		}
		if got, err := replayed(t, mem); err != nil || len(got) != len(places) {
			t.Errorf("no snapshot, lost entries %v: %d, %v", lose, len(got), err)
		}
	}

	mem = unlocked(t, whole)
	flip(mem, snapName(z))
	flip(mem, "snapshot.0")
	mem.Remove("/d/version-2/log.100000001")
	mem.Remove("/d/version-2/index.100000001")
	v, err = mend(t, mem, whole)
	if err == nil || v == nil || v.Base != -1 || v.Last != places[8].id.Zxid || len(v.Damage) < 2 {
		t.Errorf("no snapshot: %+v, %v", v, err)
	}
}

// TestSetAside replaces a damaged history by a leader's snapshot and stops at
// every operation: until the snapshot is there, nothing is believed.
func TestSetAside(t *testing.T) {
	whole, places := history(t, false)
	for n := range 80 {
		for _, to := range []proto.Zxid{places[5].id.Zxid, places[8].id.Zxid + 7} {
			mem := unlocked(t, whole)
			damage(t, mem, places[6], "zeros")
			put(t, mem, "/d/version-2/snapshot.100000002", []byte("half"))
			s, err := Open(Options{FS: mem, DataDir: "/d"})
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Survey()
			if err != nil {
				t.Fatal(err)
			}
			rng := newRand(uint64(n))
			s.fs = &vfs.Faulty{FS: mem, Rule: powerFailure(rng, n)}
			err = replaceBy(s, v, to)
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			mem = mem.CrashClone(rng)
			got, rerr := replayed(t, mem)
			var c *CorruptionError
			switch {
			case err == nil && (rerr != nil || len(got) != 0):
				t.Fatalf("%d: %d entries, %v", n, len(got), rerr)
			case rerr != nil && !errors.As(rerr, &c):
				t.Fatalf("%d: %v", n, rerr)
			case rerr == nil && len(got) != 0:
				t.Fatalf("%d: stopped by %v, and %d old entries are believed", n, err, len(got))
			}
			s = open(t, Options{FS: mem, DataDir: "/d"})
			rec, rerr := s.Recover(newState(), func(Entry) error { return nil })
			if rerr == nil && rec.LastZxid != to {
				t.Fatalf("%d: stopped by %v, and an old state at %s is believed", n, err, rec.LastZxid)
			}
			if rerr != nil {
				if v, err = s.Survey(); err == nil {
					err = replaceBy(s, v, to)
				}
				if rec, rerr = s.Recover(newState(), func(Entry) error { return nil }); err != nil || rerr != nil || rec.LastZxid != to {
					t.Fatalf("%d, once more: %+v, %v, %v", n, rec, err, rerr)
				}
			}
			s.Close()
		}
	}
}

func replaceBy(s *Store, v *Survey, z proto.Zxid) error {
	if err := s.SetAside(v); err != nil {
		return err
	}
	if err := s.DiscardAbove(z); err != nil {
		return err
	}
	if _, err := s.WriteSnapshot(z, stateSource{smallState(z, 1)}); err != nil {
		return err
	}
	return s.Trust()
}

func TestKeptFilesAreFew(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, Options{FS: mem, DataDir: "/d"})
	for i := range 3 * maxKept {
		put(t, mem, "/d/version-2/log.1", []byte{byte(i)})
		if err := s.keepDamaged(s.logDir, "log.1"); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := mem.List("/d/version-2")
	var kept []byte
	for _, n := range names {
		if strings.HasPrefix(n, damagedPrefix) {
			kept = append(kept, get(t, mem, "/d/version-2/"+n)...)
		}
	}
	slices.Sort(kept)
	if len(kept) != maxKept || kept[0] != 2*maxKept || kept[maxKept-1] != 3*maxKept-1 {
		t.Errorf("not the newest are kept: %v", kept)
	}
}

func TestSurveyEpochs(t *testing.T) {
	for name, tc := range map[string]struct {
		accepted, current string // "-" for no file, "!" for one that does not read
		last              proto.Zxid
		want              Epochs
		lost              LostEpochs
	}{
		"both well":                       {"5", "4", proto.MakeZxid(4, 1), Epochs{5, 4}, LostEpochs{}},
		"log ahead":                       {"5", "4", proto.MakeZxid(6, 1), Epochs{6, 6}, LostEpochs{}},
		"accepted lost":                   {"x", "4", proto.MakeZxid(4, 1), Epochs{4, 4}, LostEpochs{Accepted: true}},
		"accepted lost, current alone":    {"x", "4", proto.MakeZxid(3, 1), Epochs{3, 3}, LostEpochs{Accepted: true, Current: true}},
		"accepted lost, log ahead":        {"", "4", proto.MakeZxid(5, 1), Epochs{5, 5}, LostEpochs{Accepted: true}},
		"accepted unreadable":             {"!", "4", proto.MakeZxid(4, 1), Epochs{4, 4}, LostEpochs{Accepted: true}},
		"current lost":                    {"5", "\x00", proto.MakeZxid(3, 1), Epochs{5, 3}, LostEpochs{Current: true}},
		"current lost, only one possible": {"5", "\x00", proto.MakeZxid(5, 1), Epochs{5, 5}, LostEpochs{}},
		"both lost":                       {"-2", "!", proto.MakeZxid(3, 1), Epochs{3, 3}, LostEpochs{Accepted: true, Current: true}},
		"a promise went back":             {"4", "5", proto.MakeZxid(3, 1), Epochs{3, 3}, LostEpochs{Accepted: true, Current: true}},
	} {
		mem := vfs.NewMem()
		for file, text := range map[string]string{acceptedName: tc.accepted, currentName: tc.current} {
			if text != "-" {
				put(t, mem, "/d/version-2/"+file, []byte(text))
			}
			if text == "!" {
				mem.Unreadable("/d/version-2/"+file, 0, 1)
			}
		}
		s := open(t, Options{FS: mem, DataDir: "/d"})
		e, lost := s.SurveyEpochs(tc.last)
		if e != tc.want || lost.Accepted != tc.lost.Accepted || lost.Current != tc.lost.Current {
			t.Errorf("%s: %+v, %+v", name, e, lost)
		}
		if err := s.RaiseAccepted(9); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveLostEpochs(); err != nil {
			t.Fatal(err)
		}
		if got := get(t, mem, "/d/version-2/"+acceptedName); !bytes.Equal(got, []byte("9")) {
			t.Errorf("%s: acceptedEpoch holds %q", name, got)
		}
		if e, err := s.LoadEpochs(tc.last); err != nil || e.Accepted != 9 || e.Current != tc.want.Current {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

// TestEpochCopy is what the copy of the epoch files tells.
func TestEpochCopy(t *testing.T) {
	for name, tc := range map[string]struct {
		accepted, current string // files, "-" for none
		copy              Epochs
		last              proto.Zxid
		want              Epochs
		lost              LostEpochs
	}{
		"the same":                          {"5", "4", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{}},
		"crash before accepted":             {"5", "4", Epochs{6, 4}, 0, Epochs{6, 4}, LostEpochs{}},
		"crash before current":              {"5", "4", Epochs{5, 5}, 0, Epochs{5, 5}, LostEpochs{}},
		"a Java server went on":             {"7", "7", Epochs{5, 4}, 0, Epochs{7, 7}, LostEpochs{}},
		"accepted went back":                {"4", "4", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{}},
		"accepted went back behind current": {"1", "4", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{Accepted: true}},
		"current went back":                 {"5", "0", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{}},
		"current went ahead":                {"7", "6", Epochs{7, 4}, proto.MakeZxid(4, 9), Epochs{7, 4}, LostEpochs{Current: true}},
		"current went ahead, as the log":    {"7", "6", Epochs{7, 4}, proto.MakeZxid(6, 9), Epochs{7, 6}, LostEpochs{}},
		"current went ahead of accepted":    {"5", "6", Epochs{5, 5}, 0, Epochs{5, 5}, LostEpochs{}},
		"accepted is garbage":               {"x", "4", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{Accepted: true}},
		"current is garbage":                {"5", "x", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{Current: true}},
		"current is garbage, one possible":  {"5", "x", Epochs{5, 5}, 0, Epochs{5, 5}, LostEpochs{}},
		"accepted is gone":                  {"-", "4", Epochs{5, 4}, 0, Epochs{5, 4}, LostEpochs{Accepted: true}},
		"current is gone":                   {"5", "-", Epochs{5, 5}, 0, Epochs{5, 5}, LostEpochs{}},
		"both are gone":                     {"-", "-", Epochs{5, 5}, 0, Epochs{5, 5}, LostEpochs{Accepted: true, Current: true}},
	} {
		mem := vfs.NewMem()
		for file, text := range map[string]string{acceptedName: tc.accepted, currentName: tc.current} {
			if text != "-" {
				put(t, mem, "/d/version-2/"+file, []byte(text))
			}
		}
		put(t, mem, "/d/version-2/"+epochsName, appendCopy(nil, tc.copy))
		s := open(t, Options{FS: mem, DataDir: "/d"})
		e, lost := s.SurveyEpochs(tc.last)
		if e != tc.want || lost.Accepted != tc.lost.Accepted || lost.Current != tc.lost.Current {
			t.Errorf("%s: %+v, %+v", name, e, lost)
		}
		e, err := s.LoadEpochs(tc.last)
		if lost.Any() != (err != nil) || err == nil && e != tc.want {
			t.Errorf("%s: LoadEpochs = %+v, %v", name, e, err)
		}
		if c, ok := s.readCopy(); err == nil && (!ok || c != e) {
			t.Errorf("%s: the copy says %+v, %v", name, c, ok)
		}
	}
	b := appendCopy(nil, Epochs{12, 11})
	if string(b) != "12 11 89993ebd\n" { // as in docs/formats/epochs.md
		t.Errorf("the copy is %q", b)
	}
	for i := range b {
		mem := vfs.NewMem()
		c := bytes.Clone(b)
		c[i] ^= 1
		put(t, mem, "/d/version-2/"+epochsName, c)
		s := open(t, Options{FS: mem, DataDir: "/d"})
		if e, ok := s.readCopy(); ok {
			t.Errorf("byte %d flipped: %q is believed as %+v", i, c, e)
		}
	}
}
