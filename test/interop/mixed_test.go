package interop

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/paddock-io/paddock/test/interop/peers"
)

var mixedAll = flag.Bool("mixed.all", false, "run every mix of three and of five servers, not a few")

// TestMixedEnsemble runs ensembles of Paddock (p) and Java (j) servers, whose order is that of their ids. Every server in
// turn is made leader and killed; after each step the servers left must agree on everything that was acknowledged.
func TestMixedEnsemble(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("jjj", func(t *testing.T) { everyoneLeadsAndDies(t, java, java, java) })
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	paddock := peers.RequirePaddock(t)
	mixes := []string{"ppj", "jpp", "jjp", "jpjpp"}
	if *mixedAll {
		mixes = slices.Concat(mixesOf(3), mixesOf(5))
	}
	for _, mix := range mixes {
		t.Run(mix, func(t *testing.T) {
			var software []peers.Software
			for _, kind := range mix {
				software = append(software, map[rune]peers.Software{'p': paddock, 'j': java}[kind])
			}
			everyoneLeadsAndDies(t, software...)
		})
	}
}

// mixesOf returns every mix of n servers with at least one of each kind.
func mixesOf(n int) (mixes []string) {
	for bits := 1; bits < 1<<n-1; bits++ {
		mix := ""
		for i := range n {
			mix += string("pj"[bits>>i&1])
		}
		mixes = append(mixes, mix)
	}
	return mixes
}

func everyoneLeadsAndDies(t *testing.T, software ...peers.Software) {
	e := peers.StartEnsemble(t, software...)
	w := &witness{t: t, e: e, acked: map[string]string{}}
	w.writeEverywhere("fresh")
	w.agree()
	for id := range e.Servers {
		target := e.Server(id + 1)
		w.makeLeader(target)
		w.writeEverywhere(fmt.Sprintf("under%d", target.ID))
		w.agree()

		target.Kill()
		t.Logf("killed the leader, %v", target)
		w.writeEverywhere(fmt.Sprintf("without%d", target.ID))
		w.agree()

		w.start(target)
		w.agree()
	}
	w.digestsMatch()
}

// witness writes to an ensemble, remembers what was acknowledged, and compares the servers.
type witness struct {
	t     *testing.T
	e     *peers.Ensemble
	acked map[string]string // path to data
}

// within returns a context for one step that waits on servers.
func (w *witness) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), peers.StartTimeout)
}

func (w *witness) start(s *peers.Server) {
	w.t.Helper()
	if err := s.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.awaitServing()
}

