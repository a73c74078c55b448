package model

import (
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// state is a znode. The zero value is one that is not there.
type state struct {
	exists  bool
	data    string
	version int32
	owner   history.Session // of an ephemeral one
}

// input is what is asked of a znode. End asks it to go with its session.
type input struct {
	kind    history.Kind
	data    string
	version int32 // expected; negative accepts any
	session history.Session
}

// output is what the client knows of it.
type output struct {
	outcome history.Outcome
	err     string
	state   state // of a read; of a set, the version
}

// Names of errors that tell of a znode's state. Others say that the request was
// not looked at.
const (
	noNode     = "NoNode"
	nodeExists = "NodeExists"
	badVersion = "BadVersion"
)

// apply returns the state after an operation, and the error it fails with.
func (s state) apply(in input) (state, string) {
	if in.kind == history.Create {
		if s.exists {
			return s, nodeExists
		}
		return state{true, in.data, 0, in.session}, ""
	}
	if in.kind == history.End {
		if s.exists && s.owner == in.session {
			return state{}, ""
		}
		return s, ""
	}
	switch {
	case !s.exists:
		return s, noNode
	case in.kind != history.Get && in.version >= 0 && in.version != s.version:
		return s, badVersion
	}
	switch in.kind {
	case history.Set:
		s.data, s.version = in.data, s.version+1
	case history.Delete:
		return state{}, ""
	}
	return s, ""
}

// step returns the states that an operation may lead to; none if it cannot have
// had its output.
func step(s state, in input, out output) []state {
	next, err := s.apply(in)
	switch out.outcome {
	case history.Unknown:
		if next == s {
			return []state{s}
		}
		return []state{s, next}
	case history.Failed:
		if known := out.err == noNode || out.err == nodeExists || out.err == badVersion; known && err != out.err {
			return nil
		}
		return []state{s}
	}
	switch {
	case err != "":
		return nil
	case in.kind == history.Get && s != out.state, in.kind == history.Set && next.version != out.state.version:
		return nil
	}
	return []state{next}
}

// Znode is the model of one znode, which is not there at first.
var Znode = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) []any {
		var next []any
		for _, n := range step(s.(state), in.(input), out.(output)) {
			next = append(next, n)
		}
		return next
	},
	Equal:             func(a, b any) bool { return a.(state) == b.(state) },
	DescribeOperation: func(in, out any) string { return in.(input).String() + " " + out.(output).String() },
	DescribeState:     func(s any) string { return s.(state).String() },
	DescribeOperationMetadata: func(info any) string {
		if r, ok := info.(*history.Record); ok {
			return fmt.Sprintf("client %d, session %#x, request %d, server %d, zxid %#x", r.Client, r.Session, r.Submit, r.Server, r.Zxid)
		}
		return fmt.Sprint(info)
	},
}).ToModel()

func (s state) String() string {
	if !s.exists {
		return "absent"
	}
	text := fmt.Sprintf("%q v%d", s.data, s.version)
	if s.owner != 0 {
		text += fmt.Sprintf(" of %#x", int64(s.owner))
	}
	return text
}

func (in input) String() string {
	switch in.kind {
	case history.End:
		return fmt.Sprintf("end of %#x", int64(in.session))
	case history.Create:
		return fmt.Sprintf("create %q", in.data)
	case history.Set:
		return fmt.Sprintf("set %q if v%d", in.data, in.version)
	case history.Get:
		return "get"
	}
	return fmt.Sprintf("%s if v%d", in.kind, in.version)
}

func (out output) String() string {
	switch {
	case out.outcome == history.Unknown:
		return "?"
	case out.outcome == history.Failed:
		return "-> " + out.err
	case out.state.exists:
		return "-> " + out.state.String()
	}
	return "-> ok"
}
