package robustness

import (
	"context"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/zk"
)

// TestClock: a Java server's clock can be set wrong, which is done when it starts,
// by the same way that makes its disk slow.
func TestClock(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), peers.StartTimeout)
	defer cancel()
	c := cluster.New(t, cluster.Options{Voters: 1, Tamper: true, Others: map[int]cluster.Software{
		1: peers.Java{Installation: peers.Require(t)},
	}})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	if !s.ShiftClock(48 * time.Hour) {
		t.Skip("this system has no such means")
	}
	conn, err := zk.Connect(ctx, s.Client, zk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	path, err := conn.Create(ctx, "/x", nil, zk.Persistent, zk.OpenACL)
	if err != nil {
		t.Fatal(err)
	}
	_, st, err := conn.Get(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if by := time.Until(time.UnixMilli(st.Ctime)); by < 40*time.Hour {
		t.Errorf("a znode is made %v from now, want two days", by)
	}
}
