package quorum

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
)

// Names counts events by name. The zero value is ready; any goroutine may use
// it. Clients choose the names, so it holds no more than maxNames of them, and of
// each no more than maxName bytes.
type Names struct {
	mu sync.Mutex
	n  map[string]int64 // guarded by mu
}

const (
	maxNames = 1000
	maxName  = 256
)

// shorten returns a name that may be kept: a copy, since the original is part of
// a client's request, and of bounded length.
func shorten(name string) string {
	if len(name) > maxName {
		name = name[:maxName] + "..."
	}
	return strings.Clone(name)
}

// Add counts one more event.
func (c *Names) Add(name string) {
	name = shorten(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int64{}
	}
	if _, known := c.n[name]; known || len(c.n) < maxNames {
		c.n[name]++
	}
}

// Values returns a copy of the counts.
func (c *Names) Values() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Reset sets all counts to zero. The names stay, as in SimpleCounterSet.
func (c *Names) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.n {
		c.n[name] = 0
	}
}

// quotaPause is how long nothing more is said of the same limit.
const quotaPause = time.Minute

// saidKey names a limit.
type saidKey struct {
	path  string
	bytes bool
}

// quotaExceeded counts a request that was refused, and warns of any that is
// above a limit, now and then. The loop's goroutine calls it. Source:
// ZooKeeperServer.checkQuota.
func (p *Peer) quotaExceeded(e replica.QuotaExceeded) {
	if e.Refused {
		p.opts.Metrics.QuotaErrors.Add(e.Namespace)
	}
	l, key := &p.loop, saidKey{shorten(e.Path), e.Bytes}
	if at, said := l.said[key]; said && l.now-at < quotaPause {
		return
	}
	if l.said == nil || len(l.said) >= maxNames {
		l.said = map[saidKey]time.Duration{}
	}
	l.said[key] = l.now
	of := "znodes"
	if e.Bytes {
		of = "bytes"
	}
	p.log.Warn("quota exceeded", "path", key.path, "of", of, "used", e.Used, "limit", e.Limit, "hard", e.Hard, "refused", e.Refused)
}
