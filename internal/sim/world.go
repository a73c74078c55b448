package sim

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

const ms = time.Millisecond

// epoch0 is the wall clock at the beginning, in milliseconds since 1970.
const epoch0 = 1_700_000_000_000

// World is one simulated ensemble with its clients and its troubles.
type World struct {
	Seed uint64
	Counts

	cfg    config
	rng    *rand.Rand
	now    time.Duration
	agenda agenda
	seq    uint64
	ens    ensemble.Ensemble
	err    error
	trace  func(line string) // nil, or gets every event
	log    eventLog

	servers []*Server // voters, then observers
	clients []*client
	faults  bool          // the first phase
	healed  time.Duration // when that was over
	armed   int           // how many servers are to crash at a turn of the protocol

	plot        *plot   // that waits, nil without one
	usurper     *Server // of plots
	usurped     int64   // the first epoch that it has accepted
	undisturbed bool    // no other faults strike any more

	blocked map[way]int // how many faults stop what goes this way
	links   []*link     // open ones, in the order of their opening
	byID    map[zab.LinkID]*link
	reader  *bufio.Reader // for what arrives
	lastID  zab.LinkID

	chains map[*tree.Tree][]proto.Zxid // histories of trees on their way
	check  checks
}

// New prepares the history of a seed. Trace, if not nil, gets a line for every
// event.
func New(seed uint64, trace func(line string)) *World {
	w := &World{
		Seed: seed, rng: rand.New(rand.NewPCG(seed, 0x9a0d0c)), trace: trace,
		blocked: map[way]int{}, byID: map[zab.LinkID]*link{}, chains: map[*tree.Tree][]proto.Zxid{},
		reader: bufio.NewReaderSize(nil, 64),
	}
	w.cfg = draw(w.rng)
	w.cfg.drawMembers(rand.New(rand.NewPCG(seed, 0x3e3b)))
	w.cfg.drawReaders(rand.New(rand.NewPCG(seed, 0x4ead)))
	if p := drawPlot(seed); p != nil {
		p.prepare(w)
	}
	w.check.init()
	w.ens = w.cfg.ensemble()
	w.check.config = w.ens
	for i := range w.cfg.voters + w.cfg.observers + w.cfg.spares {
		s := newServer(w, i+1)
		w.servers = append(w.servers, s)
		w.after(w.upTo(300*ms), s.boot)
	}
	for i := range w.cfg.clients {
		c := newClient(w, i)
		w.clients = append(w.clients, c)
		w.after(w.upTo(time.Second), c.connect)
	}
	return w
}

// Run lives through the history and returns what was wrong with it, nil if
// nothing was.
func (w *World) Run() (err error) {
	defer w.end()
	defer func() {
		if p := recover(); p != nil { // a broken invariant, which ends a process
			w.fail("panic: %v\n%s", p, debug.Stack())
			err = w.err
		}
	}()
	w.faults = true
	for _, f := range w.cfg.faults {
		w.plan(f)
	}
	w.until(w.now + w.cfg.trouble)
	if w.err != nil {
		return w.err
	}
	w.heal()
	if !w.settle() && w.err == nil {
		if w.hopeless() {
			w.Hopeless++
			return nil
		}
		w.fail("no convergence %v after the faults ended: %s", healTime, w.states())
	}
	w.SimTime += w.now
	if w.err == nil {
		w.err = w.atEnd()
	}
	return w.err
}

// end stops what is still under way: each coroutine would keep its world alive.
func (w *World) end() {
	for _, s := range w.servers {
		for _, t := range s.tasks {
			t.stop()
		}
	}
}

// Phases of the second half: everybody must serve within healTime of the last
// fault; then clients go on for a while, end what is under way, and all is
// compared.
const (
	healTime   = 15 * time.Second
	afterwards = 500 * ms
	lastWords  = 8 * time.Second
	patience   = 12 * time.Second
)

// settle lets the faults' aftermath pass and reports whether the ensemble came
// back.
func (w *World) settle() bool {
	for end := w.now + healTime; !w.allServe(); w.until(w.now + 50*ms) {
		if w.now >= end || w.err != nil {
			return false
		}
	}
	w.until(w.now + afterwards)
	for _, c := range w.clients {
		c.finish()
	}
	w.untilQuiet(50 * ms)
	w.until(w.now + afterwards) // events are still on their way
	if w.chance(8) {            // until those have expired that were left
		w.until(w.now + patience)
	}
	w.untilQuiet(ms) // a session may have expired meanwhile
	return w.err != nil || w.allServe()
}

func (w *World) untilQuiet(step time.Duration) {
	for end := w.now + lastWords; !(w.quiet() && w.allServe()) && w.err == nil && w.now < end; {
		w.until(w.now + step)
	}
}

// allServe reports whether there is one leader whom everybody follows.
func (w *World) allServe() bool {
	leaders := 0
	for _, s := range w.servers {
		switch {
		case !s.up || s.role == zab.RoleNone || s.role == zab.RoleReadOnly:
			return false
		case s.role == zab.RoleLeader:
			leaders++
		}
	}
	return leaders == 1
}

// quiet reports whether nobody waits for anything, and all have applied the same.
func (w *World) quiet() bool {
	for _, c := range w.clients {
		if len(c.sent) > 0 {
			return false
		}
	}
	for _, s := range w.servers {
		if s.hist.Last() != w.servers[0].hist.Last() || s.waits() {
			return false
		}
	}
	return true
}

// upTo draws a duration below d.
func (w *World) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

// one in n draws.
func (w *World) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *World) after(d time.Duration, fn func()) {
	w.seq++
	w.agenda.push(timed{w.now + d, w.seq, fn})
}

// maxEvents is more than any history has, some ten thousand.
const maxEvents = 1_000_000

func (w *World) until(at time.Duration) {
	for len(w.agenda) > 0 && w.agenda[0].at <= at && w.err == nil {
		e := w.agenda.pop()
		w.now = e.at
		if w.Events++; w.Events > maxEvents {
			w.fail("%d events, and no end", w.Events)
			return
		}
		e.fn()
	}
	w.now = max(w.now, at)
}

// fail ends the history with what is wrong; the first complaint counts.
func (w *World) fail(format string, args ...any) {
	if w.err != nil {
		return
	}
	w.err = fmt.Errorf("at %v: "+format, append([]any{w.now}, args...)...)
	w.event(nil, "FAILED: "+fmt.Sprintf(format, args...))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
