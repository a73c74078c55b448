package differential

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// How many requests a stream has, and one stream of so many.
const (
	perStream       = 400
	perLongStream   = 4000
	longStreamEvery = 41
)

// How many streams share one restart, which takes as long as several streams.
const (
	restartEvery         = 10
	restartEnsembleEvery = 25
)

// runner runs streams and reports.
type runner struct {
	t             *testing.T
	java, paddock peers.Software
	servers       int // on each side
	found         int
	requests      int
	explained     map[string]int
	// report is told of a difference, with requests counted up to it.
	report func(p *pair, seed uint64, steps []Step, d *Difference)
}

func newRunner(t *testing.T, servers int) *runner {
	r := &runner{
		t: t, servers: servers, explained: map[string]int{},
		java: peers.Java{Installation: peers.Require(t)}, paddock: peers.RequirePaddock(t),
	}
	r.report = r.show
	return r
}

// setups are how servers are configured: as usual, then in ways for one stream in four each, and then in
// ways for one stream of rareEvery.
func (r *runner) setups() (usual, rare []Setup) {
	property := func(name, value string) Setup {
		return Setup{Servers: r.servers, Properties: map[string]string{name: value}}
	}
	if r.servers == 1 {
		return []Setup{{Servers: 1}, {Servers: 1, EnforceQuota: true}},
			[]Setup{property("zookeeper.skipACL", "yes"), property("zookeeper.extendedTypesEnabled", "false")}
	}
	return []Setup{
		{Servers: r.servers},
		{Servers: r.servers, LocalSessions: true, UpgradeSessions: true},
		{Servers: r.servers, LocalSessions: true, EnforceQuota: true},
	}, []Setup{property(eagerACL, "true")}
}

// eagerACL makes a server check ACLs against its own tree first, which lags behind in a burst.
const eagerACL = "zookeeper.enableEagerACLCheck"

// rareEvery is how many streams share one with each of the rare setups.
const rareEvery = 32

// setupOf is how the servers of a seed are configured.
func (r *runner) setupOf(seed uint64) Setup {
	usual, rare := r.setups()
	if at := int(seed % rareEvery); at >= rareEvery-len(rare) {
		return rare[rareEvery-1-at]
	}
	return usual[max(0, len(usual)-1-int(seed%4))]
}

// streamOf is the stream of a seed.
func (r *runner) streamOf(seed uint64) []Step {
	every := uint64(restartEvery)
	if r.servers > 1 {
		every = restartEnsembleEvery
	}
	n := perStream
	if seed%longStreamEvery == longStreamEvery-1 {
		n = perLongStream
	}
	setup := r.setupOf(seed)
	return Generate(seed, n, Shape{
		WellFormed: r.servers > 1,
		OneByOne:   setup.EnforceQuota || setup.Properties[eagerACL] != "",
		Decoding:   setup.LocalSessions,
		Restart:    seed%every == 0,
	})
}

// seeds runs count streams, those with the same setup one after the other.
func (r *runner) seeds(from uint64, count int) {
	began := time.Now()
	usual, rare := r.setups()
	for _, setup := range slices.Concat(usual, rare) {
		var p *pair
		for seed := from; seed < from+uint64(count) && r.found < *moreFlag; seed++ {
			if !reflect.DeepEqual(r.setupOf(seed), setup) {
				continue
			}
			if p == nil {
				p = r.start(setup)
			}
			if !r.stream(p, seed) {
				r.end(p)
				p = nil
			}
		}
		if p != nil {
			r.end(p)
		}
	}
	took := time.Since(began)
	r.t.Logf("%d requests of seeds from %d on in %v, %.0f a second; differences that rules know: %v",
		r.requests, from, took.Round(time.Second), float64(r.requests)/took.Seconds(), r.explained)
}

func (r *runner) start(setup Setup) *pair {
	ctx, cancel := context.WithTimeout(r.t.Context(), peers.StartTimeout)
	defer cancel()
	p, err := startPair(ctx, r.java, r.paddock, setup)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *runner) end(p *pair) {
	for rule, n := range p.explained {
		r.explained[rule] += n
	}
	if err := p.close(); err != nil {
		r.t.Error(err)
	}
}

// stream runs one stream, and says whether the servers are still in step.
func (r *runner) stream(p *pair, seed uint64) bool {
	steps := r.streamOf(seed)
	d := p.run(steps)
	sent := steps
	if d != nil {
		sent = steps[:min(d.At+1, len(steps))]
	}
	for i := range sent {
		r.requests += len(sent[i].Requests)
	}
	if d == nil {
		return true
	}
	r.found++
	r.report(p, seed, steps, d)
	return false
}

// show shows a difference, and the shortest stream with one like it that can be found in time.
func (r *runner) show(p *pair, seed uint64, steps []Step, d *Difference) {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, after %d requests: Paddock differs from Java\n%v", seed, r.requests, d)
	for _, s := range p.servers {
		if !s.Alive() {
			fmt.Fprintf(&b, "%v has ended\n", s)
		}
	}
	short, d, again := r.shorten(seed, steps, d)
	if again {
		fmt.Fprintf(&b, "the shortest stream found has %d steps of %d:\n", len(short), len(steps))
		for i := range short {
			b.WriteString(describeStep(&short[i]))
		}
		fmt.Fprintf(&b, "%v", d)
	} else {
		b.WriteString("the stream alone does not show it again\n")
	}
	fmt.Fprintf(&b, "replay: make differential SEED=%d SERVERS=%d", seed, r.servers)
	r.t.Error(b.String())
}

// shorten looks for the shortest stream with a difference like the one found.
func (r *runner) shorten(seed uint64, steps []Step, found *Difference) ([]Step, *Difference, bool) {
	s := shrinker{deadline: time.Now().Add(*shrinkFlag), start: func(ctx context.Context) (*pair, error) {
		return startPair(ctx, r.java, r.paddock, r.setupOf(seed))
	}}
	return s.shrink(r.t.Context(), steps, found)
}
