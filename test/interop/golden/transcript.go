package golden

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Transcript is what passed over one connection, in the order in which it passed. Several goroutines
// may write to it.
type Transcript struct {
	mu    sync.Mutex
	lines []string
}

// The directions of a line.
const (
	ToListener = "> "
	ToDialer   = "< "
)

// The comments that stand for the end of a connection.
const (
	listenerCloses = "listener closes"
	dialerCloses   = "dialer closes"
)

// Note adds a comment.
func (t *Transcript) Note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, "# "+fmt.Sprintf(format, args...))
}

// Add records bytes that go in the direction, under a comment when there is one.
func (t *Transcript) Add(direction string, b []byte, comment string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if comment != "" {
		t.lines = append(t.lines, "# "+comment)
	}
	t.lines = append(t.lines, direction+hex.EncodeToString(b))
}

// Append adds the lines of another transcript, which must be complete.
func (t *Transcript) Append(other *Transcript) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, other.lines...)
}

// Text returns the transcript as a file's content.
func (t *Transcript) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n") + "\n"
}

// Save writes the transcript to path, making its directory.
func (t *Transcript) Save(path string) error { return Save(path, []byte(t.Text())) }

// Save writes a file, making its directory.
func Save(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return fmt.Errorf("write golden: %w", err)
	}
	return nil
}
