package quorum

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"reflect"
	"testing"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// arrival is what a link's socket brings at once, and what the loop must have been
// told of it before the link waits for more.
type arrival struct {
	bytes []byte
	told  []replica.Event
}

// scriptedConn is a socket that brings one arrival after the other, and then ends.
type scriptedConn struct {
	net.Conn
	arrivals []arrival
	waits    func() // called when more is wanted than has come
	begun    bool
}

func (c *scriptedConn) Read(b []byte) (int, error) {
	if c.begun {
		c.waits()
	}
	c.begun = true
	if len(c.arrivals) == 0 {
		return 0, io.EOF
	}
	n := copy(b, c.arrivals[0].bytes)
	if n < len(c.arrivals[0].bytes) {
		panic("an arrival is longer than the link's buffer")
	}
	c.arrivals = c.arrivals[1:]
	return n, nil
}

// readScript lets a link read arrivals, and returns what the loop was told by the end
// of each.
func readScript(leads bool, arrivals []arrival) (told [][]replica.Event, err error) {
	p := &Peer{opts: Options{MaxPacket: 1 << 20}, log: slog.New(slog.DiscardHandler), inbox: newInbox()}
	take := func() { told = append(told, p.inbox.take(nil)) }
	l := newLink(p, 7, &scriptedConn{arrivals: arrivals, waits: take}, leads)
	err = l.readLoop()
	take()
	return told, err
}

// numbered returns messages that differ, and make no run.
func numbered(first, n int) (msgs []zab.Message) {
	for i := range n {
		msgs = append(msgs, zab.Revalidate{ID: proto.SessionID(first + i)})
	}
	return msgs
}

func one(m zab.Message) replica.Event           { return replica.Message{Link: 7, Msg: m} }
func several(msgs ...zab.Message) replica.Event { return replica.Messages{Link: 7, Msgs: msgs} }

// shortly shows events, of a long run only how long it is.
func shortly(events []replica.Event) string {
	text := ""
	for _, ev := range events {
		if run, ok := ev.(replica.Messages); ok && len(run.Msgs) > 5 {
			text += fmt.Sprintf(" [%d from %v]", len(run.Msgs), run.Msgs[0])
			continue
		}
		text += fmt.Sprintf(" %T%v", ev, ev)
	}
	return text
}

