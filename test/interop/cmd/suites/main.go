// Command suites runs the test suites of other people's clients with Java's server and with Paddock, and lists
// the tests that pass with Java and not with Paddock. `make suites` runs it; see package suites.
//
//	suites [-out DIR] [-with java,paddock] [-again N] [go-zookeeper] [kazoo-debian] [kazoo-debian-observer] [kazoo]
//
// Each list of tests goes to DIR/SUITE.SERVER.txt and each output to DIR/SUITE.SERVER.log. With only one server,
// the list that an earlier run has left there is what it is compared with.
//
// It ends with 1 if a test passes with Java and not with Paddock, and with 2 if a suite cannot be run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/test/interop/suites"
)

// all are the suites in the order in which they run.
func all(in *peers.Installation) []suites.Suite {
	return []suites.Suite{
		suites.GoZooKeeper{},
		suites.Kazoo{Label: "kazoo-debian", Python: suites.DebianPython},
		suites.Kazoo{Label: "kazoo-debian-observer", Python: suites.DebianPython, Observer: true},
		suites.Kazoo{Label: "kazoo", Python: in.KazooSuitePython()},
	}
}

func main() {
	r := runner{}
	flag.StringVar(&r.out, "out", "suites-out", "directory for lists and logs")
	with := flag.String("with", "java,paddock", "servers to run the suites with")
	flag.IntVar(&r.again, "again", 2, "how often failed tests are tried again")
	flag.Parse()
	r.with = strings.Split(*with, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lost, err := r.run(ctx, flag.Args())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "suites:", err)
		os.Exit(2)
	case lost > 0:
		os.Exit(1)
	}
}

type runner struct {
	out     string
	with    []string
	again   int
	work    string // temporary
	servers map[string]suites.Server
}

// run runs the suites named, or all, and returns how many tests pass with Java only.
func (r *runner) run(ctx context.Context, names []string) (int, error) {
	in, err := peers.Locate()
	if err != nil {
		return 0, err
	}
	chosen, err := choose(all(in), names)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return 0, err
	}
	if r.work, err = os.MkdirTemp("", "suites-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(r.work)
	defer peers.RemoveBuilt()
	if err := r.layOut(in); err != nil {
		return 0, err
	}
	lost := 0
	for _, s := range chosen {
		n, err := r.compare(ctx, s)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Name(), err)
		}
		lost += n
	}
	return lost, nil
}

func choose(all []suites.Suite, names []string) ([]suites.Suite, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []suites.Suite
	for _, name := range names {
		i := slices.IndexFunc(all, func(s suites.Suite) bool { return s.Name() == name })
		if i < 0 {
			return nil, fmt.Errorf("no suite is called %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// layOut prepares the servers that are asked for.
func (r *runner) layOut(in *peers.Installation) error {
	r.servers = map[string]suites.Server{}
	for _, name := range r.with {
		dir := filepath.Join(r.work, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		var (
			server suites.Server
			err    error
		)
		switch name {
		case "java":
			server, err = suites.JavaServer(in, dir)
		case "paddock":
			server, err = suites.PaddockServer(in, dir)
		default:
			err = fmt.Errorf("no server is called %q", name)
		}
		if err != nil {
			return err
		}
		r.servers[name] = server
	}
	return nil
}

// compare runs one suite, prints what it came to, and returns how many tests pass with Java only.
func (r *runner) compare(ctx context.Context, s suites.Suite) (int, error) {
	java, err := r.list(ctx, s, "java", func(string) bool { return true })
	if err != nil {
		return 0, err
	}
	paddock, err := r.list(ctx, s, "paddock", func(test string) bool { return java[test] == suites.Passed })
	if err != nil || java == nil || paddock == nil {
		return 0, err
	}
	c := suites.Compare(java, paddock)
	for _, test := range c.Gained {
		fmt.Printf("%s: passes with Paddock and not with Java: %s\n", s.Name(), test)
	}
	for _, test := range c.Lost {
		fmt.Printf("%s: passes with Java and not with Paddock: %s\n", s.Name(), test)
	}
	return len(c.Lost), nil
}

// list runs a suite with a server, tries again what has failed and matters, and keeps the list. Without that server
// it returns the list that an earlier run has left, or nil when there is none.
func (r *runner) list(ctx context.Context, s suites.Suite, name string, matters func(test string) bool) (suites.Results, error) {
	server, chosen := r.servers[name]
	if !chosen {
		return r.earlier(s, name)
	}
	begun := time.Now()
	results, err := r.runOnce(ctx, s, server, nil, s.Name()+"."+name)
	if err != nil {
		return nil, err
	}
	fmt.Printf("%s with %s: %s, in %v\n", s.Name(), name, results.Summary(), time.Since(begun).Round(time.Second))
	if err := r.retry(ctx, s, server, results, matters); err != nil {
		return nil, err
	}
	return results, r.keep(s, name, results)
}

// runOnce runs tests of a suite with a server in a directory of their own, with the output in a log of that name.
func (r *runner) runOnce(ctx context.Context, s suites.Suite, server suites.Server, only []string, name string) (suites.Results, error) {
	log, err := os.Create(filepath.Join(r.out, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	dir, err := os.MkdirTemp(r.work, name+"-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return s.Run(ctx, server, only, dir, log)
}

// retry runs failed tests again, up to r.again times, and notes in results those that pass: on a busy machine a test
// with a time limit fails now and then with either server.
func (r *runner) retry(ctx context.Context, s suites.Suite, server suites.Server, results suites.Results, matters func(string) bool) error {
	for try := 2; try <= r.again+1; try++ {
		var failed []string
		for test, o := range results {
			if o == suites.Failed && matters(test) {
				failed = append(failed, test)
			}
		}
		if len(failed) == 0 {
			return nil
		}
		slices.Sort(failed)
		again, err := r.runOnce(ctx, s, server, failed, fmt.Sprintf("%s.%s.try%d", s.Name(), server.Name, try))
		if err != nil {
			return err
		}
		for _, test := range failed {
			if again[test] == suites.Passed {
				fmt.Printf("%s with %s: passes at try %d: %s\n", s.Name(), server.Name, try, test)
				results[test] = suites.Passed
			}
		}
	}
	return nil
}

// keep writes a list.
func (r *runner) keep(s suites.Suite, server string, results suites.Results) error {
	f, err := os.Create(r.listPath(s, server))
	if err != nil {
		return err
	}
	return errors.Join(results.Write(f), f.Close())
}

// earlier reads the list of an earlier run.
func (r *runner) earlier(s suites.Suite, server string) (suites.Results, error) {
	f, err := os.Open(r.listPath(s, server))
	if errors.Is(err, os.ErrNotExist) {
		fmt.Printf("%s: there is no list for %s to compare with\n", s.Name(), server)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return suites.Read(f)
}

func (r *runner) listPath(s suites.Suite, server string) string {
	return filepath.Join(r.out, s.Name()+"."+server+".txt")
}
