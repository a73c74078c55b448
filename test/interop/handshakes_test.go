package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// opCreateSession is sent by servers only.
const opCreateSession = -10

// TestHandshakeMatrix shakes hands in every way, with a server alone, a leader and a follower.
func TestHandshakeMatrix(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		alone := peers.StartServer(t, software, peers.Config{})
		w := &teller{t: t}
		err := golden.Catch(func() { w.shakeHands("alone", alone) })
		w.compare("handshake_alone", software, err)
		alone.Kill()

		leader, follower := startTwo(t, software)
		w = &teller{t: t}
		err = golden.Catch(func() { w.shakeHands("leader", leader); w.shakeHands("follower", follower) })
		w.compare("handshake_ensemble", software, err)
	})
}

// startTwo starts an ensemble of two.
func startTwo(t *testing.T, software peers.Software) (leader, follower *peers.Server) {
	t.Helper()
	e := startWith(t, nil, nil, []peers.Software{software, software}, 1, 2)
	ctx, cancel := context.WithTimeout(t.Context(), peers.StartTimeout)
	defer cancel()
	if err := e.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	leader, err := e.Leader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return leader, e.Server(3 - leader.ID)
}

func (w *teller) shakeHands(name string, s *peers.Server) {
	open := func() golden.Handshake {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
		c.Drop()
		return golden.Handshake{TimeoutMs: 7000, ID: c.ID, Password: c.Password}
	}
	closed := func() golden.Handshake {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
		c.Close()
		return golden.Handshake{TimeoutMs: 7000, ID: c.ID, Password: c.Password}
	}
	fresh := func() golden.Handshake { return golden.Handshake{TimeoutMs: 7000, Password: golden.NoPassword} }
	unknown := func() golden.Handshake {
		return golden.Handshake{TimeoutMs: 7000, ID: goldenID, Password: goldenPassword}
	}
	negative := func() golden.Handshake {
		return golden.Handshake{TimeoutMs: 7000, ID: -goldenID, Password: goldenPassword}
	}
	for _, who := range []struct {
		name string
		make func() golden.Handshake
	}{{"new", fresh}, {"valid", open}, {"closed", closed}, {"unknown", unknown}, {"negative", negative}} {
		for _, how := range []struct {
			name string
			set  func(h *golden.Handshake)
		}{
			{"as it is", func(*golden.Handshake) {}},
			{"wrong password", func(h *golden.Handshake) { h.Password = []byte("0123456789abcdef") }},
			{"null password", func(h *golden.Handshake) { h.Password = nil }},
			{"empty password", func(h *golden.Handshake) { h.Password = []byte{} }},
			{"short password", func(h *golden.Handshake) { h.Password = h.Password[:15] }},
			{"long password", func(h *golden.Handshake) { h.Password = append(h.Password[:16:16], 0) }},
			{"read-only", func(h *golden.Handshake) { h.ReadOnly = true }},
			{"timeout 0", func(h *golden.Handshake) { h.TimeoutMs = 0 }},
			{"timeout negative", func(h *golden.Handshake) { h.TimeoutMs = -1 << 31 }},
			{"timeout at the least", func(h *golden.Handshake) { h.TimeoutMs = 1000 }},
			{"timeout below the least", func(h *golden.Handshake) { h.TimeoutMs = 999 }},
			{"timeout at the most", func(h *golden.Handshake) { h.TimeoutMs = 10000 }},
			{"timeout above the most", func(h *golden.Handshake) { h.TimeoutMs = 10001 }},
			{"timeout huge", func(h *golden.Handshake) { h.TimeoutMs = 1<<31 - 1 }},
			{"zxid ahead", func(h *golden.Handshake) { h.LastZxid = 1<<63 - 1 }},
			{"zxid negative", func(h *golden.Handshake) { h.LastZxid = -1 }},
		} {
			for _, legacy := range []bool{false, true} {
				h := who.make()
				how.set(&h)
				h.Legacy = legacy
				w.say("%s: %s, %s, legacy %t: %s", name, who.name, how.name, legacy, outcome(s.Addr(), h))
			}
		}
	}
}

// A session that nobody has, with its password.
const goldenID = 0x0100019a2b3c0000

var goldenPassword = []byte{0x06, 0x5c, 0x5b, 0xdc, 0x1b, 0xc4, 0xb0, 0xbd, 0x54, 0x8d, 0x58, 0x6f, 0x5c, 0xed, 0xbf, 0xae}

