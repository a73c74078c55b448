package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// stage is a fresh ensemble and what is measured on it, in order.
type stage struct {
	name  string
	lines string // further lines of zoo.cfg
	works []work
	long  bool // etcd has it in the first round only
}

// work takes the figures of a name; see rows.go for how they are shown.
type work struct {
	name   string
	run    func(ctx context.Context, p *pass) error
	always bool // others of the stage need it
	etcd   bool // it has a meaning for etcd
}

// stages are all works. Speed is measured after the load that warms Java's compiler,
// and memory before it, except that of many znodes: what Java has then is what it has
// touched of its heap.
var stages = []stage{
	{name: "empty", works: []work{
		{name: "F13", run: freshMemory, etcd: true},
		{name: "F9", run: idleSessions}, // and F15
		{name: "F14", run: manyWatches},
	}},
	{name: "warm", works: []work{
		{name: "warm up", run: warmUp, always: true, etcd: true},
		{name: "F1", run: requests("F1", "-reads", "0"), etcd: true},
		{name: "F2", run: requests("F2", "-reads", "1"), etcd: true},
		{name: "F3", run: requests("F3", "-reads", "0.9"), etcd: true},
		{name: "F4", run: oneAtATime, etcd: true},
		{name: "F5", run: createsBySessions, etcd: true},
		{name: "F17", run: linearizableReads, etcd: true},
		{name: "F18-hot", run: hotZnode, etcd: true},
		{name: "F18-list", run: lists},
		{name: "F19", run: requests("F19", "-reads", "0", "-write", "multi", "-multi-ops", "5-15", "-size", "100", "-outstanding", "20"), etcd: true},
		{name: "F10", run: openSessions},
		{name: "F12", run: tellWatchers},
		{name: "F11-empty", run: killLeader("F11 empty ms", "/f11"), etcd: true},
	}},
	{name: "snapshots", lines: "snapCount=2000\n", long: true, works: []work{
		{name: "F6", run: openLoopUnderSnapshots, etcd: true},
	}},
	{name: "loaded", long: true, works: []work{
		{name: "warm up", run: warmUp, always: true},
		{name: "F7", run: loadZnodes, always: true, etcd: true},
		{name: "F8", run: restartFollower, etcd: true},
		{name: "F11-loaded", run: killLeader("F11 loaded ms", "/f11"), etcd: true},
		{name: "F16-snapshot", run: stallOfSnapshots},
		{name: "F16-sync", run: stallOfFullSync},
	}},
}

// selected tells whether a work is in a list such as "F1,F16"; an empty list has
// all. F16 stands for F16-sync and its like.
func selected(only, name string) bool {
	if only == "" {
		return true
	}
	for s := range strings.SplitSeq(only, ",") {
		if s == name || strings.HasPrefix(name, s+"-") || s == "F15" && name == "F9" {
			return true
		}
	}
	return false
}

func (s stage) wanted(only string) bool {
	for _, w := range s.works {
		if selected(only, w.name) {
			return true
		}
	}
	return false
}

// checkOnly refuses names that no work has.
func checkOnly(only string) error {
	if only == "" {
		return nil
	}
	var names []string
	for _, st := range stages {
		for _, w := range st.works {
			if !w.always || strings.HasPrefix(w.name, "F") {
				names = append(names, w.name)
			}
		}
	}
	for s := range strings.SplitSeq(only, ",") {
		if s == "" || !slices.ContainsFunc(names, func(name string) bool { return selected(s, name) }) {
			return fmt.Errorf("no work is called %q; there are %s", s, strings.Join(names, ", "))
		}
	}
	return nil
}
