package admin

import (
	"bufio"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// srvr: version, counters, zxid, mode. Source: StatCommand, ServerStats.toString.
func (w *Words) srvr(b *bufio.Writer) {
	w.title(b)
	w.summary(b)
}

func (w *Words) title(b *bufio.Writer) {
	fmt.Fprintf(b, "Zookeeper version: %s\n", w.src.Version)
	if w.src.Server.Role() == zab.RoleReadOnly {
		b.WriteString("READ-ONLY mode; serving only read-only clients\n")
	}
}

// stat is srvr with the connections in between.
func (w *Words) stat(b *bufio.Writer) {
	w.title(b)
	b.WriteString("Clients:\n")
	for _, c := range w.connections() {
		b.WriteString(brief(&c) + ")\n")
	}
	b.WriteString("\n")
	w.summary(b)
}

func (w *Words) summary(b *bufio.Writer) {
	s, t, role := w.src.Server.Stats(), w.treeFacts(), w.src.Server.Role()
	fmt.Fprintf(b, "Latency min/avg/max: %d/%s/%d\n", floorMs(s.Latency.Min), decimal(s.Latency.Avg), ceilMs(s.Latency.Max))
	fmt.Fprintf(b, "Received: %d\nSent: %d\nConnections: %d\n", s.PacketsReceived, s.PacketsSent, s.Connections)
	fmt.Fprintf(b, "Outstanding: %d\nZxid: %s\nMode: %s\n", s.Outstanding, hex(t.zxid), role)
	fmt.Fprintf(b, "Node count: %d\n", t.nodes)
	if p := w.src.Proposals; role == zab.RoleLeader && p != nil {
		last, least, most := p.Sizes()
		fmt.Fprintf(b, "Proposal sizes last/min/max: %d/%d/%d\n", last, least, most)
	}
}

// treeFacts is what the words say of the tree as a whole.
type treeFacts struct {
	zxid                        proto.Zxid
	nodes, ephemerals, sessions int
	dataSize                    int64
}

func (w *Words) treeFacts() treeFacts {
	t := w.src.Peer.Tree()
	t.RLock()
	defer t.RUnlock()
	return treeFacts{
		zxid: t.LastZxid(), nodes: t.NodeCount(), ephemerals: t.EphemeralsCount(),
		sessions: t.SessionCount(), dataSize: t.ApproximateDataSize(),
	}
}

// hash: the digest of the tree after every 128th zxid. Source: DigestCommand,
// which writes no newline where there is nothing to tell; without digests,
// Java's are all 0.
func (w *Words) hash(b *bufio.Writer) {
	if !w.serving() {
		b.WriteString(notServing)
		return
	}
	t := w.src.Peer.Tree()
	t.RLock()
	log := t.DigestLog()
	t.RUnlock()
	for _, d := range log {
		if !w.src.Config.DigestEnabled {
			d.Digest = 0
		}
		fmt.Fprintf(b, "%x: %d\n", uint64(d.Zxid), d.Digest)
	}
}

// hex prints a session id or zxid as Java does: unsigned, no leading zeros.
func hex[T ~int64](v T) string { return "0x" + strconv.FormatUint(uint64(v), 16) }

// Java takes latencies from a clock of milliseconds. Ours are finer; as the
// smallest of some they are rounded down and as the largest up, so that an
// average lies between the two.

func floorMs(d time.Duration) int64 { return d.Milliseconds() }

func ceilMs(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// decimal prints a duration in milliseconds with one to four decimals. Source:
// AvgMinMaxCounter.getAvg.
func decimal(d time.Duration) string { return double(float64(d) / float64(time.Millisecond)) }

// double prints v as Java prints a double that was rounded to four decimals,
// but never with an exponent, which few readers of the words expect.
func double(v float64) string { return exact(math.Round(v*1e4) / 1e4) }

// exact is double without the rounding.
func exact(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
