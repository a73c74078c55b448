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
	// Cut says that a null list, or a null path in one of the first three, came
	// next: what the record says after it is left out.
	Cut bool
}

// lists are those of the form in use.
func (r *SetWatchesRequest) lists() []*[]string {
	all := []*[]string{&r.Data, &r.Exist, &r.Child, &r.Persist, &r.Recursive}
	if !r.V2 {
		return all[:3]
	}
	return all
}

// Append appends the record, with a null where it is cut: the first list that is
// nil, or behind the last path.
func (r *SetWatchesRequest) Append(b []byte) []byte {
	b = jute.AppendLong(b, int64(r.RelativeZxid))
	lists := r.lists()
	for i, l := range lists {
		switch {
		case r.Cut && *l == nil:
			b = jute.AppendInt(b, -1)
		case r.Cut && i == len(lists)-1:
			b = jute.AppendInt(b, int32(len(*l)+1))
			for _, path := range *l {
				b = jute.AppendString(b, path)
			}
			b = jute.AppendInt(b, -1)
		default:
			b = jute.AppendStrings(b, nonNil(*l))
		}
	}
	return b
}

// Decode reads the record; V2, set by the caller, says which form. Java reads
// all of it before it comes to grief over a null, and has done then what stands
// before that. Source: DataTree.setWatches.
func (r *SetWatchesRequest) Decode(d *jute.Decoder) {
	r.RelativeZxid = Zxid(d.Long())
	for i, l := range r.lists() {
		n := d.Count(4)
		r.Cut = r.Cut || n < 0
		if !r.Cut {
			*l = make([]string, 0, n)
		}
		for range n {
			path, ok := d.NullString()
			if r.Cut = r.Cut || !ok && i < 3; !r.Cut {
				*l = append(*l, path)
			}
		}
	}
}
