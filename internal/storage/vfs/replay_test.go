package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// show draws all files: path, length and content without the zeros at its end.
func show(m *Mem) string {
	var out strings.Builder
	for _, name := range m.Files() {
		f, _ := m.Open(name)
		size, _ := f.Size()
		b := make([]byte, size)
		f.ReadAt(b, 0)
		fmt.Fprintf(&out, "%s %d %q\n", name, size, bytes.TrimRight(b, "\x00"))
	}
	return out.String()
}

func replayed(changes []Change) *Replay {
	r := NewReplay(NewMem())
	for _, c := range changes {
		r.Apply(c)
	}
	return r
}

// TestRecordedScript checks a replay against the file system that was recorded.
func TestRecordedScript(t *testing.T) {
	m := NewMem()
	rec := &Recorder{FS: m}
	script(t, rec, "/x/y")
	r := replayed(rec.Changes())
	if got, want := show(r.Killed()), show(m); got != want {
		t.Errorf("replayed\n%s, want\n%s\n%v", got, want, rec.Changes())
	}
}

// TestReplay works at random, partly through files that were renamed or
// removed while open, and compares after every change.
func TestReplay(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 6))
		m := NewMem()
		rec := &Recorder{FS: m}
		rec.MkdirAll("/d")
		r, at, open := NewReplay(NewMem()), 0, []File{}
		for step := range 150 {
			name := fmt.Sprintf("/d/%d", rng.IntN(4))
			switch p := rng.IntN(20); {
			case p < 2 || len(open) == 0:
				f, err := rec.Create(name)
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, f)
			case p < 3:
				rec.Remove(name)
			case p < 5:
				rec.Rename(name, fmt.Sprintf("/d/%d", rng.IntN(4)))
			case p < 6:
				rec.SyncDir("/d")
			default:
				poke(rng, open[rng.IntN(len(open))])
			}
			changes := rec.Changes()
			for ; at < len(changes); at++ {
				r.Apply(changes[at])
			}
			before := show(r.Killed())
			if want := show(m); before != want || show(r.Crash(everything)) != want {
				t.Fatalf("seed %d, step %d: replayed\n%s, want\n%s\n%v", seed, step, before, want, changes)
			}
			c := r.Clone()
			c.Apply(Change{Op: OpCreate, Name: "/d/0"})
			c.Apply(Change{Op: OpSync, Name: "/d/0"})
			c.Apply(Change{Op: OpSyncDir, Name: "/d"})
			c.Apply(Change{Op: OpSyncDir, Name: "/"})
			if nothing := show(c.Crash(Corners[0])); !strings.Contains(nothing, "/d/0 0 ") {
				t.Fatalf("seed %d, step %d: the clone has\n%s", seed, step, nothing)
			}
			if show(r.Killed()) != before {
				t.Fatalf("seed %d, step %d: the clone changed the original", seed, step)
			}
		}
	}
}

// poke changes an open file at random.
func poke(rng *rand.Rand, f File) {
	switch rng.IntN(8) {
	case 0:
		f.Sync()
	case 1:
		f.Truncate(rng.Int64N(3000))
	case 2:
		f.Preallocate(rng.Int64N(3000))
	default:
		f.WriteAt(bytes.Repeat([]byte{byte(1 + rng.IntN(200))}, 1+rng.IntN(1200)), rng.Int64N(2500))
	}
}

// crashes returns what is left by all corners and n seeds, by name.
func crashes(r *Replay, n int) map[string]bool {
	seen := map[string]bool{}
	for _, l := range Corners {
		seen[show(r.Crash(l))] = true
	}
	for seed := range uint64(n) {
		seen[show(r.Crash(RandomLeftover(seed)))] = true
	}
	return seen
}

