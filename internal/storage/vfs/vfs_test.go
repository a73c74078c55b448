package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSameBehaviour runs one script on the disk and in memory.
func TestSameBehaviour(t *testing.T) {
	for name, fsys := range map[string]FS{
		"os": OS{}, "mem": NewMem(), "faulty": &Faulty{FS: NewMem(), Rule: func(Op, string) (int, error) { return 0, nil }},
	} {
		t.Run(name, func(t *testing.T) { script(t, fsys, filepath.Join(t.TempDir(), "x", "y")) })
	}
}

func script(t *testing.T, fsys FS, dir string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "a")
	if _, err := fsys.Create(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Create without a directory: %v", err)
	}
	must(fsys.MkdirAll(dir))
	must(fsys.MkdirAll(dir))
	for _, err := range []error{third(fsys.Open(path)), third(fsys.OpenWrite(path)), fsys.Remove(path), fsys.Rename(path, path+"b"), statErr(fsys, path)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("on a missing file: %v", err)
		}
	}
	f, err := fsys.Create(path)
	must(err)
	if n, err := f.WriteAt([]byte("hello"), 3); n != 5 || err != nil {
		t.Errorf("WriteAt = %d, %v", n, err)
	}
	must(f.Preallocate(20))
	must(f.Preallocate(10))
	must(f.Sync())
	if size, err := f.Size(); size != 20 || err != nil {
		t.Errorf("Size = %d, %v", size, err)
	}
	b := make([]byte, 30)
	if n, err := f.ReadAt(b, 1); n != 19 || err != io.EOF || !bytes.Equal(b[:9], []byte("\x00\x00hello\x00\x00")) {
		t.Errorf("ReadAt = %d, %v, %q", n, err, b)
	}
	must(f.Truncate(5))
	must(f.Truncate(7))
	if n, err := f.ReadAt(b, 3); n != 4 || err != io.EOF || string(b[:4]) != "he\x00\x00" {
		t.Errorf("ReadAt after Truncate = %d, %v, %q", n, err, b[:4])
	}
	must(f.Close())
	must(fsys.Rename(path, path+"b"))
	must(fsys.SyncDir(dir))
	g, err := fsys.OpenWrite(path + "b")
	must(err)
	must(g.Close())
	if names, err := fsys.List(dir); err != nil || fmt.Sprint(names) != "[ab]" {
		t.Errorf("List = %v, %v", names, err)
	}
	if info, err := fsys.Stat(dir); err != nil || !info.Dir {
		t.Errorf("Stat of a directory = %+v, %v", info, err)
	}
	if info, err := fsys.Stat(path + "b"); err != nil || info != (Info{Size: 7}) {
		t.Errorf("Stat = %+v, %v", info, err)
	}
	f, err = fsys.Create(path + "b") // an existing one becomes empty
	must(err)
	if size, _ := f.Size(); size != 0 {
		t.Errorf("created with %d bytes", size)
	}
	must(f.Close())
	must(fsys.Remove(path + "b"))

	lock, err := fsys.Lock(filepath.Join(dir, "lock"))
	must(err)
	var held *LockedError
	if _, err := fsys.Lock(filepath.Join(dir, "lock")); !errors.As(err, &held) {
		t.Errorf("second Lock: %v", err)
	}
	must(lock.Close())
	lock, err = fsys.Lock(filepath.Join(dir, "lock"))
	must(err)
	must(lock.Close())
}

func third(f File, err error) error { return err }

func statErr(fsys FS, name string) error {
	_, err := fsys.Stat(name)
	return err
}

func TestOSPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := (OS{}).MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	f, err := OS{}.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for path, want := range map[string]fs.FileMode{dir: 0o700, filepath.Join(dir, "f"): 0o600} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
}

// TestOSTakesFilesOnly: whatever lies in the place of a file is not opened, and
// nobody waits for it.
func TestOSTakesFilesOnly(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(at("directory"), 0o700), syscall.Mkfifo(at("pipe"), 0o600),
		os.WriteFile(at("file"), []byte("kept"), 0o600), os.Symlink(at("file"), at("link")), os.Symlink("/dev/zero", at("device"))); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, name := range []string{at("directory"), at("pipe"), at("link"), at("device"), at("socket"), "/dev/zero", "/dev/null"} {
		for how, open := range map[string]func(string) (File, error){"Open": OS{}.Open, "OpenWrite": OS{}.OpenWrite, "Create": OS{}.Create} {
			var path *fs.PathError
			if _, err := open(name); !errors.As(err, &path) || path.Path != name {
				t.Errorf("%s of a %s: %v", how, filepath.Base(name), err)
			}
		}
	}
	if b, err := os.ReadFile(at("file")); string(b) != "kept" {
		t.Errorf("the file behind the link: %q, %v", b, err)
	}
}

