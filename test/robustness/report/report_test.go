package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/nemesis"
	"github.com/paddock-io/paddock/test/robustness/validate"
)

// TestWrite: a znode that comes back by itself has its picture and its story.
func TestWrite(t *testing.T) {
	op := func(kind history.Kind, at time.Duration, outcome history.Outcome, err string) history.Record {
		return history.Record{
			Client: 1, Session: 1, Call: at, Return: at + time.Second, Outcome: outcome, Zxid: int64(at / time.Second),
			Op: history.Op{Kind: kind, Path: "/reg/x", Err: err, Data: "once", Version: -1}, Latest: kind == history.Get,
		}
	}
	h := &history.History{Records: []history.Record{
		op(history.Create, 2*time.Second, history.OK, ""),
		op(history.Delete, 4*time.Second, history.OK, ""),
		op(history.Create, 6*time.Second, history.Failed, "NodeExists"),
	}}
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(log, []byte("first line\nlast line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	linear, violations := validate.Linearizable(h, time.Minute)
	run := &Run{
		History: h, Violations: violations, Linear: linear, Again: "make robustness SEED=7", Logs: []string{log},
		Nemesis: []nemesis.Entry{{At: time.Second, Until: 3 * time.Second, Text: "kill leader: server 2"}, {At: 5 * time.Second, Text: "a moment"}},
	}
	if err := Write(dir, run); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"violations.txt": "make robustness SEED=7",
		"timeline.txt":   "kill leader: server 2",
		"history.jsonl":  `"path":"/reg/x"`,
		"reg-x.html":     "kill leader: server 2",
		"*-server.log":   "last line",
	} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(files) != 1 {
			t.Errorf("%s: %v", pattern, files)
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %q: %v", pattern, want, err)
		}
	}
	if got := Tail(log, 10); got != "last line\n" {
		t.Errorf("the end of the log is %q", got)
	}
}

// TestTimeline: a fault stands under what clients saw meanwhile.
func TestTimeline(t *testing.T) {
	h := &history.History{}
	for i := range 40 {
		outcome := history.OK
		if i >= 20 {
			outcome = history.Unknown
		}
		h.Records = append(h.Records, history.Record{Return: time.Duration(i) * 100 * time.Millisecond, Outcome: outcome})
	}
	got := Timeline([]nemesis.Entry{{At: 2 * time.Second, Until: 3 * time.Second, Text: "pause one: server 1"}}, h)
	want := "one character is 250ms\n" +
		"answered ........        \n" +
		"unknown          ........\n" +
		"                 [---]     2s pause one: server 1\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
