package tree

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// grown returns a tree with n znodes of 100 bytes, a thousand to a parent, and
// their paths.
func grown(n int) (*Tree, []string) {
	tr, res := New(), new(Result)
	z := proto.Zxid(0)
	paths := make([]string, 0, n)
	data := make([]byte, 100)
	for i := range n {
		if i%1000 == 0 {
			z++
			tr.Apply(mkCreate(z, fmt.Sprintf("/p%06d", i/1000), "", -1), res)
		}
		z++
		path := fmt.Sprintf("/p%06d/n%010d", i/1000, i)
		tr.Apply(txn(z, 1, proto.OpCreate, &proto.CreateTxn{Path: path, Data: data, ACL: proto.OpenACL, ParentCversion: -1}), res)
		paths = append(paths, path)
	}
	return tr, paths
}

const benchNodes = 100_000

func BenchmarkGet(b *testing.B) {
	tr, paths := grown(benchNodes)
	b.ReportAllocs()
	var size int32
	for i := 0; b.Loop(); i++ {
		n, _ := tr.Get(paths[i*7919%len(paths)])
		s := n.Stat()
		size += s.DataLength + int32(len(n.Data())) + int32(len(n.ACL()))
	}
}

func BenchmarkChildren(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tr, res := New(), new(Result)
			for i := range n {
				tr.Apply(mkCreate(proto.Zxid(i+1), fmt.Sprintf("/n%010d", i), "", int32(i+1)), res)
			}
			var names []string
			b.ReportAllocs()
			for b.Loop() {
				names, _ = tr.Children("/", names[:0])
			}
		})
	}
}

func BenchmarkSetData(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			tr, paths := grown(benchNodes)
			body := &proto.SetDataTxn{Data: make([]byte, size)}
			x, res := txn(0, 1, proto.OpSetData, body), new(Result)
			x.Zxid = tr.LastZxid()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x.Zxid++
				body.Path, body.Version = paths[i*7919%1000], int32(i)
				tr.Apply(x, res)
			}
		})
	}
}

// One create and one delete; the path is made anew each time, as by decoding.
func BenchmarkCreateDelete(b *testing.B) {
	tr, _ := grown(benchNodes)
	create := &proto.CreateTxn{Data: make([]byte, 100), ACL: proto.OpenACL, ParentCversion: -1}
	del := new(proto.DeleteTxn)
	x, res := txn(tr.LastZxid(), 1, proto.OpCreate, create), new(Result)
	y := txn(0, 1, proto.OpDelete, del)
	paths := make([]string, 1000)
	for i := range paths {
		paths[i] = fmt.Sprintf("/p%06d/c%d", i%100, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Zxid, y.Zxid = x.Zxid+2, x.Zxid+3
		create.Path = paths[i%len(paths)]
		del.Path = create.Path
		tr.Apply(x, res)
		tr.Apply(y, res)
	}
}

// Bytes of heap a znode takes, its path of 20 bytes and data of 100 included.
func BenchmarkMemoryPerNode(b *testing.B) {
	for b.Loop() {
		before := heap()
		tr, paths := grown(benchNodes)
		clear(paths)
		b.ReportMetric(float64(heap()-before)/benchNodes, "B/znode")
		runtime.KeepAlive(tr)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A million watches of a thousand watchers: all on the same thousand paths, and
// each on a thousand of its own. The text of the paths counts.
func BenchmarkMillionWatches(b *testing.B) {
	for _, distinct := range []bool{false, true} {
		for kind, name := range []string{"data", "children", "persistent", "recursive"} {
			b.Run(fmt.Sprintf("distinct=%v/%s", distinct, name), func(b *testing.B) {
				for b.Loop() {
					before := heap()
					w := New().Watches()
					for i := range 1_000_000 {
						id, path := WatcherID(i/1000), i%1000
						if distinct {
							path = i
						}
						w.Add(WatchKind(kind), fmt.Sprintf("/services/service-%d", path), id)
					}
					b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
					runtime.KeepAlive(w)
				}
			})
		}
	}
}

// A thousand watchers hear of one change. The recursive ones watch all four
// paths from the root on, and the znode itself as well.
func BenchmarkFireThousand(b *testing.B) {
	for kind, name := range []string{"data", "", "persistent", "recursive"} {
		if name == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			tr := New()
			tr.SetSink(new(counter))
			apply(tr, mkCreate(1, "/a", "", 1), mkCreate(2, "/a/b", "", 1), mkCreate(3, "/a/b/c", "", 1))
			paths := []string{"/a/b/c"}
			if WatchKind(kind) == WatchRecursive {
				paths = []string{"/", "/a", "/a/b", "/a/b/c"}
			}
			x, res := mkSet(4, "/a/b/c", "", 1), new(Result)
			arm := func() {
				for id := range WatcherID(1000) {
					for _, p := range paths {
						tr.Watches().Add(WatchKind(kind), p, id)
					}
				}
			}
			arm()
			b.ReportAllocs()
			for b.Loop() {
				x.Zxid++
				tr.Apply(x, res)
				if WatchKind(kind) == WatchData {
					b.StopTimer()
					arm()
					b.StartTimer()
				}
			}
		})
	}
}

// A change that nobody has asked for while others are watched: other paths, and
// other paths recursively.
func BenchmarkFireNobody(b *testing.B) {
	for kind, name := range []string{"data", "", "", "recursive"} {
		if name == "" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			w := New().Watches()
			for i := range 10_000 {
				w.Add(WatchKind(kind), fmt.Sprintf("/services/service-%d/members", i), 1)
			}
			b.ReportAllocs()
			for b.Loop() {
				w.take(proto.EventNodeDataChanged, "/services/service-x/members/member-0000000001")
			}
		})
	}
}

// counter is a sink that only counts.
type counter struct{ n int }

func (c *counter) Notify(_ *Event, to []WatcherID) { c.n += len(to) }

func BenchmarkSnapNodes(b *testing.B) {
	tr, _ := grown(benchNodes)
	b.ReportAllocs()
	for b.Loop() {
		bytes := 0
		tr.SnapNodes(func(path string, data []byte, _ int64, _ *proto.StatPersisted) error {
			bytes += len(path) + len(data)
			return nil
		})
		b.SetBytes(int64(bytes))
	}
}

func BenchmarkLoad(b *testing.B) {
	tr, _ := grown(benchNodes)
	b.ReportAllocs()
	for b.Loop() {
		l := NewLoader()
		if err := copyInto(l, tr); err != nil {
			b.Fatal(err)
		}
		if _, err := l.Done(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchNodes, "ns/znode")
}

// BenchmarkLookAtAddresses is one look of a client at an ACL of 4,096 addresses, of which the last is its own.
func BenchmarkLookAtAddresses(b *testing.B) {
	acl := make([]proto.ACL, 4096)
	for i := range acl {
		acl[i] = proto.ACL{Perms: proto.PermAll, ID: proto.ID{Scheme: "ip", ID: fmt.Sprintf("10.0.%d.%d", i/256, i%256)}}
	}
	acl[len(acl)-1].ID.ID = "127.0.0.1"
	ids := []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}
	var r ACLRules
	b.ReportAllocs()
	for b.Loop() {
		if !r.Allowed(acl, proto.PermRead, ids) {
			b.Fatal("not allowed")
		}
	}
}
