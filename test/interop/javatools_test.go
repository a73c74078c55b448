package interop

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// Main classes of Java's tools for files.
const (
	txnLogToolkit     = "org.apache.zookeeper.server.persistence.TxnLogToolkit"
	snapshotFormatter = "org.apache.zookeeper.server.SnapshotFormatter"
	snapshotComparer  = "org.apache.zookeeper.server.SnapshotComparer"
	snapshotSummary   = "org.apache.zookeeper.server.SnapshotRecursiveSummary"
)

// TestJavaTools has Java's own tools read what Paddock wrote: every log and snapshot of a server that was killed
// twice, plain and compressed.
func TestJavaTools(t *testing.T) {
	in, paddock := peers.Require(t), peers.RequirePaddock(t)
	for _, method := range []string{"", "gz", "snappy"} {
		t.Run("compression="+method, func(t *testing.T) {
			s := writtenByPaddock(t, paddock, method)
			logs, snaps := dataFiles(t, s)
			if method != "" {
				logs = nil // the same once more
			}
			for _, log := range logs {
				readLog(t, in, paddock, log)
			}
			for _, snap := range snaps {
				readSnapshot(t, in, snap)
			}
			newest, before := snaps[len(snaps)-1], snaps[len(snaps)-2]
			text := javaTool(t, in, snapshotComparer, "-l", before, "-r", newest, "-b", "0", "-n", "0", "-d")
			if !strings.Contains(text, "Analysis for depth 0") {
				t.Errorf("SnapshotComparer says\n%s", text)
			}
			if text := javaTool(t, in, snapshotSummary, newest, "/", "2"); !strings.Contains(text, "/app") {
				t.Errorf("SnapshotRecursiveSummary says\n%s", text)
			}
		})
	}
}

// TestOlderJavaTools has the tools of every version read the newest files.
func TestOlderJavaTools(t *testing.T) {
	in, paddock := peers.Require(t), peers.RequirePaddock(t)
	s := writtenByPaddock(t, paddock, "")
	logs, snaps := dataFiles(t, s)
	for _, version := range in.Versions() {
		at, err := in.At(version)
		check(t, err)
		if version < "3.5" {
			continue // it has other tools, and does not know these transactions
		}
		readSnapshot(t, at, snaps[len(snaps)-1])
		if version > "3.6" { // that of 3.5 fails at znodes whose data is null, whoever wrote them
			readLog(t, at, paddock, logs[len(logs)-1])
		}
	}
}

// writtenByPaddock is a server that was killed after it had written one of everything.
func writtenByPaddock(t *testing.T, paddock peers.Paddock, method string) *peers.Server {
	cfg := peers.Config{Properties: map[string]string{"zookeeper.snapCount": "12", "zookeeper.snapshot.compression.method": method}}
	maps.Copy(cfg.Properties, golden.Properties)
	s := peers.StartServer(t, paddock, cfg)
	fill(t, s, "", golden.FillFirst)
	s.Kill()
	startAgain(t, s)
	fill(t, s, "", func(s *golden.Session, _, root string) { golden.FillSecond(s, root) })
	s.Kill()
	return s
}

// dataFiles returns the server's files, by ascending zxid. A snapshot that the kill interrupted is none yet.
func dataFiles(t *testing.T, s *peers.Server) (logs, snaps []string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(s.VersionDir(), "log.*"))
	check(t, err)
	snaps, err = filepath.Glob(filepath.Join(s.VersionDir(), "snapshot.*"))
	check(t, err)
	snaps = slices.DeleteFunc(snaps, func(path string) bool { return strings.HasSuffix(path, ".tmp") })
	if len(logs) < 2 || len(snaps) < 3 {
		t.Fatalf("%v left %v and %v", s, logs, snaps)
	}
	byZxid := func(a, b string) int { return cmpZxid(a) - cmpZxid(b) }
	slices.SortFunc(logs, byZxid)
	slices.SortFunc(snaps, byZxid)
	return logs, snaps
}

// cmpZxid reads the zxid of a file of a server alone, which is small.
func cmpZxid(path string) int {
	z, _ := strconv.ParseInt(strings.Split(filepath.Base(path), ".")[1], 16, 32)
	return int(z)
}

// readLog has TxnLogToolkit read a log and wants as many transactions as Paddock finds, and no complaint.
func readLog(t *testing.T, in *peers.Installation, paddock peers.Paddock, path string) {
	t.Helper()
	verified, err := exec.Command(paddock.Binary, "log", "verify", path).Output()
	found := transactions.FindSubmatch(verified)
	if err != nil || found == nil {
		t.Fatalf("paddock log verify %s: %v\n%s", path, err, verified)
	}
	text := javaTool(t, in, txnLogToolkit, "-d", path)
	if want := fmt.Sprintf("EOF reached after %s txns.", found[1]); !strings.Contains(text, want) || strings.Contains(text, "CRC") {
		t.Errorf("TxnLogToolkit of %s says of %s, of which Paddock says %s:\n%s", in.Version(), path, verified, text)
	}
}

var transactions = regexp.MustCompile(`: (\d+) transactions, `)

// readSnapshot has SnapshotFormatter read a snapshot, and wants the last zxid that Java's own have.
func readSnapshot(t *testing.T, in *peers.Installation, path string) {
	t.Helper()
	text := javaTool(t, in, snapshotFormatter, "-d", path)
	_, hex, _ := strings.Cut(filepath.Base(path), ".")
	hex, _, _ = strings.Cut(hex, ".")
	if want := "Last zxid: 0x" + hex; !strings.Contains(text, want) || !strings.Contains(text, "ZNode Details") {
		t.Errorf("SnapshotFormatter of %s says of %s:\n%s", in.Version(), path, text)
	}
}

// javaTool runs a main class and returns what it printed. Standard error must stay empty.
func javaTool(t *testing.T, in *peers.Installation, class string, args ...string) string {
	t.Helper()
	cmd := in.JavaClient(in.Classpath(), append([]string{class}, args...)...)
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.Len() > 0 {
		t.Errorf("%s of %s, %v: %v\n%s%s", class, in.Version(), args, err, out, complaints.String())
	}
	return string(out)
}
