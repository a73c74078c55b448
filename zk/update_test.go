package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

// A Conn whose server leaves the list moves to one of the list, with its
// session, its watches, and without failing what is under way.
func TestUpdateServersMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connectTo(t, s, "a", Options{})
		id := c.SessionID()
		_, err := c.Create(t.Context(), "/e", nil, Ephemeral, OpenACL)
		must(t, err)
		_, _, w, err := c.GetW(t.Context(), "/e")
		must(t, err)
		began := time.Now()
		s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
			if op == proto.OpCreate {
				must(t, c.UpdateServers("b,c"))
			}
			return fake.Pass
		})
		if _, err := c.Create(t.Context(), "/under-way", nil, Persistent, OpenACL); err != nil {
			t.Errorf("under way while the list changed: %v", err)
		}
		s.SetHook(nil)
		if _, _, err := c.Get(t.Context(), "/e"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("it took %v", d)
		}
		if c.SessionID() != id || !slices.Contains([]string{"b:2181", "c:2181"}, c.Server()) {
			t.Errorf("session %v at %s", c.SessionID(), c.Server())
		}
		_, err = c.Set(t.Context(), "/e", []byte("x"), AnyVersion)
		must(t, err)
		mustEvent(t, w, EventNodeDataChanged, "/e")
		if n := len(s.Dialed()); n != 2 {
			t.Errorf("dialled %v", s.Dialed())
		}
	})
}

// Nobody leaves a server that stays, unless the list grows.
func TestUpdateServersStays(t *testing.T) {
	s := fake.New()
	c := connectTo(t, s, "a/app", Options{})
	for _, list := range []string{"a", "a:2181/app"} {
		must(t, c.UpdateServers(list))
		c.Exists(t.Context(), "/")
	}
	if n := len(s.Dialed()); n != 1 {
		t.Errorf("dialled %v", s.Dialed())
	}
	for _, bad := range []string{"", "a/other", "a:x"} {
		if err := c.UpdateServers(bad); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
	must(t, c.Close())
	if err := c.UpdateServers("a"); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// A server that does not answer is left all the same.
func TestUpdateServersWaitsNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		c := connectTo(t, s, "a", Options{})
		s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
			if op == proto.OpGetData {
				return fake.Silent
			}
			return fake.Pass
		})
		lost := make(chan error, 1)
		must(t, c.Go(GetOp("/"), func(r Result) { lost <- r.Err }))
		synctest.Wait()
		began := time.Now()
		must(t, c.UpdateServers("b"))
		if err := c.Go(GetOp("/"), func(Result) {}); !errors.Is(err, ErrConnectionLoss) {
			t.Errorf("a request behind the change: %v", err)
		}
		if err := <-lost; !errors.Is(err, ErrConnectionLoss) || time.Since(began) != leavePatience {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, _, err := c.Exists(t.Context(), "/"); err != nil || c.Server() != "b:2181" {
			t.Errorf("%v at %s", err, c.Server())
		}
	})
}

// A list that changes while the Conn is connecting holds for that connection.
func TestUpdateServersWhileConnecting(t *testing.T) {
	s := fake.New()
	dialing, goOn := make(chan bool, 16), make(chan bool)
	c, err := Open("a", Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialing <- true
		<-goOn
		return s.Dial(ctx, network, addr)
	}})
	must(t, err)
	t.Cleanup(func() { c.Close(); s.Close() })
	<-dialing
	must(t, c.UpdateServers("b"))
	close(goOn)
	must(t, c.WaitConnected(t.Context()))
	if c.Server() != "b:2181" {
		t.Errorf("connected to %s, which had gone from the list", c.Server())
	}
}

