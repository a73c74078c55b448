package validate

import (
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// behind tells of a write at a zxid that was answered, and then of a read behind a
// sync that is at another.
func behind(read, write int64) *history.History {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	stat := &history.Stat{Czxid: 1<<32 + 1, Mzxid: 1<<32 + 1}
	return &history.History{Records: []history.Record{
		{Client: 1, Session: alice, Submit: 1, Arrive: 1, Call: at(1), Return: at(2), Outcome: history.OK, Zxid: 1<<32 + 1,
			Op: history.Op{Kind: history.Create, Path: "/reg/x", Name: "/reg/x", Data: "x0", Stat: stat}},
		{Client: 1, Session: alice, Submit: 2, Arrive: 2, Call: at(3), Return: at(4), Outcome: history.OK, Zxid: write,
			Op: history.Op{Kind: history.Set, Path: "/reg/x", Data: "x1", Version: -1, Stat: &history.Stat{Czxid: 1<<32 + 1, Mzxid: write, Version: 1}}},
		{Client: 2, Session: bob, Server: 2, Submit: 1, Arrive: 1, Call: at(5), Return: at(6), Outcome: history.OK, Zxid: read, Latest: true,
			Op: history.Op{Kind: history.Get, Path: "/reg/x", Data: "x0", Stat: stat}},
	}}
}

// TestExcuse: a read behind a sync may be behind the times only if a Java server
// led when the sync can have been answered, and another server since, or if that
// Java server answered it.
func TestExcuse(t *testing.T) {
	const first, second, third = 1 << 32, 2 << 32, 3 << 32
	for name, tc := range map[string]struct {
		read, write int64
		javaLed     []history.Term
		excused     int
	}{
		"Java was deposed":                           {first + 1, second + 1, []history.Term{{Epoch: 1, Server: 1}}, 1},
		"Java was deposed before it did a thing":     {first + 1, third + 1, []history.Term{{Epoch: 2, Server: 1}}, 1},
		"Paddock was deposed":                        {first + 1, second + 1, nil, 0},
		"Paddock was deposed by another server":      {first + 1, second + 1, []history.Term{{Epoch: 2, Server: 1}}, 0},
		"Java led before Paddock was deposed":        {second + 1, third + 1, []history.Term{{Epoch: 1, Server: 2}, {Epoch: 3, Server: 1}}, 0},
		"Java leads, and a follower answers":         {first + 1, first + 2, []history.Term{{Epoch: 1, Server: 1}}, 0},
		"Java leads, and answers":                    {first + 1, first + 2, []history.Term{{Epoch: 1, Server: 2}}, 1},
		"Paddock leads, and a former leader answers": {second + 1, second + 2, []history.Term{{Epoch: 1, Server: 2}}, 0},
		"Paddock leads, and a later leader answers":  {first + 1, first + 2, []history.Term{{Epoch: 2, Server: 2}}, 0},
		"nothing is wrong":                           {second + 1, second + 1, []history.Term{{Epoch: 1, Server: 2}, {Epoch: 2, Server: 2}}, 0},
	} {
		h := behind(tc.read, tc.write)
		h.JavaLed = tc.javaLed
		judged, excused := Excuse(reloaded(t, h))
		if excused != tc.excused || judged.Records[2].Latest != (excused == 0) {
			t.Errorf("%s: %d reads are excused, want %d; the read is the latest: %v", name, excused, tc.excused, judged.Records[2].Latest)
		}
		Excuse(h)
		if !h.Records[2].Latest {
			t.Errorf("%s: the history itself has changed", name)
		}
	}
}

// TestExcused: what is excused is no violation, and what is not excused is one.
func TestExcused(t *testing.T) {
	rules := func(h *history.History) map[string]bool {
		judged, _ := Excuse(h)
		found := map[string]bool{}
		for _, v := range check(t, judged) {
			found[v.Rule] = true
		}
		return found
	}
	h := behind(1<<32+1, 2<<32+1)
	if found := rules(h); !found["order"] || !found["linearizable"] {
		t.Errorf("a read behind the times of a Paddock leader breaks only %v", found)
	}
	h.JavaLed = []history.Term{{Epoch: 1, Server: 1}}
	if found := rules(h); len(found) > 0 {
		t.Errorf("a read behind the times of a Java leader breaks %v", found)
	}
}

// TestOvertaken: a reply may come before its turn only as the last one of a
// connection on which a Java server has not answered a write.
func TestOvertaken(t *testing.T) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	moved := func() *history.History {
		reply := history.Wire{Client: 1, Conn: 3, Session: alice, At: at(9), Frame: history.Reply, Op: "getData", Path: "/reg/x"}
		disorder := reply
		disorder.Frame = history.Disorder
		return &history.History{
			Java: []int{2},
			Records: []history.Record{{Client: 1, Session: alice, Server: 2, Submit: 1, Arrive: 1, Call: at(5), Return: at(10), Outcome: history.Unknown,
				Op: history.Op{Kind: history.Set, Path: "/reg/x", Data: "x1", Version: -1}}},
			Wire: []history.Wire{disorder, reply},
		}
	}
	for name, tc := range map[string]struct {
		change  func(h *history.History)
		excused int
	}{
		"Java hangs up":                  {func(*history.History) {}, 1},
		"Paddock does not answer":        {func(h *history.History) { h.Java = []int{1} }, 0},
		"the write has its answer":       {func(h *history.History) { h.Records[0].Outcome = history.OK }, 0},
		"it was no write":                {func(h *history.History) { h.Records[0].Kind = history.Get }, 0},
		"the write came later":           {func(h *history.History) { h.Records[0].Call = at(11) }, 0},
		"it was another session's":       {func(h *history.History) { h.Records[0].Session = bob }, 0},
		"the connection goes on":         {func(h *history.History) { h.Wire = append(h.Wire, h.Wire[1]) }, 0},
		"another connection goes on too": {func(h *history.History) { w := h.Wire[1]; w.Conn = 4; h.Wire = append(h.Wire, w) }, 1},
	} {
		h := moved()
		tc.change(h)
		before := len(h.Wire)
		judged, excused := Excuse(reloaded(t, h))
		if excused != tc.excused || len(judged.Wire) != before-excused {
			t.Errorf("%s: %d replies are excused, want %d", name, excused, tc.excused)
		}
		if Excuse(h); len(h.Wire) != before || h.Wire[0].Frame != history.Disorder {
			t.Errorf("%s: the history itself has changed", name)
		}
	}
}
