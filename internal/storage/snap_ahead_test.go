package storage

import (
	"bytes"
	"errors"
	"hash/adler32"
	"io"
	"testing"
	"testing/iotest"
)

// TestSnapFile takes a file in parts of all sizes, with pieces far smaller than
// some of them: the bytes, their checksum and what is left agree at every step.
func TestSnapFile(t *testing.T) {
	rng := newRand(5)
	want := make([]byte, 3000)
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	for _, ahead := range []bool{false, true} {
		for _, size := range []int{1, 7, 100, len(want), len(want) + 1} {
			f := openSnapFile(bytes.NewReader(want), size, ahead)
			at := 0
			for at < len(want) {
				limit := 1 + rng.IntN(size)
				if n, err := f.left(limit); err != nil || n != min(limit, len(want)-at) {
					t.Fatalf("ahead %t, pieces of %d, at %d: left(%d) = %d, %v", ahead, size, at, limit, n, err)
				}
				n := min(rng.IntN(300), len(want)-at)
				b, err := f.take(n)
				if err != nil || !bytes.Equal(b, want[at:at+n]) {
					t.Fatalf("ahead %t, pieces of %d: take(%d) at %d = %x, %v", ahead, size, n, at, b, err)
				}
				at += n
				if got := f.sum(); got != adler32.Checksum(want[:at]) {
					t.Fatalf("ahead %t, pieces of %d: sum is %#x at %d", ahead, size, got, at)
				}
			}
			if n, err := f.left(1); n != 0 || err != nil {
				t.Errorf("ahead %t, pieces of %d: left = %d, %v at the end", ahead, size, n, err)
			}
			if _, err := f.take(1); err != io.EOF {
				t.Errorf("ahead %t, pieces of %d: %v behind the end", ahead, size, err)
			}
			f.close()
		}
	}
}

// TestSnapFileFails: an error of the disk comes when the bytes before it are used
// up, and closing early leaves no goroutine waiting.
func TestSnapFileFails(t *testing.T) {
	broken := errors.New("bad sector")
	for _, ahead := range []bool{false, true} {
		f := openSnapFile(io.MultiReader(bytes.NewReader(make([]byte, 250)), iotest.ErrReader(broken)), 100, ahead)
		if b, err := f.take(250); err != nil || len(b) != 250 {
			t.Errorf("ahead %t: %d bytes, %v", ahead, len(b), err)
		}
		if _, err := f.left(1); !errors.Is(err, broken) {
			t.Errorf("ahead %t: left says %v", ahead, err)
		}
		if _, err := f.take(1); !errors.Is(err, broken) {
			t.Errorf("ahead %t: take says %v", ahead, err)
		}
		f.close()
		f = openSnapFile(bytes.NewReader(make([]byte, 1<<20)), 100, ahead)
		f.close()
	}
}
