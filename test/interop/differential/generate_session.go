package differential

import (
	"slices"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// open adds a handshake for a new session on the slot.
func (g *generator) open(conn int) {
	g.hang(conn)
	g.sessions = append(g.sessions, sessionGuess{})
	g.conns[conn] = slot{open: true, session: len(g.sessions) - 1}
	g.steps = append(g.steps, Step{Conn: conn, Connect: &Connect{
		Session: newSession, TimeoutMs: pick[int32](g, 100_000, 100_000, 0, -1, 1, 1<<31-1), Legacy: g.oneIn(4), ReadOnly: g.oneIn(4),
		Password: pick(g, rightPassword, rightPassword, nullPassword, shortPassword),
	}})
	g.early(conn)
}

// early lets some handshakes be followed by requests before they are answered, as no client but a
// hasty one does.
func (g *generator) early(conn int) {
	if !g.oneIn(3) || g.requests == 0 || g.OneByOne {
		return
	}
	g.burstConn, g.last = conn, false
	for n := 1 + g.IntN(5); len(g.current().Requests) < n && !g.last; {
		g.request()
	}
}

// hang closes a slot that is open.
func (g *generator) hang(conn int) {
	if g.conns[conn].open {
		g.drop(conn)
	}
}

func (g *generator) drop(conn int) {
	g.steps = append(g.steps, Step{Conn: conn, Drop: true})
	g.conns[conn].open = false
}

// reconnect opens a slot for a new session, for one that is known, or for what is refused.
func (g *generator) reconnect() {
	var live []int
	for i, s := range g.sessions {
		if !s.closed {
			live = append(live, i)
		}
	}
	conn := g.IntN(slots)
	if g.oneIn(20) {
		g.malformed(conn)
		return
	}
	if len(live) < 2 || len(live) < maxSessions && g.oneIn(3) {
		g.open(conn)
		return
	}
	g.hang(conn)
	c := &Connect{Session: pick(g, live...), TimeoutMs: 100_000, Legacy: g.oneIn(4), ReadOnly: g.oneIn(4), Cut: -g.IntN(2) * g.IntN(5)}
	refused := true
	switch g.IntN(12) {
	case 0:
		c.Password = pick(g, wrongPassword, shortPassword, nullPassword)
	case 1:
		c.Session = unknownSession
		c.Password = pick(g, rightPassword, wrongPassword)
	case 2:
		c.Session = g.IntN(len(g.sessions))
		refused = g.sessions[c.Session].closed
	case 3:
		c.Ahead = true
		c.Session = pick(g, c.Session, newSession)
	default:
		refused = false
	}
	g.steps = append(g.steps, Step{Conn: conn, Connect: c})
	if c.Session >= 0 && !c.Ahead { // whether it is refused or not, the old connection goes
		for i := range g.conns {
			if g.conns[i].session == c.Session {
				g.conns[i].open = false
			}
		}
	}
	g.conns[conn] = slot{open: !refused, session: c.Session}
	if !refused {
		g.early(conn)
	}
}

// malformed opens a slot with a handshake that is too short, or longer than need be.
func (g *generator) malformed(conn int) {
	g.hang(conn)
	c := &Connect{Session: newSession, TimeoutMs: 100_000, Legacy: g.oneIn(2), Cut: 1 + g.IntN(43)}
	if !c.Legacy {
		c.Cut++ // without the last byte it would be a legacy one
	}
	g.steps = append(g.steps, Step{Conn: conn, Connect: c})
}

// closeSession ends the current burst by one more step that closes its session.
func (g *generator) closeSession(conn int) {
	g.loneRequest(conn, golden.OpCloseSession, nil)
	session := g.conns[conn].session
	g.conns[conn].open = false
	if session >= 0 {
		g.sessions[session].closed = true
		g.model.endSession(session)
	}
}

func (g *generator) loneRequest(conn int, op int32, body golden.Record) *Request {
	g.steps = append(g.steps, Step{Conn: conn, Lone: true})
	return g.send(op, body)
}

// lone adds a request that ends the connection, or might.
func (g *generator) lone(conn int) {
	switch g.IntN(11) {
	case 0:
		g.closeSession(conn)
		return
	case 10:
		g.notForClients(conn)
	case 1, 2:
		g.loneRequest(conn, pick[int32](g, 0, 10, golden.OpCheck, 23, 50, 99, 108, -1, -2, -12, 998, 1<<31-1, -1<<31),
			golden.Record{}.Ustring(g.known()).Int(0))
	case 3:
		g.loneRequest(conn, golden.OpAuth, golden.Record{}.Int(0).Ustring(pick(g, "unknown", "world", "super", "sasl", "auth", "x509", "", "Digest")).Buffer([]byte("x")))
	case 4:
		g.loneRequest(conn, golden.OpAuth, pick(g,
			golden.Record{}, golden.Record{}.Int(0), golden.Record{}.Int(0).Int(-1).Int(-1), golden.Record{}.Int(0).Ustring("digest").Int(100)))
	case 5:
		g.loneRequest(conn, golden.OpAuth, golden.Record{}.Int(0).Ustring("digest").Buffer(pick(g, nil, []byte{}, []byte{0xff, ':', 0xfe}, []byte(":"))))
		return
	case 6:
		r := g.loneRequest(conn, golden.OpDelete, nil)
		r.Raw = pick(g,
			golden.Record{}.Int(0), golden.Record{}.Int(4).Int(r.Xid), append(golden.Record{}.Int(7).Int(r.Xid), 0, 0, 0), // no opcode
			golden.Record{}.Int(-1), golden.Record{}.Int(-1<<31), golden.Record{}.Int(1<<20), golden.Record{}.Int(1<<31-1), // no length
			golden.Record("ruok"), golden.Record("stat")) // words, but not at the beginning
	case 7:
		g.loneRequest(conn, golden.OpSasl, pick(g, golden.Record{}, golden.Record{}.Int(-1), golden.Record{}.Buffer([]byte("token")), golden.Record{}.Int(50)))
		return
	default:
		g.loneRequest(conn, golden.OpAuth, golden.Record{}.Int(0).Ustring("ip").Buffer([]byte(pick(g, "", "127.0.0.1", "10.1.1.1"))))
		return
	}
	g.conns[conn].open = false
}

// quiet are the operations that cause no events.
var quiet = []int32{
	golden.OpExists, golden.OpGetData, golden.OpGetACL, golden.OpGetChildren, golden.OpGetChildren2, golden.OpGetAllChildrenCount,
	golden.OpGetEphemerals, golden.OpMultiRead, golden.OpWhoAmI, golden.OpPing, golden.OpAuth, golden.OpAddWatch, golden.OpCheckWatches,
}

// auth adds a user to the connection, unless events are under way to it: whether it may see them would
// depend on the moment.
func (g *generator) auth() {
	if slices.ContainsFunc(g.current().Requests, func(r Request) bool { return !slices.Contains(quiet, r.Op) }) {
		g.read()
		return
	}
	user := pick(g, users...)
	if user == superUser && !g.oneIn(4) {
		user = users[0]
	}
	r := g.send(golden.OpAuth, golden.Record{}.Int(pick[int32](g, 0, 0, 7)).Ustring("digest").Buffer([]byte(user)))
	if g.oneIn(2) {
		r.Xid = -4
	}
	g.conns[g.burstConn].users = append(g.conns[g.burstConn].users, user)
}

// notForClients asks for what servers ask of themselves. The znodes to reap are such that a server that
// agrees finds a reason not to. The timeout of createSession, which Java believes, is long; a local
// session would not show whether Java has spent a zxid on it.
func (g *generator) notForClients(conn int) {
	if g.oneIn(3) && !g.Decoding {
		g.loneRequest(conn, golden.OpCreateSession, golden.Record{}.Int(600_000)).Xid = 600_000
		return
	}
	g.loneRequest(conn, golden.OpDeleteContainer, golden.Record{}.Ustring(pick(g, "/", "/zookeeper", "bad", root+"/no/such", "/zookeeper/quota")))
}
