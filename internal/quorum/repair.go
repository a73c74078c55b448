package quorum

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/repair"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/proto"
)

// A damaged server runs as usual but for three things: its last zxid is -1, so
// that it counts for nothing; it asks the others for what it lost, here; and the
// first of the two that succeeds, mending or a leader's snapshot, ends that.

// maxAnswer bounds the transactions in one answer, in bytes; one larger
// transaction is answered all the same.
const maxAnswer = 4 << 20

// beginRepair starts over with what is damaged now; nil ends the repair. It
// runs on the loop's goroutine, or before there is one.
func (p *Peer) beginRepair(d *persist.Damage) {
	m := p.opts.Metrics
	p.promiseLost.Store(d != nil && d.Lost.Accepted)
	if d == nil {
		m.Damaged.Store(0)
		p.loop.repair = nil
		p.log.Info("the history on disk is whole again")
		return
	}
	m.Damaged.Store(1)
	opts := repair.Options{Self: p.opts.Self, AcceptedLost: d.Lost.Accepted, CurrentLost: d.Lost.Current}
	if d.Tries >= 3 {
		opts.GiveUp = "the history was mended and is still damaged"
	}
	for _, member := range p.Ensemble().Members {
		if id := proto.PeerID(member.ID); id != p.opts.Self {
			opts.Peers = append(opts.Peers, id)
		}
	}
	slices.Sort(opts.Peers)
	for _, id := range p.Ensemble().Voters() {
		opts.Voters = append(opts.Voters, proto.PeerID(id))
	}
	p.loop.repair = repair.New(opts, d.Survey)
	p.tellDamage(d)
}

func (p *Peer) tellDamage(d *persist.Damage) {
	p.log.Error("the history on disk is damaged: this server takes no part in the ensemble until others have made it whole", "err", d.Cause)
	for _, err := range slices.Concat(d.Survey.Damage, d.Lost.Damage) {
		p.log.Warn("damaged", "err", err)
	}
	for i := range d.Survey.Gaps {
		p.log.Warn("lost", "what", d.Survey.Gaps[i].String())
	}
}

// post has the loop call f, unless it has ended.
func (p *Peer) post(f func(now time.Duration)) {
	select {
	case p.calls <- f:
	case <-p.netCtx.Done():
	}
}

// damaged is called by the disk.
func (p *Peer) damaged(d *persist.Damage) { p.post(func(time.Duration) { p.beginRepair(d) }) }

// repairStep gives the repair an event and does what it asks for.
func (p *Peer) repairStep(ev repair.Event) {
	if p.loop.repair == nil {
		return
	}
	for _, a := range p.loop.repair.Step(p.loop.now, ev, nil) {
		switch a := a.(type) {
		case repair.Ask:
			p.ask(a)
		case repair.Fill:
			p.log.Info("all that was lost is found", "transactions", len(a.Entries))
			p.diskPut(persist.Mend{Entries: a.Entries, Accepted: a.Accepted})
		case repair.Note:
			p.repairNote(a)
		}
	}
}

func (p *Peer) repairNote(n repair.Note) {
	switch n.Fact {
	case repair.FactFetched:
		p.opts.Metrics.Fetched.Add(int64(n.Count))
		p.log.Info("fetched lost transactions", "peer", n.Peer, "count", n.Count)
	case repair.FactFailed:
		p.log.Info("a server did not answer what it has of the lost transactions", "peer", n.Peer, "reason", n.Text)
	case repair.FactMissing:
		p.log.Warn("no server that was asked has what is lost here; asking on, and waiting for a leader's snapshot", "missing", n.Text)
	case repair.FactAlone:
		p.log.Info("no other server could be asked yet for what is lost here")
	case repair.FactWaiting:
		p.log.Warn("asking other servers does not help; waiting for a leader's snapshot", "reason", n.Text)
	}
}

// ask sends a question in the background.
func (p *Peer) ask(a repair.Ask) {
	m := p.loop.repair
	p.wg.Go(func() {
		answer, err := p.question(a)
		ev := repair.Event(repair.Answered{Peer: a.Peer, Answer: answer})
		if err != nil {
			ev = repair.Failed{Peer: a.Peer, Reason: err.Error()}
		}
		p.post(func(now time.Duration) {
			if p.loop.repair == m { // else it is about what was damaged before
				p.loop.now = now
				p.repairStep(ev)
			}
		})
	})
}

