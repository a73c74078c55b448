package zk

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// Create creates a znode and returns its name, which for sequential kinds ends
// in a counter. acl must not be empty; OpenACL lets everybody do everything.
func (c *Conn) Create(ctx context.Context, path string, data []byte, flags CreateFlags, acl []ACL) (string, error) {
	res, err := c.Do(ctx, CreateOp(path, data, flags, acl))
	return res.Path, err
}

// CreateStat creates a znode and returns its name and metadata.
func (c *Conn) CreateStat(ctx context.Context, path string, data []byte, flags CreateFlags, acl []ACL) (string, Stat, error) {
	res, err := c.Do(ctx, CreateStatOp(path, data, flags, acl))
	return res.Path, res.Stat, err
}

// CreateTTL creates a znode of kind PersistentTTL or PersistentSequentialTTL,
// which is removed when it has no children and its data has not been set for
// ttl: whole milliseconds, 1 to 2^40-1. It returns its name and metadata. Servers
// refuse it with ErrUnimplemented unless extended types are enabled.
func (c *Conn) CreateTTL(ctx context.Context, path string, data []byte, flags CreateFlags, acl []ACL, ttl time.Duration) (string, Stat, error) {
	res, err := c.Do(ctx, CreateTTLOp(path, data, flags, acl, ttl))
	return res.Path, res.Stat, err
}

// Delete deletes a znode without children that has this version.
func (c *Conn) Delete(ctx context.Context, path string, version int32) error {
	_, err := c.Do(ctx, DeleteOp(path, version))
	return err
}

// Exists returns a znode's metadata and whether it exists. A missing znode is
// no error.
func (c *Conn) Exists(ctx context.Context, path string) (Stat, bool, error) {
	res, _, err := c.do(ctx, ExistsOp(path))
	return found(res, err)
}

// ExistsW is Exists with a watch for the znode's creation, deletion or change
// of data.
func (c *Conn) ExistsW(ctx context.Context, path string) (Stat, bool, *Watch, error) {
	res, w, err := c.do(ctx, watched(ExistsOp(path)))
	stat, ok, err := found(res, err)
	if err != nil {
		return stat, ok, nil, err
	}
	return stat, ok, w, nil
}

func found(res Result, err error) (Stat, bool, error) {
	if e, ok := err.(*Error); ok && e.Err == error(ErrNoNode) {
		return Stat{}, false, nil
	}
	return res.Stat, err == nil, err
}

func watched(op Op) Op {
	op.watch = true
	return op
}

// Get returns a znode's data and metadata. The data is the caller's; it is nil
// if the znode's is null.
func (c *Conn) Get(ctx context.Context, path string) ([]byte, Stat, error) {
	res, err := c.Do(ctx, GetOp(path))
	return res.Data, res.Stat, err
}

// GetW is Get with a watch for the znode's deletion or change of data. The
// watch is nil if there is an error.
func (c *Conn) GetW(ctx context.Context, path string) ([]byte, Stat, *Watch, error) {
	res, w, err := c.do(ctx, watched(GetOp(path)))
	if err != nil {
		return nil, Stat{}, nil, err
	}
	return res.Data, res.Stat, w, nil
}

// Set replaces the data of a znode that has this version and returns its new
// metadata. nil data becomes null.
func (c *Conn) Set(ctx context.Context, path string, data []byte, version int32) (Stat, error) {
	res, err := c.Do(ctx, SetOp(path, data, version))
	return res.Stat, err
}

// Children returns the names of a znode's children, without its path and in no
// order.
func (c *Conn) Children(ctx context.Context, path string) ([]string, error) {
	res, err := c.Do(ctx, ChildrenOp(path))
	return res.Children, err
}

// ChildrenW is Children with a watch for a child's creation or deletion and
// for the znode's deletion. The watch is nil if there is an error.
func (c *Conn) ChildrenW(ctx context.Context, path string) ([]string, *Watch, error) {
	res, w, err := c.do(ctx, watched(ChildrenOp(path)))
	if err != nil {
		return nil, nil, err
	}
	return res.Children, w, nil
}

// ChildrenStat is Children that also returns the znode's metadata.
func (c *Conn) ChildrenStat(ctx context.Context, path string) ([]string, Stat, error) {
	res, err := c.Do(ctx, ChildrenStatOp(path))
	return res.Children, res.Stat, err
}

