package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
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
	if err := captureStandalone(c, c.peers, "standalone", nil); err != nil {
		return err
	}
	return c.noteFile(storageDir, "files,versions,quorum", "Data directories of Java servers that were killed (SIGKILL): standalone/, and members of an ensemble.\n"+
		"tree.json is what a Java client saw of every node just before the last kill; its own session came and went after the last write.\n"+
		"*.txt are what Java's TxnLogToolkit and SnapshotFormatter print of the file beside them.\n"+
		fmt.Sprintf("Logs are cut %d bytes after their last entry; Java preallocates 64 MiB of zeros. Times are in UTC.\n", keepZeros)+
		"standalone-VERSION/ is what standalone/ is, of another version; behind the version stands what that server was told:\n"+
		"standalone-3.4.12/ holds only what that version knows, and no snapshot, as 3.4 wrote none at its first start. In the other names\n"+
		"gz and snappy are the snapshots' compression, nopaths is closeSessionTxn.enabled=false, nodigest is digest.enabled=false.")
}

// captureVersions keeps the same of the other versions, and of servers that write other files.
func captureVersions(c *capture) error {
	told := map[string]map[string]string{
		"":          nil,
		"-gz":       {"zookeeper.snapshot.compression.method": "gz"},
		"-snappy":   {"zookeeper.snapshot.compression.method": "snappy"},
		"-nopaths":  {"zookeeper.closeSessionTxn.enabled": "false"},
		"-nodigest": {"zookeeper.digest.enabled": "false"},
	}
	for _, version := range c.peers.Versions() {
		in, err := c.peers.At(version)
		if err != nil {
			return err
		}
		for suffix, properties := range told {
			name := "standalone-" + version + suffix
			if (version == c.peers.Version()) == (suffix == "") || c.only != "" && c.only != name {
				continue
			}
			if err := captureStandalone(c, in, name, properties); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// captureStandalone is one directory of captureFiles.
func captureStandalone(c *capture, in *peers.Installation, name string, told map[string]string) error {
	properties := maps.Clone(golden.Properties)
	maps.Copy(properties, told)
	s, err := startStandalone(in, filepath.Join(c.work, name), properties)
	if err != nil {
		return err
	}
	defer s.Kill()
	quiet := &golden.Transcript{}
	if err := golden.Catch(func() {
		c := golden.Connect(quiet, s.Addr(), "")
		if in.Version() < "3.5" {
			golden.FillOld(c, s.Addr())
		} else {
			golden.FillFirst(c, s.Addr(), "")
		}
	}); err != nil {
		return err
	}
	s.Kill()
	if err := startAndWait(s); err != nil {
		return err
	}
	if err := golden.Catch(func() { golden.FillSecond(golden.Connect(quiet, s.Addr(), ""), "") }); err != nil {
		return err
	}
	dump, err := dumpTree(c, s.Addr())
	if err != nil {
		return err
	}
	s.Kill()
	return keepDirectory(c, in, s.VersionDir(), filepath.Join(storageDir, name), dump)
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
func keepDirectory(c *capture, in *peers.Installation, from, dir string, dump []byte) error {
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
		if text, err := renderFile(c.peers, in, kind, to); err != nil {
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

// renderFile returns what Java's own tools print of a log or snapshot, and nil for other files. A snapshot is for the
// version that wrote it; the tool for logs is the newest's, because that of 3.5 fails at znodes whose data is null.
func renderFile(newest, in *peers.Installation, kind, path string) ([]byte, error) {
	var args []string
	switch kind {
	case "log":
		in = newest
		args = []string{"org.apache.zookeeper.server.persistence.TxnLogToolkit", "-d", path}
	case "snapshot":
		if in.Version() < "3.5" { // it prints no data
			in = newest
		}
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
