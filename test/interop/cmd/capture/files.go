package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

const storageDir = "internal/storage/testdata/java"

// captureFiles keeps the data directory of a standalone server that was killed twice: a first log, the
// snapshot taken at the second start, a second log; and what a Java client sees of the result.
func captureFiles(c *capture) error {
	s, err := startStandalone(c.peers, filepath.Join(c.work, "files"), golden.Properties)
	if err != nil {
		return err
	}
	defer s.Kill()
	quiet := &golden.Transcript{}
	if err := golden.Catch(func() { fillFirst(golden.Connect(quiet, s.Addr(), ""), s.Addr()) }); err != nil {
		return err
	}
	s.Kill()
	if err := startAndWait(s); err != nil {
		return err
	}
	if err := golden.Catch(func() { fillSecond(golden.Connect(quiet, s.Addr(), "")) }); err != nil {
		return err
	}
	dump, err := dumpTree(c, s.Addr())
	if err != nil {
		return err
	}
	s.Kill()
	if err := keepDirectory(c, s.VersionDir(), filepath.Join(storageDir, "standalone"), dump); err != nil {
		return err
	}
	return c.noteFile(storageDir, "files,quorum", "Data directories of Java servers that were killed (SIGKILL): standalone/, and members of an ensemble.\n"+
		"tree.json is what a Java client saw of every node just before the last kill; its own session came and went after the last write.\n"+
		"*.txt are what Java's TxnLogToolkit and SnapshotFormatter print of the file beside them.\n"+
		fmt.Sprintf("Logs are cut %d bytes after their last entry; Java preallocates 64 MiB of zeros. Times are in UTC.", keepZeros))
}

