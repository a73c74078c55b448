package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// transcript is what passed over one connection, in the order in which it passed. Several goroutines
// may write to it.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

const (
	toListener = "> "
	toDialer   = "< "
)

// note adds a comment.
func (t *transcript) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, "# "+fmt.Sprintf(format, args...))
}

// add records bytes that go in the direction, under a comment when there is one.
func (t *transcript) add(direction string, b []byte, comment string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if comment != "" {
		t.lines = append(t.lines, "# "+comment)
	}
	t.lines = append(t.lines, direction+hex.EncodeToString(b))
}

// text returns the transcript as a file's content.
func (t *transcript) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n") + "\n"
}

// save writes the transcript to path, making its directory.
func (t *transcript) save(path string) error { return save(path, []byte(t.text())) }

// save writes a file, making its directory.
func save(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("write golden: %w", err)
	}
	return nil
}
