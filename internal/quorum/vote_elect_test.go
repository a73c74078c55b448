package quorum

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/paddock-io/paddock/internal/election"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// voter runs an Election over an election port, as the quorum loop does.
type voter struct {
	*votePort
	e       *election.Election
	began   time.Time
	again   chan struct{} // start another election
	stop    chan struct{}
	ended   chan struct{}
	decided chan election.Decided
}

func newVoter(port *votePort, ens ensemble.Ensemble) *voter {
	v := &voter{
		votePort: port, began: time.Now(), again: make(chan struct{}, 1), stop: make(chan struct{}),
		ended: make(chan struct{}), decided: make(chan election.Decided, 10),
		// A quorum alone decides nothing in an hour: everybody must be heard, or known to refuse.
		e: election.New(ens, election.Options{Self: port.net.opts.Self, FinalizeWait: time.Hour}),
	}
	go v.run()
	return v
}

func (v *voter) run() {
	defer close(v.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var out []election.Action
		timer.Reset(min(time.Hour, v.e.Deadline()-time.Since(v.began)))
		select {
		case <-v.again:
			out = v.e.Start(time.Since(v.began), 0, 0, nil)
		case n := <-v.notes:
			out = v.e.Receive(time.Since(v.began), n.from, n.note, nil)
		case r := <-v.reach:
			if r.ok {
				v.e.PeerReachable(r.id)
			} else {
				out = v.e.PeerUnreachable(time.Since(v.began), r.id, nil)
			}
		case <-timer.C:
			out = v.e.Tick(time.Since(v.began), nil)
		case <-v.stop:
			return
		}
		for _, a := range out {
			switch a := a.(type) {
			case election.Send:
				v.net.Send(a.To, a.Note)
			case election.Decided:
				v.net.Settled()
				v.decided <- a
			}
		}
	}
}

func (v *voter) close() {
	v.net.Close()
	close(v.stop)
	<-v.ended
}

func TestThreePortsElect(t *testing.T) {
	for range 5 {
		electAndReelect(t)
	}
}

func electAndReelect(t *testing.T) {
	var ports []*votePort
	text := ""
	for id := proto.PeerID(1); id <= 3; id++ {
		ports = append(ports, openVotePort(t, id, listenLoopback(t), nil))
		text += fmt.Sprintf("server.%d=127.0.0.1:1:2:participant\n", id)
	}
	ens, err := ensemble.Parse(text + "version=0")
	if err != nil {
		t.Fatal(err)
	}
	var voters []*voter
	for _, p := range ports {
		p.net.SetPeers(servers(ports...))
		voters = append(voters, newVoter(p, ens))
	}
	want := func(leader proto.PeerID, voters []*voter) {
		t.Helper()
		for _, v := range voters {
			v.again <- struct{}{}
		}
		for _, v := range voters {
			select {
			case d := <-v.decided:
				if d.Vote.Leader != leader || (d.State == election.Leading) != (v.net.opts.Self == leader) {
					t.Fatalf("server %d decided %v for %d, want %d", v.net.opts.Self, d.State, d.Vote.Leader, leader)
				}
			case <-time.After(patience):
				t.Fatalf("server %d has not decided", v.net.opts.Self)
			}
		}
	}
	want(3, voters)
	voters[2].close()
	want(2, voters[:2])
	voters[1].close()
	voters[0].close()
}

func FuzzVoteFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 9})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 8, 0, 0, 1})
	f.Add(append([]byte{0, 0, 2, 0}, make([]byte, 600)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readVoteFrame(iotest.OneByteReader(bytes.NewReader(b)), nil)
		if err == nil && (len(body) < 1 || !bytes.Equal(body, b[4:4+len(body)])) {
			t.Fatalf("%x read as %x", b, body)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, errFrameLength) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		if cap(body) > 4*len(b)+1024 {
			t.Fatalf("%d bytes allocated for %d", cap(body), len(b))
		}
	})
}

func TestVoteFrameReusesItsBuffer(t *testing.T) {
	in := bytes.NewReader([]byte{0, 0, 0, 2, 'a', 'b', 0, 0, 0, 1, 'c'})
	first, err := readVoteFrame(in, nil)
	if err != nil || string(first) != "ab" {
		t.Fatalf("%q, %v", first, err)
	}
	second, err := readVoteFrame(in, first)
	if err != nil || string(second) != "c" || &first[0] != &second[0] {
		t.Fatalf("%q, %v", second, err)
	}
	if _, err := readVoteFrame(in, second); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}
