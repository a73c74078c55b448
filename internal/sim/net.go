package sim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// way is one direction between two places; servers are numbered from 1, clients
// from -1 downwards.
type way struct{ from, to int }

func (w *World) open(from, to int) bool { return w.blocked[way{from, to}] == 0 }

// block stops what goes one way, for a while. Nothing is lost by that alone.
func (w *World) block(from, to int, d time.Duration) {
	at := way{from, to}
	w.blocked[at]++
	w.after(d, func() { w.unblock(at) })
}

func (w *World) unblock(at way) {
	if w.blocked[at] > 0 {
		w.blocked[at]--
	}
}

// latency draws what a message takes.
func (w *World) latency() time.Duration {
	d := w.cfg.delay + w.upTo(w.cfg.hop)
	if w.faults && w.chance(200) {
		d += w.upTo(400 * ms)
	}
	return d
}

// pipe is one direction of a connection, as TCP gives it: in order, without
// loss until it ends. What is blocked waits.
type pipe struct {
	w     *World
	at    way
	queue []func()
	next  time.Duration // earliest arrival of what is sent next
}

func (p *pipe) send(fn func()) {
	p.queue = append(p.queue, fn)
	p.next = max(p.next+time.Microsecond, p.w.now+p.w.latency())
	p.w.after(p.next-p.w.now, p.arrive)
}

func (p *pipe) arrive() {
	if len(p.queue) == 0 {
		return
	}
	if !p.w.open(p.at.from, p.at.to) {
		p.w.after(20*ms, p.arrive)
		return
	}
	fn := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	fn()
}

// lose drops some of the newest that is under way: a connection that ends.
func (p *pipe) lose() {
	if len(p.queue) > 0 {
		p.queue = slices.Clone(p.queue[:p.w.rng.IntN(len(p.queue)+1)])
	}
}

// link is a connection from a learner to a leader.
type link struct {
	w      *World
	id     zab.LinkID
	ends   [2]end // ends[0] dialled
	closed bool

	// What was said on it, for the checks.
	epoch    int64      // in LEADERINFO
	due      proto.Zxid // what the learner must hold before it acknowledges NEWLEADER
	complete bool       // NEWLEADER was sent
	acked    bool       // and acknowledged
}

// end is one side of a link: what it has sent, and what it is sending.
type end struct {
	s       *Server
	gen     int
	gone    bool // it has closed the link, or knows that the link has ended
	out     pipe
	in      []arrival     // has come and was not read
	held    []zab.Message // behind a snapshot that is being sent
	sending *task         // the dump under way, nil without one
}

// arrival is what was sent as one: whole packets, or a SNAP with its tree, of which
// the checks know the history.
type arrival struct {
	bytes []byte
	tree  bool
	chain []proto.Zxid
}

func (l *link) side(s *Server) int {
	if l.ends[0].s == s {
		return 0
	}
	return 1
}

// dial opens a link. The side that is dialled learns of it first.
func (w *World) dial(from, to *Server, master bool) {
	gen := from.gen
	w.after(w.latency(), func() {
		switch {
		case !from.up || from.gen != gen:
			return
		case !to.up || !w.open(from.id, to.id) || !w.open(to.id, from.id):
			from.deliver(func() { from.step(replica.DialFailed{Leader: proto.PeerID(to.id), Reason: "refused"}) })
			return
		}
		w.lastID++
		l := &link{w: w, id: w.lastID, ends: [2]end{
			{s: from, gen: from.gen, out: pipe{w: w, at: way{from.id, to.id}}},
			{s: to, gen: to.gen, out: pipe{w: w, at: way{to.id, from.id}}},
		}}
		w.links = append(w.links, l)
		w.byID[l.id] = l
		to.deliver(func() { to.step(replica.Connected{Link: l.id, Master: master}) })
		from.deliver(func() { from.step(replica.Connected{Link: l.id, Dialed: true}) })
	})
}

// send puts a message on a link, as bytes.
func (s *Server) send(id zab.LinkID, m zab.Message) {
	l := s.w.byID[id]
	if l == nil {
		return // it ended, and its Disconnected event is on the way
	}
	e := &l.ends[l.side(s)]
	if e.gone {
		return
	}
	if e.sending != nil {
		e.held = append(e.held, m)
		return
	}
	l.put(e, arrival{bytes: wire.AppendMessage(nil, m, l.side(s) == 1)})
}

