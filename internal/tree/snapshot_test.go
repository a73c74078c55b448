package tree

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// copyInto runs a whole dump of tr into a loader.
func copyInto(l *Loader, tr *Tree) error {
	return errors.Join(tr.SnapSessions(l.Session), tr.SnapACLs(l.ACL), tr.SnapNodes(l.Node))
}

func TestSnapshotOfFreshTree(t *testing.T) {
	var got []string
	tr := New()
	tr.SnapACLs(func(id int64, acl []proto.ACL) error {
		got = append(got, "acl "+strconv.FormatInt(id, 10))
		return nil
	})
	tr.SnapNodes(func(path string, data []byte, acl int64, st *proto.StatPersisted) error {
		got = append(got, path+" "+strconv.FormatInt(acl, 10)+" "+strconv.Itoa(int(st.Aversion)))
		if data == nil {
			t.Errorf("%s: data is null", path)
		}
		return nil
	})
	// Java writes the same, in the same order.
	want := []string{"acl 1", " -1 0", "/zookeeper -1 0", "/zookeeper/config 1 -1", "/zookeeper/quota -1 0"}
	if !slices.Equal(got, want) {
		t.Errorf("dump %q, want %q", got, want)
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	for seed := range uint64(10) {
		tr := New()
		g := &generator{rng: rand.New(rand.NewPCG(seed, 4)), tr: tr, wild: true}
		for range 800 {
			apply(tr, g.next())
		}
		l := NewLoader()
		if err := copyInto(l, tr); err != nil {
			t.Fatal(err)
		}
		got, err := l.Done()
		if err != nil {
			t.Fatal(err)
		}
		got.SetLastZxid(tr.LastZxid())
		check(t, got)
		if d := diff(describe(got), describe(tr)); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

// javaDump dumps as Java does: each znode with the names of its children at that
// moment, each child by its path when its turn comes. Between any two znodes
// others may change the tree.
func javaDump(tr *Tree, path string, yield func(string, []byte, int64, *proto.StatPersisted) error) error {
	n, ok := tr.Get(path)
	if !ok {
		return nil
	}
	names, _ := tr.Children(path, nil)
	slices.Sort(names)
	st := n.Persisted()
	if err := yield(path, n.Data(), tr.acls.id(n.n.acl), &st); err != nil {
		return err
	}
	for _, name := range names {
		if err := javaDump(tr, path+"/"+name, yield); err != nil {
			return err
		}
	}
	return nil
}

// A dump while transactions go on, plus the transactions since its zxid, is the
// tree that was dumped; whatever the order in which they meet.
func TestFuzzySnapshot(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		tr := New()
		g := &generator{rng: rng, tr: tr}
		for range rng.IntN(150) {
			apply(tr, g.next())
		}
		var log []*proto.Txn
		busy := rng.IntN(4)
		work := func() {
			for range rng.IntN(1 + busy) {
				log = append(log, g.next())
				apply(tr, log[len(log)-1])
			}
		}
		from, l := tr.LastZxid(), NewLoader()
		node := func(path string, data []byte, acl int64, st *proto.StatPersisted) error {
			err := l.Node(path, data, acl, st)
			work()
			return err
		}
		err := tr.SnapSessions(l.Session)
		work()
		err = errors.Join(err, tr.SnapACLs(l.ACL))
		work()
		if seed%2 == 0 {
			err = errors.Join(err, tr.SnapNodesBy(1+rng.IntN(4), node))
		} else {
			err = errors.Join(err, javaDump(tr, "", node))
		}
		got, err2 := l.Done()
		if err = errors.Join(err, err2); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got.SetLastZxid(from)
		got.ExpectDigest(tr.LastZxid(), proto.DigestVersion, tr.Digest())
		check(t, got)
		for range rng.IntN(10) {
			log = append(log, g.next())
			apply(tr, log[len(log)-1])
		}
		for _, x := range log {
			if apply(got, x).DigestMismatch {
				t.Fatalf("seed %d: digest mismatch at %v", seed, x.Zxid)
			}
		}
		check(t, got)
		if d := diff(describe(got), describe(tr)); d != "" {
			t.Fatalf("seed %d: after replay of %d:\n%s", seed, len(log), d)
		}
	}
}

// The same with a writer on another goroutine and readers beside; for -race.
func TestSnapshotBesideWriter(t *testing.T) {
	tr := New()
	g := &generator{rng: rand.New(rand.NewPCG(1, 6)), tr: tr}
	for range 3000 {
		apply(tr, g.next())
	}
	for i := range 2000 { // enough for the dump to let go of the lock
		g.zxid++
		apply(tr, mkCreate(g.zxid, "/many"+strconv.Itoa(i), strings.Repeat("x", i%300), -1))
	}
	from, l := tr.LastZxid(), NewLoader()
	var log []*proto.Txn
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		res := new(Result)
		for {
			select {
			case <-stop:
				return
			default:
			}
			x := g.next()
			log = append(log, x)
			tr.Lock()
			tr.Apply(x, res)
			tr.Unlock()
		}
	})
	for id := range WatcherID(2) {
		wg.Go(func() {
			var names []string
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				path := "/" + string(rune('a'+i%4))
				tr.RLock()
				if n, ok := tr.Get(path); ok {
					_, _, _ = n.Stat(), n.ACL(), len(n.Data())
				}
				names, _ = tr.Children("/", names[:0])
				tr.Watches().Add(WatchKind(i%2), path, id)
				tr.RUnlock()
				if i%100 == 0 {
					tr.Watches().RemoveWatcher(id)
				}
			}
		})
	}
	err := copyInto(l, tr)
	close(stop)
	wg.Wait()
	got, err2 := l.Done()
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	got.SetLastZxid(from)
	apply(got, log...)
	if d := diff(describe(got), describe(tr)); d != "" {
		t.Errorf("after replay of %d: %s", len(log), d)
	}
	checkWatches(t, tr.Watches())
}

