package traffic

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/zk"
)

// Traffic is a number of clients.
type Traffic struct {
	clients []*client
	alive   []*client // whose sessions go on when the work is done
	stop    context.CancelFunc
	wg      sync.WaitGroup
	mu      sync.Mutex
}

// Start lets clients work until Stop. rng is Traffic's from now on.
func Start(network Network, rec *history.Recorder, rng *rand.Rand, clients, servers int) *Traffic {
	ctx, stop := context.WithCancel(context.Background())
	t := &Traffic{stop: stop}
	w := &world{}
	for i := range clients {
		c := &client{
			id: i, servers: servers, rng: rand.New(rand.NewPCG(rng.Uint64(), uint64(i))),
			network: network, rec: rec, world: w, versions: map[string]int32{},
		}
		t.clients = append(t.clients, c)
		t.wg.Go(func() {
			if c.run(ctx) {
				t.mu.Lock()
				t.alive = append(t.alive, c)
				t.mu.Unlock()
			}
		})
	}
	return t
}

// Stop ends the work and waits for the outcome of every request. Some sessions
// stay alive; the network must be well for that.
func (t *Traffic) Stop() {
	t.stop()
	t.wg.Wait()
}

// Confirm returns the sessions that go on and have just been answered. The
// others of those that were to go on are left to expire.
func (t *Traffic) Confirm(ctx context.Context) []history.Session {
	var sessions []history.Session
	var alive []*client
	for _, c := range t.alive {
		err := c.conn.Sync(ctx, "/")
		if errors.Is(err, zk.ErrConnectionLoss) { // of a connection that had broken unnoticed
			err = c.conn.Sync(ctx, "/")
		}
		if err != nil {
			c.conn.Detach()
			continue
		}
		alive, sessions = append(alive, c), append(sessions, c.session)
	}
	t.alive = alive
	return sessions
}

// Close ends the sessions that went on.
func (t *Traffic) Close() {
	for _, c := range t.alive {
		c.conn.Close()
	}
}
