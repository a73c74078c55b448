package shell

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// sessionOptions say how sessions connect.
type sessionOptions struct {
	timeout  time.Duration
	maxFrame int
	readOnly bool // a server without a quorum will do
}

// session is a zk.Conn that behaves as ZooKeeper's Java client does towards its user: every failed
// attempt to connect fails the command under way with ConnectionLoss, where zk.Conn would wait, and
// everything that happens is told in the words of WatchedEvent.
type session struct {
	conn   *zk.Conn
	screen *screen
	mute   *atomic.Bool // printwatches off

	// ephemerals is set once the session may own ephemeral znodes. Only the goroutine that runs
	// commands uses it.
	ephemerals bool

	mu     sync.Mutex
	cancel context.CancelFunc // of the command under way; nil without one
	link   *dialed            // the latest connection
	silent bool               // the shell ends, nothing is told any more
	last   zk.Event           // the event printed latest
}

// openSession starts to connect to the servers of a connect string.
func openSession(servers string, o sessionOptions, scr *screen, mute *atomic.Bool) (*session, error) {
	s := &session{screen: scr, mute: mute}
	conn, err := zk.Open(servers, zk.Options{
		SessionTimeout: o.timeout, MaxFrame: o.maxFrame, ReadOnly: o.readOnly, Dial: s.dial, OnState: s.onState,
	})
	if err != nil {
		return nil, err
	}
	s.conn = conn
	return s, nil
}

func (s *session) alive() bool { return s != nil && s.conn.Err() == nil }

// state is the state's name as in Java's prompt. Source: ZooKeeper.States.
func (s *session) state() string {
	if s == nil {
		return "NOT_CONNECTED"
	}
	switch st := s.conn.State(); st {
	case zk.Connected, zk.ConnectedReadOnly, zk.AuthFailed:
		return st.String()
	case zk.Connecting, zk.Disconnected:
		return "CONNECTING"
	}
	return "CLOSED"
}

// dialed is a connection that tells when it ends before a server has confirmed the session on it.
type dialed struct {
	net.Conn
	once    sync.Once
	settled bool // guarded by session.mu; a server has confirmed the session
	session *session
}

func (d *dialed) Close() error {
	d.once.Do(func() { d.session.attemptEnded(d) })
	return d.Conn.Close()
}

func (s *session) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		s.attemptEnded(nil)
		return nil, err
	}
	d := &dialed{Conn: nc, session: s}
	s.mu.Lock()
	s.link = d
	s.mu.Unlock()
	return d, nil
}

// attemptEnded fails the command that waits for a connection, if d did not become one.
// Source: ClientCnxn.SendThread.cleanup.
func (s *session) attemptEnded(d *dialed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (d == nil || !d.settled) && s.cancel != nil {
		s.cancel()
	}
}

const syncConnected = "SyncConnected"

// stateNames are the states of which Java's client tells, in its words.
// Source: Watcher.Event.KeeperState.
var stateNames = map[zk.State]string{
	zk.Connected: syncConnected, zk.ConnectedReadOnly: "ConnectedReadOnly", zk.Disconnected: "Disconnected", zk.Expired: "Expired",
	zk.AuthFailed: "AuthFailed", zk.Closed: "Closed",
}

func (s *session) onState(st zk.State) {
	if st == zk.Connected || st == zk.ConnectedReadOnly {
		s.mu.Lock()
		if s.link != nil {
			s.link.settled = true
		}
		s.mu.Unlock()
	}
	if name, ok := stateNames[st]; ok {
		s.print(name, "None", "null", -1)
	}
}

// onEvent prints what a watch reports. ZooKeeper's shell has one watcher for everything, which hears of
// a change once, however many of its watches the change sets off.
func (s *session) onEvent(ev zk.Event) {
	if ev.Type == zk.EventNone || ev.Type == zk.EventGap {
		return // the end of the session and of a connection are told by onState
	}
	s.mu.Lock()
	again := ev == s.last
	s.last = ev
	s.mu.Unlock()
	state := syncConnected
	if ev.Type >= zk.EventDataWatchRemoved && s.conn.State() == zk.Disconnected {
		state = stateNames[zk.Disconnected] // Source: ClientCnxn.queueEvent
	}
	if !again {
		s.print(state, ev.Type.String(), ev.Path, ev.Zxid)
	}
}

