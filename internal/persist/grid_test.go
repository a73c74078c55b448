package persist_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

var (
	gridOne = flag.Int("grid.one", -1, "run one combination of the corruption grid")
	gridAll = flag.Bool("grid.all", false, "run all of them, not every 29th")
)

// entries of the grid, and the servers that have them.
const (
	gridEntries = 4
	gridServers = 3
)

// cell is where a copy of an entry lies.
type cell struct {
	file     string
	off, end int64
	zxid     proto.Zxid
}

// committed returns a file system with four committed entries of 3,000 bytes
// each, as each of three servers has them: the log closed in good order, or as a
// killed process leaves it.
func committed(t testing.TB, closed bool) (*vfs.Mem, []cell) {
	mem := vfs.NewMem()
	s, err := storage.Open(storage.Options{FS: mem, DataDir: "/d", PreallocBytes: 1 << 15})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := persist.Start(s, false); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SaveAcceptedEpoch(1), s.SaveCurrentEpoch(1)); err != nil {
		t.Fatal(err)
	}
	for i := range gridEntries {
		z := proto.MakeZxid(1, uint32(i+1))
		txn := proto.Txn{
			TxnHeader: proto.TxnHeader{Session: 1, Cxid: int32(i), Zxid: z, Time: 5, Type: proto.OpCreate},
			Body: &proto.CreateTxn{Path: fmt.Sprintf("/e%d", i), Data: []byte(strings.Repeat("data ", 600)), ACL: proto.OpenACL,
				ParentCversion: int32(i + 1)},
		}
		txn.Encode(4000)
		if err := errors.Join(s.Log().Append(storage.Entry{Zxid: z, Payload: txn.Raw}), s.Log().Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if closed {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	mem = copyOf(t, mem)
	var cells []cell
	const path = "/d/version-2/log.100000001"
	if _, err := storage.VerifyLog(mem, path, func(at int64, e storage.Entry) error {
		cells = append(cells, cell{path, at, at + 13 + int64(len(e.Payload)), e.Zxid})
		return nil
	}); err != nil || len(cells) != gridEntries {
		t.Fatalf("%d entries, %v", len(cells), err)
	}
	return mem, cells
}

// gridDamages are the ways in which a copy is lost. A sector is one that lies
// within the entry.
var gridDamages = map[string]func(mem *vfs.Mem, c cell) bool{
	"bit flipped": func(mem *vfs.Mem, c cell) bool {
		_, ok := mem.Fill(c.file, (c.off+c.end)/2, []byte{'!'})
		return ok
	},
	"sector of zeros": func(mem *vfs.Mem, c cell) bool {
		_, ok := mem.Zero(c.file, sectorIn(c), vfs.SectorSize)
		return ok
	},
	"all zeros": func(mem *vfs.Mem, c cell) bool {
		_, ok := mem.Zero(c.file, c.off, c.end-c.off)
		return ok
	},
	"sector unreadable": func(mem *vfs.Mem, c cell) bool {
		_, ok := mem.Unreadable(c.file, sectorIn(c), vfs.SectorSize)
		return ok
	},
}

func sectorIn(c cell) int64 { return (c.off + vfs.SectorSize) &^ (vfs.SectorSize - 1) }

// TestCorruptionGrid is the experiment of "Protocol-Aware Recovery for
// Consensus-Based Storage" (FAST '18): four committed entries on three servers,
// every combination of damaged copies. In 2,401 of 4,096 every entry has a good
// copy left, and then all must be there; in the others the ensemble must stay
// down and say what is missing.
func TestCorruptionGrid(t *testing.T) {
	for name, damage := range gridDamages {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", name, closed), func(t *testing.T) {
				t.Parallel()
				whole, cells := committed(t, closed)
				right, safe := 0, 0
				for mask := range 1 << (gridEntries * gridServers) {
					if *gridOne >= 0 && mask != *gridOne || *gridOne < 0 && !*gridAll && mask%29 != 0 {
						continue
					}
					recoverable, err := gridRun(t, whole, cells, mask, damage)
					switch {
					case err != nil:
						t.Errorf("combination %d (%s): %v\nreplay: go test ./internal/persist -run '%s' -grid.one=%d", mask, picture(mask), err, t.Name(), mask)
					case recoverable:
						right++
					default:
						safe++
					}
				}
				if *gridAll && *gridOne < 0 && (right != 2401 || safe != 1695) {
					t.Errorf("%d of 2,401 right, %d of 1,695 safe", right, safe)
				}
				t.Logf("%d combinations recovered, %d refused", right, safe)
			})
		}
	}
}

// picture draws a combination: a row for each server, x for a damaged copy.
func picture(mask int) string {
	rows := make([]string, gridServers)
	for i := range rows {
		for e := range gridEntries {
			rows[i] += string(".x"[mask>>(i*gridEntries+e)&1])
		}
	}
	return strings.Join(rows, " ")
}

// gridRun starts three servers with the damaged copies of mask and says whether
// every entry had a good copy.
func gridRun(t testing.TB, whole *vfs.Mem, cells []cell, mask int, damage func(*vfs.Mem, cell) bool) (recoverable bool, err error) {
	w := newWorld(t, gridServers)
	lost := ^0
	for i := range gridServers {
		mem := copyOf(t, whole)
		row := mask >> (i * gridEntries) & (1<<gridEntries - 1)
		lost &= row
		for e, c := range cells {
			if row>>e&1 != 0 && !damage(mem, c) {
				t.Fatal("nothing was damaged")
			}
		}
		if _, err := w.start(proto.PeerID(i+1), mem); err != nil {
			return false, err
		}
	}
	if lost == 0 {
		if !w.run(20*time.Second, func() bool { return w.serving() == gridServers }) {
			return true, fmt.Errorf("only %d servers serve", w.serving())
		}
		return true, w.allThere()
	}
	w.run(5*time.Second, func() bool { return w.serving() > 0 })
	if n := w.serving(); n > 0 {
		return false, fmt.Errorf("%d servers serve without what was committed", n)
	}
	for _, id := range w.ids() {
		s := w.servers[id]
		if s.repair == nil {
			return false, fmt.Errorf("server %d takes itself for whole", id)
		}
		for e, c := range cells {
			if lost>>e&1 != 0 && !names(s.repair.Said(), c.zxid, cells) {
				return false, fmt.Errorf("server %d says %q and not that %s is missing", id, s.repair.Said(), c.zxid)
			}
		}
	}
	if len(w.servers) != gridServers {
		return false, errors.New("a server has ended")
	}
	return false, nil
}

// names reports whether text names a transaction, by itself or in a range.
func names(text string, z proto.Zxid, cells []cell) bool {
	if strings.Contains(text, z.String()) {
		return true
	}
	for _, from := range cells {
		for _, to := range cells {
			if from.zxid < z && z < to.zxid && strings.Contains(text, fmt.Sprintf("from %s to %s", from.zxid, to.zxid)) {
				return true
			}
		}
	}
	return false
}

// allThere checks that every server that serves has all four entries.
func (w *world) allThere() error {
	for _, id := range w.ids() {
		s := w.servers[id]
		for i := range gridEntries {
			if n, ok := s.tree.Get(fmt.Sprintf("/e%d", i)); !ok || len(n.Data()) != 3000 {
				return fmt.Errorf("server %d has lost /e%d", id, i)
			}
		}
		if s.repair != nil {
			return fmt.Errorf("server %d serves and is not whole", id)
		}
	}
	return nil
}
