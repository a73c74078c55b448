package interop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestOracle runs two servers, of which one dies: the other goes on when the oracle lets it, and the first comes back to
// follow it.
func TestOracle(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"paddock stays": {paddock, java}, "java stays": {java, paddock}, "paddock alone": {paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			oracle := func(id int) string { return filepath.Join(home, "oracle"+string(rune('0'+id))) }
			say := func(id int, word string) {
				if err := os.WriteFile(oracle(id), []byte(word), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			say(1, "0")
			say(2, "0")
			e := peers.StartShaped(t, peers.Config{},
				peers.Shape{Software: software[0], Settings: map[string]string{"oraclePath": oracle(1)}},
				peers.Shape{Software: software[1], Settings: map[string]string{"oraclePath": oracle(2)}})
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeEverywhere("both")
			e.Server(2).Kill()
			w.nobodyServes()
			say(1, "1")
			w.writeEverywhere("alone")
			// A server that dies may start alone, too.
			e.Server(1).Kill()
			w.start(e.Server(1))
			w.writeEverywhere("again")
			w.start(e.Server(2))
			w.writeEverywhere("back")
			w.agree()
			say(1, "0")
			w.writeEverywhere("asusual")
			w.agree()
			e.Server(2).Kill()
			w.nobodyServes()
			w.start(e.Server(2))
			w.agree()
			w.digestsMatch()
		})
	}
}
