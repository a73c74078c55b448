package fake

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/paddock-io/paddock/proto"
)

// Fate is what happens to a request.
type Fate int

// Fates.
const (
	Pass       Fate = iota // executed and answered
	DropBefore             // the connection breaks, the request is not executed
	DropAfter              // executed, but the connection breaks instead of a reply
	Silent                 // neither executed nor answered
	Refuse                 // answered with a MarshallingError, not executed
)

// A Hook decides the fate of a request. It is called under the server's lock
// and must not call the server.
type Hook func(op proto.OpCode, req proto.Request) Fate

// Server is a ZooKeeper of one map.
type Server struct {
	wg sync.WaitGroup

	mu       sync.Mutex
	hook     Hook
	down     bool
	readOnly bool
	zxid     proto.Zxid
	nodes    map[string]*node
	sessions map[proto.SessionID]bool
	nextID   proto.SessionID
	conns    map[*conn]bool
	dialed   []string
}

// New returns a server whose only znode is the root.
func New() *Server {
	return &Server{
		nodes:    map[string]*node{"/": {}},
		sessions: map[proto.SessionID]bool{},
		nextID:   0x100,
		conns:    map[*conn]bool{},
	}
}

// Dial connects to the server, whatever the address; it suits zk.Options.Dial.
func (s *Server) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialed = append(s.dialed, addr)
	if s.down {
		return nil, errors.New("fake: server is down")
	}
	client, server := net.Pipe()
	c := &conn{srv: s, nc: server, wake: make(chan struct{}, 1), watches: map[watch]bool{}}
	s.conns[c] = true
	s.wg.Go(c.readLoop)
	s.wg.Go(c.writeLoop)
	return client, nil
}

// SetHook makes hook decide about all requests from now on; nil passes them.
func (s *Server) SetHook(hook Hook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// Dialed returns the addresses that were dialled so far.
func (s *Server) Dialed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.dialed...)
}

// Drop breaks all connections.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropLocked()
}

func (s *Server) dropLocked() {
	for c := range s.conns {
		c.nc.Close()
		delete(s.conns, c)
	}
}

// SetDown breaks all connections and refuses new ones, or ends that.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down = down; down {
		s.dropLocked()
	}
}

// SetReadOnly breaks all connections and serves reads only, to clients that
// ask for it, as a server does that has lost its quorum; or it ends that.
func (s *Server) SetReadOnly(readOnly bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readOnly = readOnly
	s.dropLocked()
}

// Expire ends a session: its ephemerals go and its connection breaks.
func (s *Server) Expire(id proto.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endSession(id)
	for c := range s.conns {
		if c.session == id {
			c.nc.Close()
			delete(s.conns, c)
		}
	}
}

// Write changes a znode's data behind the clients' backs, creating it if
// needed.
func (s *Server) Write(path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zxid++
	if n := s.nodes[path]; n != nil {
		s.setNode(path, n, data)
	} else {
		s.addNode(path, &node{data: data})
	}
}

// Remove deletes a znode behind the clients' backs.
func (s *Server) Remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zxid++
	s.removeNode(path)
}

// Sessions returns how many sessions live.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Close breaks all connections and waits for the server's goroutines.
func (s *Server) Close() {
	s.SetDown(true)
	s.wg.Wait()
}
