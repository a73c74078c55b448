package round

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// round is one ensemble from its birth to its end.
type round struct {
	*Settings
	t       *testing.T
	seed    uint64
	mix     Mix
	rng     *rand.Rand
	c       *cluster.Cluster
	rec     *history.Recorder
	nemesis *nemesis.Nemesis
	found   []validate.Violation // that no history shows
}

func (r *round) violate(rule, format string, args ...any) {
	r.found = append(r.found, validate.Violation{Rule: rule, Text: fmt.Sprintf(format, args...)})
}

func newRound(s *Settings, t *testing.T, seed uint64) *round {
	return &round{Settings: s, t: t, seed: seed, mix: s.Mixes[seed%uint64(len(s.Mixes))], rng: rand.New(rand.NewPCG(seed, 3))}
}

// run makes faults for a while, heals them, and validates what clients saw.
func (r *round) run(faultsFor time.Duration) figures {
	began := time.Now()
	clients, settings := 5+r.rng.IntN(3), draw(r.rng)
	r.c = cluster.New(r.t, cluster.Options{
		Voters: r.mix.voters(), Observers: r.mix.observers(), Others: r.mix.others(r.Java), Clients: clients, Rng: r.rng,
		Proxies: true, Tamper: true, SmallDisk: true, NoCreate: true, Tick: roundTick, Extra: settings.all, Own: settings.paddock,
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
	r.nemesis = nemesis.New(r.c, rand.New(rand.NewPCG(r.seed, 5)), r.rec.Now, r.chosen()...)
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
	r.t.Logf("%s, %v: %s", r.mix, settings, f)
	return f
}

// draw chooses how often servers take snapshots and roll and purge logs, so that
// learners are brought up to date by a DIFF in some runs and by a SNAP in others.
func draw(rng *rand.Rand) (s drawn) {
	s.all = []string{fmt.Sprintf("snapCount=%d", []int{50, 400, 2000}[rng.IntN(3)])}
	if rng.IntN(2) == 0 {
		s.paddock = []string{"autopurge.purgeInterval=1s"}
	}
	if rng.IntN(3) == 0 {
		s.all = append(s.all, "txnLogSizeLimitInKb=64")
	}
	if rng.IntN(3) == 0 {
		s.all = append(s.all, fmt.Sprintf("maxBatchSize=%d", 1<<rng.IntN(6)))
	}
	return s
}

// drawn are lines of zoo.cfg. Java counts the time between purges in hours, so
// that line is for Paddock alone.
type drawn struct{ all, paddock []string }

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
	conn, err := zk.Connect(ctx, r.c.ConnectString(), zk.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	for _, path := range traffic.Roots {
		if _, err := conn.Create(ctx, path, nil, zk.Persistent, zk.OpenACL); err != nil {
			r.t.Fatal(err)
		}
	}
}

// validate holds everything against the promises.
func (r *round) validate(f *figures) {
	var java []int
	for _, s := range r.c.Servers {
		if !s.Paddock() {
			java = append(java, s.ID)
		}
	}
	var terms []history.Term
	r.c.JavaLed(func(epoch int64, server int) { terms = append(terms, history.Term{Epoch: epoch, Server: server}) })
	r.rec.SetJava(java, terms)
	h := r.rec.History()
	r.keep(r.t, h)
	run := judge(h)
	for _, text := range append(r.c.Surprises(), r.nemesis.Problems()...) {
		r.violate("server", "%s", text)
	}
	run.Violations = append(r.found, run.Violations...)
	f.linear, f.excused, f.faults, f.exits = run.Linear, run.Excused, r.nemesis.Counts(), r.nemesis.DiskExits()
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
	run.Again = r.again(r.seed)
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
