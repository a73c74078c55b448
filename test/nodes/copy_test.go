package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// mirror is a copy of the znodes below a path, kept by a persistent watch alone:
// what an event names is read again, and everything after a gap.
type mirror struct {
	conn *zk.Conn
	root string

	mu     sync.Mutex
	znodes map[string]string
	gaps   int
}

// follow keeps the copy until ctx ends.
func (m *mirror) follow(ctx context.Context) error {
	watch, err := m.conn.AddWatch(ctx, m.root, zk.WatchPersistentRecursive)
	for errors.Is(err, zk.ErrConnectionLoss) {
		watch, err = m.conn.AddWatch(ctx, m.root, zk.WatchPersistentRecursive)
	}
	if err != nil {
		return err
	}
	defer watch.Stop()
	if err := m.readAll(ctx); err != nil {
		return err
	}
	for {
		ev, err := watch.Next(ctx)
		if err != nil {
			return err
		}
		if ev.Type == zk.EventGap {
			m.mu.Lock()
			m.gaps++
			m.mu.Unlock()
			err = m.readAll(ctx)
		} else if ev.Path != m.root {
			err = m.read(ctx, ev.Path)
		}
		if err != nil {
			return err
		}
	}
}

func (m *mirror) readAll(ctx context.Context) error {
	names, err := m.conn.Children(ctx, m.root)
	for errors.Is(err, zk.ErrConnectionLoss) {
		names, err = m.conn.Children(ctx, m.root)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.znodes = map[string]string{}
	m.mu.Unlock()
	for _, name := range names {
		if err := m.read(ctx, m.root+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func (m *mirror) read(ctx context.Context, path string) error {
	data, _, err := m.conn.Get(ctx, path)
	for errors.Is(err, zk.ErrConnectionLoss) {
		data, _, err = m.conn.Get(ctx, path)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.znodes[path] = string(data)
	case errors.Is(err, zk.ErrNoNode):
		delete(m.znodes, path)
	default:
		return err
	}
	return nil
}

// Copies kept by watches are right in the end, whatever happened to connections,
// servers and the network.
func TestCopies(t *testing.T) {
	seed := drawn(t)
	inBubble(t, 3, seed, func(t *testing.T, w *world) {
		random := rand.New(rand.NewPCG(seed, 1))
		w.startAll()
		w.await(3)
		writer := w.client("writer", zk.Options{})
		w.create(writer, "/t", "", zk.Persistent)
		ctx, cancel := context.WithCancel(context.Background())
		w.atEnd(cancel)
		var mirrors []*mirror
		var following sync.WaitGroup
		w.atEnd(following.Wait)
		for i := range 3 {
			m := &mirror{conn: w.client(fmt.Sprintf("m%d", i), zk.Options{SessionTimeout: 40 * time.Second}), root: "/t"}
			mirrors = append(mirrors, m)
			following.Go(func() {
				if err := m.follow(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("the copy ended: %v", err)
				}
			})
		}
		for step := range 1500 {
			path := fmt.Sprintf("/t/%d", random.IntN(10))
			_, err := writer.Do(ctx, []zk.Op{
				zk.CreateOp(path, []byte(fmt.Sprint(step)), zk.Persistent, zk.OpenACL),
				zk.SetOp(path, []byte(fmt.Sprint(step)), zk.AnyVersion),
				zk.DeleteOp(path, zk.AnyVersion),
			}[random.IntN(3)])
			if errors.Is(err, zk.ErrSessionExpired) {
				t.Fatal(err)
			}
			if step%20 == 0 {
				w.disturb(random, fmt.Sprintf("m%d", random.IntN(3)))
			}
		}
		w.net.Heal()
		for _, m := range w.members {
			if m.node == nil {
				m.start()
			}
		}
		w.await(3)
		advance(40 * time.Second) // also who has not noticed that its connection is dead
		reader := &mirror{conn: writer, root: "/t"}
		if err := writer.Sync(ctx, "/t"); err != nil {
			t.Fatal(err)
		}
		if err := reader.readAll(ctx); err != nil {
			t.Fatal(err)
		}
		want := reader.znodes
		for i, m := range mirrors {
			m.mu.Lock()
			if !maps.Equal(m.znodes, want) {
				t.Errorf("copy %d is %v, want %v", i, m.znodes, want)
			}
			if m.gaps == 0 {
				t.Errorf("copy %d has never been disturbed", i)
			}
			m.mu.Unlock()
		}
	})
}

// disturb does one bad thing, or ends those before.
func (w *world) disturb(random *rand.Rand, client string) {
	switch random.IntN(6) {
	case 0:
		w.net.Heal()
	case 1:
		w.net.Partition(client, w.members[random.IntN(3)].name)
	case 2:
		w.net.CutAfter(w.members[random.IntN(3)].name, client, random.IntN(300))
	case 3:
		for _, m := range w.members {
			if m.node == nil {
				m.start()
				return
			}
		}
		w.members[random.IntN(3)].halt()
	default:
		for _, m := range w.members {
			w.net.Reset(client, m.name)
		}
		advance(draw(random, 100*time.Millisecond))
	}
}
