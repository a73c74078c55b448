package shell

import (
	"bufio"
	"fmt"
	"io"
	"sync"
)

// maxNotices bounds the notices that wait while the output is blocked.
const maxNotices = 1 << 16

// screen is where the shell prints. Results come from the goroutine that runs commands, notices from
// any; a notice is printed before the next result, or by pump.
type screen struct {
	qmu    sync.Mutex // leaf lock, never held while printing
	queue  []string   // notices, oldest first
	missed int        // notices beyond maxNotices
	wake   chan struct{}

	mu  sync.Mutex // held while printing
	out *bufio.Writer
	err io.Writer

	// show prints while a line is being edited, and reports whether one is; nil if that never happens.
	show func(text string) bool
}

func newScreen(out, err io.Writer) *screen {
	return &screen{out: bufio.NewWriter(out), err: err, wake: make(chan struct{}, 1)}
}

// notice queues text; it never blocks.
func (s *screen) notice(text string) {
	s.qmu.Lock()
	if len(s.queue) < maxNotices {
		s.queue = append(s.queue, text)
	} else {
		s.missed++
	}
	s.qmu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // pump has not looked yet
	}
}

// pump prints notices as they come, until stop is closed.
func (s *screen) pump(stop <-chan struct{}) {
	for {
		select {
		case <-s.wake:
			s.mu.Lock()
			s.drain()
			s.out.Flush()
			s.mu.Unlock()
		case <-stop:
			return
		}
	}
}

// drain prints the queued notices; mu is held.
func (s *screen) drain() {
	s.qmu.Lock()
	queue, missed := s.queue, s.missed
	s.queue, s.missed = nil, 0
	s.qmu.Unlock()
	if missed > 0 {
		queue = append(queue, fmt.Sprintf("%d events more were not printed\n", missed))
	}
	for _, text := range queue {
		if s.show == nil || !s.show(text) {
			s.out.WriteString(text)
		}
	}
}

// print writes to standard output. Output that cannot be written is lost, as with Java's System.out;
// a closed pipe ends the process by SIGPIPE.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	s.out.WriteString(text)
}

func (s *screen) println(text string) { s.print(text + "\n") }

// complain writes a line to standard error, after everything printed so far.
func (s *screen) complain(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain()
	s.out.Flush()
	fmt.Fprintln(s.err, text)
}

// heading writes a line before any notice that has come.
func (s *screen) heading(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.WriteString(text + "\n")
}

// settle prints the notices that have come.
func (s *screen) settle() { s.print("") }

// flush hands all that was printed to the system.
func (s *screen) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Flush()
}
