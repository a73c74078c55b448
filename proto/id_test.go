package proto

import (
	"bytes"
	"testing"

	"github.com/paddock-io/paddock/jute"
)

// A null id is neither the empty one nor any text that a client can send.
func TestNullID(t *testing.T) {
	digest := jute.AppendString(nil, "digest")
	for name, tc := range map[string]struct {
		wire []byte
		want string
	}{
		"null":      {jute.AppendBuffer(nil, nil), NullID},
		"empty":     {jute.AppendString(nil, ""), ""},
		"lookalike": {jute.AppendBuffer(nil, []byte(NullID)), "\uFFFD"},
	} {
		var id ID
		d := jute.NewDecoder(append(bytes.Clone(digest), tc.wire...))
		if id.Decode(&d); d.Err() != nil || id != (ID{"digest", tc.want}) {
			t.Errorf("%s: %q, %v", name, id, d.Err())
		}
		if got := id.Append(nil); name != "lookalike" && !bytes.Equal(got, append(bytes.Clone(digest), tc.wire...)) {
			t.Errorf("%s: encoded as %x", name, got)
		}
	}
}
