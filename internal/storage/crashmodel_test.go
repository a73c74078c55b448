package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// txn is a transaction as the model of crashes knows it.
type txn struct {
	zxid proto.Zxid
	sum  uint64 // of the payload
}

func txnOf(e Entry) txn {
	h := fnv.New64a()
	h.Write(e.Payload)
	return txn{e.Zxid, h.Sum64()}
}

// txnSource is the state that consists of all transactions ever applied, one
// znode each, so that a snapshot tells exactly what is in it. While it is dumped,
// more may be applied, as in a tree.
type txnSource struct {
	stateSource
	txns   func() []txn
	during func() error // called once, in the middle
}

func (s *txnSource) Nodes(yield func(*SnapNode) error) error {
	if err := s.stateSource.Nodes(yield); err != nil {
		return err
	}
	for i := 0; i < len(s.txns()); i++ {
		t := s.txns()[i]
		n := SnapNode{Path: fmt.Sprintf("/%x", int64(t.zxid)), Data: binary.BigEndian.AppendUint64(nil, t.sum), ACL: 1}
		if err := yield(&n); err != nil {
			return err
		}
		if s.during != nil && i == len(s.txns())/2 {
			during := s.during
			s.during = nil
			if err := during(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *txnSource) Digest() (proto.Zxid, int32, int64, bool) { return s.LastZxid(), 2, 1, true }

func (s *txnSource) LastZxid() proto.Zxid { return lastOf(s.txns()) }

func lastOf(txns []txn) proto.Zxid {
	if len(txns) == 0 {
		return 0
	}
	return txns[len(txns)-1].zxid
}

// line is a history that a disk may hold: the first of its transactions, at least min of them.
type line struct {
	txns []txn
	min  int
}

// claim is what a server may find on its disk, whenever the machine stops
// after so many recorded changes and before the next claim is made.
type claim struct {
	from     int        // changes recorded when it was made
	what     string     // was being done
	lines    []line     // what is found must be one of these
	promised Epochs     // no epoch below these
	tried    Epochs     // nor above these, but for those of transactions
	history  proto.Zxid // a current epoch of tried must not be there without this transaction
	gap      bool       // there has been a SNAP: older snapshots do not lead to the present
	also     []claim    // if any, these together are the claim
}

// inForce returns the claims that a crash right after the k-th change must
// satisfy: the one that change happened under, and all that were made after it and before
// the next change.
func inForce(claims []claim, k int) []claim {
	first := 0
	for i, c := range claims {
		if c.from < k {
			first = i
		}
	}
	end := first
	for end < len(claims) && claims[end].from <= k {
		end++
	}
	return claims[first:end]
}

// found is what recovery makes of a disk.
type found struct {
	fresh  bool
	txns   []txn // in order, from the snapshot and from the log
	last   proto.Zxid
	epochs Epochs
}

// recoverDisk does what a server does at its start: it recovers and writes the
// first snapshot and the epoch files where they are missing.
func recoverDisk(fsys vfs.FS, opts Options) (*Store, found, error) {
	opts.FS = fsys
	s, err := Open(opts)
	if err != nil {
		return nil, found{}, err
	}
	f, err := s.find()
	if err == nil && f.fresh {
		_, err = s.WriteSnapshot(0, &txnSource{stateSource: stateSource{smallState(0, 2)}, txns: func() []txn { return nil }})
	}
	if err == nil {
		f.epochs, err = s.LoadEpochs(f.last)
	}
	if err != nil {
		err = errors.Join(err, s.kill())
	}
	return s, f, err
}

// kill ends a Store as the end of its process does.
func (s *Store) kill() (err error) {
	for _, lock := range s.locks {
		err = errors.Join(err, lock.Close())
	}
	s.locks = nil
	return err
}

// find recovers the history.
func (s *Store) find() (f found, err error) {
	st, byZxid := newState(), map[proto.Zxid]uint64{}
	rec, err := s.Recover(st, func(e Entry) error {
		t := txnOf(e)
		if sum, ok := byZxid[t.zxid]; ok && sum != t.sum {
			return fmt.Errorf("transaction %s differs from the one replayed before", t.zxid)
		}
		byZxid[t.zxid] = t.sum
		return nil
	})
	if err != nil {
		return f, err
	}
	if err := checkIndexes(s.fs, s.logDir, rec.Snapshot); err != nil {
		return f, err
	}
	for _, n := range st.nodes {
		if z, sum, ok := parseNode(&n); ok {
			if replayed, ok := byZxid[z]; ok && replayed != sum {
				return f, fmt.Errorf("transaction %s is one in the snapshot and another in the log", z)
			}
			byZxid[z] = sum
		}
	}
	for z, sum := range byZxid {
		f.txns = append(f.txns, txn{z, sum})
	}
	slices.SortFunc(f.txns, func(a, b txn) int { return int(int64(a.zxid) - int64(b.zxid)) })
	f.fresh, f.last = rec.Fresh, rec.LastZxid
	return f, nil
}

func parseNode(n *SnapNode) (z proto.Zxid, sum uint64, ok bool) {
	hex, _ := strings.CutPrefix(n.Path, "/")
	id, err := strconv.ParseInt(hex, 16, 64)
	if err != nil || len(n.Data) != 8 {
		return 0, 0, false
	}
	return proto.Zxid(id), binary.BigEndian.Uint64(n.Data), true
}

// check compares what was found with what must be there.
func (f *found) check(claims []claim) error {
	for _, c := range claims {
		err := c.check(f)
		if c.also != nil {
			err = f.check(c.also)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *claim) check(f *found) error {
	var errs []error
	for _, l := range c.lines {
		errs = append(errs, l.check(f))
	}
	if !slices.Contains(errs, nil) {
		return errors.Join(errs...)
	}
	if e := f.epochs; e.Accepted < c.promised.Accepted || e.Current < c.promised.Current {
		return fmt.Errorf("the epochs found are %+v, and %+v had been promised", e, c.promised)
	} else if e.Current > e.Accepted || e.Current < f.last.Epoch() {
		return fmt.Errorf("the epochs found are %+v with the last transaction %s", e, f.last)
	} else if e.Accepted > max(c.tried.Accepted, f.last.Epoch()) || e.Current > max(c.tried.Current, f.last.Epoch()) {
		return fmt.Errorf("the epochs found are %+v, and only %+v were ever saved", e, c.tried)
	} else if e.Current == c.tried.Current && f.last < c.history {
		return fmt.Errorf("the current epoch found is %d with the last transaction %s, and its history reaches to %s", e.Current, f.last, c.history)
	}
	return nil
}

func (l *line) check(f *found) error {
	for i, t := range f.txns {
		if i >= len(l.txns) || l.txns[i].zxid > t.zxid {
			return fmt.Errorf("transaction %s was found, which was never appended there", t.zxid)
		}
		if l.txns[i].zxid < t.zxid {
			return fmt.Errorf("transaction %s is missing before %s", l.txns[i].zxid, t.zxid)
		}
		if l.txns[i] != t {
			return fmt.Errorf("transaction %s was found with other content", t.zxid)
		}
	}
	if n := len(f.txns); n < l.min {
		return fmt.Errorf("%d of %d acknowledged transactions were found, up to %s", n, l.min, lastOf(f.txns))
	}
	if f.last != lastOf(f.txns) {
		return fmt.Errorf("the last transaction is said to be %s and is %s", f.last, lastOf(f.txns))
	}
	return nil
}
