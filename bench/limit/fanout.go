package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/paddock-io/paddock/internal/bench"
)

// The fan-out is F12 without servers: so many bytes as an event has go out once on
// each of many connections, from three processes, and the time counts until the
// last of them has been read.
const (
	listeners   = 3000
	eventBytes  = 60
	tellers     = 3
	fanOuts     = 20
	fanOutReads = 64 // goroutines that read, one connection after the other
)

// tell accepts connections. On the first one a byte comes for each event, which
// then goes out on all others.
func tell() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	cue, err := l.Accept()
	if err != nil {
		return err
	}
	var all []net.Conn
	for range listeners / tellers {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		all = append(all, nc)
	}
	event, one := make([]byte, eventBytes), make([]byte, 1)
	for {
		if _, err := io.ReadFull(cue, one); err != nil {
			return nil // the load has ended
		}
		for _, nc := range all {
			if _, err := nc.Write(event); err != nil {
				return err
			}
		}
	}
}

// fanOut returns how long it takes until all have been told.
func fanOut(addrs []string) (*bench.Histogram, error) {
	var cues, all []net.Conn
	defer func() {
		for _, nc := range append(cues, all...) {
			nc.Close()
		}
	}()
	for i := range tellers + listeners {
		nc, err := net.Dial("tcp", addrs[i%tellers])
		if err != nil {
			return nil, err
		}
		if i < tellers {
			cues = append(cues, nc)
		} else {
			all = append(all, nc)
		}
	}
	h := new(bench.Histogram)
	for range fanOuts {
		start := time.Now()
		for _, nc := range cues {
			if _, err := nc.Write([]byte{1}); err != nil {
				return nil, err
			}
		}
		if err := readAll(all); err != nil {
			return nil, err
		}
		h.Record(time.Since(start))
	}
	return h, nil
}

// readAll reads one event from each connection.
func readAll(all []net.Conn) error {
	errs := make([]error, fanOutReads)
	var wg sync.WaitGroup
	for k := range fanOutReads {
		wg.Go(func() {
			event := make([]byte, eventBytes)
			for i := k; i < len(all) && errs[k] == nil; i += fanOutReads {
				_, errs[k] = io.ReadFull(all[i], event)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
