package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

// damaged returns a file of six durable sectors, of ones, twos and so on,
// preallocated to more.
func damaged(t *testing.T) (*Mem, File) {
	t.Helper()
	m := NewMem()
	m.MkdirAll("/d")
	f, err := m.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		f.WriteAt(bytes.Repeat([]byte{byte(i) + 1}, SectorSize), int64(i)*SectorSize)
	}
	f.Preallocate(1 << 20)
	if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	return m, f
}

// sectors draws the file: the byte that fills each sector, or "x" for a mixed one.
func sectors(t *testing.T, f File) string {
	t.Helper()
	var out strings.Builder
	for at := int64(0); at < 7*SectorSize; at += SectorSize {
		b := make([]byte, SectorSize)
		switch _, err := f.ReadAt(b, at); {
		case errors.Is(err, syscall.EIO):
			out.WriteByte('E')
		case bytes.Count(b, b[:1]) != len(b):
			out.WriteByte('x')
		default:
			out.WriteByte('0' + b[0])
		}
	}
	return out.String()
}

func TestDamage(t *testing.T) {
	for want, hurt := range map[string]func(m *Mem) (Damage, bool){
		"x234560": func(m *Mem) (Damage, bool) { return m.Zero("/d/f", 5, 10) },
		"1004560": func(m *Mem) (Damage, bool) { return m.Zero("/d/f", SectorSize, 2*SectorSize) },
		"1299560": func(m *Mem) (Damage, bool) {
			return m.Fill("/d/f", 2*SectorSize, bytes.Repeat([]byte{9}, 2*SectorSize))
		},
		"1234569": func(m *Mem) (Damage, bool) { return m.Fill("/d/f", 6*SectorSize, bytes.Repeat([]byte{9}, SectorSize)) },
		"123EE60": func(m *Mem) (Damage, bool) { return m.Unreadable("/d/f", 4*SectorSize-1, 2) },
		"1634560": func(m *Mem) (Damage, bool) { return m.Misdirect("/d/f", SectorSize, 5*SectorSize) },
	} {
		m, f := damaged(t)
		d, ok := hurt(m)
		if got := sectors(t, f); !ok || got != want {
			t.Errorf("%v: %v, %s, want %s", d, ok, got, want)
		}
		// A crash changes nothing about it: the medium has it.
		after, err := m.CrashClone(rand.New(rand.NewPCG(1, 1))).Open("/d/f")
		if err != nil || sectors(t, after) != want {
			t.Errorf("%v: after a crash %s, %v", d, sectors(t, after), err)
		}
	}
}

// TestDrawnDamage checks that every kind occurs, that equal draws do the same
// and that nothing but the content is hit.
func TestDrawnDamage(t *testing.T) {
	seen := map[Kind]int{}
	for seed := range uint64(120) {
		var texts, files [2]string
		for i := range texts {
			m, f := damaged(t)
			d, ok := m.Damage(rand.New(rand.NewPCG(seed, 4)), "/d/f")
			if !ok || d.Off >= 6*SectorSize {
				t.Fatalf("seed %d: %v, %v", seed, d, ok)
			}
			texts[i], files[i] = d.String(), fmt.Sprint(m.Files(), sectors(t, f))
			if i == 0 {
				seen[d.Kind]++
			}
			if d.Kind != FileLost && files[i] == "[/d/f]1234560" {
				t.Errorf("seed %d: %v changed nothing", seed, d)
			}
		}
		if texts[0] != texts[1] || files[0] != files[1] {
			t.Fatalf("seed %d: %v differ, %v", seed, texts, files)
		}
	}
	for _, kind := range Kinds {
		if seen[kind] == 0 {
			t.Errorf("%q never happened", kind)
		}
	}
	m, _ := damaged(t)
	if d, ok := m.Damage(rand.New(rand.NewPCG(1, 4)), "/d/missing"); ok {
		t.Errorf("a file that is not there: %v", d)
	}
}

