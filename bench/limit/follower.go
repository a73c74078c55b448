package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// maxBatch bounds what a leader sends in one piece, in bytes.
const maxBatch = 1 << 30

// listen announces a free port of the loopback interface on standard output.
func listen() (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		_, err = fmt.Fprintln(os.Stdout, ln.Addr())
	}
	return ln, err
}

// follow writes the batches of one leader and acknowledges them, until the
// leader has gone.
func follow(dir string) error {
	j, err := openJournal(dir, journalSize)
	if err != nil {
		return err
	}
	ln, err := listen()
	if err != nil {
		return err
	}
	nc, err := ln.Accept()
	if err != nil {
		return err
	}
	defer nc.Close()
	f := follower{wake: make(chan struct{}, 1), gone: make(chan struct{})}
	go f.read(nc)
	return f.write(j, nc)
}

// follower holds the batches that have come and are not written yet. The
// leader's clients bound them: nobody sends more than his window.
type follower struct {
	wake chan struct{} // has room for one
	gone chan struct{} // closed when the leader has gone

	mu      sync.Mutex
	batches [][]byte // guarded by mu
}

func (f *follower) read(nc net.Conn) {
	defer close(f.gone)
	in := bufio.NewReaderSize(nc, 1<<20)
	for {
		batch, err := readFrame(in)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.batches = append(f.batches, batch)
		f.mu.Unlock()
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// readFrame reads four bytes of length and what follows.
func readFrame(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxBatch {
		return nil, errors.New("a batch of more than 1 GiB")
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// write writes whatever has come with one sync, and says how many batches.
func (f *follower) write(j *journal, nc net.Conn) error {
	for {
		select {
		case <-f.wake:
		case <-f.gone:
			return nil
		}
		f.mu.Lock()
		batches := f.batches
		f.batches = nil
		f.mu.Unlock()
		if len(batches) == 0 {
			continue
		}
		if err := j.append(batches...); err != nil {
			return err
		}
		if _, err := nc.Write(binary.BigEndian.AppendUint32(nil, uint32(len(batches)))); err != nil {
			return nil // the leader has gone
		}
	}
}
