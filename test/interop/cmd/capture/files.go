package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/paddock-io/paddock/test/interop/peers"
)

const storageDir = "internal/storage/testdata/java"

// captureFiles keeps the data directory of a standalone server that was killed twice: a first log, the
// snapshot taken at the second start, a second log; and what a Java client sees of the result.
func captureFiles(c *capture) error {
	s, err := startStandalone(c.peers, filepath.Join(c.work, "files"), withTTL)
	if err != nil {
		return err
	}
	defer s.Kill()
	quiet := &transcript{}
	if err := catch(func() { fillFirst(connect(quiet, s.Addr(), "")) }); err != nil {
		return err
	}
	s.Kill()
	if err := startAndWait(s); err != nil {
		return err
	}
	if err := catch(func() { fillSecond(connect(quiet, s.Addr(), "")) }); err != nil {
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
func fillFirst(s *session) {
	ask := func(op int32, body record) { s.ask(op, body, "") }
	ask(opCreate, create("/app", []byte("root of the app"), open, 0))
	ask(opCreate, create("/app/config", []byte(`{"key":"value"}`), open, 0))
	ask(opCreate, create("/app/null", nil, open, 0))
	ask(opCreate, create("/app/empty", []byte{}, open, 0))
	ask(opCreate2, create("/app/über", []byte("näme"), open, 0))
	for range 3 {
		ask(opCreate, create("/app/seq-", []byte("s"), open, 2))
	}
	ask(opSetData, record{}.string("/app/config").buffer([]byte(`{"key":"second"}`)).int(0))
	ask(opSetData, record{}.string("/app/config").buffer([]byte(`{"key":"third"}`)).int(1))
	ask(opSetData, record{}.string("/app/config").buffer([]byte("refused")).int(0))
	ask(opDelete, record{}.string("/app/seq-0000000005").int(-1))
	ask(opDelete, record{}.string("/app/nothing").int(-1))
	digest := []entry{{31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}, {1, "world", "anyone"}}
	ask(opCreate, create("/app/secret", []byte("for bob"), digest, 0))
	ask(opCreate, create("/app/net", []byte("by address"), []entry{{1, "ip", "10.0.0.0/8"}, {31, "world", "anyone"}}, 0))
	ask(opSetACL, record{}.string("/app/config").acl(digest).int(0))
	ask(opCreateContainer, create("/container", []byte("c"), open, 4))
	ask(opCreate, create("/container/child", nil, open, 0))
	ask(opCreateTTL, append(create("/ttl", []byte("t"), open, 5), record{}.long(3600000)...))
	ask(opCreate, create("/ephemerals", nil, open, 0))
	ask(opCreate, create("/ephemerals/first", []byte("first session"), open, 1))
	ask(opMulti, multi(
		operation{opCreate, create("/multi", []byte("m"), open, 0)},
		operation{opCreate, create("/multi/a", []byte("a"), open, 0)},
		operation{opCheck, record{}.string("/multi/a").int(0)},
		operation{opSetData, record{}.string("/multi/a").buffer([]byte("aa")).int(0)},
		operation{opCreate, create("/multi/e", nil, open, 1)},
		operation{opCreateContainer, create("/multi/c", nil, open, 4)},
		operation{opCreateTTL, append(create("/multi/t", nil, open, 5), record{}.long(3600000)...)},
		operation{opDelete, record{}.string("/app/empty").int(-1)}))
	ask(opMulti, multi(
		operation{opCreate, create("/multi/b", nil, open, 0)},
		operation{opCheck, record{}.string("/multi/a").int(77)},
		operation{opDelete, record{}.string("/multi/a").int(-1)}))
	other := connect(&transcript{}, s.nc.RemoteAddr().String(), "")
	other.ask(opCreate, create("/ephemerals/closed", nil, open, 1), "")
	other.close()
}

// fillSecond writes after the snapshot, and leaves its session open with an ephemeral node.
func fillSecond(s *session) {
	s.ask(opCreate, create("/after", []byte("the snapshot"), open, 0), "")
	s.ask(opCreate, create("/after/e-", []byte("second session"), open, 3), "")
	s.ask(opSetData, record{}.string("/app").buffer([]byte("changed")).int(0), "")
	s.ask(opDelete, record{}.string("/container/child").int(-1), "")
	s.ask(opCreate, create("/container/other", nil, open, 0), "")
	s.ask(opSetData, record{}.string("/app").buffer([]byte("refused")).int(7), "")
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
		if err := save(to, b); err != nil {
			return err
		}
		if text, err := renderFile(c.peers, kind, to); err != nil {
			return err
		} else if text != nil {
			if err := save(c.path(dir, f.Name()+".txt"), text); err != nil {
				return err
			}
		}
	}
	if dump == nil {
		return nil
	}
	return save(c.path(dir, "tree.json"), dump)
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
