package nodes

import (
	"context"
	"errors"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// client opens a session from a host of its own and waits for it. The test
// closes it, or the end of the test does.
func (w *world) client(host string, opts zk.Options, servers ...*member) *zk.Conn {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if opts.Dial == nil {
		opts.Dial = w.net.Host(host).Dial
	}
	opts.Logger = w.log.With("client", host)
	c, err := zk.Connect(ctx, w.addrs(servers...), opts)
	if err != nil {
		w.t.Fatalf("client %s: %v", host, err)
	}
	w.t.Cleanup(func() { c.Detach() })
	return c
}

// retry does what may be done twice until it is done.
func (w *world) retry(f func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		if !errors.Is(err, zk.ErrConnectionLoss) {
			w.t.Fatal(err)
		}
	}
}

func (w *world) create(c *zk.Conn, path, data string, flags zk.CreateFlags) {
	w.t.Helper()
	w.retry(func(ctx context.Context) error {
		_, err := c.Create(ctx, path, []byte(data), flags, zk.OpenACL)
		if errors.Is(err, zk.ErrNodeExists) {
			return nil // an earlier attempt
		}
		return err
	})
}

func (w *world) set(c *zk.Conn, path, data string) {
	w.t.Helper()
	w.retry(func(ctx context.Context) error {
		_, err := c.Set(ctx, path, []byte(data), zk.AnyVersion)
		return err
	})
}

// get reads what is decided by now.
func (w *world) get(c *zk.Conn, path string) (data string) {
	w.t.Helper()
	w.retry(func(ctx context.Context) error {
		b, _, err := c.GetLatest(ctx, path)
		data = string(b)
		return err
	})
	return data
}

// exists asks what is decided by now.
func (w *world) exists(c *zk.Conn, path string) (ok bool) {
	w.t.Helper()
	w.retry(func(ctx context.Context) error {
		_, err := c.DoLatest(ctx, zk.ExistsOp(path))
		ok = err == nil
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		return err
	})
	return ok
}

// ignore makes nil of an error that does not matter.
func ignore(what, err error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}