// TestCrashClone checks that what was synced always survives, that every
// sector of the rest is old or new, and that all outcomes occur.
func TestCrashClone(t *testing.T) {
	m := NewMem()
	if err := m.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	f, _ := m.Create("/d/f")
	f.WriteAt(bytes.Repeat([]byte{1}, 700), 0)
	f.Preallocate(4096)
	f.Sync()
	m.SyncDir("/d")
	f.WriteAt(bytes.Repeat([]byte{2}, 1500), 600)
	m.Create("/d/new")
	m.Rename("/d/f", "/d/g")
	seen := map[string]bool{}
	for seed := range uint64(300) {
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 2)))
		names, _ := c.List("/d")
		seen[fmt.Sprint(names)] = true
		g, err := c.Open("/d/g")
		if err != nil {
			if g, err = c.Open("/d/f"); err != nil {
				t.Fatalf("seed %d: the file is gone: %v", seed, names)
			}
		}
		b := make([]byte, 4096)
		if n, _ := g.ReadAt(b, 0); n != 4096 {
			t.Fatalf("seed %d: %d bytes", seed, n)
		}
		if !bytes.Equal(b[:600], bytes.Repeat([]byte{1}, 600)) {
			t.Fatalf("seed %d: synced bytes are lost", seed)
		}
		kept := ""
		for s := 512; s < 2100; s += SectorSize {
			at := max(s, 600)
			old, fresh := byte(1), byte(2)
			if at >= 700 {
				old = 0
			}
			switch b[at] {
			case old:
				kept += "-"
			case fresh:
				kept += "+"
			default:
				t.Fatalf("seed %d: byte %d is %d", seed, at, b[at])
			}
		}
		seen[kept] = true
	}
	for _, want := range []string{"[f]", "[f new]", "[g new]", "----", "++++", "+---", "-+-+"} {
		if !seen[want] {
			t.Errorf("%q never happened", want)
		}
	}
	if a, b := m.CrashClone(rand.New(rand.NewPCG(5, 2))), m.CrashClone(rand.New(rand.NewPCG(5, 2))); fmt.Sprint(a.dirs["/d"].names) == "" || !sameFiles(a, b) {
		t.Error("equal draws give different results")
	}
}

func sameFiles(a, b *Mem) bool {
	an, _ := a.List("/d")
	bn, _ := b.List("/d")
	if fmt.Sprint(an) != fmt.Sprint(bn) {
		return false
	}
	for name, n := range a.dirs["/d"].names {
		if !bytes.Equal(n.data, b.dirs["/d"].names[name].data) {
			return false
		}
	}
	return true
}

// TestCrashOfTruncate checks that a file is shortened wholly or not at all.
func TestCrashOfTruncate(t *testing.T) {
	m := NewMem()
	m.MkdirAll("/d")
	f, _ := m.Create("/d/f")
	f.WriteAt(bytes.Repeat([]byte{1}, 2000), 0)
	f.Sync()
	m.SyncDir("/d")
	f.Truncate(100)
	for seed := range uint64(100) {
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 3)))
		info, _ := c.Stat("/d/f")
		n := c.dirs["/d"].names["f"]
		if info.Size == 2000 && (len(n.data) != 2000 || bytes.Contains(n.data, []byte{0})) || info.Size != 2000 && info.Size != 100 {
			t.Fatalf("seed %d: %d bytes, %d of them there", seed, info.Size, len(n.data))
		}
	}
}

func TestFailNth(t *testing.T) {
	boom := errors.New("boom")
	m := NewMem()
	m.MkdirAll("/d")
	fsys := &Faulty{FS: m, Rule: FailNth(OpWrite, "log.*", 1, boom)}
	f, _ := fsys.Create("/d/log.1")
	g, _ := fsys.Create("/d/other")
	for i, want := range []error{nil, boom, boom} {
		if _, err := f.WriteAt([]byte("abc"), int64(3*i)); !errors.Is(err, want) {
			t.Errorf("write %d: %v", i, err)
		}
		if _, err := g.WriteAt([]byte("abc"), 0); err != nil {
			t.Errorf("other file: %v", err)
		}
	}
	fsys.Rule = func(Op, string) (int, error) { return 2, boom }
	if n, err := f.WriteAt([]byte("abc"), 0); n != 2 || !errors.Is(err, boom) {
		t.Errorf("short write = %d, %v", n, err)
	}
}
