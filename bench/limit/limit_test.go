package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
)

// TestAnswersWhenTwoHaveIt: no client hears of a frame that one log has alone.
func TestAnswersWhenTwoHaveIt(t *testing.T) {
	nc := new(answers)
	l := &leader{sent: []*batch{{[]origin{{nc, 3}}}, {[]origin{{nc, 1}, {nc, 1}}}, {[]origin{{nc, 7}}}}}
	for _, step := range []struct {
		log  int
		more uint64
		want int // answers in all
	}{{0, 2, 0}, {1, 1, 3}, {2, 1, 3}, {2, 2, 5}, {1, 2, 12}, {0, 1, 12}} {
		l.logged(step.log, step.more)
		if got := nc.Len() / 4; got != step.want {
			t.Fatalf("after log %d had %d more: %d answers, want %d", step.log, step.more, got, step.want)
		}
	}
}

// answers is a connection that keeps what is written to it.
type answers struct {
	net.Conn
	bytes.Buffer
}

func (a *answers) Read(p []byte) (int, error)  { return 0, io.EOF }
func (a *answers) Write(p []byte) (int, error) { return a.Buffer.Write(p) }
func (a *answers) Close() error                { return nil }

// TestTakeWholeFrames: what has come of a frame waits for the rest.
func TestTakeWholeFrames(t *testing.T) {
	stream := load{outstanding: 3, size: 10}.window()
	l := &leader{wake: make(chan struct{}, 1)}
	in := bufio.NewReader(strings.NewReader(string(stream[:len(stream)-1])))
	if _, err := in.Peek(14); err != nil {
		t.Fatal(err)
	}
	l.take(nil, in, 14)
	if len(l.origins) != 1 || l.origins[0].n != 2 || !bytes.Equal(l.frames, stream[:28]) {
		t.Errorf("%d bytes from %+v, want two frames of 14", len(l.frames), l.origins)
	}
	if in.Buffered() != 13 {
		t.Errorf("%d bytes wait, want 13", in.Buffered())
	}
}

func TestJournalBeginsAnew(t *testing.T) {
	j, err := openJournal(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer j.f.Close()
	if err := j.append(make([]byte, 1<<20-5), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := j.append([]byte("defg")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 4)
	if _, err := j.f.ReadAt(head, 0); err != nil || string(head) != "defg" {
		t.Errorf("the file begins with %q (%v)", head, err)
	}
	if size, err := j.f.Size(); err != nil || size != 1<<20 {
		t.Errorf("%d bytes (%v)", size, err)
	}
}

func TestReadFrameRefusesLongOnes(t *testing.T) {
	if _, err := readFrame(bytes.NewReader(binary.BigEndian.AppendUint32(nil, maxBatch+1))); err == nil || err == io.EOF {
		t.Errorf("a frame of more than %d bytes: %v", maxBatch, err)
	}
}
