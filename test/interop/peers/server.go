package peers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// StartTimeout bounds the wait for a server to serve, and for an ensemble to elect. It is long
// because continuous integration has few cores and a JVM wants them all while it starts.
const StartTimeout = 60 * time.Second

// Server is one server process, or its data between two runs.
type Server struct {
	Config
	Software Software
	run      *process // nil before the first Start
}

// NewServer writes the configuration and returns the server, not yet started.
func NewServer(software Software, cfg Config) (*Server, error) {
	if err := cfg.write(); err != nil {
		return nil, err
	}
	return &Server{Config: cfg, Software: software}, nil
}

// Start runs the server's process. It does not wait for it to serve.
func (s *Server) Start() error {
	if s.Alive() {
		return fmt.Errorf("%v is running already", s)
	}
	run, err := startProcess(s.Software.Command(s.cfgPath(), s.Properties), s.LogPath())
	if err != nil {
		return err
	}
	s.run = run
	return nil
}

// String names the server in messages: its kind, id and client address.
func (s *Server) String() string {
	return fmt.Sprintf("%v server %d at %s", s.Software, s.ID, s.Addr())
}

// Addr is the client address, host:port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.ClientPort) }

// LogPath is the file with everything the process printed, over all its runs.
func (s *Server) LogPath() string { return filepath.Join(s.Home, "server.log") }

// Alive says whether the process runs.
func (s *Server) Alive() bool { return s.run != nil && s.run.alive() }

// Kill ends the process by SIGKILL and returns when it is gone.
func (s *Server) Kill() {
	if s.run != nil {
		s.run.kill()
	}
}

// Stop ends the process by SIGTERM and returns when it is gone.
func (s *Server) Stop() error {
	if s.run == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.run.stop(ctx)
}

// Pause stops the process from running, its sockets staying open, until Resume or Kill.
func (s *Server) Pause() error {
	if err := s.run.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return s.run.awaitStop()
}

// Resume undoes Pause.
func (s *Server) Resume() error { return s.run.signal(syscall.SIGCONT) }

// Word sends a four-letter word and returns the answer.
func (s *Server) Word(ctx context.Context, word string) (string, error) {
	return Word(ctx, s.Addr(), word)
}

// Status asks srvr. A server that does not serve yields an error.
func (s *Server) Status(ctx context.Context) (Status, error) {
	text, err := s.Word(ctx, "srvr")
	if err != nil {
		return Status{}, err
	}
	return parseStatus(text)
}

// errEnded is AwaitServing's reason when there is nothing left to wait for.
var errEnded = errors.New("process ended")

// AwaitServing waits until the server answers srvr with a mode, and returns it. When the process ends
// or ctx is over first, the error quotes the end of the server's log.
func (s *Server) AwaitServing(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var st Status
	err := Await(ctx, s.String()+" to serve", func(ctx context.Context) error {
		if !s.Alive() {
			cancel(errEnded)
			return errEnded
		}
		var err error
		st, err = s.Status(ctx)
		return err
	})
	if err != nil {
		return Status{}, fmt.Errorf("%w\nend of %s:\n%s", err, s.LogPath(), tail(s.LogPath(), 40))
	}
	return st, nil
}

// StartJava is StartServer for a Java server.
func StartJava(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	return StartServer(tb, Java{Require(tb)}, cfg)
}

// StartServer starts a server for the test, waits until it serves if it is standalone, and ends it with
// the test. Home and ClientPort are chosen when cfg leaves them out. A member of an ensemble serves only
// with its peers, so for one of those StartServer does not wait. When the test has failed, the cleanup
// shows how the server's log ends.
func StartServer(tb testing.TB, software Software, cfg Config) *Server {
	tb.Helper()
	if cfg.Home == "" {
		cfg.Home = tb.TempDir()
	}
	if cfg.ClientPort == 0 {
		ports, err := FreePorts(1)
		if err != nil {
			tb.Fatal(err)
		}
		cfg.ClientPort = ports[0]
	}
	s, err := NewServer(software, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	EndWith(tb, s)
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	if len(cfg.Members) == 0 {
		ctx, cancel := context.WithTimeout(tb.Context(), StartTimeout)
		defer cancel()
		if _, err := s.AwaitServing(ctx); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// EndWith kills the servers with the test, and shows how their logs end when it has failed.
func EndWith(tb testing.TB, servers ...*Server) {
	tb.Cleanup(func() {
		for _, s := range servers {
			s.Kill()
		}
		if !tb.Failed() {
			return
		}
		for _, s := range servers {
			tb.Logf("end of the log of %v:\n%s", s, tail(s.LogPath(), 25))
		}
	})
}
