package sim

import "time"

// timed is something that will happen. Of two at the same time the one that was
// planned first comes first.
type timed struct {
	at  time.Duration
	seq uint64
	fn  func()
}

func (a *timed) before(b *timed) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

// agenda is a binary heap of what will happen, the next one first.
type agenda []timed

func (h *agenda) push(e timed) {
	s := append(*h, e)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !s[i].before(&s[up]) {
			break
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
	*h = s
}

func (h *agenda) pop() timed {
	s := *h
	top := s[0]
	last := len(s) - 1
	s[0] = s[last]
	s[last] = timed{}
	s = s[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			break
		}
		if next+1 < last && s[next+1].before(&s[next]) {
			next++
		}
		if !s[next].before(&s[i]) {
			break
		}
		s[i], s[next] = s[next], s[i]
		i = next
	}
	*h = s
	return top
}
