package security

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/logging"
	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/internal/zab"
)

// superCredentials are those of the digest in the servers' configuration.
const (
	superCredentials = "super:test"
	superDigest      = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
)

// server is one standalone server with everything logged.
type server struct {
	addr string
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a server until the end of the test. lines are added to its
// configuration.
func start(t *testing.T, lines ...string) *server {
	t.Helper()
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	text := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\ntickTime=2000\nmaxClientCnxns=0\n"+
		"forceSync=no\nDigestAuthenticationProvider.superDigest=%s\n%s\n", dir, port, superDigest, strings.Join(lines, "\n"))
	file := filepath.Join(dir, "zoo.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{log: new(lockedBuffer)}
	n, err := node.New(node.Options{Config: cfg, Version: "test", Logger: slog.New(logging.New(s.log, logging.Options{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	<-n.Ready()
	s.addr = n.Addr().String()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n.Role() == zab.RoleNone { // the port is open before anybody is served
		select {
		case <-tick.C:
		case err := <-done:
			done <- nil // for the cleanup
			t.Fatalf("server ended: %v", err)
		}
	}
	return s
}