// TestSessionStories are about sessions that move, end, and end twice.
func TestSessionStories(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		leader, follower := startTwo(t, software)
		w := &teller{t: t, follower: follower.ID}
		err := golden.Catch(func() {
			w.moves("from follower to leader", follower, leader)
			w.moves("from leader to follower", leader, follower)
			for _, s := range []*peers.Server{leader, follower} {
				name := map[*peers.Server]string{leader: "leader", follower: "follower"}[s]
				w.ends(name, s)
				w.xids(name, s)
				w.illegal(name, s)
			}
		})
		w.compare("stories", software, err)
	})
}

// ending is what comes of a connection: replies until it is closed.
func (w *teller) ending(what string, c *golden.Session) {
	replies, err := rest(c)
	w.say("%s: %q, then the end: %t", what, replies, err != nil)
}

func rest(c *golden.Session) (replies []string, err error) {
	err = golden.Catch(func() {
		for {
			b := c.Receive("")
			replies = append(replies, fmt.Sprintf("xid %d %s", int32(binary.BigEndian.Uint32(b)), reply(b)))
		}
	})
	return replies, err
}

func (w *teller) moves(name string, from, to *peers.Server) {
	old := golden.Connect(&golden.Transcript{}, from.Addr(), "")
	path := fmt.Sprintf("/moves-%d", from.ID)
	w.say("%s: create: %s", name, reply(old.Ask(golden.OpCreate, golden.Create(path, nil, golden.Open, 1), "")))
	now := golden.Dial(&golden.Transcript{}, to.Addr())
	now.Handshake(golden.Handshake{TimeoutMs: 9000, ID: old.ID, Password: old.Password}, "")
	w.say("%s: same session %t", name, now.ID == old.ID)
	w.try(name+": the old one reads", old, golden.OpExists, golden.Watched(path, false))
	w.try(name+": and pings", old, golden.OpPing, nil)
	w.try(name+": and writes", old, golden.OpSetData, golden.Record{}.Ustring(path).Buffer([]byte("old")).Int(-1))
	w.ending(name+": and", old)
	w.say("%s: the new one writes: %s", name, reply(now.Ask(golden.OpSetData, golden.Record{}.Ustring(path).Buffer([]byte("new")).Int(0), "")))
	old = golden.Dial(&golden.Transcript{}, from.Addr())
	old.Handshake(golden.Handshake{TimeoutMs: 9000, ID: now.ID, Password: now.Password}, "")
	w.try(name+": back again, a multi there", now, golden.OpMulti, golden.Multi(
		golden.Part(golden.OpSetData, golden.Record{}.Ustring(path).Buffer([]byte("multi")).Int(-1))))
	w.ending(name+": and", now)
	// A connection that lost its session may still close it.
	now = golden.Dial(&golden.Transcript{}, to.Addr())
	now.Handshake(golden.Handshake{TimeoutMs: 9000, ID: old.ID, Password: old.Password}, "")
	if from.ID == w.follower {
		w.try(name+": closed from where it was", old, golden.OpCloseSession, nil)
		w.ending(name+": and", old)
		w.ending(name+": where it is", now)
		return
	}
	w.try(name+": closed where it is", now, golden.OpCloseSession, nil)
	w.ending(name+": and", now)
}

// try sends a request, which may find the connection closed.
func (w *teller) try(what string, c *golden.Session, op int32, body golden.Record) {
	answer := "closed"
	_ = golden.Catch(func() { answer = reply(c.Ask(op, body, "")) })
	w.say("%s: %s", what, answer)
}

func header(xid, op int32, body golden.Record) golden.Record {
	return append(golden.Record{}.Int(xid).Int(op), body...)
}

// frames are requests sent in one piece.
func frames(requests ...golden.Record) []byte {
	var b []byte
	for _, r := range requests {
		b = append(golden.Record(b).Int(int32(len(r))), r...)
	}
	return b
}