func (w *witness) awaitServing() {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	if err := w.e.AwaitServing(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *witness) leader() *peers.Server {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	leader, err := w.e.Leader(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return leader
}

// makeLeader gives target the longest history of those that elect: as many servers as can be spared miss a
// write, all that have it die but target, and those that are left must choose target whatever their ids.
func (w *witness) makeLeader(target *peers.Server) {
	w.t.Helper()
	leader := w.leader()
	if leader == target {
		return
	}
	majority := len(w.e.Servers)/2 + 1
	with := []*peers.Server{target, leader}
	var without []*peers.Server
	for _, s := range w.e.Servers {
		switch {
		case s == leader || s == target:
		case len(with) < majority:
			with = append(with, s)
		default:
			without = append(without, s)
		}
	}
	for _, s := range without {
		s.Kill()
	}
	w.writeEverywhere(fmt.Sprintf("for%d", target.ID))
	w.agree() // by a sync on target: its history is complete
	for _, s := range with[1:] {
		s.Kill()
	}
	for _, group := range [][]*peers.Server{without, with[1:]} {
		for _, s := range group {
			check(w.t, s.Start())
		}
		w.awaitServing()
		if got := w.leader(); got != target {
			w.t.Fatalf("%v leads, though %v has the longer history", got, target)
		}
	}
}

// writeEverywhere writes through every running server, once each server serves.
func (w *witness) writeEverywhere(name string) {
	w.t.Helper()
	w.awaitServing()
	for _, s := range w.e.Servers {
		if !s.Alive() {
			continue
		}
		conn := w.connect(s)
		parent := fmt.Sprintf("/%s-by%d", name, s.ID)
		w.create(conn, parent, "parent")
		for i := range 3 {
			w.create(conn, fmt.Sprintf("%s/node%d", parent, i), fmt.Sprintf("value %d of %s", i, name))
		}
		if _, err := conn.Set(parent, []byte("changed"), 0); err != nil {
			w.t.Fatalf("set through %v: %v", s, err)
		}
		w.acked[parent] = "changed"
		_, err := conn.Multi(
			&zk.CheckVersionRequest{Path: parent, Version: 1},
			&zk.CreateRequest{Path: parent + "/multi", Data: []byte("together"), Acl: zk.WorldACL(zk.PermAll)},
			&zk.DeleteRequest{Path: parent + "/node0", Version: -1},
		)
		if err != nil {
			w.t.Fatalf("multi through %v: %v", s, err)
		}
		w.acked[parent+"/multi"] = "together"
		delete(w.acked, parent+"/node0")
		w.ephemeral(conn, s, parent+"/ephemeral")
		conn.Close()
	}
}

// ephemeral creates an ephemeral node that other servers see and that goes with the session.
func (w *witness) ephemeral(conn *zk.Conn, s *peers.Server, path string) {
	w.t.Helper()
	if _, err := conn.Create(path, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		w.t.Fatalf("create %s through %v: %v", path, s, err)
	}
	for _, other := range w.e.Servers {
		if other == s || !other.Alive() {
			continue
		}
		through := w.connect(other)
		w.sync(through, other)
		_, st, err := through.Exists(path)
		if err != nil || st.EphemeralOwner != conn.SessionID() {
			w.t.Fatalf("ephemeral node of session %#x as %v sees it: %+v, %v", conn.SessionID(), other, st, err)
		}
		through.Close()
	}
}

func (w *witness) create(conn *zk.Conn, path, data string) {
	w.t.Helper()
	if _, err := conn.Create(path, []byte(data), 0, zk.WorldACL(zk.PermAll)); err != nil {
		w.t.Fatalf("create %s through %s: %v", path, conn.Server(), err)
	}
	w.acked[path] = data
}

// agree compares what every running server says of every acknowledged node.
func (w *witness) agree() {
	w.t.Helper()
	w.awaitServing()
	type view struct {
		by   *peers.Server
		stat zk.Stat
	}
	first := map[string]view{}
	for _, s := range w.e.Servers {
		if !s.Alive() {
			continue
		}
		conn := w.connect(s)
		w.sync(conn, s)
		for path, want := range w.acked {
			data, stat, err := conn.Get(path)
			if err != nil || string(data) != want {
				w.t.Fatalf("%v has %q at %s (%v), acknowledged was %q", s, data, path, err, want)
			}
			if before, ok := first[path]; !ok {
				first[path] = view{s, *stat}
			} else if *stat != before.stat {
				w.t.Fatalf("stat of %s\n%+v on %v\n%+v on %v", path, before.stat, before.by, *stat, s)
			}
			if kids, _, err := conn.Children(path); err != nil || len(kids) != int(stat.NumChildren) {
				w.t.Fatalf("%v has children %q of %s, %d in its stat (%v)", s, kids, path, stat.NumChildren, err)
			}
		}
		conn.Close()
	}
}

// sync catches the server up with what the leader had committed.
func (w *witness) sync(conn *zk.Conn, s *peers.Server) {
	w.t.Helper()
	if _, err := conn.Sync("/"); err != nil {
		w.t.Fatalf("sync on %v: %v", s, err)
	}
}

// connect opens a session on that server alone.
func (w *witness) connect(s *peers.Server) *zk.Conn {
	w.t.Helper()
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	conn, events, err := zk.Connect([]string{s.Addr()}, peers.StartTimeout, zk.WithLogger(quiet))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	ctx, cancel := w.within()
	defer cancel()
	for {
		select {
		case ev := <-events:
			if ev.State == zk.StateHasSession {
				return conn
			}
		case <-ctx.Done():
			w.t.Fatalf("no session on %v: %v", s, ctx.Err())
		}
	}
}

var mismatches = regexp.MustCompile(`zk_digest_mismatches_count\s+(\d+)`)

// digestsMatch asks the servers whether the digests of their trees ever differed from those that
// came with the transactions: the sharpest witness there is that both kinds apply alike.
func (w *witness) digestsMatch() {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	for _, s := range w.e.Servers {
		text, err := s.Word(ctx, "mntr")
		if err != nil {
			w.t.Fatal(err)
		}
		found := mismatches.FindStringSubmatch(text)
		if found == nil && strings.Contains(text, "zk_version\t3.5.") {
			continue // knows no digests
		}
		if found == nil {
			w.t.Fatalf("mntr of %v counts no digest mismatches:\n%s", s, text)
		}
		if found[1] != "0" {
			w.t.Errorf("%v saw %s transactions whose digest did not match its tree", s, found[1])
		}
	}
}
