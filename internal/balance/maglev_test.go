package balance

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func serverNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("10.0.0.%d:2181", i+1))
	}
	return names
}

// counts returns how many slots each server has.
func (t *table) counts() map[string]int {
	n := map[string]int{}
	for _, i := range t.slots {
		n[t.names[i]]++
	}
	return n
}

// Every server has the same number of slots, within one, whatever the names are
// and in whatever order they come. Source: the paper's section 3.4.
func TestTableIsEven(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 7, 100} {
		names := serverNames(n)
		a := newTable(names)
		slices.Reverse(names)
		b := newTable(append(names, names[0]))
		if !slices.Equal(a.slots, b.slots) {
			t.Errorf("%d servers: the order of the names matters", n)
		}
		counts := a.counts()
		for _, name := range names {
			if c := counts[name]; c != tableSize/n && c != tableSize/n+1 {
				t.Errorf("%d servers: %s has %d slots of %d", n, name, c, tableSize)
			}
		}
	}
	if _, ok := newTable(nil).pick(1, nil); ok {
		t.Error("a server out of none")
	}
}

// When a server goes, its slots get others, and of the rest few do; when it
// comes back, everything is as it was.
func TestTableDisruption(t *testing.T) {
	for _, n := range []int{3, 5, 7, 30} {
		names := serverNames(n)
		all := newTable(names)
		worst := 0.0
		for gone := range min(n, 7) {
			rest := newTable(slices.Delete(slices.Clone(names), gone, gone+1))
			moved, of := 0, 0
			for i := range all.slots {
				was, is := all.names[all.slots[i]], rest.names[rest.slots[i]]
				if was == names[gone] {
					continue
				}
				if of++; was != is {
					moved++
				}
			}
			worst = max(worst, float64(moved)/float64(of))
		}
		t.Logf("one of %d servers goes: of the slots of the others %.2f %% change, at worst", n, 100*worst)
		if worst > 0.07 {
			t.Errorf("%d servers: %.1f %% of the others' slots change", n, 100*worst)
		}
	}
}

// address draws a client's address.
func address(dice *rand.Rand) netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], dice.Uint32())
	return netip.AddrPortFrom(netip.AddrFrom4(b), uint16(dice.Uint32()))
}

// 10,000 clients spread as evenly as if each had drawn its server; when one of
// five servers goes its clients move, and few others.
func TestTenThousandClients(t *testing.T) {
	const n, seed = 10_000, 7
	dice := rand.New(rand.NewPCG(seed, seed))
	var far []netip.AddrPort  // from everywhere
	var near []netip.AddrPort // from one machine
	for i := range n {
		far = append(far, address(dice))
		near = append(near, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 1, 1}), uint16(20_000+i)))
	}
	for _, servers := range []int{3, 5, 7} {
		tab := newTable(serverNames(servers))
		for kind, clients := range map[string][]netip.AddrPort{"addresses": far, "connections of one address": near} {
			load := map[string]int{}
			for _, c := range clients {
				name, _ := tab.pick(keyOf(c, kind != "addresses"), nil)
				load[name]++
			}
			mean, sd := n/float64(servers), math.Sqrt(n/float64(servers)*(1-1/float64(servers)))
			worst := 0.0
			for _, name := range tab.names {
				worst = max(worst, math.Abs(float64(load[name])-mean))
			}
			t.Logf("%d %s over %d servers: %v, at most %.1f %% from the mean, %.1f standard deviations of chance",
				n, kind, servers, loads(tab.names, load), 100*worst/mean, worst/sd)
			if worst > 5*sd {
				t.Errorf("%d %s over %d servers: %v", n, kind, servers, load)
			}
		}
	}
	all, less := newTable(serverNames(5)), newTable(serverNames(4))
	must, moved := 0, 0
	for _, c := range far {
		key := keyOf(c, false)
		was, _ := all.pick(key, nil)
		is, _ := less.pick(key, nil)
		if was == "10.0.0.5:2181" {
			must++
		} else if was != is {
			moved++
		}
	}
	t.Logf("one of five servers goes, or comes: %d clients of it move, and %d others, %.1f %% of all", must, moved, 100*float64(must+moved)/n)
	if moved > n/20 {
		t.Errorf("%d clients of other servers move", moved)
	}
}

func loads(names []string, load map[string]int) (out []int) {
	for _, name := range names {
		out = append(out, load[name])
	}
	return out
}

// pick goes on to servers that were not tried, and each of them takes its share
// of what the first one cannot have.
func TestPickNext(t *testing.T) {
	tab := newTable(serverNames(3))
	second := map[string]int{}
	for key := range uint64(tableSize) {
		first, _ := tab.pick(key, nil)
		next, ok := tab.pick(key, []string{first})
		if !ok || next == first {
			t.Fatalf("key %d: %s and then %s", key, first, next)
		}
		second[first+" "+next]++
		last, ok := tab.pick(key, []string{first, next})
		if !ok || last == first || last == next {
			t.Fatalf("key %d: %s, %s, %s", key, first, next, last)
		}
		if more, ok := tab.pick(key, []string{first, next, last}); ok {
			t.Fatalf("key %d: %s after all", key, more)
		}
	}
	for pair, n := range second {
		if n < tableSize/6*8/10 || n > tableSize/6*12/10 {
			t.Errorf("%s: %d of %d keys, want about a sixth", pair, n, tableSize)
		}
	}
}

func TestKeys(t *testing.T) {
	a, b := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.1:2")
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:1")
	if keyOf(a, false) != keyOf(b, false) || keyOf(a, true) == keyOf(b, true) || keyOf(a, true) != keyOf(mapped, true) {
		t.Error("keys do not go by what they should")
	}
	// Fronts of different versions must agree.
	if got, _ := newTable(serverNames(5)).pick(keyOf(a, false), nil); keyOf(a, false) != wantKey || got != wantServer {
		t.Errorf("key %d, server %s: has the table changed?", keyOf(a, false), got)
	}
}

const (
	wantKey    = 56870
	wantServer = "10.0.0.3:2181"
)

func BenchmarkNewTable(b *testing.B) {
	names := serverNames(7)
	for b.Loop() {
		newTable(names)
	}
}