func (w *teller) ends(name string, s *peers.Server) {
	c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	path := "/ends-" + name
	c.Raw(frames(
		header(1, golden.OpCreate, golden.Create(path, nil, golden.Open, 1)),
		header(2, golden.OpExists, golden.Watched(path, false)),
		header(3, golden.OpCloseSession, nil),
		header(4, golden.OpExists, golden.Watched(path, false)),
		header(5, golden.OpCloseSession, nil),
		header(6, golden.OpCreate, golden.Create(path+"-late", nil, golden.Open, 0)),
	))
	// Java goes on with what is behind the closing, or does not, depending on time.
	replies, _ := rest(c)
	w.say("%s: create, exists, close: %q", name, replies[:min(3, len(replies))])
	d := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	w.say("%s: the ephemeral: %s", name, reply(d.Ask(golden.OpExists, golden.Watched(path, false), "")))
	w.say("%s: the late one: %s", name, reply(d.Ask(golden.OpExists, golden.Watched(path+"-late", false), "")))
	// A close with a body, which nobody reads.
	d.Send(header(7, golden.OpCloseSession, golden.Record{}.Ustrings("/a", "/b")), "")
	w.ending(name+": close with a list of paths", d)
}

func (w *teller) xids(name string, s *peers.Server) {
	c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	path := "/xids-" + name
	c.Ask(golden.OpCreate, golden.Create(path, nil, golden.Open, 0), "")
	for _, xid := range []int32{0, 0, 0x7fffffff, -0x80000000, -1, -2, -4, -8, -100, 5, 5, 3} {
		set := c.AskAs(xid, golden.OpSetData, golden.Record{}.Ustring(path).Buffer([]byte("x")).Int(-1), "")
		get := c.AskAs(xid, golden.OpGetData, golden.Watched(path, false), "")
		sync := c.AskAs(xid, golden.OpSync, golden.Record{}.Ustring(path), "")
		ping := c.AskAs(xid, golden.OpPing, nil, "")
		w.say("%s: xid %d: %x %s, %x %s, %x %s, %x %s", name, xid, set[:4], reply(set), get[:4], reply(get), sync[:4], reply(sync), ping[:4], reply(ping))
	}
	// The same xid many times in one burst: answered in order, none taken for another.
	c.Raw(frames(
		header(0, golden.OpCreate, golden.Create(path+"/a", nil, golden.Open, 0)),
		header(0, golden.OpSync, golden.Record{}.Ustring("/")),
		header(0, golden.OpCreate, golden.Create(path+"/a", nil, golden.Open, 0)),
		header(0, golden.OpDelete, golden.Record{}.Ustring(path+"/a").Int(-1)),
		header(0, golden.OpExists, golden.Watched(path+"/a", false)),
		header(0, golden.OpCloseSession, nil),
	))
	w.ending(name+": a burst with the xid 0", c)
}

func (w *teller) illegal(name string, s *peers.Server) {
	for _, op := range []int32{0, -1, 13, 23, 99, 108, 1000, -12, 0x7fffffff, -0x80000000} {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
		c.Send(header(1, op, golden.Record{}.Int(1)), "")
		b := c.Receive("")
		w.say("%s: operation %d: xid %d, zxid %d, %s", name, op, binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint64(b[4:])), reply(b))
		c.ExpectClose()
	}
	c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	c.Raw(frames(header(1, golden.OpExists, golden.Watched("/", false)), header(2, 77, nil), header(3, golden.OpExists, golden.Watched("/", false))))
	replies, _ := rest(c) // in Java its reply overtakes the first, and the end may
	w.say("%s: behind an unknown operation: %q", name, replies[len(replies)-1:])
}

// TestExpiredSession: what becomes of a client whose session expires while it is connected elsewhere, and of one that
// was stopped for too long.
func TestExpiredSession(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		leader, follower := startTwo(t, software)
		w := &teller{t: t}
		err := golden.Catch(func() {
			for _, s := range []*peers.Server{leader, follower} {
				name := map[*peers.Server]string{leader: "leader", follower: "follower"}[s]
				c := golden.Dial(&golden.Transcript{}, s.Addr())
				c.Handshake(golden.Handshake{TimeoutMs: 1000, Password: golden.NoPassword}, "")
				path := "/expired-" + name
				c.Ask(golden.OpCreate, golden.Create(path, nil, golden.Open, 1), "")
				began := time.Now()
				c.ExpectClose() // silent for longer than its timeout
				d := golden.Connect(&golden.Transcript{}, leader.Addr(), "")
				for range 100 {
					b := d.Ask(golden.OpExists, golden.Watched(path, true), "")
					if len(b) == 16 {
						break
					}
					d.Receive("") // the event
				}
				took := time.Since(began)
				w.say("%s: at least its timeout: %t", name, took >= time.Second)
				h := golden.Handshake{TimeoutMs: 9000, ID: c.ID, Password: c.Password}
				w.say("%s: resumed: %s", name, outcome(s.Addr(), h))
			}
		})
		w.compare("expired", software, err)
	})
}
