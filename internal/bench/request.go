package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/paddock-io/paddock/proto"
)

// kind tells reads from writes.
type kind uint8

const (
	read kind = iota
	write
	ahead // a sync ahead of a read: it does not count by itself
)

// perParent is how many znodes of Load have the same parent.
const perParent = 1000

// nextKind says what the next request is; ok is false if there is none left.
func (b *bench) nextKind() (k kind, ok bool) {
	switch {
	case b.cfg.Work == Load:
		return write, b.loaded.Load() < int64(b.cfg.Keys)
	case b.cfg.Reads > 0 && rand.Float64() < b.cfg.Reads:
		return read, true
	}
	return write, true
}

// appendRead appends a read's frame.
func (b *bench) appendRead(out []byte, xid int32) []byte {
	if b.cfg.Read == "children" {
		r := proto.PathWatchRequest{Path: b.cfg.Root}
		return endFrame(r.Append(startFrame(out, xid, proto.OpGetChildren)), len(out))
	}
	r := proto.PathWatchRequest{Path: b.anyPath()}
	return endFrame(r.Append(startFrame(out, xid, proto.OpGetData)), len(out))
}

// appendSync appends a sync's frame.
func (b *bench) appendSync(out []byte, xid int32) []byte {
	r := proto.PathRequest{Path: b.cfg.Root}
	return endFrame(r.Append(startFrame(out, xid, proto.OpSync)), len(out))
}

// appendWrite appends a write's frame; ok is false if there is none left.
func (b *bench) appendWrite(out []byte, xid int32) (_ []byte, ok bool) {
	switch {
	case b.cfg.Work == Load:
		n := b.loaded.Add(1) - 1
		if n >= int64(b.cfg.Keys) {
			return out, false
		}
		return b.appendCreate(out, xid, b.loadPath(n), 0), true
	case b.cfg.Write == "create":
		return b.appendCreate(out, xid, b.cfg.Root+"/c", proto.PersistentSequential), true
	case b.cfg.Write == "multi":
		return b.appendMulti(out, xid), true
	}
	r := proto.SetDataRequest{Path: b.anyPath(), Data: b.value, Version: -1}
	return endFrame(r.Append(startFrame(out, xid, proto.OpSetData)), len(out)), true
}

func (b *bench) appendCreate(out []byte, xid int32, path string, flags proto.CreateFlags) []byte {
	r := proto.CreateRequest{Path: path, Data: b.value, ACL: proto.OpenACL, Flags: flags}
	return endFrame(r.Append(startFrame(out, xid, proto.OpCreate)), len(out))
}

func (b *bench) appendMulti(out []byte, xid int32) []byte {
	start, m := len(out), b.cfg.MultiOps
	out = startFrame(out, xid, proto.OpMulti)
	for range m.Min + rand.IntN(m.Max-m.Min+1) {
		r := proto.SetDataRequest{Path: b.anyPath(), Data: b.value, Version: -1}
		out = r.Append(proto.MultiHeader{Type: proto.OpSetData, Err: -1}.Append(out))
	}
	return endFrame(proto.MultiEnd.Append(out), start)
}

func (b *bench) anyPath() string { return b.paths[rand.IntN(len(b.paths))] }

func (b *bench) loadPath(n int64) string {
	return fmt.Sprintf("%s/n%03d", b.paths[n/perParent], n%perParent)
}

// requestSize is a bound of what one request takes, in bytes.
func (c *Config) requestSize() int {
	n := c.Size + len(c.Root) + 100
	if c.Write == "multi" {
		n *= c.MultiOps.Max
	}
	return n
}
