package model

import (
	"math"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// Forever is when what may still happen returns.
const Forever = time.Duration(math.MaxInt64)

// reader translates one history.
type reader struct {
	h        *history.History
	sessions map[history.Session]*Session
	ops      map[string][]porcupine.Operation
	made     map[string]map[history.Session]bool // who may have made a path ephemeral
	vague    map[string]bool                     // paths that a create without an answer may have made
}

// Session is what is known of a session's life.
type Session struct {
	Answered []*history.Record // requests that the leader has had, by submission
	LastCall time.Duration     // of the last of them: the session lived then
	Client   int
	Timeout  time.Duration
	Gone     time.Duration   // by when it had ended; Forever if it has not
	Closed   *history.Record // nil unless the client asked for the end
}

// Operations returns each path's part of a history.
func Operations(h *history.History) map[string][]porcupine.Operation {
	r := &reader{
		h: h, sessions: Sessions(h), ops: map[string][]porcupine.Operation{},
		made: map[string]map[history.Session]bool{}, vague: map[string]bool{},
	}
	for i := range h.Records {
		r.record(&h.Records[i])
	}
	r.ends()
	r.trees()
	for path := range r.ops {
		if r.unnamed(path) {
			delete(r.ops, path)
		}
	}
	return r.ops
}

// Sessions collects what is known of sessions' lives.
func Sessions(h *history.History) map[history.Session]*Session {
	sessions := map[history.Session]*Session{}
	of := func(id history.Session) *Session {
		s := sessions[id]
		if s == nil {
			s = &Session{Gone: Forever}
			sessions[id] = s
		}
		return s
	}
	for i := range h.Records {
		r := &h.Records[i]
		s := of(r.Session)
		s.Client = r.Client
		switch {
		case r.Kind == history.Close:
			if s.Closed = r; r.Outcome == history.OK {
				s.Gone = min(s.Gone, r.Return)
			}
		case (r.Writes() || r.Kind == history.Sync) && r.Outcome != history.Unknown:
			s.Answered = append(s.Answered, r)
			s.LastCall = max(s.LastCall, r.Call)
		case r.Kind == history.Open:
			s.LastCall, s.Timeout = max(s.LastCall, r.Call), r.Timeout
		}
	}
	for i := range h.Wire {
		if w := &h.Wire[i]; w.Frame == history.Expired && w.Session != 0 {
			s := of(w.Session)
			s.Gone = min(s.Gone, w.At)
		}
	}
	alive := map[history.Session]bool{}
	for _, id := range h.Alive {
		alive[id] = true
	}
	for id, s := range sessions {
		if !alive[id] {
			s.Gone = min(s.Gone, finalCall(h))
		}
	}
	return sessions
}

// finalCall is when the reading of the servers' trees began, and no session that
// had ended was left any more.
func finalCall(h *history.History) time.Duration {
	at := Forever
	for i := range h.Trees {
		at = min(at, h.Trees[i].Call)
	}
	return at
}

// settled returns by when a request without an answer has happened, if it does.
func (r *reader) settled(u *history.Record) time.Duration {
	s := r.sessions[u.Session]
	at := s.Gone
	for _, a := range s.Answered {
		if a.Submit > u.Submit {
			at = min(at, a.Return)
		}
	}
	return max(at, u.Return)
}

func (r *reader) record(rec *history.Record) {
	switch {
	case rec.Writes():
		r.write(rec)
	case rec.Kind == history.Get && rec.Latest && rec.Outcome != history.Unknown:
		out := output{outcome: rec.Outcome, err: rec.Err}
		if rec.Stat != nil {
			out.state = state{true, rec.Data, rec.Stat.Version, rec.Stat.Owner}
		}
		r.add(rec.Path, rec.Client, input{kind: history.Get}, out, rec.Call, rec.Return, rec)
	}
}

// write adds the operations of a write to their paths. Of a multi that failed,
// only the one that failed says something.
func (r *reader) write(rec *history.Record) {
	until := rec.Return
	if rec.Outcome == history.Unknown {
		until = r.settled(rec)
	}
	for _, op := range rec.Ops() {
		if rec.Kind == history.Multi && rec.Outcome == history.Failed && (op.Err == "" || op.Err == "RuntimeInconsistency") {
			continue
		}
		path := op.Target()
		if op.Sequence && op.Name == "" {
			r.vague[op.Path] = true
			continue
		}
		in := input{kind: op.Kind, data: op.Data, version: op.Version}
		if op.Kind == history.Create && op.Ephemeral && rec.Outcome != history.Failed {
			in.session = rec.Session
			if r.made[path] == nil {
				r.made[path] = map[history.Session]bool{}
			}
			r.made[path][rec.Session] = true
		}
		out := output{outcome: rec.Outcome, err: op.Err}
		if op.Stat != nil {
			out.state.version = op.Stat.Version
		}
		r.add(path, rec.Client, in, out, rec.Call, until, rec)
	}
}

// ends lets every ephemeral znode go with its session: at a time unknown between
// the last sign of life and when the session is known to have gone.
func (r *reader) ends() {
	for path, owners := range r.made {
		for id := range owners {
			s := r.sessions[id]
			if s.Gone == Forever {
				continue
			}
			r.add(path, s.Client, input{kind: history.End, session: id}, output{outcome: history.OK}, min(s.LastCall, s.Gone), s.Gone, "the session's end")
		}
	}
}

// trees adds what every server holds at the end, as reads behind a sync.
func (r *reader) trees() {
	for i := range r.h.Trees {
		t := &r.h.Trees[i]
		left := map[string]output{}
		for j := range t.Nodes {
			n := &t.Nodes[j]
			left[n.Path] = output{history.OK, "", state{true, n.Data, n.Stat.Version, n.Stat.Owner}}
		}
		for path := range r.ops {
			out, ok := left[path]
			if !ok {
				out = output{outcome: history.Failed, err: noNode}
			}
			r.add(path, 1000+t.Server, input{kind: history.Get}, out, t.Call, t.Return, "what is left")
		}
	}
}

func (r *reader) add(path string, client int, in input, out output, call, ret time.Duration, about any) {
	r.ops[path] = append(r.ops[path], porcupine.Operation{
		ClientId: client, Input: in, Output: out, Call: int64(call), Return: int64(ret), Metadata: about,
	})
}

// unnamed reports whether a path may be the work of a sequential create that
// nobody knows the result of: then there are reads of it and no create.
func (r *reader) unnamed(path string) bool {
	for prefix := range r.vague {
		if strings.HasPrefix(path, prefix) {
			for _, op := range r.ops[path] {
				if op.Input.(input).kind == history.Create {
					return false
				}
			}
			return true
		}
	}
	return false
}
