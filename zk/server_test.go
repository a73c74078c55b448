package zk_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node/nodetest"
	"github.com/paddock-io/paddock/zk"
)

func open(t *testing.T, servers string, opts zk.Options) *zk.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := zk.Connect(ctx, servers, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestMirror keeps a copy of a tree by a recursive watch with a small backlog
// while others change the tree as fast as they can. In the end the copy is the
// tree: gaps are reported, and what comes after them is complete.
func TestMirror(t *testing.T) {
	addr := nodetest.Standalone(t)
	ctx := t.Context()
	root := open(t, addr, zk.Options{})
	if _, err := root.Create(ctx, "/app", nil, zk.Persistent, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	c := open(t, addr+"/app", zk.Options{WatchBacklog: 4})
	watch, err := c.AddWatch(ctx, "/", zk.WatchPersistentRecursive)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for g := range 3 {
		writers.Go(func() {
			w := open(t, addr+"/app", zk.Options{})
			path := fmt.Sprintf("/n%d", g)
			for i := range 200 {
				data := fmt.Appendf(nil, "%d", i)
				if _, err := w.Create(ctx, path, data, zk.Persistent, zk.OpenACL); err != nil {
					t.Error(err)
				}
				if _, err := w.Set(ctx, path, data, zk.AnyVersion); err != nil {
					t.Error(err)
				}
				if err := w.Delete(ctx, path, 1); err != nil {
					t.Error(err)
				}
			}
			if _, err := w.Create(ctx, path+"-end", nil, zk.Persistent, zk.OpenACL); err != nil {
				t.Error(err)
			}
		})
	}
	m := mirror{t: t, c: c, data: map[string]string{}}
	m.readAll(ctx)
	for m.ends() < 3 {
		ev, err := watch.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		switch ev.Type {
		case zk.EventGap:
			clear(m.data)
			m.readAll(ctx)
		case zk.EventNodeDeleted:
			delete(m.data, ev.Path)
		default:
			m.read(ctx, ev.Path)
		}
	}
	writers.Wait()
	want := mirror{t: t, c: c, data: map[string]string{}}
	want.readAll(ctx)
	if fmt.Sprint(m.data) != fmt.Sprint(want.data) {
		t.Errorf("mirror has %v, the tree %v", m.data, want.data)
	}
}

// mirror is a copy of a tree of two levels.
type mirror struct {
	t    *testing.T
	c    *zk.Conn
	data map[string]string
}

func (m *mirror) ends() (n int) {
	for g := range 3 {
		if _, ok := m.data[fmt.Sprintf("/n%d-end", g)]; ok {
			n++
		}
	}
	return n
}

func (m *mirror) read(ctx context.Context, path string) {
	data, _, err := m.c.Get(ctx, path)
	if err != nil {
		delete(m.data, path) // gone meanwhile, which will come as an event too
		return
	}
	m.data[path] = string(data)
}

func (m *mirror) readAll(ctx context.Context) {
	names, err := m.c.Children(ctx, "/")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, name := range names {
		m.read(ctx, "/"+name)
	}
}

// TestRemovalAtTheServer looks at both ends of a watch.
func TestRemovalAtTheServer(t *testing.T) {
	c := open(t, nodetest.Standalone(t), zk.Options{})
	ctx := t.Context()
	for _, mode := range []zk.AddWatchMode{zk.WatchPersistent, zk.WatchPersistentRecursive} {
		typ := zk.WatcherPersistent + zk.WatcherType(mode)
		one, err := c.AddWatch(ctx, "/", mode)
		if err != nil {
			t.Fatal(err)
		}
		two, err := c.AddWatch(ctx, "/", mode)
		if err != nil {
			t.Fatal(err)
		}
		one.Stop()
		if err := c.CheckWatches(ctx, "/", typ); err != nil {
			t.Errorf("mode %d: the other watch is gone: %v", mode, err)
		}
		two.Stop()
		if err := c.CheckWatches(ctx, "/", typ); err == nil {
			t.Errorf("mode %d: still there", mode)
		}
	}
}
