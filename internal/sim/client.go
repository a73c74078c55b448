package sim

import (
	"fmt"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// client is one user of the ensemble: it keeps a session, moves it between
// servers, has several requests under way, watches, and remembers what it was
// told.
type client struct {
	w       *World
	id      int
	timeout int32 // milliseconds, of its sessions

	conn    *conn // nil while there is none
	open    bool  // the session is open on conn
	session proto.SessionID
	seen    proto.Zxid // newest told, over all connections of the session
	cxid    int32
	sent    []*operation // not answered on this connection, oldest first
	talked  time.Duration
	asked   time.Duration // when the connection was begun
	since   time.Duration // when the session was opened on it
	paused  bool
	done    bool
	dialing bool
	reader  bool // asks for syncs and reads, mostly: what writes there are would hold up syncs

	watch    watches
	owned    []*operation // ephemerals of this session that were acknowledged
	made     []string     // sequential znodes that were acknowledged
	versions map[string]int32
	counter  int
	sure     time.Duration // when the newest write that was answered had been sent
}

// maxTimeout is the longest of sessions' timeouts.
const maxTimeout = 5 * time.Second

func newClient(w *World, id int) *client {
	timeout := maxTimeout - time.Duration(w.rng.IntN(6))*500*ms
	if w.chance(4) {
		timeout = 1200 * ms // shorter than a leader may be stopped and lead on
	}
	return &client{w: w, id: id, reader: w.chance(3), timeout: int32(timeout.Milliseconds()), versions: map[string]int32{}}
}

// connect tries a server, and another one if that comes to nothing.
func (c *client) connect() {
	w := c.w
	c.dialing = false
	if c.conn != nil || c.done {
		return
	}
	s := w.servers[w.rng.IntN(len(w.servers))]
	if !s.up || c.paused || !w.open(-1-c.id, s.id) {
		c.retry()
		return
	}
	c.open, c.asked = false, w.now
	c.conn = s.connect(c, c.session, c.timeout, c.seen)
	k := c.conn
	w.after(time.Duration(c.timeout)*ms/2, func() { // nobody answers
		if c.conn == k && !c.open {
			c.abandon()
		}
	})
}

func (c *client) retry() {
	if !c.dialing {
		c.dialing = true
		c.w.after(10*ms+c.w.upTo(100*ms), c.connect)
	}
}

// abandon leaves the connection, with all that is under way on it.
func (c *client) abandon() {
	if k := c.conn; k != nil {
		k.leave()
		c.disconnected(k)
	}
}

func (c *client) disconnected(k *conn) {
	if c.conn != k {
		return
	}
	c.conn, c.open = nil, false
	for _, o := range c.sent {
		if o.kind == closing {
			c.forgetSession()
		}
		c.w.Lost++
	}
	c.sent = nil
	c.retry()
}

// forgetSession ends what belonged to a session that has ended, or may have.
func (c *client) forgetSession() {
	c.w.check.left(c.w, c.session, c.timeout)
	c.session, c.seen = 0, 0
	c.owned = nil
	c.watch.clear()
}

// heard handles what the server says.
func (c *client) heard(k *conn, r reply) {
	if c.conn != k || c.w.err != nil {
		return
	}
	w := c.w
	c.talked = w.now
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12v client %d at %d hears %+v %+v", w.now, c.id, k.s.id, r, r.event))
	}
	if r.event != nil {
		// An event does not move what the client has seen: a transaction may have
		// others, which may be lost with the connection. Source: ClientCnxn.
		if z := r.event.Zxid; z > 0 && z < c.seen {
			c.w.fail("%s gets an event of %s after a reply of %s", k, z, c.seen)
		}
		c.watch.event(c, k, r.event)
		return
	}
	switch r.op {
	case proto.OpCreateSession:
		c.welcomed(k, r)
		return
	case proto.OpPing:
		c.see(k, r.zxid)
		return
	}
	c.see(k, r.zxid)
	if len(c.sent) == 0 || c.sent[0].cxid != r.cxid {
		w.fail("%s: request %d is answered, and not the oldest, %v", k, r.cxid, c.sent)
		return
	}
	o := c.sent[0]
	c.sent = c.sent[1:]
	o.answered(r)
	c.finishOp(k, o, r)
}

// see checks that what a session is told never goes back.
func (c *client) see(k *conn, z proto.Zxid) {
	if z < c.seen {
		c.w.fail("%s is told of %s after %s", k, z, c.seen)
	}
	c.seen = max(c.seen, z)
}

func (c *client) welcomed(k *conn, r reply) {
	if r.err != proto.OK {
		c.w.Refused++ // by a deposed leader, too early; the session ends all the same, but later
		c.forgetSession()
		return // the server hangs up
	}
	if c.session == 0 {
		c.session, c.sure = k.session, c.asked
		c.w.Sessions++
	} else {
		c.w.Moves++
	}
	c.open, c.since = true, c.w.now
	c.watch.restore(c)
	c.act()
}

// finishOp draws the consequences of an answer.
func (c *client) finishOp(k *conn, o *operation, r reply) {
	w := c.w
	if r.err == proto.ErrSessionExpired || r.err == proto.ErrSessionMoved {
		return // the end of the connection follows
	}
	if r.err == proto.ErrBadArguments && o.kind != changing {
		w.fail("client %d is told that its session %s lives elsewhere", c.id, c.session)
	}
	switch {
	case o.kind.write():
		w.Acked++
		c.sure = max(c.sure, o.sentAt)
		w.check.acknowledged(w, o)
		if o.err == proto.OK && o.kind == createEphemeral {
			c.owned = append(c.owned, o)
		}
		if o.err == proto.OK && o.kind == createSequential {
			c.made = append(c.made, o.path)
		}
		if o.kind == closing {
			w.check.ended(c.session)
			c.forgetSession()
			c.conn, c.open = nil, false
			c.sent = nil
			c.retry()
		}
	default:
		c.watch.reply(c, k, o, r)
	}
	if o.err == proto.OK && (o.kind == setData || o.kind == getData) {
		c.versions[o.path] = r.stat.Version
	}
}

// lateWrite wakes a client that was silent for too long, while its session is
// being closed.
func (c *client) lateWrite() {
	if c.paused && c.open && c.w.faults {
		c.paused = false
		c.createEphemeral()
	}
}

// finish lets the client end what is under way, and begin nothing more.
func (c *client) finish() { c.done = true }

// act is what a client with a session does, again and again.
func (c *client) act() {
	k, w := c.conn, c.w
	w.after(3*ms+w.upTo(70*ms), func() {
		if c.conn != k || !c.open || w.err != nil {
			return
		}
		silence := w.now - c.talked
		switch {
		case c.paused:
		case silence > time.Duration(c.timeout)*ms*2/3:
			c.abandon() // as clients do, to look for a better server
			return
		case c.done:
		case w.chance(60):
			c.abandon()
			return
		case w.chance(300): // a new process, which knows nothing of the session
			c.abandon()
			c.forgetSession()
			return
		default:
			for range 1 + w.rng.IntN(3) {
				if len(c.sent) < 6 && c.conn == k && c.open {
					c.request()
				}
			}
		}
		if c.conn == k && c.open {
			if !c.paused && silence > time.Duration(c.timeout)*ms/3 {
				k.request(&call{op: proto.OpPing})
			}
			c.act()
		}
	})
}

func (c *client) String() string { return k(c.id) }

func k(id int) string { return "client " + string(rune('0'+id)) }
