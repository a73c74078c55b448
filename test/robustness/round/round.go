package robustness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/nemesis"
	"github.com/paddock-io/paddock/test/robustness/report"
	"github.com/paddock-io/paddock/test/robustness/traffic"
	"github.com/paddock-io/paddock/test/robustness/validate"
	"github.com/paddock-io/paddock/zk"
)

// roundTick is the servers' tickTime. Short ticks make elections, expiries and
// their mistakes come soon.
const roundTick = 200 * time.Millisecond

// convergence is how long an ensemble may take, once all faults are healed, until
// every server serves. It is there to tell slow from never.
const convergence = 90 * time.Second

// shapes are the ensembles that rounds take turns with.
var shapes = []struct{ voters, observers int }{{3, 0}, {5, 0}, {3, 2}}

// round is one ensemble from its birth to its end.
type round struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	c       *cluster.Cluster
	rec     *history.Recorder
	nemesis *nemesis.Nemesis
	found   []validate.Violation // that no history shows
}

func (r *round) violate(rule, format string, args ...any) {
	r.found = append(r.found, validate.Violation{Rule: rule, Text: fmt.Sprintf(format, args...)})
}

func newRound(t *testing.T, seed uint64) *round {
	return &round{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 3))}
}

// run makes faults for a while, heals them, and validates what clients saw.
func (r *round) run(faultsFor time.Duration) figures {
	began := time.Now()
	shape := shapes[r.seed%uint64(len(shapes))]
	clients, settings := 5+r.rng.IntN(3), draw(r.rng)
	r.c = cluster.New(r.t, cluster.Options{
		Voters: shape.voters, Observers: shape.observers, Clients: clients, Rng: r.rng,
		Proxies: true, Tamper: true, SmallDisk: true, NoCreate: true, Tick: roundTick, Extra: settings,
	})
	ctx, cancel := context.WithTimeout(r.t.Context(), faultsFor+3*convergence)
	defer cancel()
	if err := r.c.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.converge(ctx)
	r.plant(ctx)
	r.rec = history.NewRecorder(r.seed, roundTick)
	load := traffic.Start(r.c, r.rec, rand.New(rand.NewPCG(r.seed, 4)), clients, len(r.c.Servers))
	defer load.Close()
	r.nemesis = nemesis.New(r.c, rand.New(rand.NewPCG(r.seed, 5)), r.rec.Now, chosen()...)
	bad, end := context.WithTimeout(ctx, faultsFor)
	err := r.nemesis.Run(bad)
	end()
	if err != nil {
		r.t.Fatal(err)
	}
	healed := time.Now()
	r.converge(ctx)
	f := figures{rounds: 1, converged: time.Since(healed)}
	load.Stop()
	r.final(ctx, load)
	f.settled = time.Since(healed)
	r.validate(&f)
	f.took = time.Since(began)
	r.t.Logf("%d voters and %d observers, %v: %s", shape.voters, shape.observers, settings, f)
	return f
}

// draw chooses how often servers take snapshots and roll and purge logs, so that
// learners are brought up to date by a DIFF in some runs and by a SNAP in others.
func draw(rng *rand.Rand) []string {
	lines := []string{fmt.Sprintf("snapCount=%d", []int{50, 400, 2000}[rng.IntN(3)])}
	if rng.IntN(2) == 0 {
		lines = append(lines, "autopurge.purgeInterval=1s")
	}
	if rng.IntN(3) == 0 {
		lines = append(lines, "txnLogSizeLimitInKb=64")
	}
	if rng.IntN(3) == 0 {
		lines = append(lines, fmt.Sprintf("maxBatchSize=%d", 1<<rng.IntN(6)))
	}
	return lines
}

func chosen() []string {
	if *faults == "" {
		return nil
	}
	return strings.Split(*faults, ",")
}

// converge waits for all servers to serve.
func (r *round) converge(ctx context.Context) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, convergence)
	defer cancel()
	if err := r.c.WaitServing(ctx); err != nil {
		r.t.Errorf("all faults are healed, but: %v; %v", err, r.c.Surprises())
		r.fail(&report.Run{History: r.history()})
		r.t.FailNow()
	}
}

func (r *round) history() *history.History {
	if r.rec == nil {
		return &history.History{Seed: r.seed}
	}
	return r.rec.History()
}

// plant makes the znodes that clients work below.
func (r *round) plant(ctx context.Context) {
	conn := connect(ctx, r.t, r.c.ConnectString())
	for _, path := range traffic.Roots {
		if _, err := conn.Create(ctx, path, nil, zk.Persistent, zk.OpenACL); err != nil {
			r.t.Fatal(err)
		}
	}
}

// validate holds everything against the promises.
func (r *round) validate(f *figures) {
	h := r.rec.History()
	keepHistory(r.t, h)
	run := &report.Run{History: h}
	run.Linear, run.Violations = validate.Linearizable(h, patience)
	for _, text := range append(r.c.Surprises(), r.nemesis.Problems()...) {
		r.violate("server", "%s", text)
	}
	run.Violations = append(append(run.Violations, r.found...), validate.Check(h)...)
	f.linear, f.faults, f.exits = run.Linear, r.nemesis.Counts(), r.nemesis.DiskExits()
	f.count(h)
	f.countSyncs(r.c)
	if f.ok == 0 {
		r.t.Error("no request was answered")
	}
	if len(run.Violations) > 0 {
		r.fail(run)
	}
}

// fail reports a run that went wrong.
func (r *round) fail(run *report.Run) {
	r.t.Helper()
	run.Again = fmt.Sprintf("make robustness SECONDS=30 SEED=%d", r.seed)
	if *faults != "" {
		run.Again += fmt.Sprintf(" FAULTS=%q", *faults)
	}
	if r.nemesis != nil {
		run.Nemesis = r.nemesis.Log()
	}
	for _, s := range r.c.Servers {
		run.Logs = append(run.Logs, s.LogFile())
		r.t.Logf("end of server %d's log:\n%s", s.ID, report.Tail(s.LogFile(), 2000))
	}
	dir := artifacts(r.t)
	if err := report.Write(dir, run); err != nil {
		r.t.Errorf("write the report: %v", err)
	}
	r.t.Errorf("seed %d, report in %s\n%s", r.seed, dir, report.Violations(run))
}