// A Conn that follows the configuration goes where it says, and stays where it
// is when it says nothing.
func TestFollowConfig(t *testing.T) {
	s := fake.New()
	config := func(version int, clients ...string) {
		text := ""
		for i, client := range clients {
			text += fmt.Sprintf("server.%d=host%d:2888:3888:participant%s\n", i+1, i+1, client)
		}
		s.Write(ConfigPath, fmt.Appendf(nil, "%sversion=%d", text, version))
	}
	s.Write("/zookeeper", nil)
	config(1, ";2181", ";0.0.0.0:2182", ";10.0.0.3:2181")
	c := connectTo(t, s, "seed/app", Options{FollowConfig: true})
	id := c.SessionID()
	states, stop := c.Subscribe()
	defer stop()
	at := func(want ...string) {
		t.Helper()
		for !slices.Contains(want, c.Server()) {
			select {
			case <-states:
			case <-time.After(20 * time.Second):
				t.Fatalf("at %q, want one of %v", c.Server(), want)
			}
		}
	}
	list := func() string {
		c.Sync(t.Context(), "/")
		c.servers.mu.Lock()
		defer c.servers.mu.Unlock()
		return strings.Join(slices.Sorted(slices.Values(c.servers.hosts.list)), " ")
	}
	at("host1:2181", "host2:2182", "10.0.0.3:2181")
	config(2, ";10.0.0.9:2181")
	at("10.0.0.9:2181")
	for _, nothing := range []string{"", "server.1=host1:2888:3888:participant\nversion=3", "\x00\xff;;=;="} {
		s.Write(ConfigPath, []byte(nothing))
		if got := list(); got != "10.0.0.9:2181" {
			t.Errorf("after %q the list is %q", nothing, got)
		}
	}
	s.Drop() // reads what it may have missed, and watches again
	config(4, ";10.0.0.4:2181")
	at("10.0.0.4:2181")
	config(5, ";10.0.0.5:2181")
	at("10.0.0.5:2181")
	if c.SessionID() != id {
		t.Error("the session has changed")
	}
}

func TestClientAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"server.1=h1:2888:3888:participant;0.0.0.0:2181\nserver.2=h2:2888:3888:observer;h3:2182\nversion=1": "h1:2181 h3:2182",
		"server.1=h1:2888:3888;2181":  "h1:2181",
		"server.1=h1:2888:3888":       "",
		"server.1=h1:2888:3888;":      "",
		"server.1=h1:2888:3888;0":     "",
		"server.1=h1:2888:3888;65536": "",
		"server.1=[fd00::1]:2888:3888|h2:2888:3888:participant;[::]:2181": "[fd00::1]:2181",
		"server.1=h1:2888:3888;[fd00::2]:2181":                            "[fd00::2]:2181",
		"server.1=h1:2888:3888;[fd00::2:2181":                             "",
		"group.1=1:2\nweight.1=1;2181\nversion=100000000":                 "",
		"server.1=;2181": "",
		" server.1 = h1:2888:3888 ; 2181 \r\nserver.2=h2:1:2;h2:3": "h1:2181 h2:3",
		strings.Repeat("server.1=h:1:2;3\n", maxConfigServers+1):   "",
	} {
		if got := strings.Join(clientAddresses(in), " "); got != want {
			t.Errorf("%.80q: %q, want %q", in, got, want)
		}
	}
}

// FuzzClientAddresses: whatever a server says, what comes out can be dialled,
// and what a server of an ensemble writes is understood as it is meant.
func FuzzClientAddresses(f *testing.F) {
	f.Add("server.1=h1:2888:3888:participant;0.0.0.0:2181\nversion=1")
	f.Add("server.1=[fd00::1]:2888:3888|h2:2888:3888:observer;[::]:2181\nserver.3=h:1:2")
	f.Fuzz(func(t *testing.T, text string) {
		list := clientAddresses(text)
		for _, addr := range list {
			if again, err := withPort(addr); err != nil || again != addr {
				t.Errorf("%q gives %q: %v", text, addr, err)
			}
		}
		e, err := ensemble.Parse(text)
		if err != nil {
			return
		}
		var want []string
		for _, m := range e.Members {
			if !m.HasClientAddr || m.ClientAddr.Port == 0 {
				continue
			}
			addr := m.ClientAddr
			if addr.Wildcard() {
				addr.Host = m.QuorumAddrs[0].Host
			}
			want = append(want, addr.String())
		}
		if got := clientAddresses(e.Text()); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", e.Text(), got, want)
		}
	})
}
