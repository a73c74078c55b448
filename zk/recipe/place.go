package recipe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/zk"
)

// place is a contender's place in line.
type place struct {
	name  string // of its znode
	path  string
	token zk.Zxid // of its creation
}

// lockName stands before the sequence number in a contender's name.
// Source: Curator's LockInternals and StandardLockInternalsDriver.
const lockName = "lock-"

// newPrefix returns a name nobody else uses: a contender whose create got no
// reply finds its znode by it. Source: Curator's ProtectedMode.
func newPrefix() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return fmt.Sprintf("_c_%x-%x-%x-%x-%x-%s", id[:4], id[4:6], id[6:8], id[8:10], id[10:], lockName)
}

// sequence returns the number at the end of a contender's name; ok is false
// for the names of others.
func sequence(name string) (n int32, ok bool) {
	i := strings.LastIndex(name, lockName)
	if i < 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(name[i+len(lockName):], 10, 32)
	return int32(v), err == nil
}

// join creates a contender's znode. Whatever happens, no znode is left that
// nobody knows of: it would block the line as long as the session lives.
func (l *Lock) join(ctx context.Context) (place, error) {
	prefix := newPrefix()
	for {
		path, stat, err := l.conn.CreateStat(ctx, l.dir+"/"+prefix, l.opts.Data, zk.EphemeralSequential, l.opts.ACL)
		switch {
		case err == nil:
			return l.place(path, stat), nil
		case errors.Is(err, zk.ErrNoNode):
			if err := l.makeDir(ctx); err != nil {
				return place{}, err
			}
			continue
		case errors.Is(err, zk.ErrConnectionLoss):
			found, ok, findErr := l.find(ctx, prefix)
			if ok {
				return found, nil
			}
			if findErr == nil {
				continue // it never happened
			}
			err = findErr
		case ctx.Err() == nil || zk.SafeToRetry(err):
			return place{}, err
		}
		go l.sweep(prefix) // ends at the latest with the Conn
		return place{}, err
	}
}

func (l *Lock) place(path string, stat zk.Stat) place {
	return place{name: path[strings.LastIndexByte(path, '/')+1:], path: path, token: stat.Czxid}
}

// find looks for the znode of a create that got no reply. The sync makes sure
// that the new server knows of everything the old one had passed on; what the
// old one still passes on later is refused, as the session has moved.
func (l *Lock) find(ctx context.Context, prefix string) (p place, ok bool, err error) {
	for {
		p, ok, err = l.findOnce(ctx, prefix)
		if !errors.Is(err, zk.ErrConnectionLoss) {
			return p, ok, err
		}
	}
}

func (l *Lock) findOnce(ctx context.Context, prefix string) (place, bool, error) {
	if err := l.conn.Sync(ctx, l.dir); err != nil {
		return place{}, false, err
	}
	names, err := l.conn.Children(ctx, l.dir)
	if errors.Is(err, zk.ErrNoNode) {
		return place{}, false, nil
	}
	if err != nil {
		return place{}, false, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			path := l.dir + "/" + name
			stat, ok, err := l.conn.Exists(ctx, path)
			return l.place(path, stat), ok, err
		}
	}
	return place{}, false, nil
}

// sweep removes the znode that a given-up create may have left.
func (l *Lock) sweep(prefix string) {
	ctx := context.Background() // the Conn's end ends every call
	if p, ok, _ := l.find(ctx, prefix); ok {
		l.remove(ctx, p.path)
	}
}
