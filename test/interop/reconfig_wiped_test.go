package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestReconfigAfterDataIsGone changes the membership of an ensemble whose data directories were emptied and whose
// configuration files were not: the version in force is the zxid of a transaction that nobody has any more, in an epoch
// that is still to come. Java acknowledges a change there, does not take it over, and refuses every further one
// as long as that leader leads.
func TestReconfigAfterDataIsGone(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	r := newReconfig(t, java, paddock, paddock, java)
	for id := 1; id <= 3; id++ {
		r.hadVersion(id, "500000003")
	}
	r.launch(2)
	r.launch(3)
	r.awaitServing()
	r.start(1)
	r.start(4)
	for _, command := range []string{"reconfig -add " + r.line(4), "reconfig -remove 1"} {
		if out := r.zkCliOn(2, command); !strings.Contains(out, "Committed new configuration:") {
			t.Fatalf("%s: %s", command, out)
		}
	}
	r.sameConfig(2, 3, 4)
}

// hadVersion gives server id the files of one that has been told of this version of the membership.
func (r *reconfigured) hadVersion(id int, version string) {
	r.t.Helper()
	s := r.server(id)
	cfg := filepath.Join(s.Home, "zoo.cfg")
	var static, dynamic []string
	for line := range strings.Lines(r.file(s, "zoo.cfg")) {
		switch {
		case strings.HasPrefix(line, "server."):
			dynamic = append(dynamic, strings.Replace(strings.TrimSpace(line), ";", ":participant;", 1))
		case !strings.HasPrefix(line, "clientPort"):
			static = append(static, line)
		}
	}
	path := cfg + ".dynamic." + version
	static = append(static, fmt.Sprintf("dynamicConfigFile=%s\n", path))
	check(r.t, os.WriteFile(path, []byte(strings.Join(dynamic, "\n")), 0o644))
	check(r.t, os.WriteFile(cfg, []byte(strings.Join(static, "")), 0o644))
}
