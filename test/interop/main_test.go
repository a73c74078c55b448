package interop

import (
	"os"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	peers.RemoveBuilt()
	os.Exit(code)
}
