package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
)

// eventLog keeps the newest events for the grid.
type eventLog struct {
	lines []gridLine
	lost  int
}

type gridLine struct {
	at     time.Duration
	states string
	text   string
}

// gridLines is how many events before a failure are shown.
const gridLines = 120

// event notes something that a reader of a failed history wants to know; s may
// be nil.
func (w *World) event(s *Server, text string) {
	if s != nil {
		text = fmt.Sprintf("server %d %s", s.id, text)
	}
	if len(w.log.lines) == 2*gridLines {
		w.log.lost += gridLines
		w.log.lines = append(w.log.lines[:0], w.log.lines[gridLines:]...)
	}
	w.log.lines = append(w.log.lines, gridLine{w.now, w.states(), text})
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12v [%s] %s", w.now, w.states(), text))
	}
}

// states has a letter for every server.
func (w *World) states() string {
	var b strings.Builder
	for i, s := range w.servers {
		if i == w.cfg.voters {
			b.WriteByte(' ')
		}
		b.WriteByte(s.letter())
	}
	return b.String()
}

func (s *Server) letter() byte {
	switch {
	case !s.up:
		return 'x'
	case s.paused:
		return 'z'
	case s.role == zab.RoleLeader:
		return 'L'
	case s.role == zab.RoleFollower:
		return 'F'
	case s.role == zab.RoleObserver:
		return 'O'
	case s.role == zab.RoleReadOnly:
		return 'r'
	case s.r == nil:
		return '?'
	}
	switch st := s.r.Status(); {
	case st.Leading:
		return 'l'
	case !st.Looking:
		return 'f'
	}
	return '?'
}

// Grid shows what happened last, one line for each event: when, what every
// server was then, and what it was.
//
//	L leads  l tries to  F follows  f synchronises  O observes  ? looks
//	r read-only  z stopped  x down
func (w *World) Grid() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %#x: %s\n", w.Seed, w.cfg)
	b.WriteString("L leads, l tries to, F follows, f synchronises, O observes, ? looks, r read-only, z stopped, x down\n")
	lines := w.log.lines
	if len(lines) > gridLines {
		lines = lines[len(lines)-gridLines:]
	}
	if n := w.log.lost + len(w.log.lines) - len(lines); n > 0 {
		fmt.Fprintf(&b, "(%d earlier events)\n", n)
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "%10.3fs  %s  %s\n", l.at.Seconds(), l.states, l.text)
	}
	return b.String()
}

func (c config) String() string {
	var names []string
	for _, f := range c.faults {
		names = append(names, f.name)
	}
	return fmt.Sprintf("%d voters, %d observers, %d clients; window %d, batch %d, snapshots every %d, logs of %d, read for learners %v, observer masters %v, counters up to %d, local sessions %v, drift %v, slow readers %v, delay %v+%v, disk %v; faults every %v for %v: %s",
		c.voters, c.observers, c.clients, c.window, c.maxBatch, c.snapCount, c.logSize, c.readLogs, c.masters, c.lastCounter, c.local, c.drift, c.slowReaders, c.delay, c.hop, c.disk,
		c.pace, c.trouble, strings.Join(names, ", "))
}
