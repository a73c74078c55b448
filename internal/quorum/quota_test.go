package quorum

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/prep"
	"github.com/paddock-io/paddock/internal/replica"
)

// TestQuotaExceeded: refusals are counted, and a limit is warned of when it is
// passed and again after a while.
func TestQuotaExceeded(t *testing.T) {
	var log bytes.Buffer
	m := new(Metrics)
	p := &Peer{log: slog.New(slog.NewTextHandler(&log, nil)), opts: Options{Metrics: m}}
	say := func(at time.Duration, e prep.Excess) {
		p.loop.now = at
		p.run([]replica.Action{replica.QuotaExceeded{Excess: e}})
	}
	soft := prep.Excess{Path: "/a/b", Namespace: "a", Used: 8, Limit: 7}
	hard := prep.Excess{Path: "/a/b", Namespace: "a", Bytes: true, Used: 9, Limit: 7, Hard: true, Refused: true}
	for at, lines := range []int{2, 2, 3} { // at 0, 30 and 60 seconds; the second time only one is warned of
		for range 3 {
			say(time.Duration(at)*quotaPause/2, soft)
		}
		if at < 2 {
			say(time.Duration(at)*quotaPause/2, hard)
		}
		if got := strings.Count(log.String(), "\n"); got != lines {
			t.Errorf("%d lines after round %d, want %d:\n%s", got, at, lines, log.String())
		}
	}
	for _, want := range []string{
		"level=WARN msg=\"quota exceeded\" path=/a/b of=znodes used=8 limit=7 hard=false refused=false\n",
		"path=/a/b of=bytes used=9 limit=7 hard=true refused=true\n",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in\n%s", want, log.String())
		}
	}
	if got := m.QuotaErrors.Values(); len(got) != 1 || got["a"] != 2 {
		t.Errorf("counted %v", got)
	}
	for i := range 2 * maxNames {
		say(0, prep.Excess{Path: fmt.Sprint("/", i), Namespace: fmt.Sprint(i), Refused: true})
	}
	long := "/" + strings.Repeat("x", 1<<20)
	say(0, prep.Excess{Path: long, Namespace: long[1:], Refused: true})
	for key := range p.loop.said {
		if len(key.path) > maxName+3 {
			t.Errorf("%d bytes of a path are kept", len(key.path))
		}
	}
	if n, said := len(m.QuotaErrors.Values()), len(p.loop.said); n != maxNames || said > maxNames {
		t.Errorf("%d names and %d limits are remembered", n, said)
	}
}
