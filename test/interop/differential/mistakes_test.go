package differential

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

var (
	mistakesFlag    = flag.Int("differential.mistakes", 0, "make each mistake in Paddock and look for it for so many requests")
	mistakeOnlyFlag = flag.String("differential.mistake", "", "make only those with this in their names")
)

// TestMistakes makes mistakes in Paddock, one at a time, and wants each to be found: a comparison that finds
// nothing is worth something only if it would. The sources stay as they are; the compiler is given others.
func TestMistakes(t *testing.T) {
	if *mistakesFlag == 0 {
		t.Skip("takes long; see make mistakes")
	}
	java := peers.Java{Installation: peers.Require(t)}
	var table strings.Builder
	for _, m := range mistakes {
		if !strings.Contains(m.name, *mistakeOnlyFlag) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			binary, err := m.build(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			row := ""
			r := &runner{t: t, servers: max(m.servers, 1), java: java, paddock: peers.Paddock{Binary: binary}, explained: map[string]int{}}
			r.report = func(p *pair, seed uint64, steps []Step, d *Difference) {
				short, _, again := r.shorten(seed, steps, d)
				left := "shows with others before it only"
				if again {
					left = fmt.Sprintf("%d of %d", len(short), len(steps))
				}
				row = fmt.Sprintf("%-58s %6d requests %6d %s", m.name, r.requests, seed, left)
			}
			r.seeds(1, streams(*mistakesFlag))
			if row == "" {
				t.Errorf("not found in %d requests", r.requests)
			}
			table.WriteString(row + "\n")
		})
	}
	t.Logf("mistake, found after, seed, steps left of\n%s", &table)
}

// mistake is a piece of Paddock's source and what to put in its place.
type mistake struct {
	name     string
	file     string // from the root of the repository
	from, to string
	servers  int // of an ensemble that it takes to see it
}

// build builds Paddock with the mistake in it.
func (m *mistake) build(dir string) (string, error) {
	root, err := peers.RepositoryRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		return "", fmt.Errorf("%s has %d places like\n%s", m.file, n, m.from)
	}
	wrong := filepath.Join(dir, "wrong.go")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(source), m.from, m.to, 1)), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: wrong}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "paddock")
	build := exec.Command("go", "build", "-overlay", list, "-o", binary, "./cmd/paddock")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with the mistake: %w\n%s", err, out)
	}
	return binary, nil
}

