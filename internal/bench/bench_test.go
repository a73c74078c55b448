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
