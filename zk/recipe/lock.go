package recipe

import (
	"context"
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/zk"
)

// ErrHeld is returned by TryAcquire when another contender holds the lock.
var ErrHeld = errors.New("recipe: lock is held")

// LockOptions tune a Lock; the zero value is ready to use.
type LockOptions struct {
	Data []byte   // of the contenders' znodes; says who they are
	ACL  []zk.ACL // of all znodes created; nil means zk.OpenACL
}

// Lock is a lock among all who use the same directory of the same ensemble. It
// is fair: whoever asks first is served first. A Lock may be used by many
// goroutines, which then compete like separate processes; it is not reentrant.
type Lock struct {
	conn *zk.Conn
	dir  string
	opts LockOptions
}

// NewLock returns the lock of a directory, which is created when first needed.
// dir is a path below the root, as "/locks/printer".
func NewLock(conn *zk.Conn, dir string, opts LockOptions) *Lock {
	if opts.ACL == nil {
		opts.ACL = zk.OpenACL
	}
	return &Lock{conn: conn, dir: dir, opts: opts}
}

// Acquire waits for the lock. When ctx ends it leaves the line and returns the
// context's error, wrapped. Loss of connection is overcome; the end of the
// session is not.
func (l *Lock) Acquire(ctx context.Context) (*Held, error) { return l.acquire(ctx, true) }

// TryAcquire takes the lock if nobody holds it, else it returns ErrHeld.
func (l *Lock) TryAcquire(ctx context.Context) (*Held, error) { return l.acquire(ctx, false) }

func (l *Lock) acquire(ctx context.Context, wait bool) (*Held, error) {
	place, err := l.join(ctx)
	if err != nil {
		return nil, fmt.Errorf("recipe: join lock %s: %w", l.dir, err)
	}
	if err := l.waitTurn(ctx, place, wait); err != nil {
		// ctx may have ended, or the connection be down, so this happens
		// behind the caller's back. It ends at the latest with the Conn.
		go l.remove(context.Background(), place.path)
		if err == ErrHeld {
			return nil, err
		}
		return nil, fmt.Errorf("recipe: wait for lock %s: %w", l.dir, err)
	}
	return l.hold(place), nil
}

// waitTurn returns nil when place is first in line. Each contender watches
// only the one before it, so that a release wakes one and not all.
func (l *Lock) waitTurn(ctx context.Context, place place, wait bool) error {
	for {
		names, err := l.children(ctx)
		if err != nil {
			return err
		}
		before, err := predecessor(names, place.name)
		switch {
		case err != nil:
			return err
		case before == "":
			return nil
		case !wait:
			return ErrHeld
		}
		if err := l.waitGone(ctx, l.dir+"/"+before); err != nil {
			return err
		}
	}
}

// waitGone waits until a znode has changed or is gone. Reading it, unlike
// asking whether it exists, leaves no watch behind if it is gone already.
func (l *Lock) waitGone(ctx context.Context, path string) error {
	_, _, w, err := l.conn.GetW(ctx, path)
	switch {
	case errors.Is(err, zk.ErrNoNode), errors.Is(err, zk.ErrConnectionLoss):
		return nil // look at the line again
	case err != nil:
		return err
	}
	defer w.Stop()
	_, err = w.Wait(ctx)
	return err
}

// children lists the directory, as often as it takes.
func (l *Lock) children(ctx context.Context) ([]string, error) {
	for {
		names, err := l.conn.Children(ctx, l.dir)
		if !errors.Is(err, zk.ErrConnectionLoss) {
			return names, err
		}
	}
}

// remove deletes a contender's znode, as often as it takes.
func (l *Lock) remove(ctx context.Context, path string) error {
	for {
		err := l.conn.Delete(ctx, path, zk.AnyVersion)
		switch {
		case errors.Is(err, zk.ErrConnectionLoss):
			continue
		case errors.Is(err, zk.ErrNoNode): // an earlier attempt did it, or somebody else
			return nil
		}
		return err
	}
}

// makeDir creates the directory and those above it.
func (l *Lock) makeDir(ctx context.Context) error {
	for i := 1; i <= len(l.dir); i++ {
		if i < len(l.dir) && l.dir[i] != '/' {
			continue
		}
		if err := l.makeNode(ctx, l.dir[:i]); err != nil {
			return err
		}
	}
	return nil
}

// makeNode makes sure that a znode exists.
func (l *Lock) makeNode(ctx context.Context, path string) error {
	for {
		_, err := l.conn.Create(ctx, path, nil, zk.Persistent, l.opts.ACL)
		switch {
		case errors.Is(err, zk.ErrNodeExists):
			return nil
		case errors.Is(err, zk.ErrConnectionLoss):
			continue
		}
		return err
	}
}

// predecessor returns the name right before own in the line, "" if own is first.
func predecessor(names []string, own string) (string, error) {
	turn, ok := sequence(own)
	if !ok {
		return "", fmt.Errorf("%s is no contender's name", own)
	}
	before, best, present := "", int32(0), false
	for _, name := range names {
		n, ok := sequence(name)
		switch {
		case name == own:
			present = true
		case !ok || !earlier(n, turn):
		case before == "" || earlier(best, n):
			before, best = name, n
		}
	}
	if !present {
		return "", fmt.Errorf("znode %s was removed", own)
	}
	return before, nil
}

// earlier compares sequence numbers, which wrap around: a server counts the
// children it has created in 32 bits.
func earlier(a, b int32) bool { return a-b < 0 }