// put sends what the other end is to receive as one.
func (l *link) put(e *end, a arrival) {
	to := &l.ends[1-l.side(e.s)]
	e.out.send(func() { l.receive(to, a) })
}

// sendSnapshot streams the tree while the server goes on; what is sent later
// waits behind it.
func (s *Server) sendSnapshot(id zab.LinkID, z proto.Zxid) {
	l := s.w.byID[id]
	if l == nil {
		return
	}
	e := &l.ends[l.side(s)]
	chain := slices.Clone(s.chain)
	if i := slices.IndexFunc(chain, func(c proto.Zxid) bool { return c > z }); i >= 0 {
		chain = chain[:i]
	}
	var b bytes.Buffer
	b.Write(wire.AppendMessage(nil, zab.Snap{Zxid: z}, true))
	e.sending = s.start(func(src *persist.Source) error { return persist.WriteTreeFrom(&b, src) }, func(err error) {
		e.sending = nil
		switch {
		case l.closed:
			return
		case err != nil: // the tree was replaced, so that the role has ended
			l.end(s, "the snapshot ended early")
			return
		}
		l.put(e, arrival{bytes: b.Bytes(), tree: true, chain: chain})
		held := e.held
		e.held = nil
		for _, m := range held {
			s.send(id, m)
		}
		s.step(replica.SnapshotSent{Link: id})
	})
}

// receive takes what has come to the link's reader. Where those are slow, it reads
// only when more has come, or might have.
func (l *link) receive(to *end, a arrival) {
	if !to.s.up || to.s.gen != to.gen {
		return
	}
	to.in = append(to.in, a)
	read := func() { to.s.deliver(func() { l.read(to) }) }
	if w := l.w; w.cfg.slowReaders && w.chance(2) {
		to.s.at(w.upTo(w.cfg.hop), read)
		return
	}
	read()
}

// read tells the server what has come, in as few events as it likes if its readers are
// slow.
func (l *link) read(to *end) {
	for len(to.in) > 0 && !to.gone {
		l.tell(to, l.together(to))
		if !l.w.cfg.slowReaders {
			return
		}
	}
}

// together takes what is read as one: what has come first, and some of what came
// behind it. A SNAP is never behind anything.
func (l *link) together(to *end) arrival {
	a := to.in[0]
	to.in = to.in[1:]
	for l.w.cfg.slowReaders && len(to.in) > 0 && !to.in[0].tree && !l.w.chance(8) {
		a.bytes = append(slices.Clip(a.bytes), to.in[0].bytes...)
		to.in = to.in[1:]
		l.w.Together++
	}
	return a
}

func (l *link) tell(to *end, a arrival) {
	msgs, err := l.w.decode(a.bytes, l.side(to.s) == 0)
	if err != nil {
		l.w.fail("server %d cannot read what came on a link: %v", to.s.id, err)
		return
	}
	if a.tree {
		l.w.chains[msgs[0].(zab.Snap).State.(*tree.Tree)] = a.chain
	}
	if len(msgs) > 1 {
		to.s.step(replica.Messages{Link: l.id, Msgs: msgs})
		return
	}
	to.s.step(replica.Message{Link: l.id, Msg: msgs[0]})
}

// links are those of a server.
func (s *Server) links() []*link {
	var list []*link
	for _, l := range s.w.links {
		if l.ends[0].s == s || l.ends[1].s == s {
			list = append(list, l)
		}
	}
	return list
}

// forsake lets one end take a link for broken, while the other one waits.
func (l *link) forsake(i int) {
	e := &l.ends[i]
	e.s.deliver(func() {
		if e.s.gen == e.gen && !e.gone {
			e.gone = true
			e.s.step(replica.Disconnected{Link: l.id, Reason: "the connection broke"})
		}
	})
}

