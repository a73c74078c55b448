package bench

import (
	"fmt"
	"math/rand/v2"

	"github.com/paddock-io/paddock/zk"
)

// kind tells reads from writes.
type kind uint8

const (
	read kind = iota
	write
)

// perParent is how many znodes of Load have the same parent.
const perParent = 1000

// next returns the next request to send; ok is false if there is none left.
func (s *session) next() (op zk.Op, k kind, ok bool) {
	cfg := &s.b.cfg
	switch {
	case cfg.Work == Load:
		n := s.b.loaded.Add(1) - 1
		if n >= int64(cfg.Keys) {
			return zk.Op{}, write, false
		}
		return zk.CreateOp(s.b.loadPath(n), s.b.value, zk.Persistent, zk.OpenACL), write, true
	case cfg.Reads > 0 && rand.Float64() < cfg.Reads:
		if cfg.Read == "children" {
			return zk.ChildrenOp(cfg.Root), read, true
		}
		return zk.GetOp(s.b.anyPath()), read, true
	}
	return s.b.write(), write, true
}

func (b *bench) write() zk.Op {
	switch b.cfg.Write {
	case "create":
		return zk.CreateOp(b.cfg.Root+"/c", b.value, zk.PersistentSequential, zk.OpenACL)
	case "multi":
		m := b.cfg.MultiOps
		ops := make([]zk.Op, m.Min+rand.IntN(m.Max-m.Min+1))
		for i := range ops {
			ops[i] = zk.SetOp(b.anyPath(), b.value, zk.AnyVersion)
		}
		return zk.MultiOp(ops...)
	}
	return zk.SetOp(b.anyPath(), b.value, zk.AnyVersion)
}

func (b *bench) anyPath() string { return b.paths[rand.IntN(len(b.paths))] }

func (b *bench) loadPath(n int64) string {
	return fmt.Sprintf("%s/n%03d", b.paths[n/perParent], n%perParent)
}
