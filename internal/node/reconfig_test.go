package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/zk"
)

// movable is a server whose ensemble changes.
type movable struct {
	*member
	id    int
	ports []int // quorum, election, client
}

// line is its server line, with the role and other ports if they are given.
func (m *movable) line(role string, ports ...int) string {
	if ports == nil {
		ports = m.ports
	}
	return fmt.Sprintf("server.%d=127.0.0.1:%d:%d:%s;127.0.0.1:%d", m.id, ports[0], ports[1], role, ports[2])
}

// newMovable writes the files of a server that knows others, and itself by a line of this role.
func newMovable(t *testing.T, id int, role string, known ...*movable) *movable {
	t.Helper()
	dir := t.TempDir()
	m := &movable{id: id, ports: freePorts(t, 3), member: &member{t: t, cfg: filepath.Join(dir, "zoo.cfg"), flags: map[string]string{"zookeeper.skipACL": "yes"}}}
	m.client = fmt.Sprintf("127.0.0.1:%d", m.ports[2])
	text := fmt.Sprintf("# server %d\ndataDir=%s\ntickTime=500\ninitLimit=10\nsyncLimit=4\nstandaloneEnabled=false\nreconfigEnabled=true\n%s\n", id, dir, m.line(role))
	for _, o := range known {
		text += o.line("participant") + "\n"
	}
	for name, text := range map[string]string{m.cfg: text, filepath.Join(dir, "myid"): fmt.Sprintln(id)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// eventually tries until it works.
func eventually(t testing.TB, ctx context.Context, try func() error) {
	t.Helper()
	for {
		err := try()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// await waits until the node serves in this role.
func (m *movable) await(ctx context.Context, role zab.Role) {
	m.t.Helper()
	eventually(m.t, ctx, func() error {
		if got := m.node.Role(); got != role {
			return fmt.Errorf("server %d is %v, want %v", m.id, got, role)
		}
		return nil
	})
}

// TestFromOneToAnother grows an ensemble of one, hands it over to the new server, and lets both restart.
func TestFromOneToAnother(t *testing.T) {
	ctx := testContext(t)
	one := newMovable(t, 1, "participant")
	one.start()
	one.await(ctx, zab.RoleLeader)
	c := connect(t, ctx, one.client)
	if _, err := c.Create(ctx, "/a", []byte("x"), 0, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	_, _, w, err := c.GetConfigW(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Joining: []string{"server.2=127.0.0.1:1:2;3"}}, zk.AnyConfig); !errors.Is(err, zk.ErrNewConfigNoQuorum) {
		t.Errorf("a server that is not there was added: %v", err)
	}

	two := newMovable(t, 2, "observer", one)
	two.start()
	two.await(ctx, zab.RoleFollower) // whatever it calls itself: it is no member
	before, st, err := c.GetConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	data, after, err := c.Reconfig(ctx, zk.Reconfiguration{Joining: []string{two.line("participant")}}, zk.Zxid(st.Mzxid))
	if err != nil || !strings.Contains(string(data), two.line("participant")+"\n") || after.Mzxid <= st.Mzxid || after.Version != -1 {
		t.Fatalf("%s\n%+v, %v; it was %s\n%+v", data, after, err, before, st)
	}
	if ev, err := w.Wait(ctx); err != nil || ev.Type != zk.EventNodeDataChanged || ev.Path != zk.ConfigPath {
		t.Errorf("watch: %+v", ev)
	}
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Leaving: []string{"2"}}, zk.Zxid(st.Mzxid)); !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("from an old version: %v", err)
	}

	// The leader that goes closes its clients' connections, which may be faster than the answer.
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Leaving: []string{"1"}}, zk.AnyConfig); err != nil && !errors.Is(err, zk.ErrConnectionLoss) {
		t.Fatal(err)
	}
	two.await(ctx, zab.RoleLeader)
	one.await(ctx, zab.RoleFollower) // without a vote
	d := connect(t, ctx, two.client)
	eventually(t, ctx, func() error { _, err := d.Create(ctx, "/b", nil, 0, zk.OpenACL); return err })
	one.halt()
	if _, err := d.Create(ctx, "/c", nil, 0, zk.OpenACL); err != nil {
		t.Errorf("without the one that was removed: %v", err)
	}
	d.Close()
	two.halt()
	two.start()
	two.await(ctx, zab.RoleLeader)
	d = connect(t, ctx, two.client)
	if data, _, err := d.Get(ctx, "/a"); err != nil || string(data) != "x" {
		t.Errorf("after a restart: %q, %v", data, err)
	}
}

