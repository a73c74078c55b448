package interop

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// settled is how a directory may be laid out and written; a server of either kind is told the same.
type settled struct {
	name       string
	splitLogs  bool              // dataLogDir is a directory of its own
	properties map[string]string // without the prefix zookeeper.
	javaOnly   map[string]string // more of them, which Paddock does not serve
	from       string            // the first Java version that knows the properties
	suffix     string            // of the snapshots
}

var layouts = []settled{
	{name: "plain", from: "3.5"},
	{name: "logs apart", from: "3.5", splitLogs: true},
	{name: "gzip", from: "3.6", properties: map[string]string{"snapshot.compression.method": "gz"}, suffix: ".gz"},
	{name: "snappy", from: "3.6", properties: map[string]string{"snapshot.compression.method": "snappy"}, suffix: ".snappy"},
	{name: "no digests", from: "3.6", properties: map[string]string{"digest.enabled": "false"}},
	{name: "no paths in closeSession", from: "3.6", splitLogs: true, javaOnly: map[string]string{"closeSessionTxn.enabled": "false"}},
}

// TestDirectories takes data directories of every Java version to Paddock and back: one of everything is written by
// Java, opened by Paddock, written to, opened by Java, written to, and opened by Paddock again. Each server is killed,
// and each must show exactly what a Java client saw on the one before. Versions and layouts take turns;
// PADDOCK_INTEROP_ALL=1 runs each with each.
func TestDirectories(t *testing.T) {
	in, paddock, dump := peers.Require(t), peers.RequirePaddock(t), dumper(t)
	everything := os.Getenv("PADDOCK_INTEROP_ALL") != ""
	for i, version := range in.Versions() {
		if version < "3.5" {
			continue // no containers, no time to live
		}
		for k, l := range layouts {
			if version < l.from || !everything && k != i%len(layouts) {
				continue
			}
			t.Run(version+"/"+l.name, func(t *testing.T) {
				bothWays(t, peers.RequireJava(t, version), paddock, l, dump)
			})
		}
	}
}

// openTree is a client's dump of a server's tree.
type openTree func(s *peers.Server) string

// dumper compiles DumpTree.java once.
func dumper(t *testing.T) openTree {
	in, classes := peers.Require(t), t.TempDir()
	build := exec.Command("javac", "-d", classes, "-cp", in.Classpath(), "clients/DumpTree.java")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return func(s *peers.Server) string {
		run := in.JavaClient(in.Classpath()+string(os.PathListSeparator)+classes, "DumpTree", s.Addr(), "bob:secret")
		run.Stderr = os.Stderr
		out, err := run.Output()
		if err != nil {
			t.Fatalf("dump the tree of %v: %v", s, err)
		}
		return string(out)
	}
}

func bothWays(t *testing.T, java, paddock peers.Software, l settled, dump openTree) {
	cfg := l.config(t)
	javas := cfg
	javas.Properties = maps.Clone(cfg.Properties)
	// Java's snapshots are taken at its starts. One that is taken during writes may hold a quota's count without the
	// node that was counted; Java's own digests then differ after its next start.
	delete(javas.Properties, "zookeeper.snapCount")
	for name, value := range l.javaOnly {
		javas.Properties["zookeeper."+name] = value
	}
	s := peers.StartServer(t, java, javas)
	fill(t, s, "", golden.FillFirst)
	s.Kill()
	startAgain(t, s)
	fill(t, s, "", func(s *golden.Session, _, root string) { golden.FillSecond(s, root) })
	s.Kill()
	startAgain(t, s)
	tree := dump(s)
	s.Kill()
	files := snapshots(t, s, l.suffix)

	for _, next := range []struct {
		software peers.Software
		cfg      peers.Config
		root     string
	}{{paddock, cfg, "/paddock"}, {java, javas, "/java"}, {paddock, cfg, "/again"}} {
		s = peers.StartServer(t, next.software, next.cfg)
		sameTree(t, s, tree, dump(s))
		noMismatch(t, s)
		fill(t, s, next.root, golden.FillFirst)
		s.Kill()
		startAgain(t, s)
		fill(t, s, next.root, func(s *golden.Session, _, root string) { golden.FillSecond(s, root) })
		tree = dump(s)
		noMismatch(t, s)
		s.Kill()
		// Java's at its first start may have the zxid, and so the name, of the last one before.
		if now := snapshots(t, s, l.suffix); now <= files {
			t.Errorf("%v left %d snapshots of this layout, with %d before it", s, now, files)
		} else {
			files = now
		}
	}
}

