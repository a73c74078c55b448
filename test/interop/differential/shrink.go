package differential

import (
	"context"
	"time"
)

// shrinker makes a stream that ends in a difference as short as it can.
type shrinker struct {
	start    func(context.Context) (*pair, error)
	pair     *pair // in step, or nil
	deadline time.Time
}

// shrink returns a stream that shows a difference of the same sort as found, and the difference. It
// tries to leave out steps, then requests, until nothing more can go or the time is over. The last
// result is false if the stream does not show it again: it depends on what went before, or on luck.
func (s *shrinker) shrink(ctx context.Context, steps []Step, found *Difference) ([]Step, *Difference, bool) {
	defer func() {
		if s.pair != nil {
			_ = s.pair.close()
		}
	}()
	steps = steps[:min(found.At+1, len(steps))]
	if s.try(ctx, steps, found) == nil {
		return steps, found, false
	}
	for size := (len(steps) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(steps); {
			shorter := append(append([]Step{}, steps[:from]...), steps[min(from+size, len(steps)):]...)
			if d := s.try(ctx, shorter, found); d != nil {
				steps, found = shorter[:min(d.At+1, len(shorter))], d
			} else {
				from += size
			}
		}
	}
	for i := range steps {
		for j := 0; j < len(steps[i].Requests) && len(steps[i].Requests) > 1; {
			shorter := append([]Step{}, steps...)
			list := steps[i].Requests
			shorter[i].Requests = append(append([]Request{}, list[:j]...), list[j+1:]...)
			if d := s.try(ctx, shorter, found); d != nil {
				steps, found = shorter, d
			} else {
				j++
			}
		}
	}
	return steps, found, true
}

// try runs a stream and returns the difference if it is of the sort of found. Servers that have shown
// one are out of step, and are replaced; others are used again.
func (s *shrinker) try(ctx context.Context, steps []Step, found *Difference) *Difference {
	if len(steps) == 0 || time.Now().After(s.deadline) {
		return nil
	}
	if s.pair == nil {
		var err error
		if s.pair, err = s.start(ctx); err != nil {
			return nil
		}
	}
	d := s.pair.run(steps)
	if d == nil {
		return nil
	}
	_ = s.pair.close()
	s.pair = nil
	if !d.like(found) {
		return nil
	}
	return d
}

// like says whether two differences look like one and the same: the same requests, answered in the same
// ways.
func (d *Difference) like(other *Difference) bool {
	if (d.Err != nil) != (other.Err != nil) || (d.Text != "") != (other.Text != "") {
		return false
	}
	return d.sort(d.Java) == other.sort(other.Java) && d.sort(d.Paddock) == other.sort(other.Paddock)
}

// sort is what like looks at in the frame that differs.
func (d *Difference) sort(frames []frame) [3]int32 {
	if d.Where >= len(frames) {
		return [3]int32{-1}
	}
	f := frames[d.Where]
	s := [3]int32{int32(f.kind), f.err}
	if f.request >= 0 && f.request < len(d.Step.Requests) {
		s[2] = d.Step.Requests[f.request].Op
	}
	return s
}
