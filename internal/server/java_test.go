package server

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/proto"
)

// Recorded by Java: each file is what one or more clients said to a fresh
// server (>) and what it answered (<), with remarks (#).
const javaFrames = "../../proto/testdata/java"

// endsBefore are the remarks before which a replay ends, since there Java does
// what Paddock refuses.
var endsBefore = map[string]string{
	"create_extended": "# deleteContainer of one with children", // which Java takes from clients
}

func TestJavaFrames(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(javaFrames, "*.frames"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".frames")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			if end, ok := endsBefore[name]; ok {
				lines = lines[:slices.Index(lines, end)]
			}
			replay(t, lines)
		})
	}
}

// recording is one replay under way.
type recording struct {
	t       *testing.T
	w       *world
	c, old  *client
	clock   string // the bytes that all times of the recording begin with, in hex
	session proto.SessionID
}

func replay(t *testing.T, lines []string) {
	var ms int64
	if _, after, ok := strings.Cut(lines[0], " at "); ok {
		fmt.Sscan(after, &ms)
	}
	r := &recording{t: t, clock: fmt.Sprintf("%016x", ms)[:10]}
	r.w = newWorld(t, 0, func(o *Options) {
		o.MinSessionTimeout, o.MaxSessionTimeout = time.Second, 10*time.Second
	})
	r.w.do(func() {
		r.w.wall = ms
		r.w.prep = prep.New(r.w.tree, prep.Options{ExtendedTypes: true})
	})
	for i, line := range lines {
		if !r.step(lines, i, line) {
			t.Fatalf("line %d: %.200s", i+1, line)
		}
	}
}

func (r *recording) step(lines []string, i int, line string) bool {
	text := strings.TrimSpace(line[1:])
	switch line[0] {
	case '>':
		if r.c == nil {
			r.c = r.w.dial()
			r.expectSession(lines[i:])
		}
		r.c.sendRaw(unhex(r.t, text))
		return true
	case '<':
		return r.compare(text)
	}
	switch {
	case text == "listener closes":
		r.c.ended()
		r.c = nil
	case text == "the old connection: listener closes":
		r.old.ended()
	case text == "dialer closes":
		r.c.nc.Close()
		r.c = nil
	case strings.HasSuffix(text, "is open on another connection"):
		fmt.Sscanf(text, "session 0x%x", &r.session)
		r.w.do(func() {
			r.w.take(answerable{req: &replica.Request{Request: prep.Request{
				Session: r.session, Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: 10000},
			}}})
		})
	case strings.Contains(text, "while the old connection is open"):
		r.old, r.c = r.c, nil
	}
	return true
}

// expectSession makes the next session the one that the next answer speaks of.
func (r *recording) expectSession(lines []string) {
	if len(lines) < 2 || lines[1][0] != '<' {
		return
	}
	b := unhex(r.t, lines[1][1:])
	if len(b) >= 20 {
		var id proto.SessionID
		for _, v := range b[12:20] {
			id = id<<8 | proto.SessionID(v)
		}
		if id != 0 {
			r.w.srv.nextSession.Store(int64(id))
		}
	}
}

// compare reads as many bytes as Java sent and compares all but the times, and
// the order of lists, which Java keeps in hash tables.
func (r *recording) compare(want string) bool {
	b := make([]byte, len(want)/2)
	n, err := io.ReadFull(r.c.nc, b)
	got := hex.EncodeToString(b[:n])
	if got, want := r.level(got), r.level(want); got != want && sorted(got) != sorted(want) {
		r.t.Errorf("got\n%s (%v), want\n%s", got, err, want)
		return false
	}
	return true
}

func (r *recording) level(s string) string {
	b := []byte(s)
	for i := 0; i+16 <= len(b); i += 2 {
		if bytes.HasPrefix(b[i:], []byte(r.clock)) {
			copy(b[i+10:], "......")
		}
	}
	return string(b)
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}
