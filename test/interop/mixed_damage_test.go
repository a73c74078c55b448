package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestMixedDamage damages a Paddock server between two Java servers, whom it cannot ask: it must not take
// part until the Java leader has brought it a snapshot. Then a Java server takes over its directory, with
// all the files that only Paddock has.
func TestMixedDamage(t *testing.T) {
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	for name, damage := range map[string]func(t *testing.T, dir string){
		"log":           func(t *testing.T, dir string) { flip(t, newest(t, dir, "log."), -60) },
		"acceptedEpoch": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "acceptedEpoch"), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			e := peers.StartEnsemble(t, java, java, paddock)
			w := &witness{t: t, e: e, acked: map[string]string{}}
			w.writeEverywhere("fresh")
			w.agree()
			victim := e.Server(3)
			if err := victim.Stop(); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(victim.DataDir(), "version-2")
			damage(t, dir)
			w.writeEverywhere("meanwhile")
			w.start(victim)
			w.agree()
			text, err := os.ReadFile(victim.LogPath())
			for _, line := range []string{"the history on disk is damaged", "the history on disk is whole again"} {
				if err != nil || !strings.Contains(string(text), line) {
					t.Errorf("the log does not say %q (%v)", line, err)
				}
			}
			w.writeEverywhere("healed")
			if err := victim.Stop(); err != nil {
				t.Fatal(err)
			}
			victim.Software = java
			w.start(victim)
			w.writeEverywhere("by java")
			w.agree()
			w.digestsMatch()
		})
	}
}

// newest returns the newest file of a directory with a prefix.
func newest(t *testing.T, dir, prefix string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s* in %s: %v", prefix, dir, err)
	}
	slices.Sort(files)
	return files[len(files)-1]
}

// flip inverts bits of a byte of a file: at an offset, or so far from the end of what is not zero.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(bytes.TrimRight(b, "\x00"))
	}
	b[at] ^= 0x55
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
