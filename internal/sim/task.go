package sim

import (
	"errors"
	"iter"

	"github.com/paddock-io/paddock/internal/persist"
)

// task is a dump of the tree that takes its time, while the server goes on: a
// snapshot in the background, or one for a learner. It is a coroutine that
// stops between znodes until its next step.
type task struct {
	next func() (struct{}, bool)
	halt func()
	over bool
}

var errStopped = errors.New("sim: the dump was stopped")

// start begins a dump; done gets its outcome, unless it is stopped or the
// server is gone by then.
func (s *Server) start(dump func(*persist.Source) error, done func(error)) *task {
	t := &task{}
	var result error
	batch := 1 + s.w.rng.IntN(8)
	t.next, t.halt = iter.Pull(func(yield func(struct{}) bool) {
		n := 0
		result = dump(&persist.Source{Tree: s.tree, Batch: batch, Stop: func() error {
			if n++; n%batch == 0 && !yield(struct{}{}) {
				return errStopped
			}
			return nil
		}})
	})
	s.tasks = append(s.tasks, t)
	var step func()
	step = func() {
		if t.over {
			return
		}
		if _, more := t.next(); more {
			s.at(s.w.upTo(s.w.cfg.disk+ms), step)
			return
		}
		t.over = true
		s.forget(t)
		done(result)
	}
	s.at(s.w.upTo(ms), step)
	return t
}

// stop ends a dump where it is.
func (t *task) stop() {
	if !t.over {
		t.over = true
		t.halt()
	}
}

func (s *Server) forget(t *task) {
	for i, o := range s.tasks {
		if o == t {
			s.tasks = append(s.tasks[:i], s.tasks[i+1:]...)
			return
		}
	}
}
