package interop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// notServed are the cases whose operations Paddock does not serve yet. One that comes to pass fails the
// test until it is taken out of here.
var notServed = map[string]string{
	"create_extended": "nodes with a time to live",
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

func clientPort(t *testing.T, software peers.Software, later map[string]string) {
	for _, c := range golden.Cases {
		t.Run(c.Name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("../../proto/testdata/java", c.Name+".frames"))
			if err != nil {
				t.Fatal(err)
			}
			s := peers.StartServer(t, software, peers.Config{Properties: golden.Properties})
			got := &golden.Transcript{}
			failed := golden.Catch(func() { c.Run(got, s.Addr()) })
			err = golden.Compare(string(want), got.Text())
			if err == nil {
				err = failed
			}
			switch why := later[c.Name]; {
			case why != "" && err == nil:
				t.Fatalf("%s are served now", why)
			case why != "":
				t.Skipf("%s are not served yet", why)
			case err != nil:
				t.Fatal(err)
			}
		})
	}
}
