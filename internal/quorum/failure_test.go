package quorum

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paddock-io/paddock/internal/storage/vfs"
)

var errBroken = errors.New("input/output error")

// TestDiskFails: nothing is acknowledged after a failed write or sync, and the
// process is told to end with ZooKeeper's exit code.
func TestDiskFails(t *testing.T) {
	for name, tc := range map[string]struct {
		op      vfs.Op
		pattern string
	}{
		"log sync":       {vfs.OpSync, "log.*"},
		"log write":      {vfs.OpWrite, "log.*"},
		"snapshot write": {vfs.OpWrite, "snapshot.*"},
		"snapshot sync":  {vfs.OpSync, "snapshot.*"},
	} {
		t.Run(name, func(t *testing.T) {
			s := standalone(t)
			s.opts.SnapCount = 10
			var broken atomic.Bool
			s.fs = &vfs.Faulty{FS: s.mem, Rule: func(op vfs.Op, path string) (int, error) {
				if !broken.Load() {
					return 0, nil
				}
				return vfs.FailNth(tc.op, tc.pattern, 0, errBroken)(op, path)
			}}
			s.start()
			allServe(t, s)
			s.session(7)
			broken.Store(true)
			if err := s.create(7, 0, "x"); err == nil && strings.HasPrefix(name, "log") {
				t.Error("a write was acknowledged")
			}
			for cxid := int32(1); cxid < 100; cxid++ {
				if err := s.create(7, cxid, "x"); err != nil {
					break
				}
			}
			err := s.wait()
			var exit *ExitError
			if !errors.As(err, &exit) || exit.Code != ExitDisk || !errors.Is(err, errBroken) {
				t.Errorf("Run ends with %v", err)
			}
			if s.serves() {
				t.Error("clients are still served")
			}
			if err := s.create(7, 1000, "x"); !errors.Is(err, ErrNotServing) {
				t.Errorf("a late request: %v", err)
			}
		})
	}
}

// TestEpochFileFails: the same while taking a role.
func TestEpochFileFails(t *testing.T) {
	servers := ensembleOf(t, 3)
	bad := servers[2] // would win
	var broken atomic.Bool
	bad.fs = &vfs.Faulty{FS: bad.mem, Rule: func(op vfs.Op, path string) (int, error) {
		if !broken.Load() {
			return 0, nil
		}
		return vfs.FailNth(vfs.OpSync, "acceptedEpoch*", 0, errBroken)(op, path)
	}}
	if err := bad.open(); err != nil { // writes the first epoch files
		t.Fatal(err)
	}
	bad.store.Close()
	broken.Store(true)
	for _, s := range servers {
		s.start()
	}
	var exit *ExitError
	if err := bad.wait(); !errors.As(err, &exit) || exit.Code != ExitDisk {
		t.Errorf("Run ends with %v", err)
	}
	allServe(t, servers[:2]...)
}

func TestPortTaken(t *testing.T) {
	for _, port := range []string{"quorum", "election"} {
		s := ensembleOf(t, 3)[0]
		s.opts.BindRetries = 1
		m, _ := s.opts.Ensemble.Member(1)
		addr := m.QuorumAddrs[0]
		if port == "election" {
			addr = m.ElectionAddrs[0]
		}
		ln, err := net.Listen("tcp", net.JoinHostPort(addr.Host, strconv.Itoa(addr.Port)))
		if err != nil {
			t.Fatal(err)
		}
		s.start()
		var exit *ExitError
		if err := s.wait(); !errors.As(err, &exit) || exit.Code != ExitBind {
			t.Errorf("%s port: Run ends with %v", port, err)
		}
		ln.Close()
	}
}
