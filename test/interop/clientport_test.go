package interop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// notServed are the cases whose operations Paddock answers with Unimplemented for now.
var notServed = map[string]string{
	"create_extended":    "containers and nodes with a time to live",
	"multi_extended":     "containers and nodes with a time to live",
	"multi_read":         "multiRead",
	"set_watches2":       "persistent watches",
	"persistent_watches": "persistent watches",
	"remove_watches":     "checkWatches and removeWatches",
	"other_reads":        "getEphemerals and getAllChildrenNumber",
	"who_am_i":           "whoAmI",
	"reconfig_disabled":  "reconfig",
}

// TestClientPort asks a standalone server everything that was asked of Java when the frames in
// proto/testdata/java were captured, and compares the answers byte by byte.
func TestClientPort(t *testing.T) {
	in := peers.Require(t)
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("java", func(t *testing.T) { clientPort(t, peers.Java{Installation: in}, nil) })
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	t.Run("paddock", func(t *testing.T) { clientPort(t, peers.RequirePaddock(t), notServed) })
}

func clientPort(t *testing.T, software peers.Software, skip map[string]string) {
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if why := skip[c.Name]; why != "" {
				t.Skip("not served yet: " + why)
			}
			want, err := os.ReadFile(filepath.Join("../../proto/testdata/java", c.Name+".frames"))
			if err != nil {
				t.Fatal(err)
			}
			s := peers.StartServer(t, software, peers.Config{Properties: golden.Properties})
			got := &golden.Transcript{}
			failed := golden.Catch(func() { c.Run(got, s.Addr()) })
			if err := golden.Compare(string(want), got.Text()); err != nil {
				t.Fatal(err)
			}
			if failed != nil {
				t.Fatal(failed)
			}
		})
	}
}
