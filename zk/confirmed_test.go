package zk

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/zk/internal/fake"
)

// Confirmed is when a request left that was answered, not when the answer came.
func TestConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fake.New()
		var wire slowConn
		began := time.Now()
		c, err := Connect(t.Context(), "fake", Options{SessionTimeout: 9 * time.Second, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := s.Dial(ctx, network, addr)
			wire.Conn = nc
			return &wire, err
		}})
		must(t, err)
		defer s.Close()
		defer c.Close()
		if got := c.Confirmed(); !got.Equal(began) {
			t.Errorf("after the welcome: %v later", got.Sub(began))
		}
		must(t, c.Sync(t.Context(), "/"))

		wire.delay.Store(int64(2 * time.Second))
		sent := time.Now()
		must(t, c.Sync(t.Context(), "/"))
		if got := c.Confirmed(); !got.Equal(sent) || time.Since(sent) < 2*time.Second {
			t.Errorf("after a late answer: %v later", got.Sub(sent))
		}
		wire.delay.Store(0)
		asked := 0
		for range 10 { // in one batch or in several, the last one counts
			must(t, c.Go(SyncOp("/"), func(Result) { asked++ }))
		}
		sent = time.Now()
		must(t, c.Sync(t.Context(), "/"))
		if got := c.Confirmed(); !got.Equal(sent) || asked != 10 {
			t.Errorf("after a batch: %v later, %d answers", got.Sub(sent), asked)
		}

		wire.delay.Store(int64(2 * time.Second))
		<-time.After(time.Until(sent.Add(4 * time.Second))) // a ping leaves after 3s, and its answer is on its way
		if got := c.Confirmed(); !got.Equal(sent) {
			t.Errorf("before the pong: %v later", got.Sub(sent))
		}
		<-time.After(2 * time.Second)
		if got := c.Confirmed().Sub(sent); got < 3*time.Second || got > 4*time.Second {
			t.Errorf("after the pong: %v later", got)
		}
	})
}

// slowConn delays what it reads.
type slowConn struct {
	net.Conn
	delay atomic.Int64 // nanoseconds
}

func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	<-time.After(time.Duration(c.delay.Load()))
	return n, err
}