// TestLeftovers checks that exactly the outcomes that a disk may leave occur.
func TestLeftovers(t *testing.T) {
	c := func(s string) string { return strings.Repeat(s, SectorSize) }
	start := []Change{{Op: OpMkdir, Name: "/d"}, {Op: OpSyncDir, Name: "/"}, {Op: OpCreate, Name: "/d/f"}}
	write := func(off int64, s string) Change { return Change{Op: OpWrite, Name: "/d/f", Off: off, Data: []byte(s)} }
	sync, syncDir := Change{Op: OpSync, Name: "/d/f"}, Change{Op: OpSyncDir, Name: "/d"}
	file := func(s string) string { return fmt.Sprintf("/d/f %d %q\n", len(s), s) }
	for name, tc := range map[string]struct {
		changes []Change
		want    []string
	}{
		"an unsynced name":   {[]Change{write(0, "ab"), sync}, []string{"", file("ab")}},
		"an unsynced length": {[]Change{syncDir, write(0, "a")}, []string{file(""), file("a"), "/d/f 1 \"\"\n"}},
		"an overwritten sector has three versions": {
			[]Change{syncDir, write(0, "a"), sync, write(0, "b"), write(0, "c")},
			[]string{file("a"), file("b"), file("c")},
		},
		"the second write to a sector brings the first along": {
			[]Change{syncDir, write(0, "aa"), sync, write(0, "b"), write(1, "c")},
			[]string{file("aa"), file("ba"), file("bc")},
		},
		"sectors are independent": {
			[]Change{syncDir, write(0, c("a")+c("b")), sync, write(0, c("x")+c("y"))},
			[]string{file(c("a") + c("b")), file(c("x") + c("b")), file(c("a") + c("y")), file(c("x") + c("y"))},
		},
		"a file is shortened before it is written again": {
			[]Change{syncDir, write(0, "abcd"), sync, {Op: OpTruncate, Name: "/d/f", Size: 1}, write(1, "x")},
			[]string{file("abcd"), file("a"), file("ax"), "/d/f 2 \"a\"\n"},
		},
		"preallocated zeros may be there without data": {
			[]Change{syncDir, {Op: OpPreallocate, Name: "/d/f", Size: 1}},
			[]string{file(""), "/d/f 1 \"\"\n"},
		},
		"a rename is whole, and what came before it is there": {
			[]Change{sync, syncDir, {Op: OpCreate, Name: "/d/g"}, {Op: OpRename, Name: "/d/f", To: "/d/g"}, {Op: OpRemove, Name: "/d/g"}},
			[]string{"/d/f 0 \"\"\n", "/d/f 0 \"\"\n/d/g 0 \"\"\n", "/d/g 0 \"\"\n", ""},
		},
		"what was synced away stays away": {
			[]Change{{Op: OpCreate, Name: "/d/g"}, {Op: OpRemove, Name: "/d/g"}, syncDir},
			[]string{file("")},
		},
		"two directories know nothing of each other": {
			[]Change{syncDir, {Op: OpMkdir, Name: "/e"}, {Op: OpSyncDir, Name: "/"}, {Op: OpCreate, Name: "/e/g"}, {Op: OpRemove, Name: "/d/f"}},
			[]string{file(""), "", "/d/f 0 \"\"\n/e/g 0 \"\"\n", "/e/g 0 \"\"\n"},
		},
		"a directory is an entry, too": {
			[]Change{syncDir, {Op: OpMkdir, Name: "/e"}, {Op: OpCreate, Name: "/e/g"}, {Op: OpSyncDir, Name: "/e"}},
			[]string{file(""), file("") + "/e/g 0 \"\"\n"},
		},
	} {
		got := crashes(replayed(append(start[:3:3], tc.changes...)), 300)
		for _, want := range tc.want {
			if !got[want] {
				t.Errorf("%s: never left:\n%s", name, want)
			}
			delete(got, want)
		}
		for left := range got {
			t.Errorf("%s: left, and must not be:\n%s", name, left)
		}
	}
}

// TestCrashedDisk checks that what a crash has left is durable and can be recorded further.
func TestCrashedDisk(t *testing.T) {
	r := replayed([]Change{{Op: OpMkdir, Name: "/d"}, {Op: OpCreate, Name: "/d/f"}, {Op: OpWrite, Name: "/d/f", Data: []byte("abc")}})
	m := r.Crash(everything)
	want := "/d/f 3 \"abc\"\n"
	if got := show(m.CrashClone(rand.New(rand.NewPCG(1, 7)))); got != want {
		t.Errorf("a second crash leaves %s", got)
	}
	again := NewReplay(m)
	rec := &Recorder{FS: m}
	f, err := rec.OpenWrite("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range rec.Changes() {
		again.Apply(c)
	}
	if got := show(again.Crash(Corners[0])); got != want {
		t.Errorf("nothing of the second run: %s", got)
	}
	if got := show(again.Killed()); got != "/d/f 3 \"xbc\"\n" {
		t.Errorf("all of the second run: %s", got)
	}
}

// TestRecorderLeavesOutFailures checks that what did not happen is not recorded,
// and a short write as far as it went.
func TestRecorderLeavesOutFailures(t *testing.T) {
	m := NewMem()
	rec := &Recorder{FS: m}
	boom := errors.New("boom")
	rec.MkdirAll("/d")
	f, _ := rec.Create("/d/f")
	m.Limit(2)
	f.WriteAt([]byte("abc"), 0)
	rec.Remove("/d/g")
	rec.FS = &Faulty{FS: m, Rule: FailFrom(0, 0, boom, Changes...)}
	rec.SyncDir("/d")
	rec.Rename("/d/f", "/d/g")
	want := "[mkdir /d create /d/f write /d/f, bytes 0 to 2]"
	if got := fmt.Sprint(rec.Changes()); got != want || rec.Len() != 3 {
		t.Errorf("recorded %s, want %s", got, want)
	}
}
