package differential

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// Setup is how both sides are configured.
type Setup struct {
	EnforceQuota    bool
	LocalSessions   bool // known to one server only, in ensembles
	UpgradeSessions bool // until they make an ephemeral
	Servers         int  // of an ensemble; 1 is a server of its own
	// Properties are further ones, over those that all servers have.
	Properties map[string]string
}

// settings are the lines of zoo.cfg. Sessions live long, because a session that expires spends a zxid
// at a moment that nobody can foretell; for the same reason nothing is reaped.
func (s Setup) settings() map[string]string {
	return map[string]string{
		"tickTime":                      "2000",
		"minSessionTimeout":             "60000",
		"maxSessionTimeout":             "600000",
		"localSessionsEnabled":          strconv.FormatBool(s.LocalSessions),
		"localSessionsUpgradingEnabled": strconv.FormatBool(s.UpgradeSessions),
	}
}

func (s Setup) properties() map[string]string {
	p := map[string]string{
		"zookeeper.DigestAuthenticationProvider.superDigest": superDigest,
		"zookeeper.extendedTypesEnabled":                     "true",
		"zookeeper.forceSync":                                "no",
		"znode.container.checkIntervalMs":                    "86400000",
	}
	if s.EnforceQuota {
		p["zookeeper.enforceQuota"] = "true"
	}
	maps.Copy(p, s.Properties)
	return p
}

// servers lays out one side below home; nothing is started.
func (s Setup) servers(home string, software peers.Software) ([]*peers.Server, error) {
	like := peers.Config{Home: home, Settings: s.settings(), Properties: s.properties()}
	if s.Servers > 1 {
		e, err := peers.NewEnsemble(home, like, slices.Repeat([]peers.Software{software}, s.Servers)...)
		if err != nil {
			return nil, err
		}
		return e.Servers, nil
	}
	ports, err := peers.FreePorts(1)
	if err != nil {
		return nil, err
	}
	like.ClientPort = ports[0]
	server, err := peers.NewServer(software, like)
	return []*peers.Server{server}, err
}

// pair is Java and Paddock, who are sent the same.
type pair struct {
	java, paddock *side
	setup         Setup
	servers       []*peers.Server // of both
	home          string
	explained     map[string]int // differences by the rule that knows them
}

// startPair starts both sides below a new directory. close ends them.
func startPair(ctx context.Context, java, paddock peers.Software, setup Setup) (*pair, error) {
	home, err := os.MkdirTemp("", "differential-")
	if err != nil {
		return nil, fmt.Errorf("make directory for servers: %w", err)
	}
	p := &pair{home: home, setup: setup, explained: map[string]int{}}
	p.java, err = p.start(java, setup)
	if err == nil {
		p.paddock, err = p.start(paddock, setup)
	}
	if err == nil {
		err = p.await(ctx, 0)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// await waits until all servers serve. Their newest zxid gets the number.
func (p *pair) await(ctx context.Context, number int64) error {
	for _, s := range p.servers {
		if _, err := s.AwaitServing(ctx); err != nil {
			return err
		}
	}
	for _, s := range []*side{p.java, p.paddock} {
		if p.setup.Servers > 1 {
			leader, err := s.ensemble.Leader(ctx)
			if err != nil {
				return err
			}
			s.lead(leader, p.setup.EnforceQuota)
		}
		if err := s.settle(number); err != nil {
			return err
		}
	}
	return nil
}

// restart kills all servers and starts them again. Where zxids go on is theirs to say, how many were
// spent before is not.
func (p *pair) restart() error {
	if a, b := p.java.number(p.java.seen), p.paddock.number(p.paddock.seen); a != b {
		return fmt.Errorf("before a restart java is at zxid %d, paddock at %d", a, b)
	}
	for conn := range p.java.conns {
		p.java.hang(conn)
		p.paddock.hang(conn)
	}
	for _, s := range p.servers {
		s.Kill()
	}
	for _, s := range p.servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), peers.StartTimeout)
	defer cancel()
	number := p.java.number(p.java.seen)
	if !p.setup.LocalSessions {
		number += settling
	}
	return p.await(ctx, number)
}

