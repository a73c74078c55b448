package repair

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

// Options configure a Machine.
type Options struct {
	Self   proto.PeerID
	Peers  []proto.PeerID // every other server
	Voters []proto.PeerID // those of Peers that vote
	GiveUp string         // why asking would not help; empty lets the machine judge
	// AcceptedLost and CurrentLost say that a promise cannot be read. One in
	// acceptedEpoch is found out by asking every other voter: the server it was made
	// to has written it down first. One in currentEpoch only a leader can mend.
	AcceptedLost, CurrentLost bool

	Pause    time.Duration // before a peer is asked again that had nothing new; 0 means 250 ms
	MaxPause time.Duration // it doubles up to this; 0 means 10 s
	MaxBytes int64         // of transactions to fetch; 0 means 256 MiB
}

// Never is the deadline of a machine that waits for nothing.
const Never time.Duration = 1<<63 - 1

// Event is Tick, Answered or Failed.
type Event interface{ isEvent() }

// Tick says that time has passed. The first one begins.
type Tick struct{}

// Answered brings a peer's answer to the newest question.
type Answered struct {
	Peer   proto.PeerID
	Answer Answer
}

// Failed says that the newest question to a peer came to nothing.
type Failed struct {
	Peer   proto.PeerID
	Reason string
}

func (Tick) isEvent()     {}
func (Answered) isEvent() {}
func (Failed) isEvent()   {}

// Action is Ask, Fill or Note.
type Action interface{ isAction() }

// Ask sends a question. Answered or Failed follows.
type Ask struct {
	Peer     proto.PeerID
	Question Question
}

// Fill says that all is found: Entries are what the gaps lack, in order, and
// Accepted, unless it is -1, no smaller than the lost promise. It is the last action.
type Fill struct {
	Entries  []storage.Entry
	Accepted int64
}

// Note is a fact worth a log line.
type Note struct {
	Fact  Fact
	Peer  proto.PeerID
	Count int    // transactions
	Text  string // what is missing, or why
}

// Fact says what a Note tells.
type Fact uint8

// Facts.
const (
	FactFetched Fact = iota // Count transactions came from Peer
	FactFailed              // Peer did not answer; Text says why
	FactMissing             // everybody was asked, and Text is still missing
	FactAlone               // nobody could be asked yet
	FactWaiting             // only a leader's snapshot helps; Text says why
)

func (Ask) isAction()  {}
func (Fill) isAction() {}
func (Note) isAction() {}

// Machine is one repair. It is for one goroutine.
type Machine struct {
	opts  Options
	gaps  []gap
	peers []peer
	hopes bool   // asking may help
	why   string // it does not
	done  bool   // Fill was given, or nothing can be done
	said  string // the last FactMissing or FactWaiting
}

// peer is another server as the machine sees it.
type peer struct {
	id       proto.PeerID
	votes    bool
	asking   bool
	asked    []int         // gaps that the newest question was about
	at       time.Duration // not to be asked before
	pause    time.Duration
	heard    bool // has answered or failed since something new came
	accepted int64
	reason   string // of the last failure
}

// New returns a machine for what v lacks.
func New(opts Options, v *storage.Survey) *Machine {
	if opts.Pause == 0 {
		opts.Pause = 250 * time.Millisecond
	}
	if opts.MaxPause == 0 {
		opts.MaxPause = 10 * time.Second
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 256 << 20
	}
	m := &Machine{opts: opts, hopes: true}
	for _, g := range v.Gaps {
		m.gaps = append(m.gaps, newGap(g))
	}
	for _, id := range opts.Peers {
		m.peers = append(m.peers, peer{id: id, votes: slices.Contains(opts.Voters, id), pause: opts.Pause, accepted: -1})
	}
	if m.why = m.hopeless(v); m.why != "" {
		m.hopes = false
	}
	return m
}

// hopeless tells why asking cannot help.
func (m *Machine) hopeless(v *storage.Survey) string {
	switch {
	case m.opts.GiveUp != "":
		return m.opts.GiveUp
	case v.SetAside:
		return "the damaged history has been moved away"
	case v.Base < 0:
		return "no snapshot can be read"
	case m.opts.CurrentLost:
		return "currentEpoch is lost"
	}
	bytes := int64(0)
	for i := range v.Gaps {
		g := &v.Gaps[i]
		if !g.Fillable() {
			return fmt.Sprintf("nobody can know %s", g)
		}
		for _, id := range g.Lost {
			bytes += int64(id.Length)
		}
	}
	if bytes > m.opts.MaxBytes {
		return fmt.Sprintf("%d bytes of transactions are lost, more than are fetched one by one", bytes)
	}
	return ""
}

// Deadline returns when a Tick is wanted at the latest.
func (m *Machine) Deadline() time.Duration {
	at := Never
	if m.done || !m.hopes && m.said != "" {
		return at
	}
	for i := range m.peers {
		if p := &m.peers[i]; !p.asking && m.useful(p) {
			at = min(at, p.at)
		}
	}
	return at
}

// useful reports whether there is anything to ask p for.
func (m *Machine) useful(p *peer) bool {
	return m.opts.AcceptedLost && p.votes && p.accepted < 0 ||
		slices.ContainsFunc(m.gaps, func(g gap) bool { return !g.whole })
}

