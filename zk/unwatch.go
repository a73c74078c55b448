package zk

import (
	"context"

	"github.com/paddock-io/paddock/proto"
)

// WatcherType says which watches CheckWatches and RemoveWatches are about.
type WatcherType = proto.WatcherType

// Types. The last two are understood by ZooKeeper 3.9 and later.
const (
	WatcherChildren            = proto.WatcherChildren // left by ChildrenW
	WatcherData                = proto.WatcherData     // left by GetW and ExistsW
	WatcherAny                 = proto.WatcherAny
	WatcherPersistent          = proto.WatcherPersistent // left by AddWatch
	WatcherPersistentRecursive = proto.WatcherPersistentRecursive
)

// CheckWatches returns nil if the server has a watch of this type on path for
// this Conn, and ErrNoWatcher if not.
func (c *Conn) CheckWatches(ctx context.Context, path string, typ WatcherType) error {
	_, err := c.Do(ctx, CheckWatchesOp(path, typ))
	return err
}

// RemoveWatches removes all of the Conn's watches of this type on path, at the
// server and here. Each hears of it by a last event of type
// EventDataWatchRemoved, EventChildWatchRemoved or EventPersistentWatchRemoved.
// It returns ErrNoWatcher if the server has none.
//
// With local, it removes them here if there is no connection, or the one there
// was is lost: the next server is not told of them then.
// Source: ZooKeeper.removeAllWatches.
func (c *Conn) RemoveWatches(ctx context.Context, path string, typ WatcherType, local bool) error {
	op := RemoveWatchesOp(path, typ)
	if local {
		c.mu.Lock()
		away := c.link == nil && c.gone() == nil
		c.mu.Unlock()
		if away {
			return c.removeLocally(op)
		}
	}
	_, err := c.Do(ctx, op)
	if e, ok := err.(*Error); ok && local && e.Err == error(ErrConnectionLoss) {
		return c.removeLocally(op)
	}
	return err
}

// removeLocally removes the watches that op is about.
func (c *Conn) removeLocally(op Op) error {
	c.mu.Lock()
	gone := c.watches.remove(WatcherType(op.version), op.full(c.root))
	c.mu.Unlock()
	if len(gone) == 0 {
		return &Error{Op: op.name(), Path: op.path, Err: ErrNoWatcher}
	}
	c.tellRemoved(gone, op.path)
	return nil
}

func (c *Conn) tellRemoved(gone []removed, path string) {
	for _, r := range gone {
		r.deliver(Event{Type: r.typ, Path: path, Zxid: -1})
	}
}

// rearmed hears what became of a setWatches. Persistent watches learn that
// there was a gap, and that it is over; those that the server would not take
// over end.
func (c *Conn) rearmed(r *proto.SetWatchesRequest, res Result) {
	e, _ := res.Err.(*Error)
	if e != nil && (e.Code() == 0 || e.Code() == ErrConnectionLoss) {
		return // the next connection will tell
	}
	if e != nil {
		c.refused(r, e.Code())
		return
	}
	var all []*PersistentWatch
	c.mu.Lock()
	for _, path := range r.Persist {
		all = append(all, c.watches.lasting[watchKey{persistentWatch, path}]...)
	}
	for _, path := range r.Recursive {
		all = append(all, c.watches.lasting[watchKey{recursiveWatch, path}]...)
	}
	c.mu.Unlock()
	for _, w := range all {
		w.deliver(Event{Type: EventGap, Path: w.path, Zxid: -1})
	}
}

func (c *Conn) refused(r *proto.SetWatchesRequest, code Code) {
	c.mu.Lock()
	once, lasting := c.watches.takeRefused(r)
	c.mu.Unlock()
	c.opts.Logger.Warn("server refused watches", "watches", len(once)+len(lasting), "reason", code)
	for _, w := range once {
		w.deliver(Event{Type: EventNone, Path: w.path, Zxid: -1, Err: code})
	}
	for _, w := range lasting {
		w.finish(Event{Type: EventNone, Path: w.path, Zxid: -1, Err: code})
	}
}
