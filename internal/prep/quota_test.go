package prep

import (
	"reflect"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// limit gives /q, which has the child /q/kid of three bytes, limits. What it
// uses is then two znodes and eight bytes.
func limit(w *world, limits string) {
	w.must(sized("/q", 5))
	w.must(sized("/q/kid", 3))
	w.must(create("/zookeeper/quota/q", 0, open))
	r := create("/zookeeper/quota/q/zookeeper_limits", 0, open)
	r.Body.(*proto.CreateRequest).Data = []byte(limits)
	w.must(r)
	w.must(create("/zookeeper/quota/q/zookeeper_stats", 0, open))
	w.apply(-1)
}

// sized is a create with so many bytes of data.
func sized(path string, n int) *Request {
	r := create(path, 0, open)
	r.Body.(*proto.CreateRequest).Data = make([]byte, n)
	return r
}

const over = proto.ErrQuotaExceeded

func TestQuotaChecks(t *testing.T) {
	set := func(n int) *Request { return setData("/q/kid", make([]byte, n), 0) }
	for _, tc := range []struct {
		name, limits string
		req          *Request
		want         proto.ErrCode // enforced; otherwise there is no -125
		excesses     int
	}{
		{"no limits", "count=-1,bytes=-1", sized("/q/n", 100), ok, 0},
		{"soft", "count=2,bytes=8", sized("/q/n", 100), ok, 2},
		{"soft, bytes only", "count=3,bytes=8", sized("/q/n", 100), ok, 1},
		{"count reached", "count=-1,bytes=-1=;countHardLimit=3", sized("/q/n", 100), ok, 0},
		{"count passed", "count=-1,bytes=-1=;countHardLimit=2", sized("/q/n", 0), over, 1},
		{"count of 0", "countHardLimit=0", sized("/q/n", 0), over, 1},
		{"bytes reached", "byteHardLimit=18", sized("/q/n", 10), ok, 0},
		{"bytes passed", "byteHardLimit=18", sized("/q/n", 11), over, 1},
		{"bytes passed, but none come", "byteHardLimit=1", sized("/q/n", 0), ok, 0},
		{"the hard one takes the place of the other", "count=1,bytes=1=;countHardLimit=9;byteHardLimit=100", sized("/q/n", 1), ok, 0},
		{"both are passed", "countHardLimit=1;byteHardLimit=1", sized("/q/n", 1), over, 1},
		{"beside it", "countHardLimit=1;byteHardLimit=1", sized("/qq", 100), ok, 0},
		{"the quota itself", "countHardLimit=1;byteHardLimit=1", sized("/zookeeper/quota/q/n", 100), ok, 0},
		{"a long text", "countHardLimit=2" + strings.Repeat(",pad=1", 1000), sized("/q/n", 0), over, 1},
		{"does not parse", "countHardLimit=x,byteHardLimit=,junk", sized("/q/n", 100), ok, 0}, // Java answers -5
		{"create2", "countHardLimit=2", sized("/q/n", 0).as(proto.OpCreate2), over, 1},
		{"createContainer", "countHardLimit=2", create("/q/n", proto.Container, open).as(proto.OpCreateContainer), over, 1},
		{"createTTL", "countHardLimit=2", ttl("/q/n", proto.PersistentTTL, 5), over, 1},
		{"sequential", "countHardLimit=2", create("/q/", proto.PersistentSequential, open), over, 1},

		{"set the same size", "byteHardLimit=1", set(3), ok, 0},
		{"set more", "byteHardLimit=8", set(4), over, 1},
		{"set less, and enough", "byteHardLimit=6", set(1), ok, 0},
		{"set less, and not enough", "byteHardLimit=5", set(2), over, 1},
		{"set counts no znode", "countHardLimit=1", set(30), ok, 0},
		{"set of a soft limit", "bytes=8", set(4), ok, 1},
		{"set of no data", "byteHardLimit=1", setData("/q/kid", nil, 0), over, 1},

		// Its place among the other checks.
		{"path, quota", "countHardLimit=1", sized("/q/.", 1), badArgs, 0},
		{"exists, quota", "countHardLimit=1", sized("/q/kid", 1), exists, 0},
		{"set of a stale version", "byteHardLimit=8", setData("/q/kid", make([]byte, 9), 7), over, 1},
		{"set of a missing znode", "byteHardLimit=1", setData("/q/n", make([]byte, 9), 7), noNode, 0},
		{"dead session", "countHardLimit=1", sized("/q/n", 1).but(expired), expired, 0},

		// What is outstanding does not count, not even in one multi; but the size of what is replaced does.
		{"multi", "countHardLimit=3", multi(sized("/q/1", 0), sized("/q/2", 0), sized("/q/3", 0)), ok, 0},
		{"multi, too much", "byteHardLimit=10", multi(sized("/q/1", 2), sized("/q/2", 3)), over, 1},
		{"multi, set twice", "byteHardLimit=10", multi(set(5), setData("/q/kid", make([]byte, 7), 1)), ok, 0},
		{"multi, set twice, too much", "byteHardLimit=10", multi(set(5), setData("/q/kid", make([]byte, 8), 1)), over, 1},
		{"multi, created and set", "byteHardLimit=10", multi(sized("/q/1", 2), setData("/q/1", make([]byte, 4), 0)), ok, 0},
		{"multi, soft", "count=2", multi(sized("/q/1", 0), sized("/q/2", 0)), ok, 2},
	} {
		for _, enforce := range []bool{true, false} {
			w := newWorld(t, Options{Digest: true, ExtendedTypes: true, EnforceQuota: enforce})
			limit(w, tc.limits)
			want := tc.want
			if want == over && !enforce {
				if want = ok; strings.Contains(tc.name, "stale") {
					want = badVer
				}
			}
			got := errOf(w.prepare(tc.req))
			excesses := w.prep.Excesses()
			if got != want || enforce && len(excesses) != tc.excesses || !enforce && len(excesses) < tc.excesses {
				t.Errorf("%s (enforced %v): %v, want %v; %+v", tc.name, enforce, got, want, excesses)
			}
			for _, e := range excesses {
				if e.Refused != (e.Hard && enforce) || e.Path != "/q" || e.Namespace != "q" || e.Used <= e.Limit {
					t.Errorf("%s (enforced %v): %+v", tc.name, enforce, e)
				}
			}
			w.apply(-1)
		}
	}
}

// TestQuotaBurst: what has been proposed and not applied does not count.
func TestQuotaBurst(t *testing.T) {
	w := newWorld(t, Options{Digest: true, EnforceQuota: true})
	limit(w, "countHardLimit=3")
	w.must(sized("/q/1", 0))
	w.must(sized("/q/2", 0))
	w.apply(1)
	if got := errOf(w.prepare(sized("/q/3", 0))); got != over {
		t.Errorf("above the limit: %v", got)
	}
	if got, want := w.prep.Excesses(), []Excess{{Path: "/q", Namespace: "q", Used: 4, Limit: 3, Hard: true, Refused: true}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if w.prepare(sized("/n", 0)); len(w.prep.Excesses()) != 0 {
		t.Error("they outlive the request")
	}
	w.apply(-1)
	w.must(del("/q/1", -1))
	w.must(del("/q/2", -1))
	w.apply(-1)
	w.must(sized("/q/3", 0))
	w.apply(-1)
}

// TestQuotaExcessesAreBounded, whatever a multi holds; the one that refuses is
// among them.
func TestQuotaExcessesAreBounded(t *testing.T) {
	w := newWorld(t, Options{EnforceQuota: true})
	limit(w, "count=1,bytes=-1=;byteHardLimit=20")
	var subs []*Request
	for i := range 50 {
		subs = append(subs, sized("/q/"+string(rune('A'+i)), 0))
	}
	w.prepare(multi(append(subs, sized("/q/last", 100))...))
	if e := w.prep.Excesses(); len(e) != maxExcesses+1 || !e[maxExcesses].Refused {
		t.Errorf("%d: %+v", len(e), e)
	}
}

// TestQuotaAllocs: a quota costs a request no memory.
func TestQuotaAllocs(t *testing.T) {
	w := newWorld(t, Options{EnforceQuota: true})
	limit(w, "count=-1,bytes=-1=;byteHardLimit=100;countHardLimit=9")
	if n := testing.AllocsPerRun(100, func() {
		if w.prep.quota("/q/n", 1, 10) != ok || w.prep.quota("/n", 1, 10) != ok {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