// GetACL returns a znode's ACL and metadata.
func (c *Conn) GetACL(ctx context.Context, path string) ([]ACL, Stat, error) {
	res, err := c.Do(ctx, GetACLOp(path))
	return res.ACL, res.Stat, err
}

// SetACL replaces the ACL of a znode whose ACL has this version
// (Stat.Aversion), and returns its new metadata.
func (c *Conn) SetACL(ctx context.Context, path string, acl []ACL, version int32) (Stat, error) {
	res, err := c.Do(ctx, SetACLOp(path, acl, version))
	return res.Stat, err
}

// Sync waits until the server has caught up with the leader, so that a read
// submitted after it sees every write that was answered before the Sync began,
// whoever wrote it. GetLatest and DoLatest do both in one round trip.
//
// With a leader of Paddock this makes the read linearizable: it answers only
// once a quorum has confirmed that it still leads, unless it is configured
// otherwise. One of Apache ZooKeeper may answer without asking, and if it has
// been deposed without knowing, what its successor has written is missed.
func (c *Conn) Sync(ctx context.Context, path string) error {
	_, err := c.Do(ctx, SyncOp(path))
	return err
}

// Multi executes create, delete, set and check operations: all, in order, or
// none. If one fails, the error is that operation's, and the results tell the
// fate of each; other errors come without results.
func (c *Conn) Multi(ctx context.Context, ops ...Op) ([]OpResult, error) {
	res, err := c.Do(ctx, MultiOp(ops...))
	return res.Results, err
}

// DoLatest executes a read such as GetOp behind a Sync, in one round trip: the
// result shows every write that was answered before DoLatest began. Sync tells
// what that is worth. It fails if either of the two does.
func (c *Conn) DoLatest(ctx context.Context, op Op) (Result, error) {
	var failed atomic.Pointer[Result] // set before the read's reply is taken
	sync := c.newCall(SyncOp(op.path))
	if op.path == "" {
		sync.op.path = "/"
	}
	sync.op.rooted = op.rooted
	sync.done = func(r Result) {
		if r.Err != nil {
			failed.Store(&Result{Zxid: r.Zxid, Err: r.Err})
		}
	}
	res, _, err := c.wait(ctx, sync, c.newCall(op))
	if f := failed.Load(); f != nil {
		return *f, f.Err // what was read may be stale
	}
	return res, err
}

// GetLatest is Get behind a Sync: see DoLatest.
func (c *Conn) GetLatest(ctx context.Context, path string) ([]byte, Stat, error) {
	res, err := c.DoLatest(ctx, GetOp(path))
	return res.Data, res.Stat, err
}

// MultiRead executes reads by GetOp and ChildrenOp, which see one state of the
// server. Each result has its own error; err is for the request as a whole.
func (c *Conn) MultiRead(ctx context.Context, ops ...Op) ([]OpResult, error) {
	res, err := c.Do(ctx, MultiReadOp(ops...))
	return res.Results, err
}

// Ephemerals returns the paths of this session's ephemeral znodes that begin
// with prefix, in no order; prefix need not be a whole path, and "/" stands for
// all.
func (c *Conn) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	res, err := c.Do(ctx, EphemeralsOp(prefix))
	return res.Children, err
}

// AllChildrenNumber returns how many znodes there are below path, at any depth.
func (c *Conn) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	res, err := c.Do(ctx, AllChildrenNumberOp(path))
	return res.Count, err
}

// WhoAmI returns the identities that the server knows this connection by: its
// address in scheme ip, and those of AddAuth without their secrets.
func (c *Conn) WhoAmI(ctx context.Context) ([]ID, error) {
	res, err := c.Do(ctx, WhoAmIOp())
	return res.IDs, err
}

// AddAuth presents a credential, now and on every later connection of the
// session, and waits for the server's consent. A refusal ends the Conn with
// ErrAuthFailed. If ctx ends first, the credential stays with the Conn.
func (c *Conn) AddAuth(ctx context.Context, scheme string, data []byte) error {
	data = append([]byte(nil), data...)
	c.remember(Auth{scheme, data})
	for {
		_, err := c.Do(ctx, Op{code: proto.OpAuth, path: scheme, data: data})
		if e, ok := err.(*Error); ok && e.Err == error(ErrConnectionLoss) {
			continue // presenting it twice does no harm
		}
		return err
	}
}

func (c *Conn) remember(a Auth) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.auths {
		if a.Scheme == b.Scheme && string(a.Data) == string(b.Data) {
			return
		}
	}
	c.auths = append(c.auths, a)
}
