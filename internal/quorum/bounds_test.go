package quorum

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// asking asks a queue for a place, in a goroutine of its own, and returns once
// it waits.
func asking(ctx context.Context, q *requestQueue) <-chan error {
	done := make(chan error, 1)
	q.mu.Lock()
	before := len(q.waiters)
	q.mu.Unlock()
	go func() { done <- q.reserve(ctx) }()
	for {
		q.mu.Lock()
		n := len(q.waiters)
		q.mu.Unlock()
		if n > before {
			return done
		}
		runtime.Gosched()
	}
}

// TestPlaces: a full queue has no places, and who asked first gets the first.
func TestPlaces(t *testing.T) {
	ctx, q := t.Context(), newRequestQueue(2, func() {})
	reserve := func() {
		t.Helper()
		if err := q.reserve(ctx); err != nil {
			t.Fatal(err)
		}
	}
	free := func(want int) {
		t.Helper()
		if got := q.limit - len(q.items) - q.places; got != want {
			t.Errorf("%d places are free, want %d", got, want)
		}
	}
	reserve()
	q.put(&replica.Request{})
	reserve() // not used yet
	var waiting []<-chan error
	for range 3 {
		waiting = append(waiting, asking(ctx, q))
	}
	given := func(n int) {
		t.Helper()
		for i, c := range waiting[:n] {
			if err := <-c; err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		waiting = waiting[n:]
		for i, c := range waiting {
			select {
			case err := <-c:
				t.Fatalf("%d of those left: %v", i, err)
			default:
			}
		}
	}
	given(0)
	q.release()
	given(1)
	if v := q.take(nil, 1); len(v) != 1 {
		t.Fatal(len(v))
	}
	given(1)
	q.put(&replica.Request{})
	q.put(&replica.Request{})
	if v := q.take(nil, -3); len(v) != 0 || q.len() != 2 {
		t.Errorf("took %d, %d are left", len(v), q.len())
	}
	given(0)
	q.drop()
	given(1)
	free(1)

	reserve()
	patient, cancel := context.WithCancel(ctx)
	gone := asking(patient, q)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || len(q.waiters) != 0 {
		t.Errorf("%v, %d wait", err, len(q.waiters))
	}
	last := asking(ctx, q)
	q.close()
	if err := <-last; !errors.Is(err, ErrNotServing) {
		t.Errorf("after close: %v", err)
	}
	if err := q.reserve(ctx); !errors.Is(err, ErrNotServing) {
		t.Errorf("after close: %v", err)
	}
	q.put(&replica.Request{}) // by somebody who had a place
	q.release()
	if q.len() != 0 || q.places != 0 {
		t.Errorf("%d queued, %d places", q.len(), q.places)
	}
}

// TestPlacesAreNotLost: whoever gives up just when a place is given to it gives
// it on.
func TestPlacesAreNotLost(t *testing.T) {
	q := newRequestQueue(3, func() {})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range 2000 {
				ctx, cancel := context.WithCancel(t.Context())
				turns := rng.IntN(3)
				go func() {
					for range turns {
						runtime.Gosched()
					}
					cancel()
				}()
				if q.reserve(ctx) != nil {
					continue
				}
				if g%2 == 0 {
					q.put(&replica.Request{})
					q.take(nil, 1)
				} else {
					q.release()
				}
			}
		})
	}
	wg.Wait()
	if q.places != 0 || len(q.waiters) != 0 || len(q.items) != 0 {
		t.Errorf("%d places, %d waiters, %d items are left", q.places, len(q.waiters), len(q.items))
	}
}

// runOf returns n messages that came together.
func runOf(n int) replica.Event { return replica.Messages{Msgs: make([]zab.Message, n)} }

// TestInboxIsFull: what counts is messages, not the events that they are told in.
func TestInboxIsFull(t *testing.T) {
	single := replica.Message{}
	for name, tc := range map[string]struct {
		single int   // messages, each told alone
		runs   []int // and these told together, the last one behind the others
		own    int   // completions
		full   bool
	}{
		"empty":             {0, nil, 0, false},
		"one less":          {maxInbox - 1, nil, 0, false},
		"full":              {maxInbox, nil, 0, true},
		"a run of one less": {0, []int{maxInbox - 1}, 0, false},
		"a run":             {0, []int{maxInbox}, 0, true},
		"runs of one less":  {1, []int{maxInbox / 2, maxInbox/2 - 2}, 0, false},
		"runs":              {1, []int{maxInbox / 2, maxInbox/2 - 1}, 0, true},
		"a run beyond":      {maxInbox - 1, []int{maxTold}, 0, true}, // which has not waited
		"completions count": {1, []int{maxInbox - 3}, 2, true},
	} {
		in := newInbox()
		for range tc.own {
			in.put(replica.Persisted{})
		}
		for range tc.single {
			in.putBounded(single)
		}
		for _, n := range tc.runs {
			in.putBounded(runOf(n))
		}
		if in.full() != tc.full {
			t.Errorf("%s: full is %v", name, !tc.full)
		}
		if n := len(in.take(nil)); n != tc.own+tc.single+len(tc.runs) {
			t.Errorf("%s: %d events", name, n)
		}
		if in.full() || in.more != 0 {
			t.Errorf("%s: once it was taken, %d more are counted", name, in.more)
		}
	}
}

