package persist_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

const javaDirs = "../storage/testdata/java"

// clientNode is a znode as DumpTree.java prints what a Java client sees of it.
type clientNode struct {
	Path           string          `json:"path"`
	Data           []byte          `json:"data"`
	Czxid          proto.Zxid      `json:"czxid"`
	Mzxid          proto.Zxid      `json:"mzxid"`
	Ctime          int64           `json:"ctime"`
	Mtime          int64           `json:"mtime"`
	Version        int32           `json:"version"`
	Cversion       int32           `json:"cversion"`
	Aversion       int32           `json:"aversion"`
	EphemeralOwner proto.SessionID `json:"ephemeralOwner"`
	DataLength     int32           `json:"dataLength"`
	NumChildren    int32           `json:"numChildren"`
	Pzxid          proto.Zxid      `json:"pzxid"`
	ACL            []struct {
		Perms  int32  `json:"perms"`
		Scheme string `json:"scheme"`
		ID     string `json:"id"`
	} `json:"acl"`
}

// seen is what a client of tr would see of the same znode.
func seen(tr *tree.Tree, path string) (n clientNode, ok bool) {
	v, ok := tr.Get(path)
	if !ok {
		return n, false
	}
	s := v.Stat()
	n = clientNode{Path: path, Data: v.Data(), Czxid: s.Czxid, Mzxid: s.Mzxid, Ctime: s.Ctime, Mtime: s.Mtime, Version: s.Version, Cversion: s.Cversion,
		Aversion: s.Aversion, EphemeralOwner: s.EphemeralOwner, DataLength: s.DataLength, NumChildren: s.NumChildren, Pzxid: s.Pzxid}
	for _, a := range v.ACL() {
		n.ACL = append(n.ACL, struct {
			Perms  int32  `json:"perms"`
			Scheme string `json:"scheme"`
			ID     string `json:"id"`
		}{a.Perms, a.ID.Scheme, a.ID.ID})
	}
	return n, true
}

// recoverJava opens a copy of a captured directory.
func recoverJava(t *testing.T, dir string) (*storage.Store, *persist.Recovered) {
	t.Helper()
	at := t.TempDir()
	if err := os.CopyFS(filepath.Join(at, "version-2"), os.DirFS(filepath.Join(javaDirs, dir, "version-2"))); err != nil {
		t.Fatal(err)
	}
	snaps, _ := filepath.Glob(filepath.Join(at, "version-2", "snapshot.*"))
	s, err := storage.Open(storage.Options{DataDir: at, TrustEmptySnapshot: len(snaps) == 0}) // 3.4 wrote none at its first start
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	rec, err := persist.Recover(s)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return s, rec
}

// TestJavaTrees recovers every captured directory and wants what a Java client saw of the server that wrote it.
func TestJavaTrees(t *testing.T) {
	dumps, _ := filepath.Glob(filepath.Join(javaDirs, "*", "tree.json"))
	if len(dumps) < 10 {
		t.Fatalf("only %d dumps", len(dumps))
	}
	for _, dump := range dumps {
		dir := filepath.Base(filepath.Dir(dump))
		_, rec := recoverJava(t, dir)
		if rec.Mismatches != 0 || len(rec.Skipped) > 0 {
			t.Errorf("%s: %d digests differ, first at %s; skipped %v", dir, rec.Mismatches, rec.Mismatch, rec.Skipped)
		}
		b, err := os.ReadFile(dump)
		if err != nil {
			t.Fatal(err)
		}
		var nodes []clientNode
		if err := json.Unmarshal(b, &nodes); err != nil {
			t.Fatalf("%s: %v", dump, err)
		}
		had := len(nodes) + 1 // the root counts twice, as in Java
		old := strings.Contains(dir, "-3.4.")
		if old {
			had++ // /zookeeper/config, which came with 3.5
		}
		if had != rec.Tree.NodeCount() {
			t.Errorf("%s: %d znodes, Java had %d", dir, rec.Tree.NodeCount(), had)
		}
		for _, want := range nodes {
			if want.Path == "/zookeeper/config" && want.DataLength > 0 || old && want.Path == "/zookeeper" {
				continue // a member sets it from its zoo.cfg at each start
			}
			got, ok := seen(rec.Tree, want.Path)
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if !ok || !bytes.Equal(a, b) {
				t.Errorf("%s: have %s\nJava had %s", dir, a, b)
			}
		}
	}
}

// TestJavaSnapshotsThroughTheTree loads every captured snapshot into a tree and writes that. Java writes sessions and
// children in the order of its hash tables, which nobody needs; every record must be Java's, byte for byte.
func TestJavaSnapshotsThroughTheTree(t *testing.T) {
	snaps, _ := filepath.Glob(filepath.Join(javaDirs, "*", "version-2", "snapshot.*"))
	if len(snaps) < 20 {
		t.Fatalf("only %d snapshots", len(snaps))
	}
	for _, path := range snaps {
		java := readSnapshot(t, path)
		tr, err := java.Load()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		tr.SetLastZxid(java.last)
		to := t.TempDir()
		s, err := storage.Open(storage.Options{DataDir: to})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.WriteSnapshot(1, &persist.Source{Tree: tr})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		paddock := readSnapshot(t, filepath.Join(to, "version-2", "snapshot.1"))
		// A Java server that has applied nothing since its start writes 0 and 0.
		if java.last != 0 && paddock.digest != java.digest {
			t.Errorf("%s: %s, Java has %s", path, paddock.digest, java.digest)
		}
		if slices.Equal(paddock.records, java.records) {
			continue
		}
		slices.Sort(paddock.records)
		slices.Sort(java.records)
		if !slices.Equal(paddock.records, java.records) {
			t.Errorf("%s: wrote\n%s\nJava wrote\n%s", path, strings.Join(paddock.records, "\n"), strings.Join(java.records, "\n"))
		}
	}
}

// snapshotRecords is a Sink that keeps what it got in the order in which it came.
type snapshotRecords struct {
	*persist.Sink
	records []string
	last    proto.Zxid // of the digest
	digest  string
}

func (r *snapshotRecords) add(format string, args ...any) {
	r.records = append(r.records, fmt.Sprintf(format, args...))
}

func (r *snapshotRecords) Session(id proto.SessionID, ms int32) error {
	r.add("session %s %d ms", id, ms)
	return r.Sink.Session(id, ms)
}

func (r *snapshotRecords) ACL(id int64, acl []proto.ACL) error {
	r.add("ACL %d %v", id, acl)
	return r.Sink.ACL(id, acl)
}

func (r *snapshotRecords) Node(n *storage.SnapNode) error {
	r.add("%q %q null=%t ACL %d %+v", n.Path, n.Data, n.Data == nil, n.ACL, n.Stat)
	return r.Sink.Node(n)
}

// Digest and Last are compared where both have them: not every server that left a snapshot wrote them.
func (r *snapshotRecords) Digest(z proto.Zxid, version int32, digest int64) {
	r.last, r.digest = z, fmt.Sprintf("digest of %s: %d, version %d", z, digest, version)
	r.Sink.Digest(z, version, digest)
}

func readSnapshot(t *testing.T, path string) *snapshotRecords {
	t.Helper()
	r := &snapshotRecords{Sink: persist.NewSink()}
	if err := storage.VerifySnapshot(vfs.OS{}, path, r); err != nil {
		t.Fatal(err)
	}
	return r
}
