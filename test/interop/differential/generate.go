package differential

import (
	"math/rand/v2"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// The shape of a stream.
const (
	slots       = 5  // connections
	maxSessions = 4  // that are open at a time
	maxBurst    = 12 // requests
)

// root is the znode below which a stream does most of its work. It is removed after each stream.
const root = "/fz"

// Shape restricts a stream to what the servers have one answer to.
type Shape struct {
	WellFormed bool // no records that do not decode, for which a Java follower never has an answer
	OneByOne   bool // no bursts, of which enforced quotas and eager checks of ACLs see a part, as it happens
	Decoding   bool // no multis that do not decode, which Java carries out in part for a local session
	Restart    bool // the servers are killed and started again somewhere in the middle
}

// Generate returns the stream of a seed: at least n requests, in steps. It depends on nothing else.
func Generate(seed uint64, n int, shape Shape) []Step {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)), model: newModel(), Shape: shape}
	g.open(0)
	g.burst(0, 1, func() { g.send(golden.OpCreate, golden.Create(root, nil, golden.Open, 0)); g.model.create(root, -1) })
	for g.requests < n {
		if g.Restart && g.requests > n/2 {
			g.Restart = false
			g.steps = append(g.steps, Step{Restart: true})
			g.conns = [slots]slot{}
		}
		g.step()
	}
	return g.steps
}

// generator draws a stream. It keeps a rough model of what the servers hold, so that most requests get
// past the first check; where the model is wrong, the requests are merely less interesting.
type generator struct {
	*rand.Rand
	model    *model
	steps    []Step
	requests int

	conns    [slots]slot
	sessions []sessionGuess

	Shape

	burstConn int
	inMulti   bool // what is drawn is part of a multi
	last      bool // the burst must end here
	fails     bool // what is drawn will not decode
	xid       int32
}

// slot is what the generator believes of a connection.
type slot struct {
	open    bool
	session int
	users   []string // digest users that have been added
}

// sessionGuess is what the generator believes of a session.
type sessionGuess struct {
	closed bool
}

// choice is one way to go on, with its weight.
type choice struct {
	weight int
	do     func()
}

// choose does one of the choices.
func (g *generator) choose(of ...choice) {
	total := 0
	for _, c := range of {
		total += c.weight
	}
	n := g.IntN(total)
	for _, c := range of {
		if n -= c.weight; n < 0 {
			c.do()
			return
		}
	}
}

// oneIn is true once in n times.
func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// step adds one step.
func (g *generator) step() {
	open := g.openSlots()
	if len(open) == 0 {
		g.reconnect()
		return
	}
	g.choose(
		choice{90, func() { g.requestsOn(pick(g, open...)) }},
		choice{4, func() { g.reconnect() }},
		choice{1, func() { g.drop(pick(g, open...)) }},
		choice{3, func() { g.lone(pick(g, open...)) }},
	)
}

func (g *generator) openSlots() []int {
	var open []int
	for i, c := range g.conns {
		if c.open {
			open = append(open, i)
		}
	}
	return open
}

// requestsOn adds a burst of requests of all kinds.
func (g *generator) requestsOn(conn int) {
	n := 1
	if !g.oneIn(3) && !g.OneByOne {
		n = 2 + g.IntN(maxBurst-1)
	}
	g.burst(conn, n, g.request)
	if g.oneIn(40) {
		g.closeSession(conn)
	}
}

// burst adds a step of n requests or a few more, which draw adds by send.
func (g *generator) burst(conn, n int, draw func()) {
	g.steps = append(g.steps, Step{Conn: conn})
	g.burstConn, g.last = conn, false
	for s := g.current(); len(s.Requests) < n && !g.last; {
		draw()
	}
}

func (g *generator) current() *Step { return &g.steps[len(g.steps)-1] }

// send adds a request to the current burst.
func (g *generator) send(op int32, body golden.Record) *Request {
	g.xid++
	s := g.current()
	s.Requests = append(s.Requests, Request{Xid: g.xid, Op: op, Body: body})
	g.requests++
	return &s.Requests[len(s.Requests)-1]
}

// request draws one request.
func (g *generator) request() {
	quota := 4
	if g.OneByOne { // they are what such a stream is for
		quota = 9
	}
	before := len(g.current().Requests)
	spoil := g.oneIn(60) && !g.WellFormed
	g.fails = spoil
	g.choose(
		choice{24, g.create},
		choice{10, g.remove},
		choice{12, g.setData},
		choice{5, g.setACL},
		choice{12, g.multi},
		choice{14, g.read},
		choice{3, g.multiRead},
		choice{10, g.watch},
		choice{2, g.other},
		choice{3, g.auth},
		choice{quota, g.quota},
	)
	spoil, g.fails = spoil && g.fails, false
	for i := before; i < len(g.current().Requests); i++ {
		if spoil {
			g.spoil(&g.current().Requests[i])
		}
		if g.oneIn(100) {
			g.oddXid(i)
		}
	}
}

// oddXid gives a request an xid that clients do not draw. -1 and -2 would make its reply look like an
// event or a ping's, and the reply to auth, which overtakes others, must stay distinct.
func (g *generator) oddXid(i int) {
	all := g.current().Requests
	r := &all[i]
	if r.Op == golden.OpAuth {
		return
	}
	r.Xid = pick[int32](g, 0, -3, -8, 1<<31-1, -1<<31)
	if i > 0 && all[i-1].Op != golden.OpAuth && g.oneIn(3) {
		r.Xid = all[i-1].Xid
	}
}

// spoil cuts a record short or adds bytes to it.
func (g *generator) spoil(r *Request) {
	switch {
	case r.Op == golden.OpAuth || r.Op == golden.OpSasl: // what does not decode there ends the connection
	case g.oneIn(2) && len(r.Body) > 0:
		r.Body = r.Body[:g.IntN(len(r.Body))]
		r.HasRelative = r.HasRelative && len(r.Body) >= 8
	default:
		for range 1 + g.IntN(9) {
			r.Body = append(r.Body, byte(g.IntN(256)))
		}
	}
}
