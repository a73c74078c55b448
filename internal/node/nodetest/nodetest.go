// Package nodetest runs a standalone server inside the tests of other packages.
package nodetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/node"
	"github.com/paddock-io/paddock/zk"
)

// Standalone runs a server until the test ends, with more lines in its zoo.cfg,
// and returns its address once it serves.
func Standalone(t testing.TB, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "zoo.cfg")
	lines := append([]string{"dataDir=" + dir, "clientPort=0", "clientPortAddress=127.0.0.1", "admin.enableServer=false"}, more...)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(node.Options{Config: c, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	addr := n.Addr().String()
	conn, err := zk.Connect(t.Context(), addr, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return addr
}