// javaSpent says whether Java has spent one zxid more than Paddock since they were last in step, and
// notes it. Both spend the same on being asked.
func (p *pair) javaSpent() bool {
	java, err := p.java.newestZxid()
	if err != nil {
		return false
	}
	paddock, err := p.paddock.newestZxid()
	if err != nil || p.java.number(java) != p.paddock.number(paddock)+1 {
		return false
	}
	p.java.spent(java - settling)
	p.java.seen, p.paddock.seen = java, paddock
	for _, s := range []*side{p.java, p.paddock} { // sessions that come and go cause no events
		var none Outcome
		s.flush(-1, &none)
	}
	return true
}

// start starts the servers of one side and does not wait for them.
func (p *pair) start(software peers.Software, setup Setup) (*side, error) {
	servers, err := setup.servers(filepath.Join(p.home, software.String()), software)
	if err != nil {
		return nil, err
	}
	s := &side{mapping: newMapping(time.Now()), ensemble: &peers.Ensemble{Servers: servers}}
	for _, server := range servers {
		p.servers = append(p.servers, server)
		s.addrs = append(s.addrs, server.Addr())
		if err := server.Start(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// close ends the servers and removes what they wrote.
func (p *pair) close() error {
	for _, s := range p.servers {
		s.Kill()
	}
	return os.RemoveAll(p.home)
}

// run sends a stream to both servers, compares everything they show, and in the end what they hold. It
// returns nil when there is no difference, and then the next stream may follow.
func (p *pair) run(steps []Step) *Difference {
	p.java.first, p.paddock.first = len(p.java.sessions), len(p.paddock.sessions)
	for i := range steps {
		if d := p.step(p.suit(&steps[i])); d != nil {
			d.At = i
			return d
		}
	}
	d := p.finish()
	if d != nil {
		d.At = len(steps)
	}
	return d
}

// step sends one step to both servers at the same time and compares.
func (p *pair) step(step *Step) *Difference {
	_, d := p.ask(step)
	return d
}

// ask is step for those who want to know what Java showed.
func (p *pair) ask(step *Step) (Outcome, *Difference) {
	if step.Restart {
		if err := p.restart(); err != nil {
			return Outcome{}, &Difference{Step: *step, Err: err}
		}
		return Outcome{}, nil
	}
	type answer struct {
		out Outcome
		err error
	}
	ours := make(chan answer, 1)
	go func() {
		out, err := p.paddock.run(step)
		ours <- answer{out, err}
	}()
	java, err := p.java.run(step)
	paddock := <-ours
	if err := errors.Join(err, paddock.err); err != nil {
		return java, &Difference{Step: *step, Err: err}
	}
	if step.Lone {
		if op := step.Requests[0].Op; op != golden.OpDeleteContainer && op != golden.OpCreateSession { // for Java they are no reason to close
			p.java.follow(step.Conn, p.paddock, &java)
		}
		p.paddock.follow(step.Conn, p.java, &paddock.out)
	}
	return java, p.compare(step, java, paddock.out)
}

// suit leaves out of a step what no comparison is possible of. In an ensemble that is the configuration
// znode, which has other ports and is written by each server for itself. And the old connection of a
// session that moves to another server has to go first, since nobody knows when that server will hear
// of the move.
func (p *pair) suit(step *Step) *Step {
	if len(p.java.addrs) == 1 {
		return step
	}
	if step.Connect != nil && step.Connect.Session >= 0 {
		for _, s := range []*side{p.java, p.paddock} {
			for i, c := range s.conns {
				if c != nil && c.session == s.first+step.Connect.Session {
					s.hang(i)
				}
			}
		}
	}
	about := func(r Request) bool { return bytes.Contains(r.Body, []byte("/zookeeper/config")) }
	if slices.ContainsFunc(step.Requests, about) {
		less := *step
		less.Requests = slices.DeleteFunc(slices.Clone(step.Requests), about)
		less.Lone = less.Lone && len(less.Requests) > 0
		return &less
	}
	return step
}
