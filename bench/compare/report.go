package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// writeReport prints the table and, if asked to, writes it to a file with all
// that belongs to it, and all values to a file beside it.
func writeReport(o options, facts []string, systems []system, r *results, started time.Time) error {
	text := table(o, systems, r)
	fmt.Println(text)
	if o.out == "" {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Paddock%s, %s\n\n%s\n", beside(o, systems), started.Format(time.DateOnly), text)
	for _, err := range r.notes {
		fmt.Fprintf(&b, "Failed: %s.\n", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	fmt.Fprintf(&b, "\n## What the machine allows\n\nA log on three processes with one write and one fdatasync a batch, and nothing around it (bench/limit): %s writes of 1 KB a second as in F1, "+
		"%s ms a write as in F4, %s and %s writes a second as in F5 with 100 and 300 sessions, %s of 100 B as in F7, %s of 1,300 B as F19's multis have; one write and its fdatasync take %s ms. %s "+
		"An event on each of 3,000 connections, as in F12, takes %s ms until the last has been read.\n",
		number(r.limits.PerSecond), number(r.limits.OneAtTime), number(r.limits.Of100), number(r.limits.Of300), number(r.limits.Small), number(r.limits.Multi),
		number(r.limits.Sync), ofLimit(r), number(r.limits.FanOut))
	b.WriteString(howTaken(facts, systems))
	if !o.alone {
		fmt.Fprintf(&b, "- Java has -Xms%s -Xmx%s.\n", o.heap, o.heap)
	}
	fmt.Fprintf(&b, "- %d rounds in turns, %d s a measurement, %s of load ahead of them; %.0f minutes in all.\n",
		o.rounds, o.seconds, o.warmup, time.Since(started).Minutes())
	if len(systems) > 2 {
		short := o.shorten()
		fmt.Fprintf(&b, "- etcd is not judged. It has %d s a measurement and %s of load ahead of them, F6, F7, F8 and the loaded half of F11 in the first round only, and its own load program over gRPC (docs/benchmarks.md).\n", short.seconds, short.warmup)
	} else if o.wantsEtcd() {
		b.WriteString("- etcd is left out, since it could not be built here.\n")
	}
	values := map[string]any{"limits": r.limits}
	for i, s := range systems {
		values[s.name] = r.values[i]
	}
	return writeFiles(o.out, started.Format(time.DateOnly), b.String(), values)
}

// howTaken lists how a report was made, and on what.
func howTaken(facts []string, systems []system) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## How it was taken\n\n    go run ./bench/compare %s\n\n", strings.Join(os.Args[1:], " "))
	for _, fact := range facts {
		if fact != "" {
			fmt.Fprintf(&b, "- %s\n", fact)
		}
	}
	for _, s := range systems {
		fmt.Fprintf(&b, "- %s: %s\n", s.name, s.version)
	}
	return b.String()
}

// beside says what Paddock was measured beside.
func beside(o options, systems []system) string {
	if o.alone {
		return ""
	}
	return " beside " + systems[0].name
}

// ofLimit says how much of the machine Paddock's writes use, if they were
// measured.
func ofLimit(r *results) string {
	if v := r.paddock("F1 per second"); v.n > 0 && r.limits.PerSecond > 0 {
		return fmt.Sprintf("F1 is %.0f %% of that.", 100*v.median/r.limits.PerSecond)
	}
	return ""
}

// writeFiles writes a report and its values under the first free name.
func writeFiles(dir, name, text string, values any) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	js, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return err
	}
	path := freeName(dir, name)
	if err := os.WriteFile(path+".json", append(js, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(path+".md", []byte(text), 0o644); err != nil {
		return err
	}
	say("written: %s.md", path)
	return nil
}

// freeName returns a path without ending that no report has yet.
func freeName(dir, name string) string {
	path := filepath.Join(dir, name)
	for i := 2; ; i++ {
		if _, err := os.Stat(path + ".md"); err != nil {
			return path
		}
		path = filepath.Join(dir, fmt.Sprintf("%s-%d", name, i))
	}
}