// mistakes are of all kinds: answers, stats, events, permissions, sessions, quotas, restarts.
var mistakes = []mistake{{
	name: "delete counts children before it compares versions", file: "internal/prep/write.go",
	from: "	if _, err := nextVersion(",
	to:   "	if node.children > 0 {\n		return 0, nil, proto.ErrNotEmpty\n	}\n	if _, err := nextVersion(",
}, {
	name: "create looks for the znode before it asks for permission", file: "internal/prep/create.go",
	from: "	if !p.allowed(parent.acl, proto.PermCreate, req) {",
	to:   "	if !r.Flags.IsSequential() && p.find(node, r.Path) {\n		return 0, nil, proto.ErrNodeExists\n	}\n	if !p.allowed(parent.acl, proto.PermCreate, req) {",
}, {
	name: "a failed multi says -2 for what came before the failure", file: "internal/tree/apply.go",
	from: "	skipped := proto.OK\n", to: "	skipped := proto.ErrRuntimeInconsistency\n",
}, {
	name: "a multi that does not decode spends no zxid", file: "internal/server/submit.go",
	from: "		if q.op != proto.OpMulti {\n", to: "		if q.op != 0 {\n",
}, {
	name: "a sequential znode has the czxid of what was before it", file: "internal/tree/apply.go",
	from: "	id := t.add(parent, c.path, c.data, acl, &proto.StatPersisted{\n		Czxid: h.Zxid,",
	to: "	czxid := h.Zxid\n	if n := len(c.path); n > 10 && c.path[n-10:n-1] == \"000000000\" {\n		czxid--\n	}\n" +
		"	id := t.add(parent, c.path, c.data, acl, &proto.StatPersisted{\n		Czxid: czxid,",
}, {
	name: "a cversion counts creations only", file: "internal/tree/node.go",
	from: "Cversion: 2*n.cversion - n.children", to: "Cversion: n.cversion",
}, {
	name: "a deletion does not move the pzxid of the parent", file: "internal/tree/apply.go",
	from: "	if p := t.at(parent); z > p.pzxid {", to: "	if p := t.at(parent); z < 0 {",
}, {
	name: "no data is read as empty data", file: "internal/server/read.go",
	from: "b = st.Append(jute.AppendBuffer(b, n.Data()))", to: "b = st.Append(jute.AppendBuffer(b, append([]byte{}, n.Data()...)))",
}, {
	name: "a deletion does not tell who watches the parent", file: "internal/tree/apply.go",
	from: "	t.fire(proto.EventNodeDeleted, path, z, acl)\n	t.fireParent(parent, parentPath, z)\n",
	to:   "	t.fire(proto.EventNodeDeleted, path, z, acl)\n",
}, {
	name: "events carry zxid -1", file: "internal/server/watch.go",
	from: "ev.Type, ev.Path, ev.Zxid)", to: "ev.Type, ev.Path, -1)",
}, {
	name: "a recursive watch hears of children, too", file: "internal/tree/watch.go",
	from: "	WatchChildren.set() | WatchPersistent.set(),", to: "	WatchChildren.set() | WatchPersistent.set() | WatchRecursive.set(),",
}, {
	name: "setWatches does not tell that children have changed", file: "internal/server/watch.go",
	from: "		case n.Persisted().Pzxid > req.RelativeZxid:", to: "		case req.RelativeZxid < -9:",
}, {
	name: "removeWatches of all kinds leaves recursive ones", file: "internal/server/watch.go",
	from: "tree.WatchPersistent, tree.WatchRecursive},", to: "tree.WatchPersistent},",
}, {
	name: "a connection that has ended leaves its watches behind", file: "internal/server/accept.go",
	from: "	s.tree.Watches().RemoveWatcher(c.slot)\n", to: "",
}, {
	name: "getChildren asks for no permission", file: "internal/server/read.go",
	from: "	if err != proto.OK {\n		s.fail(c, q, err, t)\n		return\n	}\n	if watch && !s.watch(c, q, tree.WatchChildren, path, t) {",
	to:   "	if err == proto.ErrNoNode {\n		s.fail(c, q, err, t)\n		return\n	}\n	if watch && !s.watch(c, q, tree.WatchChildren, path, t) {",
}, {
	name: "events are told to those who may not read", file: "internal/server/watch.go",
	from: "	everybody := s.opts.ACL.Allowed(ev.ACL, proto.PermRead, nil)", to: "	everybody := true",
}, {
	name: "getACL shows hashes to everybody", file: "internal/server/read.go",
	from: "		acl = redact(acl)\n", to: "		_ = redact\n",
}, {
	name: "one ephemeral outlives its session", file: "internal/tree/apply.go",
	from: "	for _, path := range paths {\n		t.remove(path, h.Zxid)\n	}\n	if len(t.ephemerals[h.Session]) == 0 {",
	to:   "	for _, path := range paths[min(1, len(paths)):] {\n		t.remove(path, h.Zxid)\n	}\n	if len(paths) > 0 {",
}, {
	name: "a session is taken up with any password", file: "internal/server/handshake.go",
	from: "ConstantTimeCompare(req.Passwd, want[:]) != 1", to: "ConstantTimeCompare(req.Passwd, want[:]) > 1",
}, {
	name: "a quota does not count the znode that has it", file: "internal/tree/quota.go",
	from: "		count, size = 0, 0\n", to: "		count, size = -1, 0\n",
}, {
	name: "setData is not held up by a hard limit", file: "internal/prep/write.go",
	from: "	if err := p.quota(r.Path, 0, int64(len(r.Data))-int64(node.dataLen)); err != proto.OK {",
	to:   "	if err := p.quota(r.Path, 0, int64(len(r.Data))-int64(node.dataLen)); err > proto.OK {",
}, {
	name: "a restart loses one transaction of sixteen", file: "internal/storage/recover.go",
	from: "		if err := replay(e); err != nil {", to: "		if e.Zxid%16 == 0 {\n			return nil\n		}\n		if err := replay(e); err != nil {",
}, {
	name: "a createTTL in a multi upgrades no local session", file: "internal/replica/local.go",
	from: "createsEphemeral(prep.Effective(op), c)", to: "createsEphemeral(op.Type, c)", servers: 3,
}}