// question asks on a connection of its own.
func (p *Peer) question(a repair.Ask) (repair.Answer, error) {
	m, ok := p.Ensemble().Member(int64(a.Peer))
	if !ok {
		return repair.Answer{}, fmt.Errorf("server %d is not a member of the ensemble", a.Peer)
	}
	nc, err := p.dialAny(m.QuorumAddrs)
	if err != nil {
		return repair.Answer{}, err
	}
	defer nc.Close()
	stop := make(chan struct{})
	defer close(stop)
	p.wg.Go(func() { // ends the reading when the peer stops
		select {
		case <-p.netCtx.Done():
			nc.Close()
		case <-stop:
		}
	})
	if err := nc.SetDeadline(time.Now().Add(p.opts.InitTimeout)); err != nil {
		return repair.Answer{}, err
	}
	if _, err := nc.Write(wire.AppendPacket(nil, wire.PacketQuestion, a.Question.Append(nil))); err != nil {
		return repair.Answer{}, err
	}
	pkt, err := wire.ReadPacket(bufio.NewReader(nc), p.opts.MaxPacket)
	if errors.Is(err, io.EOF) {
		return repair.Answer{}, errors.New("it closed the connection: it is busy, or a server that does not know the question")
	}
	if err != nil {
		return repair.Answer{}, err
	}
	if pkt.Type != wire.PacketAnswer {
		return repair.Answer{}, fmt.Errorf("a packet of type %d in place of an answer", pkt.Type)
	}
	return repair.DecodeAnswer(pkt.Data)
}

// greet looks at the first bytes that came on an accepted connection. It returns
// whether this is a learner's link; a question is answered here.
func (k *link) greet() bool {
	p := k.peer
	if err := k.nc.SetReadDeadline(time.Now().Add(max(p.opts.Tick, time.Second))); err != nil {
		return false
	}
	head, err := k.br.Peek(4)
	if err != nil {
		return false
	}
	if int32(binary.BigEndian.Uint32(head)) == wire.PacketQuestion {
		if err := k.answer(); err != nil {
			p.log.Info("a question was not answered", "remote", k.nc.RemoteAddr(), "err", err)
		}
		return false
	}
	return k.nc.SetReadDeadline(time.Time{}) == nil
}

// answer reads a question and writes what this server has of what it asks for.
func (k *link) answer() error {
	p := k.peer
	pkt, err := wire.ReadPacket(k.br, repair.MaxQuestion)
	if err != nil {
		return err
	}
	q, err := repair.DecodeQuestion(pkt.Data)
	if err != nil {
		return err
	}
	if _, ok := p.Ensemble().Member(int64(q.From)); !ok || q.From == p.opts.Self {
		return fmt.Errorf("server %d is not another member of the ensemble", q.From)
	}
	k.uncount() // what follows takes a place among the questions, not among the learners
	select {
	case p.questions <- struct{}{}:
		defer func() { <-p.questions }()
	default:
		return errors.New("others are being answered")
	}
	a, err := p.lookup(q)
	if err != nil {
		return err
	}
	if err := k.nc.SetWriteDeadline(time.Now().Add(p.opts.InitTimeout)); err != nil {
		return err
	}
	_, err = k.nc.Write(wire.AppendPacket(nil, wire.PacketAnswer, a.Append(nil)))
	return err
}

// maxQuestions are answered at once; who comes then is asked to come again by
// the end of its connection. Reading logs is work, and so it is for one at a time.
const maxQuestions = 4

// maxLookup bounds what is read of logs for one question, in bytes.
const maxLookup = 512 << 20

func (p *Peer) lookup(q repair.Question) (repair.Answer, error) {
	select {
	case p.lookups <- struct{}{}:
		defer func() { <-p.lookups }()
	case <-p.netCtx.Done():
		return repair.Answer{}, errStopped
	}
	effort := &storage.Effort{Bytes: maxLookup, Stop: func() error { return context.Cause(p.netCtx) }}
	a := repair.Answer{From: p.opts.Self, Accepted: -1}
	if !p.promiseLost.Load() {
		a.Accepted = p.store.AcceptedEpoch()
	}
	budget := min(maxAnswer, p.opts.MaxPacket/2)
	for _, w := range q.Wants {
		var part repair.Part
		var err error
		if budget > 0 {
			if part.Entries, part.Whole, err = p.store.Lookup(w, budget, effort); err != nil {
				return repair.Answer{}, err
			}
		}
		for _, e := range part.Entries {
			budget -= len(e.Payload)
		}
		a.Parts = append(a.Parts, part)
	}
	return a, nil
}
