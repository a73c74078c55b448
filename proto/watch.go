package proto

import (
	"fmt"

	"github.com/paddock-io/paddock/jute"
)

// AddWatchMode is the kind of watch that addWatch leaves.
type AddWatchMode int32

// Modes of addWatch. Source: ZooDefs.AddWatchModes.
const (
	AddWatchPersistent          AddWatchMode = 0
	AddWatchPersistentRecursive AddWatchMode = 1
)

// Valid reports whether m is a mode ZooKeeper knows.
func (m AddWatchMode) Valid() bool {
	return m == AddWatchPersistent || m == AddWatchPersistentRecursive
}

// WatcherType says which watches checkWatches and removeWatches are about.
type WatcherType int32

// Types of watchers; the last two since 3.9. Source: Watcher.WatcherType.
const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2
	WatcherAny                 WatcherType = 3
	WatcherPersistent          WatcherType = 4
	WatcherPersistentRecursive WatcherType = 5
)

// Valid reports whether t is a type ZooKeeper knows.
func (t WatcherType) Valid() bool { return t >= WatcherChildren && t <= WatcherPersistentRecursive }

// AddWatchRequest leaves a watch that stays when it fires.
type AddWatchRequest struct {
	Path string // need not exist
	Mode AddWatchMode
}

// Append appends the record.
func (r *AddWatchRequest) Append(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), int32(r.Mode))
}

// Decode reads the record. A null path reads as "": Java keeps a watch on
// either, and neither ever fires. Unknown modes are an error.
func (r *AddWatchRequest) Decode(d *jute.Decoder) {
	r.Path, r.Mode = d.String(), AddWatchMode(d.Int())
	if !r.Mode.Valid() {
		d.Fail(fmt.Errorf("proto: unknown mode %d of addWatch", r.Mode))
	}
}

// WatchesRequest asks for watches or removes them: checkWatches and
// removeWatches.
type WatchesRequest struct {
	Path string
	Type WatcherType
}

// Append appends the record.
func (r *WatchesRequest) Append(b []byte) []byte {
	return jute.AppendInt(jute.AppendString(b, r.Path), int32(r.Type))
}

// Decode reads the record. A null path reads as "", as in AddWatchRequest.
// Unknown types are an error.
func (r *WatchesRequest) Decode(d *jute.Decoder) {
	r.Path, r.Type = d.String(), WatcherType(d.Int())
	if !r.Type.Valid() {
		d.Fail(fmt.Errorf("proto: unknown watcher type %d", r.Type))
	}
}

// SetWatchesRequest leaves a connection's watches again after a reconnect. The
// last two lists are on the wire only in setWatches2.
type SetWatchesRequest struct {
	RelativeZxid                           Zxid
	Data, Exist, Child, Persist, Recursive []string
	V2                                     bool
}

// Append appends the record.
func (r *SetWatchesRequest) Append(b []byte) []byte {
	b = jute.AppendLong(b, int64(r.RelativeZxid))
	b = jute.AppendStrings(b, nonNil(r.Data))
	b = jute.AppendStrings(b, nonNil(r.Exist))
	b = jute.AppendStrings(b, nonNil(r.Child))
	if r.V2 {
		b = jute.AppendStrings(b, nonNil(r.Persist))
		b = jute.AppendStrings(b, nonNil(r.Recursive))
	}
	return b
}

// Decode reads the record; V2, set by the caller, says which form. Null lists
// are an error, as in Java, and so are null paths where the znode is looked up.
// Java has done what comes before the null by then.
func (r *SetWatchesRequest) Decode(d *jute.Decoder) {
	r.RelativeZxid = Zxid(d.Long())
	r.Data, r.Exist, r.Child = decodePaths(d), decodePaths(d), decodePaths(d)
	if r.V2 {
		r.Persist, r.Recursive = d.Strings(), d.Strings()
		if r.Persist == nil || r.Recursive == nil {
			d.Fail(errNull)
		}
	}
}

// decodePaths reads a list of paths, neither of which may be null.
func decodePaths(d *jute.Decoder) []string {
	n := d.Count(4)
	if n < 0 {
		d.Fail(errNull)
		return nil
	}
	paths := make([]string, 0, n)
	for range n {
		if paths = append(paths, decodePath(d)); d.Err() != nil {
			return nil
		}
	}
	return paths
}
