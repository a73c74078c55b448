package main

import (
	"errors"
	"fmt"
	"slices"
)

// results are the values of all rounds.
type results struct {
	values []map[string][]float64 // by system, then by key
	limits limits
	notes  []error // of what failed
}

func newResults(systems int) *results {
	r := &results{}
	for range systems {
		r.values = append(r.values, map[string][]float64{})
	}
	return r
}

func (r *results) put(system int, key string, v float64) {
	r.values[system][key] = append(r.values[system][key], v)
}

// note keeps what failed; the other stages go on.
func (r *results) note(system, stage string, err error) {
	err = fmt.Errorf("%s, %s: %w", system, stage, err)
	say("failed: %v", err)
	r.notes = append(r.notes, err)
}

// failure is an error if something failed.
func (r *results) failure() error {
	if len(r.notes) == 0 {
		return nil
	}
	return fmt.Errorf("not everything could be measured: %w", errors.Join(r.notes...))
}

// summary is what several values of one key come to.
type summary struct {
	n                int
	median, min, max float64
}

func summarise(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return summary{n: n, median: (v[(n-1)/2] + v[n/2]) / 2, min: v[0], max: v[n-1]}
}

func (r *results) java(key string) summary           { return summarise(r.values[0][key]) }
func (r *results) paddock(key string) summary        { return summarise(r.values[1][key]) }
func (r *results) of(system int, key string) summary { return summarise(r.values[system][key]) }