// TestPortsMove gives a server other ports for clients, learners and votes while it runs.
func TestPortsMove(t *testing.T) {
	ctx := testContext(t)
	one := newMovable(t, 1, "participant")
	one.start()
	one.await(ctx, zab.RoleLeader)
	c := connect(t, ctx, one.client)
	two := newMovable(t, 2, "observer", one)
	two.start()
	two.await(ctx, zab.RoleFollower)
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Joining: []string{two.line("participant")}}, zk.AnyConfig); err != nil {
		t.Fatal(err)
	}
	old := connect(t, ctx, two.client)
	fresh := freePorts(t, 3)
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Joining: []string{two.line("participant", fresh...)}}, zk.AnyConfig); err != nil {
		t.Fatal(err)
	}
	d := connect(t, ctx, fmt.Sprintf("127.0.0.1:%d", fresh[2]))
	if _, err := d.Create(ctx, "/d", nil, 0, zk.OpenACL); err != nil {
		t.Error(err)
	}
	if _, err := old.Create(ctx, "/old", nil, 0, zk.OpenACL); err != nil {
		t.Errorf("a connection that was open: %v", err)
	}
	if got := two.node.Addr().String(); got != fmt.Sprintf("127.0.0.1:%d", fresh[2]) {
		t.Errorf("address %s", got)
	}
	if text, err := os.ReadFile(two.cfg); err != nil || strings.Contains(string(text), "server.") || !strings.HasPrefix(string(text), "# server 2\n") {
		t.Errorf("zoo.cfg: %s, %v", text, err)
	}

	// The new ports for learners and votes are what the other one finds when it has to.
	if _, _, err := c.Reconfig(ctx, zk.Reconfiguration{Joining: []string{one.line("observer")}}, zk.AnyConfig); err != nil {
		t.Fatal(err)
	}
	two.await(ctx, zab.RoleLeader)
	one.await(ctx, zab.RoleObserver)
	eventually(t, ctx, func() error {
		_, err := connect(t, ctx, one.client).Create(ctx, "/through", nil, 0, zk.OpenACL)
		if errors.Is(err, zk.ErrNodeExists) {
			return nil
		}
		return err
	})
	one.halt()
	one.start()
	one.await(ctx, zab.RoleObserver)
}

// TestReconfigRefused: where it is switched off, on a server alone, and without permission.
func TestReconfigRefused(t *testing.T) {
	ctx := testContext(t)
	change := zk.Reconfiguration{Leaving: []string{"1"}}
	for _, test := range []struct {
		n    int
		line string
		want error
	}{
		{3, "", zk.ErrReconfigDisabled}, {1, "", zk.ErrReconfigDisabled}, {1, "reconfigEnabled=true", zk.ErrUnimplemented}, {3, "reconfigEnabled=true", zk.ErrNoAuth},
	} {
		ms := newEnsemble(t, test.n, test.line)
		for _, m := range ms {
			m.start()
		}
		c := connect(t, ctx, ms[0].client)
		var refusal error
		eventually(t, ctx, func() error { // until all follow, whom the change needs
			_, _, refusal = c.Reconfig(ctx, change, zk.AnyConfig)
			if errors.Is(refusal, zk.ErrNewConfigNoQuorum) {
				return refusal
			}
			return nil
		})
		if !errors.Is(refusal, test.want) {
			t.Errorf("%d servers, %q: %v", test.n, test.line, refusal)
		}
		_, st, err := c.GetConfig(ctx)
		if enabled := test.n > 1 && test.line != ""; err != nil || (st.Mzxid != 0) != enabled {
			t.Errorf("%d servers, %q: the version is %v, %v", test.n, test.line, st.Mzxid, err)
		}
		c.Close()
		for _, m := range ms {
			m.halt()
		}
	}
}
