package interop

import (
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestSeveralAddresses gives every server of a mixed ensemble two addresses, which makes their first message on the
// election port another one. Each server dies and comes back.
func TestSeveralAddresses(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads": {paddock, paddock, java}, "paddock leads": {java, paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			shapes := make([]peers.Shape, len(software))
			for i, sw := range software {
				shapes[i] = peers.Shape{Software: sw, Host: fmt.Sprintf("127.0.1.%d|127.0.0.%d", i+1, i+1)}
			}
			// Java looks at the property when it reads the server lines, which may come before the line of zoo.cfg.
			e := peers.StartShaped(t, peers.Config{Properties: map[string]string{"zookeeper.multiAddress.enabled": "true"}}, shapes...)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeEverywhere("fresh")
			w.agree()
			for id := range e.Servers {
				victim := e.Server(id + 1)
				victim.Kill()
				w.writeEverywhere(fmt.Sprintf("without%d", victim.ID))
				w.start(victim)
			}
			w.agree()
			w.digestsMatch()
		})
	}
}
