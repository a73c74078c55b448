package vfs

import (
	"errors"
	"testing"
)

func TestReadOnly(t *testing.T) {
	mem := NewMem()
	if err := mem.MkdirAll("/d"); err != nil {
		t.Fatal(err)
	}
	if f, err := mem.Create("/d/a"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	ro := ReadOnly{mem}
	_, openErr := ro.OpenWrite("/d/a")
	_, createErr := ro.Create("/d/a")
	_, lockErr := ro.Lock("/d/a")
	for i, err := range []error{openErr, createErr, lockErr, ro.Rename("/d/a", "/d/b"), ro.Remove("/d/a"), ro.MkdirAll("/d/c"), ro.SyncDir("/d")} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if f, err := ro.Open("/d/a"); err != nil || f.Close() != nil {
		t.Errorf("open: %v", err)
	}
}
