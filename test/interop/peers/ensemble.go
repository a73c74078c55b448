package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// Ensemble is a set of voting servers with the ids 1, 2, 3 and so on.
type Ensemble struct{ Servers []*Server }

// NewEnsemble lays out one server per entry of software below home; nothing is started. Every server has the
// Settings and Properties of like.
func NewEnsemble(home string, like Config, software ...Software) (*Ensemble, error) {
	ports, err := FreePorts(3 * len(software))
	if err != nil {
		return nil, err
	}
	members := make([]Member, len(software))
	for i := range members {
		members[i] = Member{ID: i + 1, QuorumPort: ports[3*i], ElectionPort: ports[3*i+1], ClientPort: ports[3*i+2]}
	}
	e := &Ensemble{}
	for i, sw := range software {
		s, err := NewServer(sw, Config{
			Home:       filepath.Join(home, fmt.Sprintf("server%d", i+1)),
			ID:         i + 1,
			ClientPort: members[i].ClientPort,
			Members:    members,
			Settings:   like.Settings,
			Properties: like.Properties,
		})
		if err != nil {
			return nil, err
		}
		e.Servers = append(e.Servers, s)
	}
	return e, nil
}

// Shape is what NewShaped lays out: for each server its software, the role, the host and settings of its own.
type Shape struct {
	Software Software
	Observer bool
	Host     string            // see Member
	Settings map[string]string // beside those that all have
}

// NewShaped is NewEnsemble for servers that are not all alike.
func NewShaped(home string, like Config, shapes ...Shape) (*Ensemble, error) {
	ports, err := FreePorts(3 * len(shapes))
	if err != nil {
		return nil, err
	}
	members := make([]Member, len(shapes))
	for i, s := range shapes {
		members[i] = Member{ID: i + 1, Host: s.Host, Observer: s.Observer,
			QuorumPort: ports[3*i], ElectionPort: ports[3*i+1], ClientPort: ports[3*i+2]}
	}
	e := &Ensemble{}
	for i, shape := range shapes {
		settings := maps.Clone(like.Settings)
		if settings == nil {
			settings = map[string]string{}
		}
		maps.Copy(settings, shape.Settings)
		if shape.Observer {
			settings["peerType"] = "observer"
		}
		s, err := NewServer(shape.Software, Config{
			Home: filepath.Join(home, fmt.Sprintf("server%d", i+1)), ID: i + 1, ClientPort: members[i].ClientPort,
			Members: members, Settings: settings, Properties: like.Properties,
		})
		if err != nil {
			return nil, err
		}
		e.Servers = append(e.Servers, s)
	}
	return e, nil
}

// StartShaped is StartEnsembleLike for servers that are not all alike.
func StartShaped(tb testing.TB, like Config, shapes ...Shape) *Ensemble {
	tb.Helper()
	e, err := NewShaped(tb.TempDir(), like, shapes...)
	if err != nil {
		tb.Fatal(err)
	}
	e.startFor(tb)
	return e
}

// startFor starts every server for the test and waits until all serve.
func (e *Ensemble) startFor(tb testing.TB) {
	tb.Helper()
	EndWith(tb, e.Servers...)
	for _, s := range e.Servers {
		if err := s.Start(); err != nil {
			tb.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(tb.Context(), StartTimeout)
	defer cancel()
	if err := e.AwaitServing(ctx); err != nil {
		tb.Fatal(err)
	}
}

// StartEnsemble starts an ensemble for the test, waits until every server serves, and ends it with
// the test. When the test has failed, the cleanup says where the logs are and how they end.
func StartEnsemble(tb testing.TB, software ...Software) *Ensemble {
	tb.Helper()
	return StartEnsembleLike(tb, Config{}, software...)
}

// StartEnsembleLike is StartEnsemble with the Settings and Properties of like for every server.
func StartEnsembleLike(tb testing.TB, like Config, software ...Software) *Ensemble {
	tb.Helper()
	e, err := NewEnsemble(tb.TempDir(), like, software...)
	if err != nil {
		tb.Fatal(err)
	}
	e.startFor(tb)
	return e
}

// ConnectString names every server, as clients want it.
func (e *Ensemble) ConnectString() string {
	addrs := make([]string, len(e.Servers))
	for i, s := range e.Servers {
		addrs[i] = s.Addr()
	}
	return strings.Join(addrs, ",")
}

// Server returns the server with the id.
func (e *Ensemble) Server(id int) *Server { return e.Servers[id-1] }

// Kill ends every server by SIGKILL.
func (e *Ensemble) Kill() {
	for _, s := range e.Servers {
		s.Kill()
	}
}

// AwaitServing waits until every server whose process runs serves.
func (e *Ensemble) AwaitServing(ctx context.Context) error {
	for _, s := range e.Servers {
		if !s.Alive() {
			continue
		}
		if _, err := s.AwaitServing(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Leader waits until a running server says that it leads, and returns it.
func (e *Ensemble) Leader(ctx context.Context) (*Server, error) {
	var leader *Server
	err := Await(ctx, "a leader", func(ctx context.Context) error {
		for _, s := range e.Servers {
			if !s.Alive() {
				continue
			}
			if st, err := s.Status(ctx); err == nil && st.Mode == "leader" {
				leader = s
				return nil
			}
		}
		return errors.New("no server says that it leads")
	})
	return leader, err
}

// Holder waits until some running server has the connection of the session, written as cons writes
// it (0x and lower-case hex), and returns that server.
func (e *Ensemble) Holder(ctx context.Context, session string) (*Server, error) {
	var holder *Server
	err := Await(ctx, "a server with session "+session, func(ctx context.Context) error {
		for _, s := range e.Servers {
			if s.Alive() && hasSession(ctx, s.Addr(), session) == nil {
				holder = s
				return nil
			}
		}
		return errNoSession
	})
	return holder, err
}
