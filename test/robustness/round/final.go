package round

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/traffic"
	"github.com/paddock-io/paddock/zk"
)

// final reads what every server holds, when nothing happens any more.
func (r *round) final(ctx context.Context, load *traffic.Traffic) {
	ctx, cancel := context.WithTimeout(ctx, convergence)
	defer cancel()
	for {
		alive := load.Confirm(ctx)
		r.expired(ctx, alive)
		trees := r.trees(ctx)
		if slices.Equal(alive, load.Confirm(ctx)) || ctx.Err() != nil {
			r.rec.SetAlive(alive)
			for _, t := range trees {
				r.rec.AddTree(t)
			}
			break
		}
	}
	r.digests()
}

// expired waits until the ephemeral znodes of all other sessions have gone. If
// they never do, the rules will say so.
func (r *round) expired(ctx context.Context, alive []history.Session) {
	patience := time.NewTimer(convergence / 3)
	defer patience.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		for _, n := range r.tree(ctx, r.c.Servers[0]).Nodes {
			if n.Stat.Owner != 0 && !slices.Contains(alive, n.Stat.Owner) {
				left++
			}
		}
		if left == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-patience.C:
			return
		}
	}
}

func (r *round) trees(ctx context.Context) []history.Tree {
	var v []history.Tree
	for _, s := range r.c.Servers {
		v = append(v, r.tree(ctx, s))
	}
	return v
}

// tree reads a server by itself, behind a sync.
func (r *round) tree(ctx context.Context, s *cluster.Server) history.Tree {
	r.t.Helper()
	conn, err := zk.Connect(ctx, s.Client, zk.Options{MaxFrame: 64 << 20})
	if err != nil {
		r.t.Fatalf("server %d: %v", s.ID, err)
	}
	defer conn.Close()
	t := history.Tree{Server: s.ID, Call: r.rec.Now()}
	res, err := conn.Do(ctx, zk.SyncOp("/"))
	if err != nil {
		r.t.Fatalf("server %d: %v", s.ID, err)
	}
	t.Zxid = int64(res.Zxid)
	for _, root := range traffic.Roots {
		names, err := conn.Children(ctx, root)
		if err != nil {
			r.t.Fatalf("server %d: %v", s.ID, err)
		}
		slices.Sort(names)
		for _, name := range names {
			path := root + "/" + name
			data, st, err := conn.Get(ctx, path)
			if errors.Is(err, zk.ErrNoNode) {
				continue // it went between the two, which the rules will judge
			} else if err != nil {
				r.t.Fatalf("server %d: get %s: %v", s.ID, path, err)
			}
			t.Nodes = append(t.Nodes, history.Node{Path: path, Data: string(data), Stat: history.Stat{
				Czxid: int64(st.Czxid), Mzxid: int64(st.Mzxid), Pzxid: int64(st.Pzxid),
				Version: st.Version, Cvers: st.Cversion, Owner: history.Session(st.EphemeralOwner),
			}})
		}
	}
	t.Return = r.rec.Now()
	return t
}

// digests compares what servers say the digest of their tree was after the same
// transactions, and whether any has found that it differs from the leader's.
func (r *round) digests() {
	seen := map[string]string{}
	for _, s := range r.c.Servers {
		if s.DigestsInDoubt() {
			continue
		}
		for line := range strings.Lines(s.Word("hash")) {
			zxid, digest, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				continue
			}
			was, known := seen[zxid]
			if now := fmt.Sprintf("%s on server %d", digest, s.ID); known && !strings.HasPrefix(was, digest+" ") {
				r.violate("digest", "at zxid %s it is %s and %s", zxid, was, now)
			} else if !known {
				seen[zxid] = now
			}
		}
		if n := s.Number("digest_mismatches_count"); n != "0" {
			r.violate("digest", "server %d has found %q that differ from the leader's", s.ID, n)
		}
	}
}
