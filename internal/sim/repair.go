package sim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/proto"
)

// beginRepair asks the others for what is damaged, as quorum does; nil ends it.
func (d *drive) beginRepair(damage *persist.Damage) {
	w := d.s.w
	if damage == nil {
		d.repair, d.promiseLost, d.damaged, d.wiped = nil, false, false, false
		w.Heals++
		w.event(d.s, "has a whole history again")
		return
	}
	d.promiseLost = damage.Lost.Accepted
	opts := repair.Options{Self: proto.PeerID(d.s.id), AcceptedLost: damage.Lost.Accepted, CurrentLost: damage.Lost.Current}
	if damage.Tries >= 3 {
		opts.GiveUp = "the history was mended and is still damaged"
	}
	for _, o := range w.servers {
		if o != d.s {
			opts.Peers = append(opts.Peers, proto.PeerID(o.id))
		}
	}
	p := d.s.takeUp()
	for _, id := range p.Committed.Voters() {
		opts.Voters = append(opts.Voters, proto.PeerID(id))
	}
	d.repair = repair.New(opts, damage.Survey)
	w.event(d.s, fmt.Sprintf("is damaged: %v", damage.Cause))
}

// stepRepair gives the repair an event and does what it asks for.
func (s *Server) stepRepair(ev repair.Event) {
	if s.drive.repair == nil {
		return
	}
	for _, a := range s.drive.repair.Step(s.local(), ev, nil) {
		switch a := a.(type) {
		case repair.Ask:
			s.ask(a)
		case repair.Fill:
			s.w.Repairs++
			s.drive.put(persist.Mend{Entries: a.Entries, Accepted: a.Accepted})
			s.planBatch()
		case repair.Note:
			s.w.event(s, fmt.Sprintf("repair: fact %d, server %d, %d transactions, %s", a.Fact, a.Peer, a.Count, a.Text))
		}
	}
	s.planRepair()
}

// planRepair lets the repair have its next tick.
func (s *Server) planRepair() {
	m := s.drive.repair
	if m == nil {
		return
	}
	at := s.global(m.Deadline())
	if m.Deadline() == repair.Never {
		return
	}
	s.at(max(at-s.w.now, ms), func() {
		if s.drive.repair == m && s.local() >= m.Deadline() {
			s.stepRepair(repair.Tick{})
		}
	})
}

// ask sends a question on a connection of its own and brings the answer.
func (s *Server) ask(a repair.Ask) {
	w, to, m := s.w, s.w.servers[a.Peer-1], s.drive.repair
	step := func(ev repair.Event) {
		if s.drive.repair == m {
			s.stepRepair(ev)
		}
	}
	packet := wire.AppendPacket(nil, wire.PacketQuestion, a.Question.Append(nil))
	failed := func(why string) {
		s.at(w.latency(), func() { step(repair.Failed{Peer: a.Peer, Reason: why}) })
	}
	s.at(w.latency(), func() {
		switch {
		case !to.up || !w.open(s.id, to.id):
			failed("refused")
			return
		case to.paused || w.faults && w.chance(10):
			failed("timeout")
			return
		}
		answer, err := to.lookup(packet)
		if err != nil {
			w.fail("server %d cannot answer a question: %v", to.id, err)
			return
		}
		if !w.open(to.id, s.id) {
			failed("timeout")
			return
		}
		s.at(w.latency(), func() {
			w.reader.Reset(bytes.NewReader(answer))
			p, err := wire.ReadPacket(w.reader, 64<<20)
			must(err)
			got, err := repair.DecodeAnswer(p.Data)
			must(err)
			step(repair.Answered{Peer: a.Peer, Answer: got})
		})
	})
}

// lookup answers a question with what is on the disk.
func (s *Server) lookup(packet []byte) ([]byte, error) {
	s.w.reader.Reset(bytes.NewReader(packet))
	p, err := wire.ReadPacket(s.w.reader, repair.MaxQuestion)
	if err != nil {
		return nil, err
	}
	q, err := repair.DecodeQuestion(p.Data)
	if err != nil {
		return nil, err
	}
	a := repair.Answer{From: proto.PeerID(s.id), Accepted: -1}
	if !s.drive.promiseLost {
		a.Accepted = s.drive.store.AcceptedEpoch()
	}
	budget := 1 << 20
	for _, want := range q.Wants {
		var part repair.Part
		if budget > 0 {
			if part.Entries, part.Whole, err = s.drive.store.Lookup(want, budget, nil); err != nil {
				return nil, err
			}
		}
		for _, e := range part.Entries {
			budget -= len(e.Payload)
		}
		a.Parts = append(a.Parts, part)
	}
	return wire.AppendPacket(nil, wire.PacketAnswer, slices.Clone(a.Append(nil))), nil
}
