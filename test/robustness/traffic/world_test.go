package traffic

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/zk"
)

// TestGroups: znodes about which too little is known are left alone.
func TestGroups(t *testing.T) {
	w := &world{}
	rng := rand.New(rand.NewPCG(1, 2))
	first := w.register(rng)[:len("/reg/g0")]
	for range groupUnknown - 1 {
		w.note(&history.Record{Op: history.Op{Kind: history.Set}, Outcome: history.Unknown})
		w.note(&history.Record{Op: history.Op{Kind: history.Get}, Outcome: history.Unknown})
	}
	if now := w.register(rng)[:len("/reg/g0")]; now != first {
		t.Errorf("the group is left early, for %s", now)
	}
	w.note(&history.Record{Op: history.Op{Kind: history.Set}, Outcome: history.Unknown})
	if now := w.register(rng)[:len("/reg/g0")]; now != "/reg/g1" {
		t.Errorf("the group is %s after %d writes without an answer", now, groupUnknown)
	}
	for range groupOps * groupSize {
		w.note(&history.Record{Op: history.Op{Kind: history.Get}, Outcome: history.OK})
	}
	if now := w.register(rng)[:len("/reg/g0")]; now != "/reg/g2" {
		t.Errorf("the group is %s after %d requests", now, groupOps*groupSize)
	}
}

// TestSettle: only an answer of the ensemble says what became of a request.
func TestSettle(t *testing.T) {
	failure := func(code zk.Code) error { return &zk.Error{Err: code, Sent: true} }
	for name, tc := range map[string]struct {
		res  zk.Result
		want history.Outcome
		err  string
	}{
		"done":               {zk.Result{Zxid: 7}, history.OK, ""},
		"refused":            {zk.Result{Zxid: 7, Err: failure(zk.ErrNoNode)}, history.Failed, "NoNode"},
		"connection lost":    {zk.Result{Err: failure(zk.ErrConnectionLoss)}, history.Unknown, ""},
		"client gave up":     {zk.Result{Err: failure(zk.ErrSessionExpired)}, history.Unknown, ""},
		"closed":             {zk.Result{Err: &zk.Error{Err: zk.ErrClosed, Sent: true}}, history.Unknown, ""},
		"something unheard":  {zk.Result{Err: errors.New("?")}, history.Unknown, ""},
		"server told expiry": {zk.Result{Zxid: 7, Err: failure(zk.ErrSessionExpired)}, history.Failed, "Session expired"},
	} {
		rec := history.Record{Op: history.Op{Kind: history.Delete}}
		settle(&rec, tc.res)
		if rec.Outcome != tc.want || rec.Err != tc.err {
			t.Errorf("%s: %s %q, want %s %q", name, rec.Outcome, rec.Err, tc.want, tc.err)
		}
	}
}

// TestMix: most sessions ask for everything, some only read.
func TestMix(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	count := map[int]int{}
	for range 1000 {
		count[len(mix(rng))]++
	}
	only, all := count[len(reads)], count[len(reads)+len(writes)]
	if only+all != 1000 || only < 200 || all < 500 {
		t.Errorf("of 1000 sessions %d only read and %d do everything", only, all)
	}
}
