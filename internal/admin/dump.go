package admin

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

const (
	// expiriesTimeout is how long dump waits for the peer, which may be stopping.
	expiriesTimeout = 2 * time.Second
	// javaDate is java.util.Date.toString.
	javaDate = "Mon Jan 02 15:04:05 MST 2006"
)

// dump: sessions, ephemerals, connections. Source: DumpCommand.
func (w *Words) dump(b *bufio.Writer) {
	b.WriteString("SessionTracker dump:\n")
	w.dumpTracked(b)
	b.WriteString("ephemeral nodes dump:\n")
	w.dumpEphemerals(b)
	b.WriteString("Connections dump:\n")
	w.dumpConnections(b)
}

// dumpTracked tells of local sessions, if there may be any, and of global ones:
// when they end on the server that decides it, else which there are. Source:
// LeaderSessionTracker.dumpSessions, LearnerSessionTracker.dumpSessions.
func (w *Words) dumpTracked(b *bufio.Writer) {
	ctx, cancel := context.WithTimeout(context.Background(), expiriesTimeout)
	defer cancel()
	global, local := w.src.Peer.Expiries(ctx)
	role := w.src.Server.Role()
	withLocal := w.src.Config.LocalSessionsEnabled && role != zab.RoleStandalone
	if withLocal {
		b.WriteString("Local ")
		dumpExpiries(b, local)
	}
	switch role {
	case zab.RoleLeader, zab.RoleStandalone:
		if withLocal {
			b.WriteString("Global ")
		}
		dumpExpiries(b, global)
	default:
		w.dumpSessions(b)
	}
}

// dumpExpiries tells when sessions will end. Source:
// SessionTrackerImpl.dumpSessions.
func dumpExpiries(b *bufio.Writer, sessions []replica.Expiry) {
	now, list := time.Now(), make([]bucketed, 0, len(sessions))
	for _, e := range sessions {
		list = append(list, bucketed{now.Add(e.In), hex(e.ID)})
	}
	b.WriteString("Session ")
	dumpBuckets(b, list)
}

// dumpSessions tells which sessions there are, on a server that does not decide
// about them. Source: LearnerSessionTracker.dumpSessions.
func (w *Words) dumpSessions(b *bufio.Writer) {
	type session struct {
		id proto.SessionID
		ms int32
	}
	t := w.src.Peer.Tree()
	t.RLock()
	all := make([]session, 0, t.SessionCount())
	t.EachSession(func(id proto.SessionID, ms int32) { all = append(all, session{id, ms}) })
	t.RUnlock()
	fmt.Fprintf(b, "Global Sessions(%d):\n", len(all))
	for _, s := range all {
		fmt.Fprintf(b, "%s\t%dms\n", hex(s.id), s.ms)
	}
}

// dumpEphemerals locks the tree once for each session, so that writes go on.
// Source: DataTree.dumpEphemerals.
func (w *Words) dumpEphemerals(b *bufio.Writer) {
	t := w.src.Peer.Tree()
	t.RLock()
	owners := t.EphemeralOwners()
	t.RUnlock()
	fmt.Fprintf(b, "Sessions with Ephemerals (%d):\n", len(owners))
	for _, id := range owners {
		t.RLock()
		paths := t.Ephemerals(id)
		t.RUnlock()
		if _, err := b.WriteString(hex(id) + ":\n"); err != nil {
			return
		}
		for _, path := range paths {
			b.WriteString("\t" + path + "\n")
		}
	}
}

// dumpConnections tells when connections will be closed unless their clients
// give a sign of life. Source: NIOServerCnxnFactory.dumpConnections.
func (w *Words) dumpConnections(b *bufio.Writer) {
	var list []bucketed
	for _, c := range w.connections() {
		list = append(list, bucketed{
			w.connExpiry(&c), fmt.Sprintf("ip: %s sessionId: %s", address(c.Remote), hex(c.Session)),
		})
	}
	b.WriteString("Connections ")
	dumpBuckets(b, list)
}

// connExpiry is the end of the bucket that the connection is in. The client was
// last heard of no earlier than its last request was answered, or it came.
func (w *Words) connExpiry(c *server.ConnInfo) time.Time {
	tick := w.src.Config.SessionlessCnxnTimeout // the width of the buckets, too
	if tick <= 0 {
		tick = 10 * time.Second
	}
	heard, timeout := max(c.Opened.Sub(w.src.Started), c.LastResponse), tick
	if c.Session != 0 {
		timeout = c.Timeout
	}
	return w.src.Started.Add(bucketEnd(heard+timeout, tick))
}

// bucketEnd rounds t up to the next tick, strictly later than t. Source:
// ExpiryQueue.roundToNextInterval.
func bucketEnd(t, tick time.Duration) time.Duration { return (t/tick + 1) * tick }

// bucketed is something that ends at some time, with its line in a dump.
type bucketed struct {
	at   time.Time
	line string
}

// dumpBuckets prints what ends together under one heading. Source:
// ExpiryQueue.dump.
func dumpBuckets(b *bufio.Writer, list []bucketed) {
	slices.SortStableFunc(list, func(a, b bucketed) int { return a.at.Compare(b.at) })
	var buckets [][]bucketed
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].at.Equal(list[from].at) {
			to++
		}
		buckets = append(buckets, list[from:to])
		from = to
	}
	fmt.Fprintf(b, "Sets (%d)/(%d):\n", len(buckets), len(list))
	for _, bucket := range buckets {
		fmt.Fprintf(b, "%d expire at %s:\n", len(bucket), bucket[0].at.Format(javaDate))
		for _, e := range bucket {
			if _, err := b.WriteString("\t" + e.line + "\n"); err != nil {
				return
			}
		}
	}
}
