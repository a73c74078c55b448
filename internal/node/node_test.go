package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/zk"
)

// member is one server of a test ensemble.
type member struct {
	t      testing.TB
	cfg    string
	flags  map[string]string // -D
	client string
	node   *Node
	stop   context.CancelFunc
	done   chan error
}

// freePorts returns n ports that were free a moment ago.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// newEnsemble writes the files of n servers; 1 makes a standalone one.
func newEnsemble(t testing.TB, n int, extra ...string) []*member {
	t.Helper()
	ports := freePorts(t, 3*n)
	var servers strings.Builder
	if n > 1 {
		for i := range n {
			fmt.Fprintf(&servers, "server.%d=127.0.0.1:%d:%d\n", i+1, ports[3*i], ports[3*i+1])
		}
	}
	var members []*member
	for i := range n {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "myid"), fmt.Appendf(nil, "%d\n", i+1), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := filepath.Join(dir, "zoo.cfg")
		text := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\ntickTime=500\ninitLimit=10\nsyncLimit=4\n%s%s\n",
			dir, ports[3*i+2], servers.String(), strings.Join(extra, "\n"))
		if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		members = append(members, &member{t: t, cfg: cfg, client: fmt.Sprintf("127.0.0.1:%d", ports[3*i+2])})
	}
	return members
}

func (m *member) start() {
	m.t.Helper()
	c, _, err := config.Load(m.cfg, m.flags)
	if err != nil {
		m.t.Fatal(err)
	}
	opts := Options{Config: c, Version: "test"}
	if testing.Verbose() {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("id", c.MyID)
	}
	if m.node, err = New(opts); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop, m.done = cancel, make(chan error, 1)
	go func() { m.done <- m.node.Run(ctx) }()
	m.t.Cleanup(func() { m.halt() })
}

func (m *member) halt() {
	if m.node == nil {
		return
	}
	m.stop()
	if err := <-m.done; err != nil {
		m.t.Errorf("server on %s: %v", m.client, err)
	}
	m.node = nil
}

func connect(t testing.TB, ctx context.Context, addrs ...string) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(ctx, strings.Join(addrs, ","), zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestStandalone(t *testing.T) {
	ctx := testContext(t)
	m := newEnsemble(t, 1)[0]
	m.start()
	c := connect(t, ctx, m.client)
	if _, err := c.Create(ctx, "/a", []byte("x"), 0, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	c.Close()
	m.halt()
	m.start()
	c = connect(t, ctx, m.client)
	data, _, err := c.Get(ctx, "/a")
	if err != nil || string(data) != "x" {
		t.Fatalf("after a restart: %q, %v", data, err)
	}
	if m.node.Role() != zab.RoleStandalone {
		t.Errorf("role %v", m.node.Role())
	}
}

func TestEnsemble(t *testing.T) {
	ctx := testContext(t)
	ms := newEnsemble(t, 3)
	for _, m := range ms {
		m.start()
	}
	var conns []*zk.Conn
	for _, m := range ms {
		conns = append(conns, connect(t, ctx, m.client))
	}
	for i, c := range conns {
		path := fmt.Sprintf("/n%d", i)
		if _, err := c.Create(ctx, path, []byte(path), 0, zk.OpenACL); err != nil {
			t.Fatal(err)
		}
		for _, d := range conns {
			if err := d.Sync(ctx, path); err != nil {
				t.Fatal(err)
			}
			if data, _, err := d.Get(ctx, path); err != nil || string(data) != path {
				t.Fatalf("read %s: %q, %v", path, data, err)
			}
		}
	}
	all := connect(t, ctx, ms[0].client, ms[1].client, ms[2].client)
	for round := range 3 {
		m := ms[(round+2)%3] // the leader first, since the highest id leads a fresh ensemble
		m.halt()
		path := fmt.Sprintf("/after%d", round)
		for {
			_, err := all.Create(ctx, path, nil, 0, zk.OpenACL)
			if err == nil || errors.Is(err, zk.ErrNodeExists) {
				break
			}
			if !errors.Is(err, zk.ErrConnectionLoss) {
				t.Fatal(err)
			}
		}
		m.start()
	}
	for i := range 3 {
		c := connect(t, ctx, ms[i].client)
		for round := range 3 {
			path := fmt.Sprintf("/after%d", round)
			if err := c.Sync(ctx, path); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Get(ctx, path); err != nil {
				t.Errorf("server %d: %s: %v", i+1, path, err)
			}
		}
	}
}

// A session on a follower may have writes on both sides of a sync in flight.
func TestPipelinedSync(t *testing.T) {
	ctx := testContext(t)
	ms := newEnsemble(t, 3)
	for _, m := range ms {
		m.start()
	}
	c := connect(t, ctx, ms[0].client) // the highest id leads, so this one follows
	if _, err := c.Create(ctx, "/a", nil, 0, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	for round := range 300 {
		answers := make(chan error, 3)
		for _, op := range []zk.Op{zk.SetOp("/a", nil, zk.AnyVersion), zk.SyncOp("/a"), zk.SetOp("/a", nil, zk.AnyVersion)} {
			if err := c.Go(op, func(r zk.Result) { answers <- r.Err }); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			select {
			case err := <-answers:
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			case <-ctx.Done():
				t.Fatalf("round %d is not answered", round)
			}
		}
	}
}
