package logging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	type log = *slog.Logger
	for name, tc := range map[string]struct {
		do   func(l log)
		want string // after the date
	}{
		"plain":     {func(l log) { l.Info("leading") }, " [myid:7] - INFO  [logging:handler_test@N] - leading"},
		"attribute": {func(l log) { l.Warn("slow", "took", 3*time.Second, "n", 4) }, " [myid:7] - WARN  [logging:handler_test@N] - slow took=3s n=4"},
		"with":      {func(l log) { l.With("session", "0x1").Error("lost") }, " [myid:7] - ERROR [logging:handler_test@N] - lost session=0x1"},
		"groups": {func(l log) { l.WithGroup("a").With("b", 1).WithGroup("c").Info("m", slog.Group("d", "e", 2), "f", 3) },
			" [myid:7] - INFO  [logging:handler_test@N] - m a.b=1 a.c.d.e=2 a.c.f=3"},
		"quoting": {func(l log) { l.Info("m", "a", "two words", "b", "", "c", "x=y", "err", errors.New(`say "hi"`)) },
			` [myid:7] - INFO  [logging:handler_test@N] - m a="two words" b="" c="x=y" err="say \"hi\""`},
		"one line": {func(l log) { l.Info("first\nsecond", "path", "/a\n2026-01-01 00:00:00,000 [myid:1] - forged") },
			` [myid:7] - INFO  [logging:handler_test@N] - first\nsecond path="/a\n2026-01-01 00:00:00,000 [myid:1] - forged"`},
		"empty group and attribute": {func(l log) { l.Info("m", slog.Group("g"), slog.Attr{}) }, " [myid:7] - INFO  [logging:handler_test@N] - m"},
	} {
		var out bytes.Buffer
		tc.do(slog.New(New(&out, Options{MyID: "7"})))
		line := regexp.MustCompile(`@\d+\]`).ReplaceAllString(out.String(), "@N]")
		date := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}`)
		if got := date.ReplaceAllString(line, ""); got != tc.want+"\n" || got == line {
			t.Errorf("%s:\n got %q\nwant %q after a date", name, line, tc.want+"\n")
		}
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]string{
		"DEBUG":        "DIWE",
		"info,CONSOLE": "IWE",
		"WARN":         "WE",
		"ERROR":        "E",
		"OFF":          "",
	} {
		level, ok := ParseLevel(text)
		if !ok {
			t.Errorf("ParseLevel(%q) does not know it", text)
		}
		var out bytes.Buffer
		l := slog.New(New(&out, Options{Level: level}))
		l.Debug("D")
		l.Info("I")
		l.Warn("W")
		l.Error("E")
		for _, r := range want {
			if !strings.Contains(out.String(), "- "+string(r)+"\n") {
				t.Errorf("%q: %c is missing in\n%s", text, r, out.String())
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines != len(want) {
			t.Errorf("%q: %d lines:\n%s", text, lines, out.String())
		}
	}
}

func TestUnknownLevel(t *testing.T) {
	for _, text := range []string{"", "LOUD", ",CONSOLE"} {
		if level, ok := ParseLevel(text); ok {
			t.Errorf("ParseLevel(%q) = %v", text, level)
		}
	}
}

// Lines of many goroutines do not mix, and each is one Write.
func TestConcurrent(t *testing.T) {
	w := &writes{}
	l := slog.New(New(w, Options{}))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				l.With("i", i).Info("m", "j", j)
			}
		})
	}
	wg.Wait()
	if len(w.lines) != 400 {
		t.Fatalf("%d writes", len(w.lines))
	}
	seen := map[string]bool{}
	for _, line := range w.lines {
		_, attrs, _ := strings.Cut(line, " - m ")
		seen[attrs] = true
	}
	for i := range 4 {
		for j := range 100 {
			if !seen[fmt.Sprintf("i=%d j=%d\n", i, j)] {
				t.Fatalf("no line of i=%d j=%d", i, j)
			}
		}
	}
}

// writes keeps every Write apart. The handler's lock protects it.
type writes struct{ lines []string }

func (w *writes) Write(b []byte) (int, error) {
	w.lines = append(w.lines, string(b))
	return len(b), nil
}
