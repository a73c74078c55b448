package interop

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestHash compares the digests that the servers of a mixed ensemble remember, zxid by zxid, after writes of every kind
// that have gone through all of them.
func TestHash(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	e := peers.StartEnsemble(t, java, paddock, paddock)
	w := &witness{t: t, e: e, acked: map[string]string{}}
	for i, s := range e.Servers {
		w.manyWrites(w.connect(s), fmt.Sprintf("/by%d", i+1))
	}
	for _, s := range e.Servers {
		w.sync(w.connect(s), s)
	}
	ctx, cancel := w.within()
	defer cancel()
	err := peers.Await(ctx, "equal digests", func(ctx context.Context) error {
		var first string
		for _, s := range e.Servers {
			text, err := s.Word(ctx, "hash")
			switch {
			case err != nil:
				return err
			case len(text) < 20:
				return fmt.Errorf("%v says %q", s, text)
			case first == "":
				first = text
			case text != first:
				return errors.New("they differ:\n" + first + "and, of " + s.String() + ",\n" + text)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.digestsMatch()
}

// manyWrites creates, changes and deletes.
func (w *witness) manyWrites(conn *zk.Conn, root string) {
	w.t.Helper()
	w.create(conn, root, "")
	for i := range 60 {
		path := fmt.Sprintf("%s/%d", root, i)
		w.create(conn, path, path)
		if _, err := conn.Set(path, []byte("changed"), -1); err != nil {
			w.t.Fatal(err)
		}
		if _, err := conn.SetACL(path, zk.WorldACL(zk.PermRead|zk.PermDelete), -1); err != nil {
			w.t.Fatal(err)
		}
		if _, err := conn.Multi(&zk.CreateRequest{Path: path + "x", Acl: zk.WorldACL(zk.PermAll), Flags: zk.FlagEphemeral},
			&zk.DeleteRequest{Path: path, Version: -1}); err != nil {
			w.t.Fatal(err)
		}
		delete(w.acked, path)
	}
}
