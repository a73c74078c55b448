package nodes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/zk"
)

// traffic is clients that write until they are told to stop, and note what was
// acknowledged. Each has a directory of its own, in which it creates znodes with
// increasing numbers one after the other, and a register, which it sets to
// increasing numbers with many requests in flight.
type traffic struct {
	w       *world
	stop    chan struct{}
	end     func() // stops the writers; may be called again
	wg      sync.WaitGroup
	writers []*writer
}

type writer struct {
	conn *zk.Conn
	dir  string

	mu      sync.Mutex
	acked   []int // numbers of znodes
	asked   int   // highest number of a znode
	settled int   // highest value of the register that was acknowledged
	sent    int   // highest one asked for
	inverse int   // acknowledgements that came in the wrong order
}

// pace is the mean pause between a writer's requests of a kind.
const pace = 80 * time.Millisecond

// startTraffic opens the sessions and begins.
func (w *world) startTraffic(clients int, seed uint64) *traffic {
	w.t.Helper()
	tr := &traffic{w: w, stop: make(chan struct{})}
	tr.end = sync.OnceFunc(func() {
		close(tr.stop)
		tr.wg.Wait()
	})
	w.atEnd(tr.end)
	for i := range clients {
		v := &writer{conn: w.client(fmt.Sprintf("w%d", i), zk.Options{SessionTimeout: 20 * time.Second}), dir: fmt.Sprintf("/w%d", i)}
		w.create(v.conn, v.dir, "0", zk.Persistent)
		tr.writers = append(tr.writers, v)
		tr.wg.Go(func() { v.creates(tr.stop, rand.New(rand.NewPCG(seed, uint64(i)))) })
		tr.wg.Go(func() { v.sets(tr.stop, rand.New(rand.NewPCG(seed, uint64(i+1000)))) })
	}
	return tr
}

// rest waits for the time of about one pause, and reports false at the end.
func rest(stop chan struct{}, random *rand.Rand) bool {
	select {
	case <-stop:
		return false
	case <-time.After(draw(random, 2*pace)):
		return true
	}
}

func (v *writer) creates(stop chan struct{}, random *rand.Rand) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { <-stop; cancel() })
	for n := 1; rest(stop, random); n++ {
		v.mu.Lock()
		v.asked = n
		v.mu.Unlock()
		_, err := v.conn.Create(ctx, v.znode(n), nil, zk.Persistent, zk.OpenACL)
		switch {
		case err == nil:
			v.mu.Lock()
			v.acked = append(v.acked, n)
			v.mu.Unlock()
		case !errors.Is(err, zk.ErrConnectionLoss):
			return // stopped, or the session has ended, which check sees
		}
	}
}

func (v *writer) sets(stop chan struct{}, random *rand.Rand) {
	for n := 1; rest(stop, random); n++ {
		v.mu.Lock()
		v.sent = n
		v.mu.Unlock()
		_ = v.conn.Go(zk.SetOp(v.dir, []byte(fmt.Sprint(n)), zk.AnyVersion), func(r zk.Result) {
			if r.Err != nil {
				return
			}
			v.mu.Lock()
			defer v.mu.Unlock()
			if n < v.settled {
				v.inverse++
			}
			v.settled = n
		})
	}
}

func (v *writer) znode(n int) string { return fmt.Sprintf("%s/%06d", v.dir, n) }

// check compares what a client sees with what was acknowledged. Everybody must
// have been stopped, and be it by end.
func (tr *traffic) check(c *zk.Conn) {
	t := tr.w.t
	t.Helper()
	total := 0
	for _, v := range tr.writers {
		if err := v.conn.Err(); err != nil && !errors.Is(err, zk.ErrClosed) {
			t.Errorf("the writer of %s ended: %v", v.dir, err)
		}
		var names []string
		var value int
		tr.w.retry(func(ctx context.Context) error {
			if err := c.Sync(ctx, v.dir); err != nil {
				return err
			}
			var err error
			if names, err = c.Children(ctx, v.dir); err != nil {
				return err
			}
			data, _, err := c.Get(ctx, v.dir)
			fmt.Sscan(string(data), &value)
			return err
		})
		total += v.check(t, names, value)
	}
	t.Logf("%d writes acknowledged", total)
}

func (v *writer) check(t *testing.T, names []string, value int) (acked int) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	there := map[string]bool{}
	for _, name := range names {
		there[v.dir+"/"+name] = true
		var n int
		if fmt.Sscanf(name, "%d", &n); n > v.asked {
			t.Errorf("%s/%s was never asked for", v.dir, name)
		}
	}
	for _, n := range v.acked {
		if !there[v.znode(n)] {
			t.Errorf("%s was acknowledged and is lost", v.znode(n))
		}
	}
	if value < v.settled || value > v.sent {
		t.Errorf("%s is %d; %d was acknowledged, %d the last one asked for", v.dir, value, v.settled, v.sent)
	}
	if v.inverse > 0 {
		t.Errorf("%s: %d answers came in the wrong order", v.dir, v.inverse)
	}
	return len(v.acked) + v.settled
}

// acked returns how many writes have been acknowledged.
func (tr *traffic) acked() (n int) {
	for _, v := range tr.writers {
		v.mu.Lock()
		n += len(v.acked) + v.settled
		v.mu.Unlock()
	}
	return n
}
