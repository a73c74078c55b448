package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/proto"
)

// snapToolkit prints a snapshot as Java's SnapshotFormatter does, with znodes in the order in which they lie in the
// file; Java prints them in that of a hash table.
type snapToolkit struct {
	app
	zone           *time.Location // of the times it prints
	data, jsonMode bool
}

func (a app) snapToolkitCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "toolkit [-d | -json] FILE",
		Short:                 "Print a snapshot, as ZooKeeper's zkSnapShotToolkit.sh does",
		Long:                  "Print a snapshot, as ZooKeeper's zkSnapShotToolkit.sh does: -d with the data of each znode in base64, -json as ncdu reads it.",
		Example:               "  paddock snap toolkit -d data/version-2/snapshot.0",
		DisableFlagParsing:    true,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			t := &snapToolkit{app: a, zone: time.Local}
			for len(args) > 0 && (args[0] == "-d" || args[0] == "-json") {
				t.data, t.jsonMode = t.data || args[0] == "-d", t.jsonMode || args[0] == "-json"
				args = args[1:]
			}
			switch {
			case len(args) == 1 && (args[0] == "-h" || args[0] == "--help"):
				return cmd.Help()
			case len(args) != 1:
				return &exitError{exitInvocation, errors.New("usage: snap toolkit [-d|-json] FILE")}
			case t.data && t.jsonMode:
				return &exitError{exitInvocation, errors.New("-d and -json exclude each other")}
			}
			if err := t.run(args[0]); err != nil {
				return failed(err)
			}
			return nil
		},
	}
}

func (t *snapToolkit) run(file string) error {
	w := bufio.NewWriter(t.out)
	if t.jsonMode {
		s, err := readSnapTree(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, `[1,0,{"progname":"SnapshotFormatter.java","progver":"0.01","timestamp":%d}`, time.Now().UnixMilli())
		s.ino = 1000
		s.json(w, s.nodes[""])
		fmt.Fprint(w, "]")
		return w.Flush()
	}
	count := &snapCount{owned: map[proto.SessionID]int{}, timeouts: map[proto.SessionID]int32{}}
	if err := storage.VerifySnapshot(vfs.OS{}, file, count); err != nil {
		return err
	}
	fmt.Fprintf(w, "ZNode Details (count=%d):\n", count.nodes+1) // Java counts the root under both of its names
	p := &snapPrinter{snapToolkit: t, w: w, last: nameZxid(file)}
	if err := storage.VerifySnapshot(vfs.OS{}, file, p); err != nil {
		return err
	}
	fmt.Fprintln(w, "----\nSession Details (sid, timeout, ephemeralCount):")
	for _, id := range slices.Sorted(maps.Keys(count.timeouts)) {
		fmt.Fprintf(w, "0x%014x, %d, %d\n", uint64(id), count.timeouts[id], count.owned[id])
	}
	if p.digest != "" {
		fmt.Fprintln(w, p.digest)
	}
	fmt.Fprintf(w, "----\nLast zxid: 0x%x\n", uint64(p.last))
	return w.Flush()
}

// nameZxid is the zxid in a snapshot's name, -1 without one.
func nameZxid(file string) proto.Zxid {
	parts := strings.Split(filepath.Base(file), ".")
	if len(parts) < 2 || parts[0] != "snapshot" {
		return -1
	}
	z, err := strconv.ParseInt(parts[1], 16, 64)
	if err != nil {
		return -1
	}
	return proto.Zxid(z)
}

// snapSink leaves out of a snapshot what a tool does not ask for.
type snapSink struct{}

func (snapSink) Session(proto.SessionID, int32) error { return nil }
func (snapSink) ACL(int64, []proto.ACL) error         { return nil }
func (snapSink) Digest(proto.Zxid, int32, int64)      {}
func (snapSink) Last(proto.Zxid)                      {}

// snapCount counts what is printed before, or behind, the znodes.
type snapCount struct {
	snapSink
	nodes    int
	timeouts map[proto.SessionID]int32
	owned    map[proto.SessionID]int // ephemerals
}

func (c *snapCount) Session(id proto.SessionID, ms int32) error { c.timeouts[id] = ms; return nil }

func (c *snapCount) Node(n *storage.SnapNode) error {
	c.nodes++
	if owner := n.Stat.EphemeralOwner; owner != 0 {
		c.owned[owner]++
	}
	return nil
}

// snapPrinter prints znodes.
type snapPrinter struct {
	snapSink
	*snapToolkit
	w      io.Writer
	last   proto.Zxid
	digest string
}

