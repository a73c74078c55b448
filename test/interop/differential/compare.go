package differential

import (
	"cmp"
	"slices"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// Difference is the first place where Paddock did not do what Java did.
type Difference struct {
	At            int  // the index of the step; the length of the stream for what follows it
	Step          Step // what was sent
	Conn          int  // the connection that showed it
	Java, Paddock []frame
	Where         int    // the index in Java and Paddock of the first frame that differs
	Text          string // a difference outside of the protocol
	Err           error  // a server could not be reached
}

// compare looks for the first difference in what the connections showed.
func (p *pair) compare(step *Step, java, paddock Outcome) *Difference {
	for conn := range java {
		a, b := arrange(step, java[conn]), arrange(step, paddock[conn])
		if slices.Equal(a, b) {
			continue
		}
		if where := p.differs(step, conn, a, b); where >= 0 {
			return &Difference{Step: *step, Conn: conn, Java: a, Paddock: b, Where: where}
		}
	}
	return nil
}

// differs returns the index in a of the first difference that no rule explains, or -1.
func (p *pair) differs(step *Step, conn int, a, b []frame) int {
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		known := explain(&suspect{p, step, conn, a[i:], b[j:]})
		if known == nil {
			return i
		}
		p.explained[known.rule]++
		i, j = i+known.java, j+known.paddock
	}
	return -1
}

// arrange brings into one order what servers may say in any. Answers to auth and sasl overtake others
// in Java, which gives them before the requests sent earlier have run; so they go to the front. A
// session that ends takes its ephemerals with it in any order; so the events of that one transaction
// are sorted.
func arrange(step *Step, frames []frame) []frame {
	overtakes := func(f frame) bool {
		return f.kind == reply && f.request >= 0 && (step.Requests[f.request].Op == golden.OpAuth || step.Requests[f.request].Op == golden.OpSasl)
	}
	if slices.ContainsFunc(frames, overtakes) {
		slices.SortStableFunc(frames, func(a, b frame) int {
			switch {
			case overtakes(a) == overtakes(b):
				return 0
			case overtakes(a):
				return -1
			}
			return 1
		})
	}
	if len(step.Requests) > 0 && step.Requests[len(step.Requests)-1].Op == golden.OpCloseSession {
		sortEvents(frames)
	}
	return frames
}

// sortEvents sorts each run of events of one transaction.
func sortEvents(frames []frame) {
	for from := 0; from < len(frames); {
		to := from + 1
		for to < len(frames) && frames[from].kind == event && frames[to].kind == event && frames[to].zxid == frames[from].zxid {
			to++
		}
		slices.SortFunc(frames[from:to], func(a, b frame) int { return cmp.Compare(a.body, b.body) })
		from = to
	}
}
