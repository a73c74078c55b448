package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// Want is what a server asks another one for: the transactions named in Lost, or
// without any, all between After and Until, none of which it can name. Two
// histories that have a transaction agree on everything before it, so whoever
// has both ends has what belongs between them.
type Want struct {
	Lost  []EntryID // by zxid
	After EntryID   // Length 0 if only the zxid is known
	Until EntryID
}

// Lookup returns what is here of a want, no more than about maxBytes of payload
// but at least one entry: of Lost those that are intact, of a stretch its
// beginning, if the whole stretch is here and intact. whole says that nothing of
// the want is left out, which may be nothing for a stretch. It may run beside
// everything else. What cannot be read is not an error. effort, which may be nil,
// bounds what is read for it; where that ends, the rest counts as not found.
func (s *Store) Lookup(want Want, maxBytes int, effort *Effort) (found []Entry, whole bool, err error) {
	l := &lookup{want: want, max: maxBytes, effort: effort}
	if len(want.Lost) > 0 {
		l.low, l.high = want.Lost[0].Zxid, want.Lost[len(want.Lost)-1].Zxid
	} else {
		l.low, l.high = want.After.Zxid, want.Until.Zxid
		if l.begun, err = s.holdsStart(want.After); err != nil {
			return nil, false, err
		}
	}
	logs, err := listFiles(s.fs, s.logDir, logPrefix)
	if err != nil {
		return nil, false, fmt.Errorf("look up transactions: %w", err)
	}
	files := from(logs, l.low)
	for i, f := range files {
		if f.zxid > l.high && len(want.Lost) > 0 {
			break
		}
		if len(want.Lost) == 0 {
			l.enter(s, f.name)
		}
		err := s.walk(f.name, i+1 < len(files), false, l.piece)
		if errors.Is(err, errStop) {
			break
		}
		if err != nil {
			return nil, false, fmt.Errorf("look up transactions: %w", err)
		}
	}
	if len(want.Lost) > 0 {
		return l.found, len(l.found) == len(want.Lost), nil
	}
	if !l.whole {
		return nil, false, nil
	}
	return l.found, !l.full, nil
}

// Effort bounds the work of lookups, several together.
type Effort struct {
	Bytes int64        // of logs that may still be read
	Stop  func() error // nil, or asked at each entry: its error ends the lookup and is returned
}

// spend takes n bytes of the effort; errStop says that there are none left.
func (e *Effort) spend(n int64) error {
	if e == nil {
		return nil
	}
	if e.Stop != nil {
		if err := e.Stop(); err != nil {
			return err
		}
	}
	if e.Bytes -= n; e.Bytes < 0 {
		return errStop
	}
	return nil
}

// holdsStart reports whether a snapshot here begins where a stretch does: then
// the history from there on is here although the transaction itself is not.
func (s *Store) holdsStart(after EntryID) (bool, error) {
	snaps, err := listFiles(s.fs, s.snapDir, snapPrefix)
	if err != nil {
		return false, fmt.Errorf("list snapshots: %w", err)
	}
	return after.Length == 0 && slices.ContainsFunc(snaps, func(f dirFile) bool { return f.zxid == after.Zxid }), nil
}

// enter notes what a log continues. Between two logs nothing else proves that an
// epoch follows the end of the one before: a leader's snapshot may have come in
// between, and the older log end with transactions that were never decided.
func (l *lookup) enter(s *Store, log string) {
	l.first, l.before = true, noZxid
	if x, err := openIndex(s.fs, s.logDir, log); err == nil {
		l.before = x.before
		x.close()
	}
}

// lookup collects what a walk through the logs finds.
type lookup struct {
	want      Want
	low, high proto.Zxid
	max       int // payload bytes that still fit
	full      bool
	effort    *Effort

	first  bool       // a stretch: the next entry is the first one of its log
	before proto.Zxid // what that log says it continues

	begun bool     // a stretch: its first end is here
	seq   sequence // of a stretch that has begun
	whole bool     // the other end is here, too, and everything between
	found []Entry
}

func (l *lookup) piece(p walked) error {
	if err := l.effort.spend(max(p.end-p.off, entryFrame)); err != nil {
		return err
	}
	switch {
	case p.kind == noHeader:
	case len(l.want.Lost) > 0:
		if p.kind == intact {
			return l.named(p)
		}
	default:
		return l.stretch(p)
	}
	return nil
}

// named keeps an entry that is one of those asked for.
func (l *lookup) named(p walked) error {
	if p.id.Zxid > l.high || l.full {
		return errStop
	}
	_, ok := slices.BinarySearchFunc(l.want.Lost, p.id, func(a, b EntryID) int {
		switch {
		case a.Zxid < b.Zxid:
			return -1
		case a.Zxid > b.Zxid:
			return 1
		}
		return 0
	})
	if ok && slices.Contains(l.want.Lost, p.id) && !slices.ContainsFunc(l.found, func(e Entry) bool { return e.Zxid == p.id.Zxid }) {
		l.keep(p)
	}
	return nil
}

func (l *lookup) keep(p walked) {
	if l.max -= len(p.payload); l.max < 0 && len(l.found) > 0 {
		l.full = true
	}
	if !l.full {
		l.found = append(l.found, Entry{p.id.Zxid, slices.Clone(p.payload)})
	}
}

// stretch follows the history from one end to the other.
func (l *lookup) stretch(p walked) error {
	if p.kind != intact {
		if l.begun && p.id.Zxid <= l.low && p.kind == lost || !l.begun {
			return nil // before the stretch
		}
		return errStop
	}
	z, first := p.id.Zxid, l.first
	l.first = false
	switch {
	case z < l.low:
		return nil
	case z == l.low:
		if l.want.After.Length != 0 && p.id != l.want.After {
			return errStop
		}
		l.begun, l.seq.prev = true, l.low
		return nil
	case !l.begun && z != l.low+1:
		return errStop
	}
	if !l.begun || l.seq.prev < l.low {
		l.begun, l.seq.prev = true, l.low
	}
	if z <= l.seq.prev {
		return nil // logged twice
	}
	if first && z != l.seq.prev+1 && l.before != l.seq.prev || l.seq.next(z) != nil {
		return errStop
	}
	if z >= l.high {
		l.whole = p.id == l.want.Until
		return errStop
	}
	l.keep(p)
	return nil
}
