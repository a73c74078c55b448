package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestMainRefusesNonsense(t *testing.T) {
	for name, args := range map[string][]string{
		"share":    {"-reads", "1.5", "-servers", "127.0.0.1:1"},
		"write":    {"-write", "eat", "-servers", "127.0.0.1:1"},
		"argument": {"fast"},
		"flag":     {"-nope"},
		"sessions": {"-sessions", "-1", "-servers", "127.0.0.1:1"},
		"root":     {"-root", "x", "-servers", "127.0.0.1:1"},
		"top":      {"-root", "/", "-servers", "127.0.0.1:1"},
		"work":     {"-work", "rest", "-servers", "127.0.0.1:1"},
		"read":     {"-read", "tea leaves", "-servers", "127.0.0.1:1"},
		"multi":    {"-multi-ops", "7-3"},
		"pids":     {"-pids", "1,two"},
		"rounds":   {"-rounds", "0"},
		"settle":   {"-settle", "-1s"},
	} {
		var out, errOut bytes.Buffer
		if code := Main(context.Background(), args, &out, &errOut); code == 0 {
			t.Errorf("%s: accepted", name)
		}
		if errOut.Len() == 0 {
			t.Errorf("%s: no message", name)
		}
	}
}

// A flag that would change nothing is refused by its name, before anything is done.
func TestMainRefusesPointlessFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-work load -reads 1":                 "-reads means nothing to -work load",
		"-work load -duration 1s":             "-duration means nothing to -work load",
		"-work idle -rate 5":                  "-rate means nothing to -work idle",
		"-work idle -keep":                    "-keep means nothing to -work idle",
		"-work watch -outstanding 3":          "-outstanding means nothing to -work watch",
		"-rate 5 -outstanding 3":              "-outstanding means nothing to an open loop",
		"-rounds 3":                           "-rounds means nothing to -work mixed",
		"-reads 0 -read children":             "-read means nothing without reads, and -reads is 0",
		"-reads 1 -write create":              "-write means nothing without writes, and -reads is 1",
		"-reads 0 -write set -multi-ops 3":    "-multi-ops means nothing to -write set",
		"-servers 127.0.0.1:1":                "no server accepts a connection",
		"-servers 127.0.0.1:1 -work load":     "no server accepts a connection",
		"-servers 127.0.0.1:1 -work watch":    "no server accepts a connection",
		"-reads 0 -write multi -multi-ops 99": "no server accepts a connection", // all of them mean something
	} {
		list := strings.Fields(args)
		if !strings.Contains(args, "-servers") {
			list = append(list, "-servers", "127.0.0.1:1")
		}
		var out, errOut bytes.Buffer
		if code := Main(t.Context(), list, &out, &errOut); code == 0 || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: code %d, %s", args, code, &errOut)
		}
	}
}

func TestReportForms(t *testing.T) {
	r := Report{Sessions: 2, Outstanding: 3, Write: "set", Seconds: 1, PerSecond: 10, All: Latency{Count: 10}, WriteLatency: &Latency{Count: 10}}
	var text, js bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "2 sessions x 3 outstanding") {
		t.Errorf("%v\n%s", err, &text)
	}
	var back Report
	if err := r.WriteJSON(&js); err != nil || json.Unmarshal(js.Bytes(), &back) != nil || back.PerSecond != 10 {
		t.Errorf("%v\n%s", err, &js)
	}
}

func TestReportTextOfEveryWork(t *testing.T) {
	for work, want := range map[string]string{
		Mixed: "30 sessions, open loop 500/s, 50 % reads",
		Load:  "9 znodes of 4 bytes created in 2.0 s",
		Idle:  "30 idle sessions for 2.0 s",
		Watch: "30 sessions watch 5 znodes: 150 watches, left in 1.5 s",
	} {
		r := Report{Work: work, Sessions: 30, Rate: 500, Reads: 0.5, Write: "set", Size: 4, Keys: 5, Seconds: 2, All: Latency{Count: 9},
			Fanout: &Fanout{Watches: 150, LeaveSeconds: 1.5}, Servers: []ServerUse{{PID: 77, RSSBefore: 1, RSSAfter: 2, PeakRSS: 3, CPU: 0.5}}}
		var b bytes.Buffer
		if err := r.WriteText(&b); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v\n%s", work, err, &b)
		}
		if use := "process 77: resident memory 1 KiB before, 2 KiB after, peak 3 KiB; processor 0.50 s"; !strings.Contains(b.String(), use) {
			t.Errorf("%s: nothing of the server\n%s", work, &b)
		}
	}
}

func TestWorstAndMedian(t *testing.T) {
	counts := []int64{5, 5, 1, 0, 9, 9, 4, 4, 100}
	for _, tc := range []struct {
		together      int
		worst, median int64
	}{{1, 0, 5}, {2, 1, 10}, {10, 0, 0}} {
		if worst, median := worstAndMedian(counts, tc.together); worst != tc.worst || median != tc.median {
			t.Errorf("%d together: worst %d, median %d, want %d and %d", tc.together, worst, median, tc.worst, tc.median)
		}
	}
}

func TestRange(t *testing.T) {
	for text, want := range map[string]Range{"10": {10, 10}, "5-15": {5, 15}, "1-1": {1, 1}} {
		var r Range
		if err := r.set(text); err != nil || r != want {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "x", "5-", "-5", "0", "7-3", "1-2-3"} {
		var r Range
		if err := r.set(text); err == nil {
			t.Errorf("%q: accepted as %v", text, r)
		}
	}
}
