package zk

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// javaRandom throws the dice of java.util.Random.
type javaRandom struct{ seed int64 }

func newJavaRandom(seed int64) *javaRandom { return &javaRandom{(seed ^ 0x5DEECE66D) & (1<<48 - 1)} }

func (r *javaRandom) next(bits int) int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.seed >> (48 - bits))
}

func (r *javaRandom) IntN(n int) int {
	bound := int32(n)
	if bound&(bound-1) == 0 {
		return int(int64(bound) * int64(r.next(31)) >> 31)
	}
	for {
		u := r.next(31)
		if v := u % bound; u-v+(bound-1) >= 0 {
			return int(v)
		}
	}
}

func (r *javaRandom) Float32() float32 { return float32(r.next(24)) / (1 << 24) }

// TestHostsAsJava plays what Java's StaticHostProvider was asked to, with Java's
// dice, and expects its decisions, each of them.
func TestHostsAsJava(t *testing.T) {
	f, err := os.Open("testdata/hosts-java-3.9.5.txt") // by test/interop/clients/HostProviderTrace.java
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var h *hosts
	var tried, current string
	clients := newClients(10_000, func(i int) dice { return newJavaRandom(int64(i)) })
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, got := lines.Text(), ""
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "client":
			seed, list, _ := strings.Cut(rest, ": ")
			var number int64
			fmt.Sscan(seed, &number)
			h, tried, current, got = newHosts(strings.Fields(list), newJavaRandom(number)), "", "", line
		case "next":
			tried, _ = h.next()
			got = "next " + tried
		case "connected":
			h.connected()
			current, got = tried, line
		case "lost":
			current, got = "", line
		case "update":
			list, _, _ := strings.Cut(rest, ":")
			leave := h.update(strings.Fields(list), names(current)...)
			if leave {
				current = ""
			}
			got = fmt.Sprintf("update %s: %v", list, leave)
		case "loads":
			servers, _, _ := strings.Cut(rest, ",")
			var list []string
			for _, s := range strings.Fields(servers) {
				name, _, _ := strings.Cut(s, "=")
				list = append(list, name)
			}
			moved := clients.follow(list)
			got = "loads"
			for _, s := range list {
				got += fmt.Sprintf(" %s=%d", s, clients.load(s))
			}
			got += fmt.Sprintf(", moved %d", moved)
		}
		if got != line {
			t.Fatalf("line %d: %q, want %q", n, got, line)
		}
	}
	if err := lines.Err(); err != nil || h == nil {
		t.Fatal(h, err)
	}
}

func names(current string) []string {
	if current == "" {
		return nil
	}
	return []string{current}
}

// clients are many that follow one list, each by its own dice.
type clients struct {
	dice    func(i int) dice
	hosts   []*hosts
	current []string
}

func newClients(n int, dice func(i int) dice) *clients {
	return &clients{dice: dice, hosts: make([]*hosts, n), current: make([]string, n)}
}

// follow tells all of them of a list and returns how many have moved; of the
// first list they connect.
func (c *clients) follow(list []string) (moved int) {
	for i, h := range c.hosts {
		switch {
		case h == nil:
			h = newHosts(slices.Clone(list), c.dice(i))
			c.hosts[i] = h
		case !h.update(slices.Clone(list), c.current[i]):
			continue
		default:
			moved++
		}
		c.current[i], _ = h.next()
		h.connected()
	}
	return moved
}

func (c *clients) load(server string) (n int) {
	for _, s := range c.current {
		if s == server {
			n++
		}
	}
	return n
}

// TestHostsLevel changes the list of 10,000 clients again and again. After each
// change every server has its share of them, as evenly as if each client had
// drawn its server anew; and none has moved without need.
func TestHostsLevel(t *testing.T) {
	const n = 10_000
	for seed := uint64(1); seed <= 8; seed++ {
		clients := newClients(n, func(i int) dice { return rand.New(rand.NewPCG(seed, uint64(i))) })
		choice := rand.New(rand.NewPCG(seed, n))
		var before []string
		for step, list := range lists(choice) {
			was := slices.Clone(clients.current)
			moved := clients.follow(list)
			at := fmt.Sprintf("seed %d, step %d, %v to %v", seed, step, before, list)
			var got []int
			for _, s := range list {
				got = append(got, clients.load(s))
				mustBeNear(t, at+", load of "+s, clients.load(s), n, 1/float64(len(list)))
			}
			if seed == 1 {
				t.Logf("from %d servers to %d: %v, %d clients have moved", len(before), len(list), got, moved)
			}
			if step > 0 {
				kept := 0
				for _, s := range list {
					if slices.Contains(before, s) {
						kept++
					}
				}
				need := 1 - float64(kept)/float64(max(len(before), len(list)))
				mustBeNear(t, at+", moved", moved, n, need)
				mustMoveAsNeeded(t, at, was, clients.current, before, list)
			}
			before = list
		}
		if t.Failed() {
			t.Fatalf("replay: go test ./zk -run TestHostsLevel (it goes through the same seeds each time)")
		}
	}
}

