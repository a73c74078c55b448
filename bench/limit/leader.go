package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// leader collects frames of clients into batches, and answers a batch when two
// of three logs have it.
type leader struct {
	wake  chan struct{} // has room for one
	ended chan error    // has room for each half of a link

	mu      sync.Mutex
	frames  []byte    // guarded by mu: of the next batch
	origins []origin  // guarded by mu: of those frames
	sent    []*batch  // guarded by mu: not answered yet, oldest first
	done    [3]uint64 // guarded by mu: how many batches each log has, ours first
	decided uint64    // guarded by mu: batches answered
}

// origin is how many frames of a batch came from a client.
type origin struct {
	nc net.Conn
	n  int
}

type batch struct{ origins []origin }

// lead serves clients with the help of followers, until it is killed.
func lead(dir string, followers []string) error {
	j, err := openJournal(dir, journalSize)
	if err != nil {
		return err
	}
	l := &leader{wake: make(chan struct{}, 1), ended: make(chan error, 2*len(followers))}
	var links []net.Conn
	for i, addr := range followers {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		links = append(links, nc)
		go func() { l.ended <- l.hear(nc, i+1) }()
	}
	ln, err := listen()
	if err != nil {
		return err
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go l.serve(nc)
		}
	}()
	return l.log(j, links)
}

// serve takes a client's frames, as many at a time as have come.
func (l *leader) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReaderSize(nc, 256<<10)
	for {
		head, err := in.Peek(4)
		if err != nil {
			return
		}
		size := 4 + int(binary.BigEndian.Uint32(head))
		if size > in.Size() {
			return
		}
		if _, err := in.Peek(size); err != nil {
			return
		}
		l.take(nc, in, size)
	}
}

// take moves the whole frames that in has buffered into the next batch. All
// frames of a client have the same size.
func (l *leader) take(nc net.Conn, in *bufio.Reader, size int) {
	n := in.Buffered() / size
	frames, _ := in.Peek(n * size)
	l.mu.Lock()
	l.frames = append(l.frames, frames...)
	l.origins = append(l.origins, origin{nc, n})
	l.mu.Unlock()
	in.Discard(len(frames))
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// log sends the next batch to the followers and writes it, again and again.
func (l *leader) log(j *journal, links []net.Conn) error {
	queues := make([]chan []byte, len(links))
	for i, nc := range links {
		queues[i] = make(chan []byte, 1024)
		go func() { l.ended <- send(nc, queues[i]) }()
	}
	for {
		select {
		case <-l.wake:
		case err := <-l.ended:
			return fmt.Errorf("a follower's link: %w", err)
		}
		l.mu.Lock()
		frames := l.frames
		l.sent = append(l.sent, &batch{l.origins})
		l.frames, l.origins = make([]byte, 0, len(frames)), nil // the batch is the links' until they have sent it
		l.mu.Unlock()
		for _, q := range queues {
			select {
			case q <- frames:
			case err := <-l.ended:
				return fmt.Errorf("a follower's link: %w", err)
			}
		}
		if err := j.append(frames); err != nil {
			return err
		}
		l.logged(0, 1)
	}
}

// send sends batches with their lengths until the connection ends.
func send(nc net.Conn, batches chan []byte) error {
	for b := range batches {
		pieces := net.Buffers{binary.BigEndian.AppendUint32(nil, uint32(len(b))), b}
		if _, err := pieces.WriteTo(nc); err != nil {
			return err
		}
	}
	return nil
}

// hear counts what a follower has written, until the connection ends.
func (l *leader) hear(nc net.Conn, index int) error {
	var n [4]byte
	for {
		if _, err := io.ReadFull(nc, n[:]); err != nil {
			return err
		}
		l.logged(index, uint64(binary.BigEndian.Uint32(n[:])))
	}
}

// logged notes that a log has more batches, and answers what two have now.
func (l *leader) logged(index int, more uint64) {
	l.mu.Lock()
	l.done[index] += more
	sorted := l.done
	slices.Sort(sorted[:])
	n := sorted[1] - l.decided // the second most is what two have
	l.decided += n
	answered := slices.Clone(l.sent[:n])
	l.sent = slices.Delete(l.sent, 0, int(n))
	l.mu.Unlock()
	replies := map[net.Conn]int{}
	for _, b := range answered {
		for _, o := range b.origins {
			replies[o.nc] += o.n
		}
	}
	for nc, n := range replies {
		nc.Write(make([]byte, 4*n)) // a client that has gone does not matter
	}
}