// Step takes one event at time now and appends what must be done to out.
func (m *Machine) Step(now time.Duration, ev Event, out []Action) []Action {
	if m.done {
		return out
	}
	switch ev := ev.(type) {
	case Answered:
		out = m.answered(now, ev, out)
	case Failed:
		if p := m.peer(ev.Peer); p != nil && p.asking {
			if p.reason != ev.Reason {
				out = append(out, Note{Fact: FactFailed, Peer: p.id, Text: ev.Reason})
			}
			p.reason = ev.Reason
			m.later(now, p)
		}
	}
	if !m.hopes {
		return m.say(FactWaiting, m.why, out)
	}
	if m.complete() {
		m.done = true
		return append(out, m.fill())
	}
	return m.sayMissing(m.ask(now, out))
}

func (m *Machine) peer(id proto.PeerID) *peer {
	for i := range m.peers {
		if m.peers[i].id == id {
			return &m.peers[i]
		}
	}
	return nil
}

// later puts off the next question to a peer that had nothing new.
func (m *Machine) later(now time.Duration, p *peer) {
	p.asking, p.heard, p.at = false, true, now+p.pause
	p.pause = min(2*p.pause, m.opts.MaxPause)
}

// answered takes what a peer has sent, as far as it is what was lost.
func (m *Machine) answered(now time.Duration, ev Answered, out []Action) []Action {
	p := m.peer(ev.Peer)
	if p == nil || !p.asking {
		return out
	}
	if ev.Answer.From != p.id { // two lines of the configuration may lead to one server, which has one voice
		p.reason = fmt.Sprintf("server %d answered in its place", ev.Answer.From)
		m.later(now, p)
		return append(out, Note{Fact: FactFailed, Peer: p.id, Text: p.reason})
	}
	p.reason = ""
	fresh, news := 0, false
	if ev.Answer.Accepted >= 0 {
		p.accepted = ev.Answer.Accepted
	}
	for i, part := range ev.Answer.Parts {
		if i < len(p.asked) {
			g := &m.gaps[p.asked[i]]
			before := g.whole
			fresh += g.take(part)
			news = news || g.whole != before // a stretch may turn out to lack nothing
		}
	}
	if fresh == 0 && !news {
		m.later(now, p)
		return out
	}
	for i := range m.peers {
		m.peers[i].heard = false
	}
	p.asking, p.at, p.pause = false, now, m.opts.Pause
	if m.tooMuch() {
		m.hopes, m.why = false, "more is lost than is fetched one by one"
	}
	return append(out, Note{Fact: FactFetched, Peer: p.id, Count: fresh})
}

// tooMuch reports whether stretches have turned out longer than is reasonable.
func (m *Machine) tooMuch() bool {
	bytes := int64(0)
	for i := range m.gaps {
		bytes += m.gaps[i].bytes
	}
	return bytes > m.opts.MaxBytes
}

// ask asks every peer whose time has come for all that is missing.
func (m *Machine) ask(now time.Duration, out []Action) []Action {
	for i := range m.peers {
		p := &m.peers[i]
		if p.asking || now < p.at || !m.useful(p) {
			continue
		}
		q := Question{From: m.opts.Self}
		p.asked = p.asked[:0]
		names := maxNames
		for j := range m.gaps {
			if g := &m.gaps[j]; !g.whole && len(q.Wants) < maxWants && names > 0 {
				w := g.want(names)
				names -= len(w.Lost)
				p.asked, q.Wants = append(p.asked, j), append(q.Wants, w)
			}
		}
		p.asking = true
		out = append(out, Ask{p.id, q})
	}
	return out
}

func (m *Machine) complete() bool {
	for i := range m.gaps {
		if !m.gaps[i].whole {
			return false
		}
	}
	return !m.opts.AcceptedLost || m.accepted() >= 0
}

// accepted returns the newest epoch that any other voter has accepted, -1 if
// not all have said it.
func (m *Machine) accepted() int64 {
	newest := int64(-1)
	for i := range m.peers {
		if p := &m.peers[i]; p.votes {
			if p.accepted < 0 {
				return -1
			}
			newest = max(newest, p.accepted)
		}
	}
	return newest
}

func (m *Machine) fill() Fill {
	f := Fill{Accepted: -1}
	for i := range m.gaps {
		f.Entries = append(f.Entries, m.gaps[i].found...)
	}
	if m.opts.AcceptedLost {
		f.Accepted = m.accepted()
	}
	return f
}

// say notes a fact once.
func (m *Machine) say(fact Fact, text string, out []Action) []Action {
	if m.said == text {
		return out
	}
	m.said = text
	return append(out, Note{Fact: fact, Text: text})
}

// sayMissing says what nobody has once everybody has been asked.
func (m *Machine) sayMissing(out []Action) []Action {
	for i := range m.peers {
		if !m.peers[i].heard {
			return out
		}
	}
	if !slices.ContainsFunc(m.peers, func(p peer) bool { return p.reason == "" }) {
		return m.say(FactAlone, "no other server could be asked yet", out)
	}
	return m.say(FactMissing, m.Missing(), out)
}

// Said returns the last thing noted as missing or waited for, empty before.
func (m *Machine) Said() string { return m.said }

// Missing describes what is not found yet, and whom asking did not reach.
func (m *Machine) Missing() string {
	var what, silent []string
	for i := range m.gaps {
		if g := &m.gaps[i]; !g.whole {
			what = append(what, g.missing())
		}
	}
	if m.opts.AcceptedLost && m.accepted() < 0 {
		what = append(what, "acceptedEpoch")
	}
	if n := len(what); n > 8 {
		what = append(what[:8], fmt.Sprintf("and %d more", n-8))
	}
	for _, p := range m.peers {
		if p.reason != "" {
			silent = append(silent, fmt.Sprint(p.id))
		}
	}
	text := strings.Join(what, ", ")
	if len(silent) > 0 {
		text += "; no answer from server " + strings.Join(silent, ", ")
	}
	return text
}
