package interop

import (
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestMixedVersions runs a Paddock server between two Java servers of each version, and one between an old and the newest
// one, as in the middle of an upgrade. Everybody leads and dies.
func TestMixedVersions(t *testing.T) {
	in, paddock := peers.Require(t), peers.RequirePaddock(t)
	newest := peers.Java{Installation: in}
	for _, version := range in.Versions() {
		if version == in.Version() || version < "3.5" { // 3.4 knows neither containers nor the configuration in votes
			continue
		}
		old := peers.RequireJava(t, version)
		t.Run(version, func(t *testing.T) { everyoneLeadsAndDies(t, old, paddock, old) })
	}
	t.Run("upgrade", func(t *testing.T) { everyoneLeadsAndDies(t, peers.RequireJava(t, "3.6.4"), paddock, newest) })
}
