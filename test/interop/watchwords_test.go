package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestWatchWords holds what the four-letter words count: pairs of a connection and a path in the table of
// data watches, whatever the kinds; and, as connections, those as well whose watches have all fired.
func TestWatchWords(t *testing.T) {
	bothSoftware(t, watchWords)
}

func watchWords(t *testing.T, software peers.Software) {
	s := peers.StartServer(t, software, peers.Config{})
	names := map[string]string{}
	session := func(name string) *golden.Session {
		c := golden.Connect(&golden.Transcript{}, s.Addr(), name)
		names[fmt.Sprintf("0x%x", uint64(c.ID))] = name
		return c
	}
	err := golden.Catch(func() { setWatches(session) })
	if err != nil {
		t.Fatal(err)
	}
	word := func(w string) string {
		text, err := s.Word(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for id, name := range names {
			text = strings.ReplaceAll(text, id, name)
		}
		return text
	}
	for _, x := range []struct{ what, got, want string }{
		{"wchs", word("wchs"), "5 connections watching 4 paths\nTotal watches:5\n"},
		{"wchc", sorted(word("wchc")), "all kinds|/p\nfired\nfired and back|/y\npersistent|/p|/q\nrecursive|/"},
		{"wchp", sorted(word("wchp")), "/p|all kinds|persistent\n/q|persistent\n/y|fired and back\n/|recursive"},
	} {
		if x.got != x.want {
			t.Errorf("%s:\n%s\nwant\n%s", x.what, x.got, x.want)
		}
	}
	if mntr := word("mntr"); !strings.Contains(mntr, "zk_watch_count\t8\n") {
		t.Errorf("mntr:\n%s", mntr)
	}
}

// setWatches opens sessions that have every kind of watch, or had one.
func setWatches(session func(name string) *golden.Session) {
	add := func(c *golden.Session, path string, mode int32) {
		c.Ask(golden.OpAddWatch, golden.Record{}.Ustring(path).Int(mode), "")
	}
	all := session("all kinds")
	all.Ask(golden.OpCreate, golden.Create("/p", nil, golden.Open, 0), "")
	all.Ask(golden.OpGetData, golden.Watched("/p", true), "")
	all.Ask(golden.OpGetChildren, golden.Watched("/p", true), "")
	add(all, "/p", 0)
	add(all, "/p", 1)
	one := session("persistent")
	add(one, "/p", 0)
	add(one, "/q", 0)
	two := session("recursive")
	add(two, "/", 1)
	session("child only").Ask(golden.OpGetChildren, golden.Watched("/", true), "")
	fired := session("fired")
	fired.Ask(golden.OpExists, golden.Watched("/x", true), "")
	fired.Ask(golden.OpCreate, golden.Create("/x", nil, golden.Open, 0), "")
	fired.Receive("")
	again := session("fired and back")
	again.Ask(golden.OpExists, golden.Watched("/x", true), "")
	again.Ask(golden.OpDelete, golden.Record{}.Ustring("/x").Int(-1), "")
	again.Receive("")
	again.Ask(golden.OpExists, golden.Watched("/y", true), "")
	gone := session("removed")
	add(gone, "/p", 0)
	gone.Ask(golden.OpRemoveWatches, golden.Record{}.Ustring("/p").Int(3), "")
}

// sorted sorts the lines below each heading, and then the headings.
func sorted(text string) string {
	var all []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if !strings.HasPrefix(line, "\t") {
			all = append(all, line)
		} else {
			all[len(all)-1] += line
		}
	}
	for i, b := range all {
		parts := strings.Split(b, "\t")
		slices.Sort(parts[1:])
		all[i] = strings.Join(parts, "|")
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
