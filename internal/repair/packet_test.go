package repair

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

func samples() (Question, Answer) {
	q := Question{From: 3, Wants: []storage.Want{{Lost: ids(3, 5)}, {After: ids(7)[0], Until: ids(9)[0]}}}
	a := Answer{From: 2, Accepted: 9, Parts: []Part{{Entries: entries(3, 5), Whole: true}, {}}}
	return q, a
}

func TestRoundTrip(t *testing.T) {
	q, a := samples()
	if got, err := DecodeQuestion(q.Append(nil)); err != nil || !reflect.DeepEqual(got, q) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := DecodeAnswer(a.Append(nil)); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v, %v", got, err)
	}
	b := q.Append(nil)
	for i := range b {
		if _, err := DecodeQuestion(b[:i]); err == nil {
			t.Errorf("question cut to %d bytes is accepted", i)
		}
	}
	b = a.Append(nil)
	for i := range b {
		if _, err := DecodeAnswer(b[:i]); err == nil {
			t.Errorf("answer cut to %d bytes is accepted", i)
		}
	}
	q.Wants[0].Lost[0], q.Wants[0].Lost[1] = q.Wants[0].Lost[1], q.Wants[0].Lost[0]
	if _, err := DecodeQuestion(q.Append(nil)); err == nil {
		t.Error("names out of order are accepted")
	}
	q.Wants = make([]storage.Want, maxWants+1)
	if _, err := DecodeQuestion(q.Append(nil)); err == nil {
		t.Error("too many wants are accepted")
	}
	q.Wants = []storage.Want{{Lost: make([]storage.EntryID, maxNames/2+1)}, {Lost: make([]storage.EntryID, maxNames/2+1)}}
	for i := range maxNames/2 + 1 {
		q.Wants[0].Lost[i].Zxid, q.Wants[1].Lost[i].Zxid = proto.Zxid(i+1), proto.Zxid(i+1)
	}
	if _, err := DecodeQuestion(q.Append(nil)); err == nil {
		t.Error("too many names are accepted")
	}
	if _, err := DecodeAnswer((&Answer{Accepted: 1 << 31}).Append(nil)); err == nil {
		t.Error("an epoch that no zxid can have is accepted")
	}
	a.Parts = []Part{{Entries: []storage.Entry{{Payload: []byte("short")}}}}
	if _, err := DecodeAnswer(a.Append(make([]byte, 0))); err == nil {
		t.Error("a transaction without a header is accepted")
	}
}

// FuzzPackets: what can be decoded is encoded to the same, and nothing costs far
// more memory than it has bytes. Answers are given to a machine, which takes
// nothing but what it lacks.
func FuzzPackets(f *testing.F) {
	q, a := samples()
	f.Add(q.Append(nil))
	f.Add(a.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		q, qerr := DecodeQuestion(b)
		a, aerr := DecodeAnswer(b)
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(b)+1<<20); n > most {
			t.Errorf("%d bytes allocated for %d", n, len(b))
		}
		if qerr == nil && !reflect.DeepEqual(mustQuestion(t, q.Append(nil)), q) {
			t.Errorf("question %+v changes", q)
		}
		if aerr != nil {
			return
		}
		p := play(Options{}, lost(storage.Gap{Lost: ids(3, 5)}, storage.Gap{After: ids(7)[0], Until: ids(9)[0]}))
		p.step(Answered{2, a})
		for _, g := range p.gaps {
			for i, e := range g.found {
				if e.Payload != nil && len(g.Lost) > 0 && storage.IDOf(e) != g.Lost[i] || e.Payload != nil && len(g.Lost) == 0 && e.Zxid != 8 {
					t.Errorf("took %+v", e)
				}
			}
		}
	})
}

func mustQuestion(t *testing.T, b []byte) Question {
	q, err := DecodeQuestion(b)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
