package vfs

import (
	"slices"
	"sync/atomic"
)

// Changes are the operations that change something.
var Changes = []Op{OpCreate, OpWrite, OpSync, OpTruncate, OpRename, OpRemove, OpSyncDir}

// FailOnce returns a rule by which the n-th of the operations ops fails, counted
// from 0, and everything else passes. Of a write, keep bytes are written first:
// that is a short write. With syscall.EIO or syscall.ENOSPC it is a disk that
// has a bad moment, which is the worst for whoever tries again.
func FailOnce(n, keep int, err error, ops ...Op) Rule {
	return failWhen(func(at int64) bool { return at == int64(n) }, keep, err, ops)
}

// FailFrom is FailOnce for a disk that stays broken.
func FailFrom(n, keep int, err error, ops ...Op) Rule {
	return failWhen(func(at int64) bool { return at >= int64(n) }, keep, err, ops)
}

func failWhen(fails func(at int64) bool, keep int, err error, ops []Op) Rule {
	var seen atomic.Int64
	return func(op Op, _ string) (int, error) {
		if slices.Contains(ops, op) && fails(seen.Add(1)-1) {
			return keep, err
		}
		return 0, nil
	}
}