// TestLinkTells: what has come together is told together, as far as it goes, and
// nothing waits for what has not come.
func TestLinkTells(t *testing.T) {
	var (
		v          = numbered(0, 600)
		a, b, c    = v[0], v[1], v[2]
		unknown    = wire.AppendPacket(nil, 99, []byte("what?"))
		malformed  = wire.AppendPacket(nil, 6, []byte{1}) // a REVALIDATE
		snapshot   = wire.AppendMessage(nil, zab.Snap{}, true)
		acks       = zab.Acks{First: 5, Last: 9}
		commits    = zab.Commits{First: 5, Last: 9}
		fromLeader = zab.Revalidated{ID: 1}
	)
	bytes := func(parts ...any) (all []byte) {
		for _, p := range parts {
			switch p := p.(type) {
			case []byte:
				all = append(all, p...)
			case []zab.Message:
				for _, m := range p {
					all = wire.AppendMessage(all, m, false)
				}
			case zab.Message:
				all = wire.AppendMessage(all, p, false)
			}
		}
		return all
	}
	half := func(m zab.Message) (first, second []byte) {
		whole := bytes(m)
		return whole[:len(whole)/2], whole[len(whole)/2:]
	}
	b1, b2 := half(b)
	c1, c2 := half(c)
	events := func(e ...replica.Event) []replica.Event { return e }

	for name, tc := range map[string]struct {
		learns   bool // this end is the learner's
		arrivals []arrival
		err      error
	}{
		"one":                     {false, []arrival{{bytes(a), events(one(a))}}, io.EOF},
		"two together":            {false, []arrival{{bytes(a, b), events(several(a, b))}}, io.EOF},
		"one after the other":     {false, []arrival{{bytes(a), events(one(a))}, {bytes(b), events(one(b))}}, io.EOF},
		"a half of the next":      {false, []arrival{{bytes(a, b1), events(one(a))}, {b2, events(one(b))}}, io.EOF},
		"two and a half":          {false, []arrival{{bytes(a, b, c1), events(several(a, b))}, {c2, events(one(c))}}, io.EOF},
		"a half and two":          {false, []arrival{{b1, nil}, {bytes(b2, c, a), events(several(b, c, a))}}, io.EOF},
		"ACKs are one message":    {false, []arrival{{bytes(acks), events(one(acks))}}, io.EOF},
		"ACKs between others":     {false, []arrival{{bytes(a, acks, b), events(several(a, acks, b))}}, io.EOF},
		"COMMITs are one message": {true, []arrival{{bytes(commits), events(one(commits))}}, io.EOF},

		"an unknown one":         {false, []arrival{{unknown, nil}, {bytes(a), events(one(a))}}, io.EOF},
		"an unknown one first":   {false, []arrival{{bytes(unknown, a), events(one(a))}}, io.EOF},
		"an unknown one between": {false, []arrival{{bytes(a, unknown, b), events(several(a, b))}}, io.EOF},
		"an unknown one last":    {false, []arrival{{bytes(a, b, unknown), events(several(a, b))}}, io.EOF},
		"an unknown one behind":  {false, []arrival{{bytes(a, unknown), events(several(a))}}, io.EOF},

		"an error":             {false, []arrival{{malformed, nil}}, wire.ErrPacket},
		"an error behind one":  {false, []arrival{{bytes(a, malformed), events(several(a))}}, wire.ErrPacket},
		"an error behind some": {false, []arrival{{bytes(a, b, malformed, c), events(several(a, b))}}, wire.ErrPacket},
		"an end in between":    {false, []arrival{{bytes(a, b, c1), events(several(a, b))}}, io.ErrUnexpectedEOF},

		"as many as are told":  {false, []arrival{{bytes(v[:maxTold]), events(several(v[:maxTold]...))}}, io.EOF},
		"one more than that":   {false, []arrival{{bytes(v[:maxTold+1]), events(several(v[:maxTold]...), one(v[maxTold]))}}, io.EOF},
		"two runs":             {false, []arrival{{bytes(v[:maxTold+2]), events(several(v[:maxTold]...), several(v[maxTold:maxTold+2]...))}}, io.EOF},
		"unknown at the limit": {false, []arrival{{bytes(v[:maxTold-1], unknown, c), events(several(v[:maxTold-1]...), one(c))}}, io.EOF},

		"before a snapshot's stream": {
			true, []arrival{{bytes(fromLeader, fromLeader, snapshot), events(several(fromLeader, fromLeader))}}, io.ErrUnexpectedEOF,
		},
	} {
		told, err := readScript(!tc.learns, tc.arrivals)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", name, err, tc.err)
		}
		for i, want := range tc.arrivals {
			if !reflect.DeepEqual(told[i], want.told) && len(told[i])+len(want.told) > 0 {
				t.Errorf("%s: of arrival %d the loop is told%s, want%s", name, i, shortly(told[i]), shortly(want.told))
			}
		}
		for _, late := range told[len(tc.arrivals):] {
			if len(late) > 0 {
				t.Errorf("%s: told only at the end: %v", name, late)
			}
		}
	}
}

// TestLinkTellsNobody: a link whose loop has ended reads on until the other end is
// through, so that what is queued for that one is not cut off.
func TestLinkTellsNobody(t *testing.T) {
	v := numbered(0, 3)
	for name, msgs := range map[string][]zab.Message{"one": v[:1], "a run": v} {
		var bytes []byte
		for _, m := range msgs {
			bytes = wire.AppendMessage(bytes, m, false)
		}
		p := &Peer{opts: Options{MaxPacket: 1 << 20}, inbox: newInbox()}
		p.inbox.close()
		nc := &scriptedConn{arrivals: []arrival{{bytes: bytes}, {bytes: bytes}}, waits: func() {}}
		if err := newLink(p, 7, nc, true).readLoop(); !errors.Is(err, errStopped) || len(nc.arrivals) > 0 {
			t.Errorf("%s: %v, and %d arrivals are not read", name, err, len(nc.arrivals))
		}
	}
}
