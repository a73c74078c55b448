package main

import "testing"

func TestFileSystem(t *testing.T) {
	const mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/data xfs rw 0 0\nshort\n"
	for dir, want := range map[string]string{"/": "ext4", "/home/x": "ext4", "/tmp": "tmpfs", "/tmp/a": "tmpfs", "/tmp/data/1": "xfs", "/tmp/database": "tmpfs"} {
		if got := fileSystem(mounts, dir); got != want {
			t.Errorf("%s is on %s, want %s", dir, got, want)
		}
	}
	if got := fileSystem("", "/x"); got != "an unknown file system" {
		t.Errorf("without mounts: %s", got)
	}
}

func TestTicks(t *testing.T) {
	from := parseTicks("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1\n")
	to := parseTicks("cpu  150 0 120 900 110 0 0 20 0 0\n")
	if from != (ticks{1000, 800, 0}) || to != (ticks{1300, 1010, 20}) {
		t.Errorf("%+v and %+v", from, to)
	}
	if got, want := busyFact(from, to), "processors before: 30 % busy with other things"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := stolenFact(from, to), "processor time that other machines of the host took meanwhile: 6.7 %"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, stat := range []string{"", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 7 x 9"} {
		if got := parseTicks(stat); got != (ticks{}) || busyFact(got, got) != "" || stolenFact(got, got) != "" {
			t.Errorf("%q: %+v", stat, got)
		}
	}
}

func TestHeap(t *testing.T) {
	for s, want := range map[string]int64{"512m": 512, "2g": 2048, "3G": 3072} {
		if got, err := heapMiB(s); err != nil || got != want {
			t.Errorf("%s is %d MiB (%v), want %d", s, got, err, want)
		}
	}
	if heap, _ := heapFor("2g", 100_000); heap != "2048m" {
		t.Errorf("for 100,000 znodes: %s", heap)
	}
	if heap, fits := heapFor("2g", 1_000_000_000); heap != "572204m" || fits {
		t.Errorf("for 1,000,000,000 znodes: %s, fits %v", heap, fits)
	}
}

func TestFreeName(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{dir + "/x", dir + "/x-2", dir + "/x-3"} {
		if got := freeName(dir, "x"); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if err := writeFiles(dir, "x", "text", map[string]int{"n": 1}); err != nil {
			t.Fatal(err)
		}
	}
}
