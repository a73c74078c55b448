package vfs

import (
	"errors"
	"testing"
)

func TestReadOnly(t *testing.T) {
	mem := NewMem()
	if f, err := mem.Create("/a"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	ro := ReadOnly{mem}
	_, openErr := ro.OpenWrite("/a")
	_, createErr := ro.Create("/a")
	_, lockErr := ro.Lock("/a")
	for i, err := range []error{openErr, createErr, lockErr, ro.Rename("/a", "/b"), ro.Remove("/a"), ro.MkdirAll("/c"), ro.SyncDir("/")} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if f, err := ro.Open("/a"); err != nil || f.Close() != nil {
		t.Errorf("open: %v", err)
	}
}