func TestSnapshotOfReplacedTree(t *testing.T) {
	tr := New()
	err := tr.SnapNodesBy(1, func(path string, _ []byte, _ int64, _ *proto.StatPersisted) error {
		tr.Lock()
		defer tr.Unlock()
		tr.Replace(New())
		return nil
	})
	if !errors.Is(err, ErrReplaced) {
		t.Errorf("dump of a replaced tree: %v", err)
	}
	if len(tr.cursors) != 0 {
		t.Error("the dump left its cursor")
	}
}

func TestSnapshotPassesErrorsOn(t *testing.T) {
	tr, stop := New(), errors.New("disk full")
	apply(tr, txn(1, 5, proto.OpCreateSession, &proto.CreateSessionTxn{}))
	for name, err := range map[string]error{
		"sessions": tr.SnapSessions(func(proto.SessionID, int32) error { return stop }),
		"acls":     tr.SnapACLs(func(int64, []proto.ACL) error { return stop }),
		"nodes":    tr.SnapNodes(func(string, []byte, int64, *proto.StatPersisted) error { return stop }),
	} {
		if err != stop {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(tr.cursors) != 0 {
		t.Error("the dump left its cursor")
	}
}

func TestLoaderErrors(t *testing.T) {
	zero := new(proto.StatPersisted)
	root := func(l *Loader) error { return l.Node("", nil, -1, zero) }
	for name, steps := range map[string][]func(*Loader) error{
		"no root":             {},
		"child before parent": {root, func(l *Loader) error { return l.Node("/a/b", nil, -1, zero) }},
		"child before root":   {func(l *Loader) error { return l.Node("/a", nil, -1, zero) }},
		"no slash":            {root, func(l *Loader) error { return l.Node("a", nil, -1, zero) }},
		"root as /":           {root, func(l *Loader) error { return l.Node("/", nil, -1, zero) }},
		"twice":               {root, func(l *Loader) error { return l.Node("", nil, -1, zero) }},
		"unknown ACL": {
			func(l *Loader) error { return l.ACL(3, proto.OpenACL) }, root,
			func(l *Loader) error { return l.Node("/a", nil, 2, zero) },
		},
		"ACL 0":     {root, func(l *Loader) error { return l.Node("/a", nil, 0, zero) }},
		"ACL -2":    {root, func(l *Loader) error { return l.Node("/a", nil, -2, zero) }},
		"ACL id 0":  {func(l *Loader) error { return l.ACL(0, proto.OpenACL) }},
		"ACL id -1": {func(l *Loader) error { return l.ACL(-1, proto.OpenACL) }},
		"ACL twice": {func(l *Loader) error { return l.ACL(1, proto.OpenACL) }, func(l *Loader) error { return l.ACL(1, configACL) }},
		"null ACL":  {func(l *Loader) error { return l.ACL(1, nil) }},
	} {
		l := NewLoader()
		var err error
		for i, step := range steps {
			if err = step(l); err != nil && i < len(steps)-1 {
				t.Errorf("%s: step %d: %v", name, i, err)
			}
		}
		if err == nil {
			_, err = l.Done()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Two ids with one list, unused ids, and ids that the table lacks.
func TestLoaderACLs(t *testing.T) {
	zero := new(proto.StatPersisted)
	blue := readACL(1, "digest", "blue:x")
	l := NewLoader()
	err := errors.Join(
		l.ACL(7, blue), l.ACL(3, blue), l.ACL(5, configACL), l.Node("", nil, -1, zero),
		l.Node("/a", nil, 7, zero), l.Node("/b", nil, 3, zero), l.Node("/late", nil, 9, zero))
	tr, err2 := l.Done()
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	check(t, tr)
	for path, want := range map[string][]proto.ACL{"/": proto.OpenACL, "/a": blue, "/b": blue, "/late": lockedACL} {
		if n, _ := tr.Get(path); !slices.Equal(n.ACL(), want) {
			t.Errorf("%s: ACL %v, want %v", path, n.ACL(), want)
		}
	}
	rules := new(ACLRules)
	if n, _ := tr.Get("/late"); rules.Allowed(n.ACL(), proto.PermAll, ids("digest", "blue:x")) || !rules.Allowed(n.ACL(), proto.PermAll, ids("super", "")) {
		t.Error("a znode of unknown ACL is open")
	}
	if tr.ACLCount() != 3 {
		t.Errorf("%d ACLs, want 3", tr.ACLCount())
	}
	apply(tr, mkDelete(1, "/b"), mkSetACL(2, "/late", blue, 1), mkDelete(3, "/a"), mkDelete(4, "/late"))
	check(t, tr)
	if tr.ACLCount() != 0 {
		t.Errorf("%d ACLs left", tr.ACLCount())
	}
}

// TestLoaderTakesAnyOrder: parents come before children, and more is not promised.
// Names are alike, so that a wrong way would be found.
func TestLoaderTakesAnyOrder(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 9))
		paths := []string{""}
		for range 200 {
			path := paths[rng.IntN(len(paths))] + "/" + []string{"a", "b", "aa", "ab", "aaa"}[rng.IntN(5)]
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
		sorted := slices.Sorted(slices.Values(paths)) // depth first, nearly
		var trees []string
		for _, order := range [][]string{paths, sorted} {
			l := NewLoader()
			for _, path := range order {
				if err := l.Node(path, []byte(path), -1, &proto.StatPersisted{Mtime: int64(len(path))}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if rng.IntN(10) > 0 {
					continue // a refusal may change what the loader remembers
				}
				if err := l.Node(path+"/none/x", nil, -1, new(proto.StatPersisted)); err == nil {
					t.Fatalf("seed %d: %q has no parent and is loaded", seed, path)
				}
			}
			tr, err := l.Done()
			if err != nil {
				t.Fatal(err)
			}
			check(t, tr)
			for _, path := range paths {
				if n, ok := tr.Get(path); !ok || string(n.Data()) != path {
					t.Fatalf("seed %d: %q is not there", seed, path)
				}
			}
			trees = append(trees, describe(tr))
		}
		if d := diff(trees[0], trees[1]); d != "" {
			t.Fatalf("seed %d: the order of loading shows: %s", seed, d)
		}
	}
}

// TestLoaderRefusesTwins: a path that comes twice is found, wherever the two are.
func TestLoaderRefusesTwins(t *testing.T) {
	const nodes = 400
	for _, twins := range [][2]int{{0, 1}, {0, nodes}, {nodes - 2, nodes - 1}, {5, 9}, {3, 250}} {
		l, zero := NewLoader(), new(proto.StatPersisted)
		err := l.Node("", nil, -1, zero)
		for i := range nodes + 1 {
			err = errors.Join(err, l.Node("/n"+strconv.Itoa(i), nil, -1, zero))
			if i == twins[1] {
				err = errors.Join(err, l.Node("/n"+strconv.Itoa(twins[0]), nil, -1, zero))
			}
		}
		if _, last := l.Done(); errors.Join(err, last) == nil {
			t.Errorf("znode %d is there twice, again behind %d", twins[0], twins[1])
		}
	}
}

func TestLoaderCopiesData(t *testing.T) {
	l, buf := NewLoader(), []byte("abc")
	l.Node("", buf, -1, new(proto.StatPersisted))
	clear(buf)
	tr, err := l.Done()
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := tr.Get("/"); string(n.Data()) != "abc" {
		t.Errorf("data %q", n.Data())
	}
}
