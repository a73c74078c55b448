package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// twins are a Java and a Paddock server that are told the same and must say the same.
type twins struct {
	t        *testing.T
	servers  [2]*peers.Server // Java first
	sessions [2]*golden.Session
	said     []string
}

var twinProperties = map[string]string{"zookeeper.enforceQuota": "true", "zookeeper.extendedTypesEnabled": "true"}

// startTwins starts them over two home directories, fresh ones if they are empty.
func startTwins(t *testing.T, homes [2]string) *twins {
	t.Helper()
	w := &twins{t: t}
	software := [2]peers.Software{peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)}
	for i := range w.servers {
		w.servers[i] = peers.StartServer(t, software[i], peers.Config{Home: homes[i], Properties: twinProperties})
	}
	w.connect()
	return w
}

func (w *twins) connect() {
	w.t.Helper()
	for i, s := range w.servers {
		if err := golden.Catch(func() { w.sessions[i] = golden.Connect(&golden.Transcript{}, s.Addr(), "") }); err != nil {
			w.t.Fatalf("%v: %v", s, err)
		}
	}
}

func (w *twins) stop() {
	w.t.Helper()
	for _, s := range w.servers {
		if err := s.Stop(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// copyOf copies a server's home directory.
func copyOf(t *testing.T, home string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(home)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ask sends a request to both and compares error and length of the answers.
func (w *twins) ask(op int32, body golden.Record, comment string) (err int32) {
	w.t.Helper()
	var replies [2][]byte
	for i, s := range w.sessions {
		if err := golden.Catch(func() { replies[i] = s.Ask(op, body, comment) }); err != nil {
			w.fail("%v, %s: %v", w.servers[i], comment, err)
		}
	}
	java, paddock := int32(binary.BigEndian.Uint32(replies[0][12:])), int32(binary.BigEndian.Uint32(replies[1][12:]))
	w.said = append(w.said, fmt.Sprintf("%s: %d", comment, java))
	if java != paddock || len(replies[0]) != len(replies[1]) {
		w.fail("%s: Java answers %x, Paddock %x", comment, replies[0][12:], replies[1][12:])
	}
	if op == golden.OpMulti && !bytes.Equal(withoutStats(replies[0]), withoutStats(replies[1])) {
		w.fail("%s: Java answers %x, Paddock %x", comment, replies[0], replies[1])
	}
	return java
}

// withoutStats returns the reply to a multi, nothing of it if it succeeded: what is left are the errors.
func withoutStats(reply []byte) []byte {
	if len(reply) < 29 || binary.BigEndian.Uint32(reply[16:]) != 0xffffffff {
		return nil
	}
	return reply[16:]
}

func (w *twins) fail(format string, args ...any) {
	w.t.Helper()
	from := max(0, len(w.said)-40)
	w.t.Fatalf("%s\nbefore:\n%s", fmt.Sprintf(format, args...), strings.Join(w.said[from:], "\n"))
}

// compare reads what is used of each quota from both: the data, and the metadata but for the times.
func (w *twins) compare(when string, tops []string) (found int) {
	w.t.Helper()
	for _, top := range tops {
		path := "/zookeeper/quota" + top + "/zookeeper_stats"
		var seen [2]string
		for i, s := range w.sessions {
			if err := golden.Catch(func() { seen[i] = usage(s.Ask(golden.OpGetData, golden.Watched(path, false), "")) }); err != nil {
				w.fail("%s: %v: %v", when, w.servers[i], err)
			}
		}
		if seen[0] != seen[1] {
			w.fail("%s: %s: Java has %s, Paddock %s", when, path, seen[0], seen[1])
		}
		if !strings.HasPrefix(seen[0], "error") {
			found++
		}
	}
	return found
}

// usage prints the reply to a getData.
func usage(reply []byte) string {
	if err := int32(binary.BigEndian.Uint32(reply[12:])); err != 0 {
		return fmt.Sprintf("error %d", err)
	}
	body := reply[16:]
	n := int(int32(binary.BigEndian.Uint32(body)))
	data, stat := "null", body[4:]
	if n >= 0 {
		data, stat = fmt.Sprintf("%q", body[4:4+n]), body[4+n:]
	}
	return fmt.Sprintf("%s, zxids %x, the rest %x", data, stat[:16], stat[32:])
}

// monitors compares the lines of mntr that tell of quotas, and wants no digest to have differed.
func (w *twins) monitors(when string) {
	w.t.Helper()
	var lines [2][]string
	for i, s := range w.servers {
		text, err := s.Word(context.Background(), "mntr")
		if err != nil {
			w.fail("%v: mntr: %v", s, err)
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.Contains(line, "_per_namespace") && strings.Contains(line, "quota_") {
				lines[i] = append(lines[i], strings.TrimSpace(line))
			}
			if n, ok := strings.CutPrefix(line, "zk_digest_mismatches_count\t"); ok && strings.TrimSpace(n) != "0" {
				w.fail("%s: %v: %s digest mismatches", when, s, n)
			}
		}
		slices.Sort(lines[i])
	}
	if len(lines[0]) == 0 || !slices.Equal(lines[0], lines[1]) {
		w.fail("%s: mntr of Java has\n%s\nof Paddock\n%s", when, strings.Join(lines[0], "\n"), strings.Join(lines[1], "\n"))
	}
}

// TestQuotaBesideJava tells a Java and a Paddock server the same, at random, and compares what they answer and
// what they count; again after a restart of both with what Java has written, and with what Paddock has written.
func TestQuotaBesideJava(t *testing.T) {
	peers.Require(t)
	seeds := []uint64{1, 2, 3}
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := startTwins(t, [2]string{t.TempDir(), t.TempDir()})
			g := &quotaScript{w: w, rng: rand.New(rand.NewPCG(seed, 1)), tops: []string{"/a", "/a/x", "/b/c", "/d", "/zookeeper/e", "/ /s"}}
			g.setUp()
			g.run(400)
			for from, whose := range []string{"Java's", "Paddock's"} {
				w.monitors("before the restart")
				w.stop()
				// Both go on with what one has written: what a client wrote into a usage, and what counted
				// towards a quota below another, is forgotten when a snapshot is loaded, and so depends on it.
				base := w.servers[from].Home
				w = startTwins(t, [2]string{copyOf(t, base), copyOf(t, base)})
				g.w, w.said = w, []string{"restarted"}
				if g.w.compare("restarted with "+whose, g.tops) == 0 {
					t.Fatal("no quota is left")
				}
				g.run(150)
			}
			w.monitors("at last")
			if g.refused < 3 || g.accepted < 100 {
				t.Errorf("%d requests were refused for a quota, %d accepted", g.refused, g.accepted)
			}
		})
	}
}

// quotaScript makes requests.
type quotaScript struct {
	w                 *twins
	rng               *rand.Rand
	tops              []string
	refused, accepted int
}

func (g *quotaScript) setUp() {
	for _, path := range []string{
		"/a", "/a/x", "/b", "/b/c", "/ ", "/ /s", "/zookeeper/e", "/zookeeper/quota/a", "/zookeeper/quota/a/x", "/zookeeper/quota/b",
		"/zookeeper/quota/b/c", "/zookeeper/quota/d", "/zookeeper/quota/zookeeper", "/zookeeper/quota/zookeeper/e",
		"/zookeeper/quota/ ", "/zookeeper/quota/ /s",
	} {
		g.ask(golden.OpCreate, golden.Create(path, nil, golden.Open, 0), "create "+path)
	}
}

func (g *quotaScript) ask(op int32, body golden.Record, comment string) {
	g.w.t.Helper()
	switch g.w.ask(op, body, comment) {
	case -125:
		g.refused++
	case 0:
		g.accepted++
	}
}

func (g *quotaScript) run(steps int) {
	g.w.t.Helper()
	for step := range steps {
		switch n := g.rng.IntN(100); {
		case n < 6:
			g.limits()
		case n < 10:
			g.stats()
		case n < 12: // ephemerals go
			for _, s := range g.w.sessions {
				if err := golden.Catch(s.Close); err != nil {
					g.w.fail("close: %v", err)
				}
			}
			g.w.said = append(g.w.said, "a new session")
			g.w.connect()
		case n < 25:
			var parts []golden.Operation
			comment := "multi:"
			for range 1 + g.rng.IntN(4) {
				op, body, what := g.operation(true)
				parts = append(parts, golden.Part(op, body))
				comment += " " + what
			}
			g.ask(golden.OpMulti, golden.Multi(parts...), comment)
		default:
			op, body, comment := g.operation(false)
			g.ask(op, body, comment)
		}
		g.w.compare(fmt.Sprintf("step %d", step), g.tops)
	}
}

func (g *quotaScript) pick(of ...string) string { return of[g.rng.IntN(len(of))] }

func (g *quotaScript) data() []byte {
	if g.rng.IntN(6) == 0 {
		return nil
	}
	return bytes.Repeat([]byte("x"), g.rng.IntN(30))
}

// limits gives a path limits, changes them, or takes them away.
func (g *quotaScript) limits() {
	path := "/zookeeper/quota" + g.pick(g.tops...) + "/zookeeper_limits"
	text := []byte(g.pick("count=5,bytes=50", "count=-1,bytes=-1", "count=3,bytes=20=;byteHardLimit=60;countHardLimit=6",
		"count=-1,bytes=-1=;byteHardLimit=40;countHardLimit=-1", "count=1,bytes=1=;countHardLimit=4", "", "byteHardLimit=100", "count=0,bytes=0=;byteHardLimit=0;countHardLimit=0"))
	switch g.rng.IntN(4) {
	case 0:
		g.ask(golden.OpDelete, golden.Record{}.Ustring(path).Int(-1), "delete "+path)
	case 1:
		g.ask(golden.OpSetData, golden.Record{}.Ustring(path).Buffer(text).Int(-1), fmt.Sprintf("set %s %s", path, text))
	default:
		g.ask(golden.OpCreate, golden.Create(path, text, golden.Open, 0), fmt.Sprintf("create %s %s", path, text))
	}
}

// stats makes a usage, writes into it what a Java server can still read, or deletes it.
func (g *quotaScript) stats() {
	path := "/zookeeper/quota" + g.pick(g.tops...) + "/zookeeper_stats"
	text := []byte(g.pick("count=5,bytes=50", "", "bytes=3;count=2,,zz=7;aa=8", "count==3", "byteHardLimit=100", "count=-7,bytes=+9="))
	switch g.rng.IntN(4) {
	case 0:
		g.ask(golden.OpDelete, golden.Record{}.Ustring(path).Int(-1), "delete "+path)
	case 1:
		g.ask(golden.OpSetData, golden.Record{}.Ustring(path).Buffer(text).Int(-1), fmt.Sprintf("set %s %s", path, text))
	default:
		g.ask(golden.OpCreate2, golden.Create(path, g.data(), golden.Open, 0), "create2 "+path)
	}
}

// operation makes a create, delete or setData of a znode that counts towards a quota, or not.
func (g *quotaScript) operation(multi bool) (op int32, body golden.Record, comment string) {
	path := g.pick("/a", "/a/x", "/b/c", "/d", "/e", "/ /s", "/zookeeper/e")
	for g.rng.IntN(3) > 0 && len(path) < 16 {
		path += g.pick("/x", "/y", "/z")
	}
	data := g.data()
	switch n := g.rng.IntN(10); {
	case n < 5:
		flags := []int32{0, 0, 1, 2, 4, 5}[g.rng.IntN(6)]
		op, body = []int32{golden.OpCreate, golden.OpCreate2}[g.rng.IntN(2)], golden.Create(path, data, golden.Open, flags)
		switch flags {
		case 4:
			op = golden.OpCreateContainer
		case 5:
			op, body = golden.OpCreateTTL, body.Long(1<<39)
		}
		return op, body, fmt.Sprintf("create(%d, %d) %s of %d", op, flags, path, len(data))
	case n < 7:
		return golden.OpDelete, golden.Record{}.Ustring(path).Int(-1), "delete " + path
	}
	version := int32(-1)
	if !multi && g.rng.IntN(5) == 0 {
		version = 9
	}
	return golden.OpSetData, golden.Record{}.Ustring(path).Buffer(data).Int(version), fmt.Sprintf("set %s of %d, version %d", path, len(data), version)
}