// lists are those of the issue at first, 3, 5, 4 and 7 servers, then drawn ones,
// in which any number of servers have gone and come.
func lists(choice *rand.Rand) [][]string {
	server := func(i int) string { return fmt.Sprintf("zk%d:2181", i) }
	var out [][]string
	for _, n := range []int{3, 5, 4, 7} {
		var list []string
		for i := range n {
			list = append(list, server(i))
		}
		out = append(out, list)
	}
	for range 8 {
		var list []string
		for _, i := range choice.Perm(12)[:1+choice.IntN(9)] {
			list = append(list, server(i))
		}
		out = append(out, list)
	}
	return out
}

// mustBeNear fails if got is not within five standard deviations of what n draws
// with chance p give. That happens by chance once in 1.7 million.
func mustBeNear(t *testing.T, what string, got, n int, p float64) {
	t.Helper()
	mean, sd := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-mean) > 5*sd {
		t.Errorf("%s: %d, want %.0f give or take %.0f", what, got, mean, 5*sd)
	}
}

// mustMoveAsNeeded looks at each client: it leaves a server that stays only if
// there are more servers than before, and then for a new one.
func mustMoveAsNeeded(t *testing.T, at string, was, is, before, list []string) {
	t.Helper()
	for i := range was {
		switch {
		case !slices.Contains(list, is[i]):
			t.Fatalf("%s: client %d is on %s, which is not in the list", at, i, is[i])
		case was[i] == is[i] || !slices.Contains(list, was[i]):
		case len(list) <= len(before):
			t.Fatalf("%s: client %d has left %s without need", at, i, was[i])
		case slices.Contains(before, is[i]):
			t.Fatalf("%s: client %d has gone from %s to %s, both old", at, i, was[i], is[i])
		}
	}
}

// fixed throws what the test says, and shuffles nothing.
type fixed struct{ floats []float32 }

func (f *fixed) IntN(n int) int { return n - 1 }
func (f *fixed) Float32() float32 {
	x := f.floats[0]
	f.floats = f.floats[1:]
	return x
}

func TestHostsUpdate(t *testing.T) {
	for name, tc := range map[string]struct {
		from, to, current string
		throw             float32
		leave             bool
		pAdded            float32
	}{
		"grows, chance says go":              {"a b c", "a b c d e", "a", 0.39, true, 1},
		"grows, chance says stay":            {"a b c", "a b c d e", "a", 0.41, false, 1},
		"grows, own server gone":             {"a b c", "b c d e f", "a", 2, true, 1},
		"same size, own server stays":        {"a b c", "a b d", "a", 2, false, 1},
		"same size, own server gone":         {"a b c", "a b d", "c", 2, true, 1},
		"shrinks, own server stays":          {"a b c d e", "a b c", "b", 2, false, 1},
		"shrinks, own server gone":           {"a b c d e", "a b c", "d", 2, true, 0},
		"shrinks and is partly replaced":     {"a b c d", "a b e", "d", 2, true, 1 - float32(2)/6},
		"all replaced":                       {"a b c", "d e f", "a", 2, true, 1},
		"not connected, where it was, stays": {"a b c", "a b", "", 2, false, 1},
	} {
		h := newHosts(strings.Fields(tc.from), &fixed{[]float32{tc.throw}})
		if tc.current != "" {
			for h.list[max(h.at, 0)] != tc.current || h.at < 0 {
				h.next()
			}
			h.connected()
		}
		leave := h.update(strings.Fields(tc.to), names(tc.current)...)
		if leave != tc.leave || leave && h.pAdded != tc.pAdded {
			t.Errorf("%s: leave %v, chance of new ones %v", name, leave, h.pAdded)
		}
	}
}

// A client that leaves tries every server once before it comes back to where it
// was, new ones first if so drawn, and again tells of the end of each round.
func TestHostsRounds(t *testing.T) {
	h := newHosts([]string{"a", "b"}, &fixed{[]float32{0, 1, 1, 1, 1, 1}})
	expect := func(want string) {
		t.Helper()
		var got []string
		for range strings.Fields(want) {
			s, again := h.next()
			if again {
				s = "|" + s
			}
			got = append(got, s)
		}
		if g := strings.Join(got, " "); g != want {
			t.Fatalf("got %s, want %s", g, want)
		}
	}
	expect("a b |a b |a b")
	h.connected()
	expect("a |b a |b")
	h.connected() // at b, and then the list changes
	if !h.update([]string{"b", "c", "d", "e"}, "b") {
		t.Fatal("the dice say leave")
	}
	h.pAdded = 0.5 // else the new ones come first whatever the dice say
	expect("b c d e |b c d e |b")
}