// sameTree names the znodes in which two dumps differ.
func sameTree(t *testing.T, s *peers.Server, want, got string) {
	t.Helper()
	before, after := strings.Split(want, ",\n"), strings.Split(got, ",\n")
	for _, line := range before {
		if !slices.Contains(after, line) {
			t.Errorf("%v has no %s", s, line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("%v has %s", s, line)
		}
	}
}

// config is that of both kinds of server, but for javaOnly. They take a snapshot every few transactions, and sessions outlast the test.
func (l settled) config(t *testing.T) peers.Config {
	ports, err := peers.FreePorts(1)
	check(t, err)
	cfg := peers.Config{
		Home: t.TempDir(), ClientPort: ports[0],
		Settings:   map[string]string{"maxSessionTimeout": "600000", "preAllocSize": "64"},
		Properties: map[string]string{"zookeeper.snapCount": "12"},
	}
	maps.Copy(cfg.Properties, golden.Properties)
	for name, value := range l.properties {
		cfg.Properties["zookeeper."+name] = value
	}
	if l.splitLogs {
		cfg.Settings["dataLogDir"] = filepath.Join(cfg.Home, "logs")
	}
	return cfg
}

// fill lets write fill the tree below a new node at root, in a session that stays, and sets a quota there.
func fill(t *testing.T, s *peers.Server, root string, write func(s *golden.Session, addr, root string)) {
	t.Helper()
	err := golden.Catch(func() {
		c := golden.ConnectFor(&golden.Transcript{}, s.Addr(), 600000, "")
		defer c.Drop()
		if root != "" {
			c.Ask(golden.OpCreate, golden.Create(root, nil, golden.Open, 0), "")
		}
		write(c, s.Addr(), root)
		quota := "/zookeeper/quota"
		for _, name := range strings.Split(root+"/app", "/")[1:] {
			quota += "/" + name
			c.Ask(golden.OpCreate, golden.Create(quota, nil, golden.Open, 0), "")
		}
		c.Ask(golden.OpMulti, golden.Multi( // together: Java's tools warn of a snapshot with one and not the other
			golden.Part(golden.OpCreate, golden.Create(quota+"/zookeeper_limits", []byte("count=50,bytes=100000"), golden.Open, 0)),
			golden.Part(golden.OpCreate, golden.Create(quota+"/zookeeper_stats", []byte("count=0,bytes=0"), golden.Open, 0))), "")
		c.Ask(golden.OpCreate, golden.Create(root+"/app/counted-", []byte("by the quota"), golden.Open, 2), "")
	})
	if err != nil {
		t.Fatalf("fill %v: %v", s, err)
	}
}

func startAgain(t *testing.T, s *peers.Server) {
	t.Helper()
	check(t, s.Start())
	ctx, cancel := context.WithTimeout(t.Context(), peers.StartTimeout)
	defer cancel()
	_, err := s.AwaitServing(ctx)
	check(t, err)
}

// snapshots counts the snapshots with the suffix; plain ones have none.
func snapshots(t *testing.T, s *peers.Server, suffix string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.VersionDir(), "snapshot.*"))
	check(t, err)
	return len(slices.DeleteFunc(found, func(path string) bool {
		name := filepath.Base(path)
		return strings.Count(name, ".") != 1+strings.Count(suffix, ".") || !strings.HasSuffix(name, suffix)
	}))
}

// noMismatch asks the server whether the digests that came with the transactions it has read from its log were
// those of its tree. Servers before 3.6 do not know.
func noMismatch(t *testing.T, s *peers.Server) {
	t.Helper()
	text, err := s.Word(t.Context(), "mntr")
	check(t, err)
	found := mismatches.FindStringSubmatch(text)
	if found == nil && strings.Contains(fmt.Sprint(s.Software), "-3.5.") {
		return
	}
	if found == nil || found[1] != "0" {
		t.Errorf("%v: digest mismatches: %v", s, found)
	}
}