// decode reads what came together: the packets of a run arrive as one message, or in
// pieces.
func (w *World) decode(b []byte, fromLeader bool) (msgs []zab.Message, err error) {
	br := w.reader
	br.Reset(bytes.NewReader(b))
	for {
		m, err := w.decodeOne(br, fromLeader)
		if err != nil {
			return nil, err
		}
		if wire.Arrived(br) && w.chance(2) {
			m = wire.ReadRun(br, m)
		}
		msgs = append(msgs, m)
		if _, end := br.Peek(1); errors.Is(end, io.EOF) {
			return msgs, nil
		}
		switch m.(type) {
		case zab.Commit, zab.Commits, zab.Ack, zab.Acks:
		default:
			if !w.cfg.slowReaders {
				return nil, errors.New("bytes follow a packet")
			}
		}
	}
}

func (w *World) decodeOne(br *bufio.Reader, fromLeader bool) (zab.Message, error) {
	p, err := wire.ReadPacket(br, 64<<20)
	if err != nil {
		return nil, err
	}
	if !fromLeader {
		return wire.FromLearner(p)
	}
	m, err := wire.FromLeader(p)
	if snap, ok := m.(zab.Snap); ok && err == nil {
		snap.State, err = persist.ReadTree(br)
		m = snap
	}
	return m, err
}

// end ends a link; by closed it, nil if the network did. The other side, or
// both, are told behind what is still on the way, of which some may be lost.
func (l *link) end(by *Server, reason string) {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.w.byID, l.id)
	l.w.links = slices.DeleteFunc(l.w.links, func(o *link) bool { return o == l })
	for i := range l.ends {
		e, to := &l.ends[i], &l.ends[1-i]
		if e.sending != nil {
			e.sending.stop()
		}
		if to.s == by {
			to.gone = true
			continue
		}
		e.out.lose()
		e.out.send(func() {
			if to.s.up && to.s.gen == to.gen && !to.gone {
				to.s.deliver(func() {
					if len(to.in) > 0 { // which its reader comes to first, and may end the link over
						if l.read(to); to.gone {
							return
						}
					}
					to.gone = true
					to.s.step(replica.Disconnected{Link: l.id, Reason: reason})
				})
			}
		})
	}
}

// sendVote sends an election notification. A newer one takes the place of one
// that has not left.
func (s *Server) sendVote(a replica.SendVote) {
	p := s.peer(a.To)
	note := a.Note
	p.last = &note
	s.pushVote(p)
}

// ballotBox is what one server has to say to another on the election port.
type ballotBox struct {
	to    *Server
	last  *proto.Notification // the newest, said or not
	going bool                // it is on its way
}

func (s *Server) peer(id proto.PeerID) *ballotBox {
	for _, p := range s.ballots {
		if p.to.id == int(id) {
			return p
		}
	}
	p := &ballotBox{to: s.w.servers[id-1]}
	s.ballots = append(s.ballots, p)
	return p
}

func (s *Server) pushVote(p *ballotBox) {
	w := s.w
	if p.going {
		return // the newest is looked at when it leaves
	}
	p.going = true
	s.at(w.latency(), func() {
		p.going = false
		switch {
		case !w.open(s.id, p.to.id): // TCP tries again, or a new connection does
			w.VotesHeld++
			s.at(50*ms+w.upTo(100*ms), func() { s.pushVote(p) })
		case !p.to.up:
			s.step(replica.Reachable{Peer: proto.PeerID(p.to.id)})
		default:
			s.castVote(p)
		}
	})
}

func (s *Server) castVote(p *ballotBox) {
	frame := p.last.AppendFrame(nil)
	from := proto.PeerID(s.id)
	copies := 1
	if s.w.faults && s.w.chance(50) {
		copies++ // a new connection repeats the last vote
	}
	for range copies {
		p.to.deliver(func() {
			n, err := proto.DecodeNotification(frame[4:])
			if err != nil {
				s.w.fail("server %d cannot read the vote of server %d: %v", p.to.id, s.id, err)
				return
			}
			p.to.step(replica.Vote{From: from, Note: n})
		})
	}
}

// greet is what the election port does for a server that has come up: everybody
// who had said something says it again on the new connection.
func (w *World) greet(s *Server) {
	for _, o := range w.servers {
		if o == s || !o.up {
			continue
		}
		for _, p := range o.ballots {
			if p.to == s && p.last != nil {
				o.pushVote(p)
			}
		}
	}
}
