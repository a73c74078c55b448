package round

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/report"
	"github.com/paddock-io/paddock/test/robustness/validate"
)

// patience is how long porcupine may look at one znode.
const patience = 20 * time.Second

// judge holds a history against the promises.
func judge(h *history.History) *report.Run {
	run := &report.Run{History: h}
	h, run.Excused = validate.Excuse(h)
	run.Linear, run.Violations = validate.Linearizable(h, patience)
	run.Violations = append(run.Violations, validate.Check(h)...)
	return run
}

// CheckHistory checks a history that was kept.
func (s *Settings) CheckHistory(t *testing.T) {
	if s.history == "" {
		t.Skip("no -robustness.history")
	}
	f, err := os.Open(s.history)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := history.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	run := judge(h)
	for _, v := range run.Violations {
		t.Error(v)
	}
	if len(run.Violations) > 0 {
		dir := artifacts(t)
		run.Again = "-robustness.history=" + s.history
		t.Logf("report in %s: %v", dir, report.Write(dir, run))
	}
}

// keep saves a round's history if that was asked for.
func (s *Settings) keep(t *testing.T, h *history.History) {
	if s.kept == "" {
		return
	}
	f, err := os.Create(filepath.Join(s.kept, fmt.Sprintf("%d.jsonl", h.Seed)))
	if err == nil {
		err = h.Save(f)
		f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// artifacts returns a directory for a report that outlives the test.
func artifacts(t *testing.T) string {
	if f := flag.Lookup("test.artifacts"); f != nil && f.Value.String() == "true" {
		return t.ArtifactDir()
	}
	dir, err := os.MkdirTemp("", "paddock-robustness-report-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
