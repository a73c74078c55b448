package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// TestReapRule: the conditions of ContainerManager.getCandidates.
func TestReapRule(t *testing.T) {
	const now = 1_000_000
	box, ten := proto.ContainerOwner, proto.TTLOwner(10)
	for name, tc := range map[string]struct {
		owner    proto.SessionID
		cversion int32
		children int32
		age      int64
		never    int64
		want     bool
	}{
		"container, used":                  {owner: box, cversion: 1, want: true},
		"container with a child":           {owner: box, cversion: 2, children: 1, age: 1000, never: 1},
		"container, never used":            {owner: box, age: 999_999},
		"container, never used for long":   {owner: box, age: 51, never: 50, want: true},
		"container, not for long enough":   {owner: box, age: 50, never: 50},
		"container of the future":          {owner: box, age: -51, never: 50},
		"container whose counter wrapped":  {owner: box, cversion: -1, age: 10},
		"TTL over":                         {owner: ten, age: 11, want: true},
		"TTL just reached":                 {owner: ten, age: 10},
		"TTL over, had children":           {owner: ten, cversion: 7, age: 11, want: true},
		"TTL over, has a child":            {owner: ten, cversion: 1, children: 1, age: 11},
		"TTL of 0, which nobody can write": {owner: proto.TTLOwner(0), age: 1 << 50},
		"the longest TTL":                  {owner: proto.TTLOwner(proto.MaxTTL), age: proto.MaxTTL + 1, want: true},
		"persistent":                       {age: 1 << 50, never: 1},
		"ephemeral":                        {owner: 7, age: 1 << 50, never: 1},
	} {
		st := &proto.StatPersisted{Mtime: now - tc.age, Cversion: tc.cversion, EphemeralOwner: tc.owner}
		for _, ttls := range []bool{true, false} {
			rule := ReapRule{NowMs: now, NeverUsedMs: tc.never, TTLs: ttls}
			want := tc.want && (ttls || KindOf(tc.owner) != TTL)
			if got := rule.Allows(KindOf(tc.owner), st, tc.children); got != want {
				t.Errorf("%s, TTLs %v: %v", name, ttls, got)
			}
		}
	}
}

// TestNextReapable: a pass meets everything that is there from its begin to its
// end and may go, whatever comes and goes meanwhile, and looks at no more at a
// time than it is told.
func TestNextReapable(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 5))
		tr, z, n := New(), proto.Zxid(0), 0
		alive := map[string]bool{} // may go or not
		add := func() {
			z++
			n++
			path := fmt.Sprintf("/n%d", n)
			life := int64(1)
			if rng.IntN(2) == 0 {
				life = proto.MaxTTL
			}
			apply(tr, txn(z, 1, proto.OpCreateTTL, &proto.CreateTTLTxn{Path: path, ACL: proto.OpenACL, ParentCversion: -1, TTL: life}))
			alive[path] = life == 1
		}
		remove := func() string {
			paths := make([]string, 0, len(alive))
			for p := range alive {
				paths = append(paths, p)
			}
			if len(paths) == 0 {
				return ""
			}
			slices.Sort(paths)
			p := paths[rng.IntN(len(paths))]
			z++
			apply(tr, mkDelete(z, p))
			delete(alive, p)
			return p
		}
		for range rng.IntN(300) {
			add()
		}
		must := map[string]bool{} // meet these
		for p, due := range alive {
			if due {
				must[p] = true
			}
		}
		rule := ReapRule{NowMs: timeOf(10_000), TTLs: true}
		for at := tr.Reapables(); at > 0; {
			limit := 1 + rng.IntN(20)
			path, to := tr.NextReapable(at, limit, rule)
			if to >= at || at <= tr.Reapables() && at-to > limit {
				t.Fatalf("seed %d: from %d to %d with a limit of %d", seed, at, to, limit)
			}
			if due, there := alive[path]; path != "" && (!there || !due) {
				t.Fatalf("seed %d: %s may not go", seed, path)
			}
			delete(must, path)
			at = to
			for range rng.IntN(4) {
				if rng.IntN(2) == 0 {
					add()
				} else {
					delete(must, remove())
				}
			}
			check(t, tr)
		}
		if len(must) > 0 {
			t.Fatalf("seed %d: %d were passed over: %v", seed, len(must), must)
		}
	}
}

func TestEmulate353(t *testing.T) {
	const old = -1<<63 | 5000
	l := NewLoader()
	for _, n := range []struct {
		path  string
		owner proto.SessionID
	}{{"", 0}, {"/a", old}, {"/b", 7}, {"/c", proto.ContainerOwner}, {"/d", proto.TTLOwner(9)}} {
		if err := l.Node(n.path, nil, openACLID, &proto.StatPersisted{EphemeralOwner: n.owner, Mtime: timeOf(1)}); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := l.Done()
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Ephemerals(old); !slices.Equal(got, []string{"/a"}) {
		t.Fatalf("without emulation the owner of /a is a session: %v", got)
	}
	tr.Emulate353()
	check(t, tr)
	if got := tr.TTLs(); !slices.Equal(got, []string{"/a", "/d"}) || tr.EphemeralsCount() != 1 || len(tr.EphemeralOwners()) != 1 {
		t.Errorf("TTLs %q, %d ephemerals", got, tr.EphemeralsCount())
	}
	if owner := stat(t, tr, "/a").EphemeralOwner; owner != 0 {
		t.Errorf("clients see the owner %v", owner)
	}
	other := New()
	other.Replace(tr)
	if path, _ := other.NextReapable(other.Reapables(), 10, ReapRule{NowMs: timeOf(1) + 5001, TTLs: true}); path != "/a" {
		t.Errorf("%q may go first", path)
	}
	apply(other, mkDelete(9, "/a"))
	check(t, other)
	if got := other.TTLs(); !slices.Equal(got, []string{"/d"}) {
		t.Errorf("TTLs after the deletion: %q", got)
	}
}
