package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/paddock-io/paddock/zk"
)

// cleanUp deletes what prepare and the work have created, unless it is to stay.
func (b *bench) cleanUp(ctx context.Context, c *zk.Conn) error {
	if !b.rooted || b.cfg.Keep {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // an interrupted run cleans up too
	err := c.Sync(ctx, b.cfg.Root)   // this server may not have seen the last creates
	if err == nil {
		err = deleteTree(ctx, c, b.cfg.Root)
	}
	if err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return nil
}

// deleteTree deletes a znode with all below it. Most znodes have no children,
// so it tries to delete first and looks afterwards.
func deleteTree(ctx context.Context, c *zk.Conn, path string) error {
	children, err := c.Children(ctx, path)
	if err != nil {
		return err
	}
	const batch = 1000
	for len(children) > 0 {
		n := min(batch, len(children))
		parents, err := deleteAll(c, path, children[:n])
		if err != nil {
			return err
		}
		for _, parent := range parents {
			if err := deleteTree(ctx, c, parent); err != nil {
				return err
			}
		}
		children = children[n:]
	}
	return c.Delete(ctx, path, zk.AnyVersion)
}

// deleteAll deletes children of a znode and returns those that have children
// themselves.
func deleteAll(c *zk.Conn, path string, children []string) (parents []string, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex // guards parents and failed
	var failed error
	for _, name := range children {
		child := path + "/" + name
		wg.Add(1)
		if err := c.Go(zk.DeleteOp(child, zk.AnyVersion), func(r zk.Result) {
			defer wg.Done()
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(r.Err, zk.ErrNotEmpty) {
				parents = append(parents, child)
			} else if r.Err != nil {
				failed = r.Err
			}
		}); err != nil {
			wg.Done()
			return nil, err
		}
	}
	wg.Wait()
	return parents, failed
}