// TestInboxIsBounded: link readers wait, with one message or with many, completions do not.
func TestInboxIsBounded(t *testing.T) {
	for name, late := range map[string]replica.Event{"one": replica.Message{}, "a run": runOf(3)} {
		synctest.Test(t, func(t *testing.T) {
			in := newInbox()
			in.putBounded(runOf(maxInbox))
			done := make(chan bool, 1)
			go func() { done <- in.putBounded(late) }()
			in.put(replica.Persisted{})
			if synctest.Wait(); len(done) > 0 {
				t.Fatalf("%s: the inbox is not bounded", name)
			}
			if v := in.take(nil); len(v) != 2 {
				t.Errorf("%s: %d events", name, len(v))
			}
			if !<-done {
				t.Errorf("%s: refused", name)
			}
			<-in.wake
			in.putBounded(runOf(maxInbox))
			go func() { done <- in.putBounded(late) }()
			if synctest.Wait(); len(done) > 0 {
				t.Fatalf("%s: the inbox is not bounded the second time", name)
			}
			if in.close(); <-done {
				t.Errorf("%s: taken after the end", name)
			}
		})
	}
}

// leadersLink returns a link as a leader has it, of a server whose files are open
// until the test ends, and the other end of its socket.
func leadersLink(t *testing.T) (l *link, there net.Conn) {
	t.Helper()
	s := standalone(t)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	return newLink(s.peer, 5, here, true), there
}

// TestLinkBudget: a learner that does not read is let go, not waited for.
func TestLinkBudget(t *testing.T) {
	l, _ := leadersLink(t)
	l.budget = 10_000
	done := make(chan struct{})
	go func() { l.run(); close(done) }()
	big := &proto.Txn{Raw: make([]byte, 1000)}
	for i := range 30 { // the writer has taken some of them
		l.put(zab.Proposal{Txn: big})
		if i == 3 {
			l.wakeUp()
		}
	}
	<-done
	events := l.peer.inbox.take(nil)
	if len(events) != 1 || events[0] != (replica.Disconnected{Link: 5, Reason: "its queue is full"}) {
		t.Errorf("%v", events)
	}
	if l.mu.Lock(); len(l.queue) > 10 {
		t.Errorf("%d messages are queued", len(l.queue))
	}
	l.mu.Unlock()
}

// TestLinkBudgetOfBoth: what the writer holds counts until it has been written.
func TestLinkBudgetOfBoth(t *testing.T) {
	l, _ := leadersLink(t)
	l.budget = 10_000
	put := func(n int) {
		for range n {
			l.put(zab.Proposal{Txn: &proto.Txn{Raw: make([]byte, 1000)}})
		}
	}
	put(6)
	l.take(nil)
	put(3)
	l.take(nil) // the first six have been written
	put(6)
	if l.over {
		t.Error("the budget is used up, with nine of ten")
	}
	if put(1); !l.over {
		t.Error("ten messages of more than a tenth of the budget fit")
	}
}

// TestLinkEnds: how a link ended is told, unless this side hung up.
func TestLinkEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(l *link, there net.Conn)
		want string
	}{
		"closed":    {func(l *link, c net.Conn) { c.Close() }, "connection closed"},
		"truncated": {func(l *link, c net.Conn) { c.Write(make([]byte, 10)); c.Close() }, io.ErrUnexpectedEOF.Error()},
		"hung up":   {func(l *link, c net.Conn) { l.close() }, ""},
		"a large first packet": {
			func(l *link, c net.Conn) {
				head := wire.AppendMessage(nil, zab.FollowerInfo{}, false)[:12]
				c.Write(append(binary.BigEndian.AppendUint32(head, 2000), 1))
			},
			"data of packet type 11: malformed quorum packet: length 2000 is beyond the limit of 1024",
		},
	} {
		l, there := leadersLink(t)
		done := make(chan struct{})
		go func() { l.run(); close(done) }()
		tc.do(l, there)
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("%s: the link stays open", name)
		}
		got := ""
		for _, ev := range l.peer.inbox.take(nil) {
			got = ev.(replica.Disconnected).Reason
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestLastWords: a server that stops sends what is queued on its links, though the other end goes on talking, and does
// not wait for an end that takes nothing.
func TestLastWords(t *testing.T) {
	l, there := leadersLink(t)
	p := l.peer
	silentHere, silent := net.Pipe()
	defer silent.Close()
	deaf := newLink(p, 6, silentHere, true)
	p.loop.links = map[zab.LinkID]*link{5: l, 6: deaf}
	for _, k := range []*link{l, deaf} {
		p.conns[k] = struct{}{}
		p.wg.Go(k.run)
		for z := range proto.Zxid(3) {
			k.put(zab.Commit{Zxid: z + 1})
		}
	}
	p.inbox.close()
	ack := wire.AppendMessage(nil, zab.Ack{Zxid: 1}, false)
	if _, err := there.Write(ack); err != nil { // which the reader finds nobody for
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { p.closeNet(); close(ended) }()
	go there.Write(ack)
	heard := bufio.NewReader(there)
	for z := range proto.Zxid(3) {
		p, err := wire.ReadPacket(heard, 1<<10)
		if err != nil || p.Zxid != z+1 {
			t.Fatalf("commit %d: %+v, %v", z+1, p, err)
		}
	}
	if _, err := heard.ReadByte(); err != io.EOF {
		t.Errorf("after the last words: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it waits for a server that takes nothing")
	}
}
