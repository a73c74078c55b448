package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// load is a closed loop of sessions with a window each.
type load struct {
	addr                        string
	sessions, outstanding, size int
	duration                    time.Duration
}

// run returns how many requests a second were answered, and how long the oldest
// request of the window waited each time that answers came.
func (l load) run() (perSecond float64, latency *bench.Histogram, err error) {
	latency = new(bench.Histogram)
	counts := make(chan int, l.sessions)
	errs := make(chan error, l.sessions)
	start := time.Now()
	for range l.sessions {
		go func() {
			n, err := l.session(start.Add(l.duration), latency)
			errs <- err
			counts <- n
		}()
	}
	total := 0
	for range l.sessions {
		if e := <-errs; e != nil {
			err = e
		}
		total += <-counts
	}
	return float64(total) / time.Since(start).Seconds(), latency, err
}

// session keeps its window full until the end.
func (l load) session(end time.Time, latency *bench.Histogram) (answered int, err error) {
	nc, err := net.Dial("tcp", l.addr)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	window := l.window()
	if _, err := nc.Write(window); err != nil {
		return 0, fmt.Errorf("send requests: %w", err)
	}
	sent := make([]time.Time, 0, 2*l.outstanding) // of those under way, oldest first
	for range l.outstanding {
		sent = append(sent, time.Now())
	}
	in := make([]byte, 4*l.outstanding)
	for now := time.Now(); now.Before(end); now = time.Now() {
		n, err := io.ReadAtLeast(nc, in, 4)
		if rest := n % 4; err == nil && rest != 0 {
			_, err = io.ReadFull(nc, in[n:n+4-rest])
			n += 4 - rest
		}
		if err != nil {
			return answered, fmt.Errorf("read answers: %w", err)
		}
		n /= 4
		now = time.Now()
		latency.Record(now.Sub(sent[0]))
		answered += n
		if _, err := nc.Write(window[:n*(4+l.size)]); err != nil {
			return answered, fmt.Errorf("send requests: %w", err)
		}
		sent = append(sent[:0], sent[n:]...)
		for range n {
			sent = append(sent, now)
		}
	}
	return answered, nil
}

// window returns a session's requests: frames of zeros with their lengths.
func (l load) window() []byte {
	var b []byte
	for range l.outstanding {
		b = binary.BigEndian.AppendUint32(b, uint32(l.size))
		b = append(b, make([]byte, l.size)...)
	}
	return b
}
