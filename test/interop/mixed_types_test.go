package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestTypesInAMixedEnsemble makes znodes of every kind and quotas in an ensemble of two Paddock servers and one
// Java server, under a leader of either kind: the leader must reap what may go, and all must agree.
func TestTypesInAMixedEnsemble(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads": {paddock, paddock, java}, "paddock leads": {java, paddock, paddock}, // the highest id leads at first
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsembleLike(t, peers.Config{Properties: map[string]string{
				"zookeeper.extendedTypesEnabled": "true", "zookeeper.enforceQuota": "true", "znode.container.checkIntervalMs": "300",
			}}, software...)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			for id := range e.Servers {
				typesThrough(t, e.Server(id+1), fmt.Sprintf("/via%d", id+1))
			}
			w.usagesAgree()
			w.digestsMatch()
		})
	}
}

// typesThrough is one client at one server.
func typesThrough(t *testing.T, s *peers.Server, top string) {
	t.Helper()
	err := golden.Catch(func() {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
		ask := func(want, op int32, body golden.Record, what string) []byte {
			t.Helper()
			reply := c.Ask(op, body, what)
			if err := int32(binary.BigEndian.Uint32(reply[12:])); err != want {
				t.Fatalf("%v: %s: error %d, want %d", s, what, err, want)
			}
			return reply
		}
		create := func(want int32, path string, data string) {
			t.Helper()
			ask(want, golden.OpCreate, golden.Create(path, []byte(data), golden.Open, 0), "create "+path)
		}
		create(0, top, "")
		create(0, "/zookeeper/quota"+top, "")
		create(0, "/zookeeper/quota"+top+"/zookeeper_limits", "count=1,bytes=-1=;countHardLimit=6")
		create(0, "/zookeeper/quota"+top+"/zookeeper_stats", "")
		ask(0, golden.OpCreateContainer, golden.Create(top+"/box", nil, golden.Open, 4), "createContainer")
		ask(0, golden.OpMulti, golden.Multi(
			golden.Part(golden.OpCreateTTL, golden.Create(top+"/aging", []byte("12345"), golden.Open, 5).Long(50)),
			golden.Part(golden.OpCreate, golden.Create(top+"/aging/kid", []byte("1"), golden.Open, 0)),
			golden.Part(golden.OpCreate, golden.Create(top+"/box/kid", []byte("1"), golden.Open, 0)),
		), "multi of a TTL and two children")
		ask(0, golden.OpCreateTTL, golden.Create(top+"/long-", []byte("1"), golden.Open, 6).Long(1<<39), "createTTL sequential")
		create(-125, top+"/toomuch", "")
		for _, path := range []string{top + "/box", top + "/aging"} {
			ask(0, golden.OpExists, golden.Watched(path, true), "exists "+path)
			ask(0, golden.OpDelete, golden.Record{}.Ustring(path+"/kid").Int(-1), "delete "+path+"/kid")
			event := c.Receive("")
			if xid, typ := int32(binary.BigEndian.Uint32(event)), binary.BigEndian.Uint32(event[16:]); xid != -1 || typ != 2 {
				t.Fatalf("%v: %s is not reaped, but %x comes", s, path, event)
			}
		}
		create(0, top+"/more", "xyz")
		c.Close()
	})
	if err != nil {
		t.Fatalf("%v: %v", s, err)
	}
}

// usagesAgree waits until every server says of every quota that three znodes of four bytes use it.
func (w *witness) usagesAgree() {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	err := peers.Await(ctx, "usages to agree", func(context.Context) error {
		for id := range w.e.Servers {
			path := fmt.Sprintf("/zookeeper/quota/via%d/zookeeper_stats", id+1)
			for _, s := range w.e.Servers {
				var text string
				if err := golden.Catch(func() {
					c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
					text = usage(c.Ask(golden.OpGetData, golden.Watched(path, false), ""))
					c.Close()
				}); err != nil {
					return err
				}
				if !strings.HasPrefix(text, `"count=3,bytes=4"`) {
					return fmt.Errorf("%v has %s in %s", s, text, path)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
