package admin

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Server is the client side, as *server.Server is.
type Server interface {
	Role() zab.Role
	Stats() server.Stats
	ResetStats()
	Connections() []server.ConnInfo
	ResetConnStats()
	SessionOf(id tree.WatcherID) (proto.SessionID, bool)
}

// Peer is the server as a member of its ensemble, as *quorum.Peer is.
type Peer interface {
	Status() replica.Status
	Ensemble() ensemble.Ensemble
	Expiries(ctx context.Context) (global, local []replica.Expiry)
	Tree() *tree.Tree
	Metrics() *quorum.Metrics
}

// Sizes are the sizes of some kind of message, in bytes. Source: BufferStats.
type Sizes interface {
	// Sizes returns the last, the smallest and the largest size since the
	// start or since Reset, each -1 if there was no message.
	Sizes() (last, least, most int64)
	Reset()
}

// Source is where the answers come from. Everything is needed unless said
// otherwise.
type Source struct {
	Config *config.Config
	Server Server
	Peer   Peer
	Store  *storage.Metrics

	Proposals Sizes // of the leader's proposals; nil if they are not measured

	// Version is what stands behind "Zookeeper version: ", of the form
	// "3.9.5-<40 hex digits>, built on 2026-02-11 08:15 UTC".
	Version string
	// ClientPort returns the port that the server listens on, 0 if it is Config's. It
	// may be nil.
	ClientPort func() int
	Started    time.Time // when Server was made
}

// Words answers four-letter words. It may be used by many goroutines.
type Words struct {
	src     Source
	answers map[string]answer
	mask    atomic.Int64
}

// answer is how one word is answered.
type answer struct {
	print  func(w *bufio.Writer)
	always bool // also while the server is not serving
}

// New returns the answers about src.
func New(src Source) *Words {
	w := &Words{src: src}
	w.mask.Store(defaultTraceMask)
	w.answers = map[string]answer{
		"ruok": {text("imok"), true},
		"envi": {w.envi, true},
		"isro": {w.isro, true},
		"gtmk": {w.gtmk, true},
		"hash": {w.hash, true},
		"srvr": {w.srvr, false},
		"stat": {w.stat, false},
		"srst": {w.srst, false},
		"cons": {w.cons, false},
		"crst": {w.crst, false},
		"conf": {w.conf, false},
		"dirs": {w.dirs, false},
		"dump": {w.dump, false},
		"wchs": {w.wchs, false},
		"wchc": {w.wchc, false},
		"wchp": {w.wchp, false},
		"mntr": {w.mntr, false},
	}
	return w
}

// defaultTraceMask is what ZooKeeper begins with. There is no tracing by mask
// here: one that is set is told again, and changes nothing else. Source:
// ZooTrace.
const defaultTraceMask = 306

// Source: AbstractFourLetterCommand.ZK_NOT_SERVING.
const notServing = "This ZooKeeper instance is not currently serving requests"

// Answer writes the answer to a word, nothing if it does not know the word.
// Behind stmk there must be the eight bytes of a mask. It does not look
// at the whitelist. An error of out ends the answer; out keeps it for the caller.
// Source: CommandExecutor.
func (w *Words) Answer(word string, out io.Writer) {
	a, ok := w.answers[word]
	if mask, is := strings.CutPrefix(word, "stmk"); is && len(mask) == 8 {
		w.mask.Store(int64(binary.BigEndian.Uint64([]byte(mask))))
		a, ok = w.answers["gtmk"]
	}
	if !ok {
		return
	}
	buf := bufio.NewWriter(out)
	if a.always || w.serving() {
		a.print(buf)
	} else {
		buf.WriteString(notServing + "\n")
	}
	buf.Flush()
}

func text(s string) func(*bufio.Writer) {
	return func(w *bufio.Writer) { w.WriteString(s) }
}

func (w *Words) serving() bool { return w.src.Server.Role() != zab.RoleNone }

// gtmk tells the mask, and so does stmk. Source: TraceMaskCommand,
// SetTraceMaskCommand.
func (w *Words) gtmk(b *bufio.Writer) { fmt.Fprint(b, w.mask.Load()) }

// isro: may clients write? Source: IsroCommand.
func (w *Words) isro(b *bufio.Writer) {
	switch w.src.Server.Role() {
	case zab.RoleNone:
		b.WriteString("null")
	case zab.RoleReadOnly:
		b.WriteString("ro")
	default:
		b.WriteString("rw")
	}
}

// srst resets the server's counters: latencies, packets, sizes and what
// ZooKeeper has as counters and summaries; gauges stay. Source:
// StatResetCommand, ServerStats.reset, DefaultMetricsProvider.resetAllValues.
func (w *Words) srst(b *bufio.Writer) {
	w.src.Server.ResetStats()
	w.src.Peer.Metrics().Reset()
	w.src.Store.Reset()
	if s := w.src.Proposals; s != nil {
		s.Reset()
	}
	b.WriteString("Server stats reset.\n")
}

// crst resets the connections' counters. Source: CnxnStatResetCommand.
func (w *Words) crst(b *bufio.Writer) {
	w.src.Server.ResetConnStats()
	b.WriteString("Connection stats reset.\n")
}
