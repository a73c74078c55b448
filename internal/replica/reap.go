package replica

import (
	"time"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

// ReapOptions say how a leader deletes containers that have become empty and
// znodes whose time to live is over.
type ReapOptions struct {
	Interval  time.Duration // from the begin of one pass to the next; 0 means never
	PerMinute int           // most deletions in a minute; 0 means none
}

// reaper goes through the containers and TTL znodes once in every interval and
// proposes the deletion of those that may go. A pass goes in steps, so that a
// million containers do not keep requests waiting, and rests while as many
// deletions are under way as the rate allows. Source: ContainerManager.
type reaper struct {
	interval time.Duration
	pace     time.Duration // between deletions
	start    time.Duration // of the next pass
	at       int           // where the pass is, 0 between passes
	next     time.Duration // no step before
	asked    []proto.Zxid  // deletions proposed and not decided
}

// Bounds of a step.
const (
	reapLooks = 2048                  // znodes looked at, some 100 microseconds
	reapAsks  = 16                    // deletions proposed, and undecided at a time
	reapRest  = 10 * time.Millisecond // until the next step, unless the pace wants more
)

// newReaper plans the first pass; nil if there shall be none. Like ZooKeeper it
// reckons the pace in whole milliseconds, and has none above 60,000 a minute.
func newReaper(o ReapOptions, now time.Duration) *reaper {
	if o.Interval <= 0 || o.PerMinute <= 0 {
		return nil
	}
	pace := time.Duration(time.Minute.Milliseconds()/int64(o.PerMinute)) * time.Millisecond
	return &reaper{interval: o.Interval, pace: pace, start: now + o.Interval}
}

// deadline returns when the reaper wants a Tick.
func (p *reaper) deadline() time.Duration {
	if p.at == 0 {
		return p.start
	}
	return p.next
}

// decided says that everything up to z is.
func (p *reaper) decided(z proto.Zxid) {
	for len(p.asked) > 0 && p.asked[0] <= z {
		p.asked = p.asked[1:]
	}
}

// reap takes a step of the leader's pass if one is due.
func (r *Replica) reap(now time.Duration, out []Action) []Action {
	p := r.reaper
	if p == nil || now < p.deadline() {
		return out
	}
	if p.at == 0 {
		p.at = r.tree.Reapables()
		p.start = max(p.start+p.interval, now) // late passes do not pile up
	}
	rule := tree.ReapRule{NowMs: r.wallAtNow(now), NeverUsedMs: r.opts.Prep.NeverUsedMs, TTLs: r.opts.Prep.ExtendedTypes}
	p.next = now + reapRest
	for looks := reapLooks; p.at > 0 && looks > 0 && len(p.asked) < reapAsks; {
		path, at := r.tree.NextReapable(p.at, looks, rule)
		looks -= p.at - at
		if p.at = at; path == "" {
			continue
		}
		out = r.askToReap(now, path, out)
		if p.pace > 0 {
			p.next = now + p.pace
			break
		}
	}
	return out
}

// askToReap proposes a deletion, which package prep makes an error if it has
// become wrong meanwhile.
func (r *Replica) askToReap(now time.Duration, path string, out []Action) []Action {
	q := &Request{}
	q.Op, q.Body = proto.OpDeleteContainer, &proto.PathRequest{Path: path}
	before := len(r.own)
	out = r.propose(now, 0, q, out)
	if len(r.own) > before {
		r.reaper.asked = append(r.reaper.asked, r.own[len(r.own)-1])
	}
	return out
}
