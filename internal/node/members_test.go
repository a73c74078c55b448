package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/zk"
)

// also adds lines to a zoo.cfg before its server starts.
func (m *movable) also(lines ...string) {
	m.t.Helper()
	text, err := os.ReadFile(m.cfg)
	if err == nil {
		err = os.WriteFile(m.cfg, append(text, strings.Join(lines, "\n")+"\n"...), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// change asks for a change until it is made: what it needs may not be there yet.
func change(t *testing.T, ctx context.Context, c *zk.Conn, r zk.Reconfiguration) {
	t.Helper()
	eventually(t, ctx, func() error { _, _, err := c.Reconfig(ctx, r, zk.AnyConfig); return err })
}

// write writes until it is done.
func write(t *testing.T, ctx context.Context, c *zk.Conn, path string) {
	t.Helper()
	eventually(t, ctx, func() error {
		_, err := c.Create(ctx, path, nil, 0, zk.OpenACL)
		if errors.Is(err, zk.ErrNodeExists) {
			return nil
		}
		return err
	})
}

// TestClientFollowsMembers: a client that knew one server when it began goes with its session to those that were added
// since, when that one leaves and ends.
func TestClientFollowsMembers(t *testing.T) {
	ctx := testContext(t)
	one := newMovable(t, 1, "participant")
	one.start()
	one.await(ctx, zab.RoleLeader)
	c, err := zk.Connect(ctx, one.client, zk.Options{FollowConfig: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Create(ctx, "/mine", nil, zk.Ephemeral, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	two, three := newMovable(t, 2, "observer", one), newMovable(t, 3, "observer", one)
	others := map[string]bool{two.client: true, three.client: true}
	admin := connect(t, ctx, one.client)
	for _, m := range []*movable{two, three} {
		m.start()
		m.await(ctx, zab.RoleFollower)
		change(t, ctx, admin, zk.Reconfiguration{Joining: []string{m.line("participant")}})
	}
	change(t, ctx, admin, zk.Reconfiguration{Leaving: []string{"1"}})
	eventually(t, ctx, func() error { // it is told, and goes while the server is still there
		if at := c.Server(); !others[at] {
			return fmt.Errorf("the client is at %q", at)
		}
		return nil
	})
	one.halt()
	write(t, ctx, c, "/later")
	_, st, err := c.Get(ctx, "/mine")
	if err != nil || st.EphemeralOwner != c.SessionID() {
		t.Errorf("the session has not gone with it: %+v, %v", st, err)
	}
	at := two
	if c.Server() == three.client {
		at = three
	}
	change(t, ctx, c, zk.Reconfiguration{Joining: []string{at.line("observer")}}) // one voter is left, which may be restarted
	at.halt()
	write(t, ctx, c, "/without")
	if now := c.Server(); !others[now] || now == at.client {
		t.Errorf("the client is at %q", now)
	}
}

// TestOracleAndAChange: of two servers one is gone, and the oracle lets the other one go on; it takes in a third one in
// its place, and needs no oracle any more.
func TestOracleAndAChange(t *testing.T) {
	ctx := testContext(t)
	oracle := filepath.Join(t.TempDir(), "oracle")
	say := func(word string) {
		if err := os.WriteFile(oracle, []byte(word), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	say("0")
	two := newMovable(t, 2, "participant")
	one := newMovable(t, 1, "participant", two)
	two.also(one.line("participant"))
	one.also("oraclePath=" + oracle)
	one.start()
	two.start()
	c := connect(t, ctx, one.client)
	write(t, ctx, c, "/both")
	two.halt()
	say("1")
	one.await(ctx, zab.RoleLeader)
	write(t, ctx, c, "/alone")

	three := newMovable(t, 3, "observer", one, two)
	three.also("oraclePath=" + oracle + ".3") // which lets it do nothing, but it knows that there are oracles
	three.start()
	three.await(ctx, zab.RoleFollower)
	write(t, ctx, c, "/with one that has no vote")
	change(t, ctx, c, zk.Reconfiguration{Joining: []string{three.line("participant")}, Leaving: []string{"2"}})
	say("0")
	write(t, ctx, c, "/with another")
	three.halt()
	eventually(t, ctx, func() error {
		if one.node.Role() == zab.RoleLeader {
			return errors.New("it leads without a quorum and without the oracle")
		}
		return nil
	})
	say("1") // a change keeps the oracle
	one.await(ctx, zab.RoleLeader)
	write(t, ctx, c, "/alone again")
}

// TestAddressesChange gives servers more addresses and takes them away while they run; without the setting, none may
// have two.
func TestAddressesChange(t *testing.T) {
	ctx := testContext(t)
	one := newMovable(t, 1, "participant")
	one.also("multiAddress.enabled=true")
	one.start()
	one.await(ctx, zab.RoleLeader)
	at := func(m *movable, hosts ...string) string {
		for i, host := range hosts {
			hosts[i] = fmt.Sprintf("%s:%d:%d", host, m.ports[0], m.ports[1])
		}
		return fmt.Sprintf("server.%d=%s:participant;127.0.0.1:%d", m.id, strings.Join(hosts, "|"), m.ports[2])
	}
	open := func(m *movable, host string, want bool) {
		t.Helper()
		for _, port := range m.ports[:2] {
			eventually(t, ctx, func() error {
				nc, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("%s:%d", host, port))
				if err == nil {
					nc.Close()
				}
				if (err == nil) != want {
					return fmt.Errorf("port %d of server %d at %s: %v", port, m.id, host, err)
				}
				return nil
			})
		}
	}
	c := connect(t, ctx, one.client)
	two := newMovable(t, 2, "observer", one)
	two.also("multiAddress.enabled=true")
	two.start()
	two.await(ctx, zab.RoleFollower)
	change(t, ctx, c, zk.Reconfiguration{Joining: []string{at(two, "127.0.0.3", "127.0.0.2")}})
	data, _, err := c.GetConfig(ctx)
	if want := at(two, "127.0.0.2", "127.0.0.3"); err != nil || !strings.Contains(string(data), want+"\n") {
		t.Errorf("%s, %v; want %s", data, err, want)
	}
	open(two, "127.0.0.2", true)
	open(two, "127.0.0.3", true)
	open(two, "127.0.0.1", false)
	change(t, ctx, c, zk.Reconfiguration{Joining: []string{at(two, "127.0.0.3")}})
	open(two, "127.0.0.2", false)
	change(t, ctx, c, zk.Reconfiguration{Joining: []string{at(one, "127.0.0.2", "127.0.0.1")}}) // its own, and so it hands over
	two.await(ctx, zab.RoleLeader)
	one.await(ctx, zab.RoleFollower)
	open(one, "127.0.0.2", true)
	eventually(t, ctx, func() error { // both come back by what their files say
		c := connect(t, ctx, one.client)
		defer c.Close()
		_, err := c.Create(ctx, "/moved", nil, 0, zk.OpenACL)
		if errors.Is(err, zk.ErrNodeExists) {
			return nil
		}
		return err
	})
	two.halt()
	one.halt()
	one.start()
	two.start()
	write(t, ctx, connect(t, ctx, two.client), "/back")

	three := newMovable(t, 3, "participant")
	three.start()
	three.await(ctx, zab.RoleLeader)
	d := connect(t, ctx, three.client)
	if _, _, err := d.Reconfig(ctx, zk.Reconfiguration{Joining: []string{at(three, "127.0.0.1", "127.0.0.2")}}, zk.AnyConfig); !errors.Is(err, zk.ErrBadArguments) {
		t.Errorf("two addresses without multiAddress.enabled: %v", err)
	}
}
