package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/zk"
)

// guide leads a client's connections to one server of an ensemble, whichever the client thinks of.
type guide struct {
	mu sync.Mutex
	to string
	nc net.Conn
}

func (g *guide) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	nc, err := (&net.Dialer{}).DialContext(ctx, network, g.to)
	g.nc = nc
	return nc, err
}

// move breaks the connection; the next one goes to s.
func (g *guide) move(s *peers.Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.to = s.Addr(); g.nc != nil {
		g.nc.Close()
	}
}

// TestSessionsMoveBetweenKinds takes a session from Java to Paddock and on to Java, under a leader of each kind: its id
// and password hold, its ephemeral stays, its watches of every kind tell of what happens before and after.
func TestSessionsMoveBetweenKinds(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{ // the highest id leads at first
		"java leads":    {java, paddock, java},
		"paddock leads": {java, paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsemble(t, software...)
			g := &guide{to: e.Server(1).Addr()}
			ctx, cancel := context.WithTimeout(t.Context(), 3*replyTimeout)
			defer cancel()
			c, err := zk.Connect(ctx, e.ConnectString(), zk.Options{SessionTimeout: 8 * time.Second, Dial: g.dial})
			check(t, err)
			defer c.Close()
			other := connectZK(t, e.Server(3).Addr())
			m := &mover{t: t, ctx: ctx, e: e, g: g, c: c, other: other, id: c.SessionID()}
			_, err = c.Create(ctx, "/mine", nil, zk.Ephemeral, zk.OpenACL)
			check(t, err)
			_, err = c.Create(ctx, "/tree", nil, zk.Persistent, zk.OpenACL)
			check(t, err)
			m.tree, err = c.AddWatch(ctx, "/tree", zk.WatchPersistentRecursive)
			check(t, err)
			for i, id := range []int{2, 1, 2, 3} {
				m.move(fmt.Sprintf("move%d", i), e.Server(id))
			}
			m.intruder(e.Server(1))
			m.intruder(e.Server(2))
			m.alive()
		})
	}
}

// mover is a session that is led from server to server.
type mover struct {
	t     *testing.T
	ctx   context.Context
	e     *peers.Ensemble
	g     *guide
	c     *zk.Conn // the session
	other *zk.Conn // somebody else, on a server of its own
	id    zk.SessionID
	tree  *zk.PersistentWatch
}

// alive checks that the session and its ephemeral are what they were, as somebody else sees it.
func (m *mover) alive() {
	m.t.Helper()
	check(m.t, m.other.Sync(m.ctx, "/"))
	st, there, err := m.other.Exists(m.ctx, "/mine")
	if err != nil || !there || st.EphemeralOwner != m.id || m.c.SessionID() != m.id || m.c.Err() != nil {
		m.t.Fatalf("session %v is now %v (%v), its ephemeral %v %+v, %v", m.id, m.c.SessionID(), m.c.Err(), there, st, err)
	}
}

// move takes the session to s. One watch fires while it is on the way, one when it is there.
func (m *mover) move(name string, s *peers.Server) {
	m.t.Helper()
	var during, after *zk.Watch
	for path, w := range map[string]**zk.Watch{"/during-" + name: &during, "/after-" + name: &after} {
		err := again(m.ctx, func() (err error) {
			_, _, *w, err = m.c.ExistsW(m.ctx, path)
			return err
		})
		check(m.t, err)
	}
	m.g.move(s)
	_, err := m.other.Create(m.ctx, during.Path(), nil, zk.Persistent, zk.OpenACL)
	check(m.t, err)
	m.created(during)
	if _, err := m.e.Holder(m.ctx, fmt.Sprintf("0x%x", uint64(m.id))); err != nil {
		m.t.Fatal(err)
	}
	m.alive()
	_, err = m.other.Create(m.ctx, after.Path(), nil, zk.Persistent, zk.OpenACL)
	check(m.t, err)
	m.created(after)
	_, err = m.other.Create(m.ctx, "/tree/"+name, nil, zk.Persistent, zk.OpenACL)
	check(m.t, err)
	for {
		ev, err := m.tree.Next(m.ctx)
		check(m.t, err)
		if ev.Type == zk.EventNodeCreated && ev.Path == "/tree/"+name {
			return
		}
		if ev.Type != zk.EventGap {
			m.t.Fatalf("event %v %s of the persistent watch", ev.Type, ev.Path)
		}
	}
}

func (m *mover) created(w *zk.Watch) {
	m.t.Helper()
	ev, err := w.Wait(m.ctx)
	if err != nil || ev.Type != zk.EventNodeCreated || ev.Path != w.Path() {
		m.t.Fatalf("event %v %s, %v; want that %s was created", ev.Type, ev.Path, err, w.Path())
	}
}

// intruder asks for the session with another password, through s.
func (m *mover) intruder(s *peers.Server) {
	m.t.Helper()
	stolen := m.c.Session()
	stolen.Passwd = make([]byte, len(stolen.Passwd))
	c, err := zk.Open(s.Addr(), zk.Options{Resume: stolen})
	check(m.t, err)
	defer c.Close()
	if err := c.WaitConnected(m.ctx); !errors.Is(err, zk.ErrSessionExpired) {
		m.t.Errorf("%v gives the session to somebody with another password: %v", s, err)
	}
}

// again calls f until the connection no longer gets lost under it.
func again(ctx context.Context, f func() error) error {
	for {
		if err := f(); !errors.Is(err, zk.ErrConnectionLoss) || ctx.Err() != nil {
			return err
		}
	}
}