// fillFirst writes one of everything: kinds of nodes, ACLs, multi, failures, deletions.
func fillFirst(s *golden.Session, addr string) {
	ask := func(op int32, body golden.Record) { s.Ask(op, body, "") }
	ask(golden.OpCreate, golden.Create("/app", []byte("root of the app"), golden.Open, 0))
	ask(golden.OpCreate, golden.Create("/app/config", []byte(`{"key":"value"}`), golden.Open, 0))
	ask(golden.OpCreate, golden.Create("/app/null", nil, golden.Open, 0))
	ask(golden.OpCreate, golden.Create("/app/empty", []byte{}, golden.Open, 0))
	ask(golden.OpCreate2, golden.Create("/app/über", []byte("näme"), golden.Open, 0))
	for range 3 {
		ask(golden.OpCreate, golden.Create("/app/seq-", []byte("s"), golden.Open, 2))
	}
	ask(golden.OpSetData, golden.Record{}.Ustring("/app/config").Buffer([]byte(`{"key":"second"}`)).Int(0))
	ask(golden.OpSetData, golden.Record{}.Ustring("/app/config").Buffer([]byte(`{"key":"third"}`)).Int(1))
	ask(golden.OpSetData, golden.Record{}.Ustring("/app/config").Buffer([]byte("refused")).Int(0))
	ask(golden.OpDelete, golden.Record{}.Ustring("/app/seq-0000000005").Int(-1))
	ask(golden.OpDelete, golden.Record{}.Ustring("/app/nothing").Int(-1))
	digest := []golden.Entry{golden.Allow(31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="), golden.Allow(1, "world", "anyone")}
	ask(golden.OpCreate, golden.Create("/app/secret", []byte("for bob"), digest, 0))
	ask(golden.OpCreate, golden.Create("/app/net", []byte("by address"), []golden.Entry{golden.Allow(1, "ip", "10.0.0.0/8"), golden.Allow(31, "world", "anyone")}, 0))
	ask(golden.OpSetACL, golden.Record{}.Ustring("/app/config").ACL(digest).Int(0))
	ask(golden.OpCreateContainer, golden.Create("/container", []byte("c"), golden.Open, 4))
	ask(golden.OpCreate, golden.Create("/container/child", nil, golden.Open, 0))
	ask(golden.OpCreateTTL, append(golden.Create("/ttl", []byte("t"), golden.Open, 5), golden.Record{}.Long(3600000)...))
	ask(golden.OpCreate, golden.Create("/ephemerals", nil, golden.Open, 0))
	ask(golden.OpCreate, golden.Create("/ephemerals/first", []byte("first session"), golden.Open, 1))
	ask(golden.OpMulti, golden.Multi(
		golden.Part(golden.OpCreate, golden.Create("/multi", []byte("m"), golden.Open, 0)),
		golden.Part(golden.OpCreate, golden.Create("/multi/a", []byte("a"), golden.Open, 0)),
		golden.Part(golden.OpCheck, golden.Record{}.Ustring("/multi/a").Int(0)),
		golden.Part(golden.OpSetData, golden.Record{}.Ustring("/multi/a").Buffer([]byte("aa")).Int(0)),
		golden.Part(golden.OpCreate, golden.Create("/multi/e", nil, golden.Open, 1)),
		golden.Part(golden.OpCreateContainer, golden.Create("/multi/c", nil, golden.Open, 4)),
		golden.Part(golden.OpCreateTTL, append(golden.Create("/multi/t", nil, golden.Open, 5), golden.Record{}.Long(3600000)...)),
		golden.Part(golden.OpDelete, golden.Record{}.Ustring("/app/empty").Int(-1))))
	ask(golden.OpMulti, golden.Multi(
		golden.Part(golden.OpCreate, golden.Create("/multi/b", nil, golden.Open, 0)),
		golden.Part(golden.OpCheck, golden.Record{}.Ustring("/multi/a").Int(77)),
		golden.Part(golden.OpDelete, golden.Record{}.Ustring("/multi/a").Int(-1))))
	other := golden.Connect(&golden.Transcript{}, addr, "")
	other.Ask(golden.OpCreate, golden.Create("/ephemerals/closed", nil, golden.Open, 1), "")
	other.Close()
}

// fillSecond writes after the snapshot, and leaves its session open with an ephemeral node.
func fillSecond(s *golden.Session) {
	s.Ask(golden.OpCreate, golden.Create("/after", []byte("the snapshot"), golden.Open, 0), "")
	s.Ask(golden.OpCreate, golden.Create("/after/e-", []byte("second session"), golden.Open, 3), "")
	s.Ask(golden.OpSetData, golden.Record{}.Ustring("/app").Buffer([]byte("changed")).Int(0), "")
	s.Ask(golden.OpDelete, golden.Record{}.Ustring("/container/child").Int(-1), "")
	s.Ask(golden.OpCreate, golden.Create("/container/other", nil, golden.Open, 0), "")
	s.Ask(golden.OpSetData, golden.Record{}.Ustring("/app").Buffer([]byte("refused")).Int(7), "")
}

// dumpTree returns what DumpTree.java prints of the server.
func dumpTree(c *capture, addr string) ([]byte, error) {
	cmd := c.peers.JavaClient(c.peers.Classpath(), "clients/DumpTree.java", addr, "bob:secret")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("dump the tree of %s: %w", addr, err)
	}
	return out, nil
}

// keepDirectory copies the files of a version-2 directory to dir in the repository, logs cut, with
// Java's own rendering of each and the dump when there is one.
func keepDirectory(c *capture, from, dir string, dump []byte) error {
	if err := os.RemoveAll(c.path(dir)); err != nil {
		return fmt.Errorf("clear old goldens: %w", err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			return fmt.Errorf("read data file: %w", err)
		}
		kind, _, _ := strings.Cut(f.Name(), ".")
		if kind == "log" {
			if b, err = cutLog(b); err != nil {
				return fmt.Errorf("cut %s: %w", f.Name(), err)
			}
		}
		to := c.path(dir, "version-2", f.Name())
		if err := golden.Save(to, b); err != nil {
			return err
		}
		if text, err := renderFile(c.peers, kind, to); err != nil {
			return err
		} else if text != nil {
			if err := golden.Save(c.path(dir, f.Name()+".txt"), text); err != nil {
				return err
			}
		}
	}
	if dump == nil {
		return nil
	}
	return golden.Save(c.path(dir, "tree.json"), dump)
}

// keepZeros is how much of a log's preallocated tail stays: enough for a reader to meet zeros.
const keepZeros = 4096

// cutLog shortens a log to its entries and some zeros. An entry is int64 checksum, int32 length, that
// many bytes, and 'B'. Source: FileTxnLog, Util.writeTxnBytes.
func cutLog(b []byte) ([]byte, error) {
	const header, frame = 16, 12
	at := header
	for at+frame <= len(b) {
		n := int(binary.BigEndian.Uint32(b[at+8:]))
		if n == 0 {
			break
		}
		end := at + frame + n
		if end >= len(b) || b[end] != 'B' {
			return nil, fmt.Errorf("entry at byte %d has no end mark", at)
		}
		at = end + 1
	}
	if len(bytes.Trim(b[at:], "\x00")) != 0 {
		return nil, fmt.Errorf("more than zeros behind byte %d", at)
	}
	return b[:min(len(b), at+keepZeros)], nil
}

// renderFile returns what Java's own tools print of a log or snapshot, and nil for other files.
func renderFile(in *peers.Installation, kind, path string) ([]byte, error) {
	var args []string
	switch kind {
	case "log":
		args = []string{"org.apache.zookeeper.server.persistence.TxnLogToolkit", "-d", path}
	case "snapshot":
		args = []string{"org.apache.zookeeper.server.SnapshotFormatter", "-d", path}
	default:
		return nil, nil
	}
	cmd := in.JavaClient(in.Classpath(), args...)
	cmd.Env = append(cmd.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return bytes.ReplaceAll(out, []byte(path), []byte(filepath.Base(path))), nil
}