// TestUnreadable checks that only a whole new sector mends a bad one, and only
// once it is synced.
func TestUnreadable(t *testing.T) {
	m, f := damaged(t)
	m.Unreadable("/d/f", 2*SectorSize, 1)
	b := make([]byte, 4*SectorSize)
	if n, err := f.ReadAt(b, SectorSize); n != SectorSize || !errors.Is(err, syscall.EIO) {
		t.Errorf("read across it: %d, %v", n, err)
	}
	if n, err := f.WriteAt(b[:SectorSize], SectorSize+100); n != SectorSize-100 || !errors.Is(err, syscall.EIO) {
		t.Errorf("write of a part of it: %d, %v", n, err)
	}
	if n, err := f.WriteAt(make([]byte, 3*SectorSize), SectorSize); n != 3*SectorSize || err != nil {
		t.Errorf("write over it: %d, %v", n, err)
	}
	if got := sectors(t, f); got != "1000560" {
		t.Errorf("rewritten: %s", got)
	}
	seen := map[byte]bool{}
	for seed := range uint64(50) {
		after, _ := m.CrashClone(rand.New(rand.NewPCG(seed, 4))).Open("/d/f")
		seen[sectors(t, after)[2]] = true
	}
	if !seen['E'] || !seen['0'] || len(seen) != 2 {
		t.Errorf("after crashes before the sync: %v", seen)
	}
	f.Sync()
	after, _ := m.CrashClone(rand.New(rand.NewPCG(1, 4))).Open("/d/f")
	if got := sectors(t, after); got != "1000560" {
		t.Errorf("after the sync: %s", got)
	}
	m.Unreadable("/d/f", 5*SectorSize, 1)
	f.Truncate(5 * SectorSize)
	f.Truncate(7 * SectorSize)
	if got := sectors(t, f); got != "1000500" {
		t.Errorf("cut off: %s", got)
	}
}

// TestDamageUnderWrites checks that what is not yet synced hides the damage and mends it.
func TestDamageUnderWrites(t *testing.T) {
	m, f := damaged(t)
	f.WriteAt(bytes.Repeat([]byte{7}, SectorSize), 0)
	m.Zero("/d/f", 0, 2*SectorSize)
	if got := sectors(t, f); got != "7034560" {
		t.Errorf("under a write: %s", got)
	}
	f.Sync()
	if got := sectors(t, f); got != "7034560" {
		t.Errorf("synced: %s", got)
	}
}

func TestLoseAndRestore(t *testing.T) {
	m, f := damaged(t)
	old, ok := m.Content("/d/f")
	if !ok {
		t.Fatal("no content")
	}
	f.WriteAt(make([]byte, SectorSize), 0)
	f.Sync()
	if d, ok := m.Restore("/d/f", old); !ok || sectors(t, f) != "1234560" {
		t.Errorf("%v: %v, %s", d, ok, sectors(t, f))
	}
	if d, ok := m.Lose("/d/f"); !ok || len(m.Files()) != 0 {
		t.Errorf("%v: %v, %v", d, ok, m.Files())
	}
	if d, ok := m.Lose("/d/f"); ok {
		t.Errorf("lost twice: %v", d)
	}
	if d, ok := m.Restore("/d/f", old); !ok {
		t.Errorf("%v: %v", d, ok)
	}
	g, err := m.CrashClone(rand.New(rand.NewPCG(1, 4))).Open("/d/f")
	if err != nil || sectors(t, g) != "1234560" {
		t.Errorf("restored: %v", err)
	}
}

func TestLimit(t *testing.T) {
	m, f := damaged(t)
	m.Limit(m.Used() + 100)
	if err := f.Preallocate(2 << 20); err != nil {
		t.Errorf("a sparse file takes no room: %v", err)
	}
	if n, err := f.WriteAt(make([]byte, SectorSize), 0); n != SectorSize || err != nil {
		t.Errorf("overwriting: %d, %v", n, err)
	}
	if n, err := f.WriteAt(make([]byte, SectorSize), 6*SectorSize); n != 100 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("growing: %d, %v", n, err)
	}
	g, _ := m.Create("/d/g")
	if n, err := g.WriteAt([]byte{1}, 0); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("another file: %d, %v", n, err)
	}
	m.Remove("/d/f")
	if n, err := g.WriteAt([]byte{1}, 0); n != 1 || err != nil {
		t.Errorf("after a removal: %d, %v", n, err)
	}
}

func TestRules(t *testing.T) {
	boom := errors.New("boom")
	for _, tc := range []struct {
		rule Rule
		want string
	}{
		{FailOnce(2, 1, boom, Changes...), "++-+++"},
		{FailFrom(2, 1, boom, Changes...), "++----"},
		{FailOnce(1, 1, boom, OpSync), "+++-++"},
	} {
		m := NewMem()
		m.MkdirAll("/d")
		fsys := &Faulty{FS: m, Rule: tc.rule}
		f, err := fsys.Create("/d/f")
		got := ""
		note := func(err error) {
			if err == nil {
				got += "+"
			} else if got += "-"; !errors.Is(err, boom) {
				t.Error(err)
			}
		}
		note(err)
		note(f.Sync())
		n, err := f.WriteAt([]byte("abc"), 0)
		if note(err); err != nil && n != 1 {
			t.Errorf("a short write of %d bytes", n)
		}
		note(f.Sync())
		note(f.Truncate(2))
		note(fsys.SyncDir("/d"))
		if got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}