func (p *snapPrinter) Node(n *storage.SnapNode) error {
	p.last = max(p.last, n.Stat.Mzxid, n.Stat.Pzxid)
	path := n.Path
	if path == "" {
		path = "/"
	}
	date := func(ms int64) string { return time.UnixMilli(ms).In(p.zone).Format("Mon Jan 02 15:04:05 MST 2006") }
	data := fmt.Sprintf("dataLength = %d", len(n.Data))
	if p.data {
		data = "data = " + base64.StdEncoding.EncodeToString(n.Data)
	}
	_, err := fmt.Fprintf(p.w, "----\n%s\n  cZxid = 0x%014x\n  ctime = %s\n  mZxid = 0x%014x\n  mtime = %s\n  pZxid = 0x%014x\n"+
		"  cversion = %d\n  dataVersion = %d\n  aclVersion = %d\n  ephemeralOwner = 0x%014x\n  %s\n",
		path, uint64(n.Stat.Czxid), date(n.Stat.Ctime), uint64(n.Stat.Mzxid), date(n.Stat.Mtime), uint64(n.Stat.Pzxid),
		n.Stat.Cversion, n.Stat.Version, n.Stat.Aversion, uint64(n.Stat.EphemeralOwner), data)
	return err
}

// snapTree is the shape of a snapshot's tree.
type snapTree struct {
	snapSink
	nodes map[string]*snapNode // by path, "" for the root
	ino   int                  // of the last znode in json
}

type snapNode struct {
	path     string
	size     int64 // of the data
	children []*snapNode
	bytes    int64 // with all descendants
	count    int64 // of descendants
}

func readSnapTree(file string) (*snapTree, error) {
	t := &snapTree{nodes: map[string]*snapNode{}}
	if err := storage.VerifySnapshot(vfs.OS{}, file, t); err != nil {
		return nil, err
	}
	root, ok := t.nodes[""]
	if !ok {
		return nil, fmt.Errorf("%s: there is no root", file)
	}
	root.sum()
	return t, nil
}

func (t *snapTree) Node(n *storage.SnapNode) error {
	node := &snapNode{path: n.Path, size: int64(len(n.Data))}
	if i := strings.LastIndexByte(n.Path, '/'); i >= 0 {
		parent, ok := t.nodes[n.Path[:i]]
		if !ok {
			return fmt.Errorf("%s comes before its parent", n.Path)
		}
		parent.children = append(parent.children, node)
	}
	t.nodes[n.Path] = node
	return nil
}

func (n *snapNode) sum() {
	n.bytes, n.count = n.size, int64(len(n.children))
	for _, c := range n.children {
		c.sum()
		n.bytes, n.count = n.bytes+c.bytes, n.count+c.count
	}
}

// json writes a znode and what is below it as ncdu's files have it.
func (t *snapTree) json(w io.Writer, n *snapNode) {
	name := n.path[strings.LastIndexByte(n.path, '/')+1:]
	if n.path == "" {
		name = "/"
	}
	t.ino++
	line := fmt.Sprintf(`{"name":%s,"asize":%d,"dsize":%d,"dev":0,"ino":%d}`, quoted(name), n.size, n.size, t.ino)
	if len(n.children) == 0 {
		fmt.Fprintf(w, ",%s", line)
		return
	}
	fmt.Fprintf(w, ",[%s", line)
	for _, c := range n.children {
		t.json(w, c)
	}
	fmt.Fprint(w, "]")
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a buffer takes everything, and a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

func (a app) snapSummaryCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "summary FILE NODE DEPTH",
		Short:   "Count znodes and bytes below a znode, as zkSnapshotRecursiveSummaryToolkit.sh does",
		Long:    "Count znodes and bytes below a znode, and below those under it down to a depth, 0 meaning all, as zkSnapshotRecursiveSummaryToolkit.sh does.",
		Example: "  paddock snap summary data/version-2/snapshot.0 / 2",
		Args:    cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			depth, err := strconv.Atoi(args[2])
			if err != nil {
				return &exitError{exitInvocation, fmt.Errorf("the depth %q is no number", args[2])}
			}
			t, err := readSnapTree(args[0])
			if err != nil {
				return failed(err)
			}
			n, ok := t.nodes[strings.TrimSuffix(args[1], "/")]
			if !ok {
				return failed(fmt.Errorf("%s has no znode %s", args[0], args[1]))
			}
			n.summary(a.out, 0, depth)
			fmt.Fprintln(a.out)
			return nil
		},
	}
}

// summary prints znodes that have children.
func (n *snapNode) summary(w io.Writer, level, depth int) {
	if len(n.children) == 0 || depth != 0 && level > depth {
		return
	}
	name, tab := n.path, strings.Repeat("--", level)
	if name == "" {
		name = "/"
	}
	fmt.Fprintf(w, "%s %s\n%s   children: %d\n%s   data: %d\n", tab, name, tab, n.count, tab, n.bytes)
	for _, c := range n.children {
		c.summary(w, level+1, depth)
	}
}
