package shell

import (
	"io"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

// TestCreateComplaint: two failures have a sentence of their own.
func TestCreateComplaint(t *testing.T) {
	for want, err := range map[string]error{
		"Unable to create ephemeral node on a local session": &zk.Error{Op: "create", Path: "/e", Err: zk.ErrEphemeralOnLocalSession},
		"KeeperErrorCode = InvalidACL for /e":                &zk.Error{Op: "create", Path: "/e", Err: zk.ErrInvalidACL},
		"":                                                   io.EOF,
	} {
		if got := createComplaint(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	if got := createComplaint(&zk.Error{Op: "create", Path: "/e", Err: zk.ErrNodeExists}); got != "" {
		t.Errorf("an ordinary failure: %q", got)
	}
}