// print prints a WatchedEvent. Source: WatchedEvent.toString, ZooKeeperMain.printMessage.
func (s *session) print(state, typ, path string, zxid zk.Zxid) {
	s.mu.Lock()
	silent := s.silent
	s.mu.Unlock()
	if !silent && !s.mute.Load() {
		s.screen.notice(fmt.Sprintf("\nWATCHER::\n\nWatchedEvent state:%s type:%s path:%s zxid: %d\n", state, typ, path, int64(zxid)))
	}
}

// syncTimeout bounds a sync. Source: SyncCommand.SYNC_TIMEOUT.
const syncTimeout = 30 * time.Second

// do executes an operation. It fails with ConnectionLoss when an attempt to connect fails meanwhile.
func (s *session) do(op zk.Op) (zk.Result, error) {
	ctx, done := s.waiting(context.Background())
	defer done()
	res, err := s.conn.Do(ctx, op)
	if e := (*zk.Error)(nil); errors.As(err, &e) && errors.Is(err, context.Canceled) {
		e.Err = zk.ErrConnectionLoss
	}
	return res, err
}

// watch is do with a watch if w is true.
func (s *session) watch(op zk.Op, w bool) (zk.Result, error) {
	if !w {
		return s.do(op)
	}
	s.mu.Lock()
	s.last = zk.Event{} // what comes next was not printed yet, even if it looks the same
	s.mu.Unlock()
	return s.do(op.OnEvent(s.onEvent))
}

// removeWatches removes watches of one type, if local is true even without a
// connection.
func (s *session) removeWatches(path string, typ zk.WatcherType, local bool) error {
	ctx, done := s.waiting(context.Background())
	defer done()
	err := s.conn.RemoveWatches(ctx, path, typ, local)
	if e := (*zk.Error)(nil); errors.As(err, &e) && errors.Is(err, context.Canceled) {
		e.Err = zk.ErrConnectionLoss
	}
	return err
}

// sync waits until the server has caught up with the leader, and returns what the server says.
func (s *session) sync(path string) (zk.Code, error) {
	parent, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	ctx, done := s.waiting(parent)
	defer done()
	_, err := s.conn.Do(ctx, zk.SyncOp(path))
	e := (*zk.Error)(nil)
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, context.DeadlineExceeded):
		return 0, fmt.Errorf("sync %s: no answer within %v", path, syncTimeout)
	case errors.Is(err, context.Canceled):
		return zk.ErrConnectionLoss, nil
	case errors.As(err, &e) && e.Code() != 0:
		return e.Code(), nil
	}
	return 0, err
}

// addAuth presents a credential, which the session keeps if there is no connection.
func (s *session) addAuth(scheme string, data []byte) {
	ctx, done := s.waiting(context.Background())
	defer done()
	if err := s.conn.AddAuth(ctx, scheme, data); errors.Is(err, zk.ErrAuthFailed) {
		<-s.conn.Done() // a refusal ends the session
	}
}

// waiting returns a context that the end of an attempt to connect cancels.
func (s *session) waiting(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	return ctx, func() {
		s.mu.Lock()
		s.cancel = nil
		s.mu.Unlock()
		cancel()
	}
}

// closePatience is how long close waits for a connection attempt under way.
const closePatience = 5 * time.Second

// close ends the session as the user asked. What cannot be ended now, the ensemble ends after the timeout.
// Java's client sends the request to close on the connection that it is about to make, if it makes one.
func (s *session) close() {
	if !s.alive() {
		return
	}
	parent, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	ctx, done := s.waiting(parent)
	s.conn.WaitConnected(ctx)
	done()
	s.conn.Close()
}

// leave ends the shell's part in the session without a word. Java's shell just exits, which leaves the
// session to its timeout; that matters only to ephemeral znodes, so without any it is ended.
func (s *session) leave() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.silent = true
	s.mu.Unlock()
	if s.ephemerals || s.conn.State() != zk.Connected {
		s.conn.Detach()
		return
	}
	s.close()
}
