package validate

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
)

// check applies all rules.
func check(t *testing.T, h *history.History) []Violation {
	t.Helper()
	loaded := reloaded(t, h)
	_, found := Linearizable(loaded, time.Minute)
	return append(found, Check(loaded)...)
}

// reloaded is what a history file would hold of h.
func reloaded(t *testing.T, h *history.History) *history.History {
	t.Helper()
	var file bytes.Buffer
	if err := h.Save(&file); err != nil {
		t.Fatal(err)
	}
	loaded, err := history.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// TestGoodStory: nothing is wrong with the story that the others spoil.
func TestGoodStory(t *testing.T) {
	for _, v := range check(t, tell()) {
		t.Error(v)
	}
}

// find returns the nth record about a path.
func find(h *history.History, kind history.Kind, path string, nth int) *history.Record {
	for i := range h.Records {
		r := &h.Records[i]
		if r.Kind == kind && (r.Path == path || r.Name == path) {
			if nth == 0 {
				return r
			}
			nth--
		}
	}
	panic("the story has no such record")
}

// frameOf returns the index of a connection's nth frame of a kind about a path.
func frameOf(h *history.History, id history.Session, kind history.Frame, path string, nth int) int {
	for i := range h.Wire {
		w := &h.Wire[i]
		if w.Session == id && w.Frame == kind && w.Path == path {
			if nth == 0 {
				return i
			}
			nth--
		}
	}
	panic("the story has no such frame")
}

// node returns a znode in a server's tree.
func node(h *history.History, server int, path string) *history.Node {
	t := &h.Trees[server-1]
	i := slices.IndexFunc(t.Nodes, func(n history.Node) bool { return n.Path == path })
	return &t.Nodes[i]
}

// drop takes a znode out of a server's tree.
func drop(h *history.History, server int, path string) {
	t := &h.Trees[server-1]
	t.Nodes = slices.DeleteFunc(t.Nodes, func(n history.Node) bool { return n.Path == path })
}

// planted are stories that went wrong in one point, and the rules that must see
// it, or the words of what must be said; others may see it too.
var planted = []struct {
	name  string
	spoil func(*history.History)
	rules []string
	says  string
}{
	{"a lost write", func(h *history.History) {
		for server := 1; server <= 2; server++ {
			n := node(h, server, "/reg/x")
			n.Data, n.Stat.Mzxid, n.Stat.Version = "mx", 104, 2
		}
	}, []string{"linearizable", "replay"}, ""},
	{"a lost znode", func(h *history.History) {
		drop(h, 1, "/seq/s-0000000001")
		drop(h, 2, "/seq/s-0000000001")
	}, []string{"linearizable", "replay"}, ""},
	{"a lost delete", func(h *history.History) {
		for i := range h.Trees {
			n := history.Node{Path: "/reg/y", Data: "y-lost", Stat: history.Stat{Czxid: 102, Mzxid: 110, Version: 2}}
			h.Trees[i].Nodes = append(h.Trees[i].Nodes, n)
		}
	}, []string{"linearizable", "replay"}, ""},
	{"a stale read behind a sync", func(h *history.History) {
		r := find(h, history.Get, "/reg/x", 2)
		r.Data, r.Zxid, r.Stat = "x1", 103, &history.Stat{Czxid: 101, Mzxid: 103, Version: 1}
	}, []string{"linearizable", "order"}, ""},
	{"a stale read that claims to be new", func(h *history.History) {
		r := find(h, history.Get, "/reg/x", 1)
		r.Data, r.Stat = "x0", &history.Stat{Czxid: 101, Mzxid: 101}
	}, []string{"replay"}, ""},
	{"a read of what nobody wrote", func(h *history.History) {
		find(h, history.Get, "/reg/x", 1).Data = "who?"
	}, []string{"replay"}, "which nobody has written"},
	{"a read of the future", func(h *history.History) {
		find(h, history.Get, "/reg/x", 0).Stat.Mzxid = 108
	}, []string{"replay"}, ""},
	{"a read of another version", func(h *history.History) {
		find(h, history.Get, "/reg/x", 1).Stat.Version = 7
	}, []string{"replay"}, "in version 7, where"},
	{"one state seen in two ways", func(h *history.History) {
		node(h, 2, "/seq/s-0000000000").Stat.Owner = alice
	}, []string{"replay", "trees"}, "is seen in two ways"},
	{"a refused write that happened", func(h *history.History) {
		r := find(h, history.Set, "/reg/x", 0)
		r.Outcome, r.Err, r.Stat = history.Failed, "BadVersion", nil
	}, []string{"linearizable", "replay"}, ""},
	{"a version check that was ignored", func(h *history.History) {
		find(h, history.Set, "/reg/x", 0).Version = 5
	}, []string{"linearizable"}, ""},
	{"a create of what was there", func(h *history.History) {
		r := find(h, history.Set, "/reg/x", 1)
		r.Kind, r.Name, r.Stat.Version = history.Create, "/reg/x", 0
	}, []string{"linearizable"}, ""},
	{"two writes with one zxid", func(h *history.History) {
		find(h, history.Create, "/reg/y", 0).Zxid = 101
	}, []string{"order"}, "two writes have one zxid"},
	{"a write before what was answered before it", func(h *history.History) {
		find(h, history.Create, "/reg/y", 0).Zxid = 99
	}, []string{"order"}, ""},
	{"a zxid that goes back", func(h *history.History) {
		r := find(h, history.Get, "/eph/lock", 1)
		r.Latest, r.Zxid = false, 107
	}, []string{"session"}, ""},
	{"a session's writes out of order", func(h *history.History) {
		a, b := find(h, history.Create, "/seq/s-0000000000", 0), find(h, history.Create, "/queue/q-0000000000", 0)
		a.Submit, b.Submit = b.Submit, a.Submit
	}, []string{"session"}, ""},
	{"a write without an answer that happened too late", func(h *history.History) {
		for i := range h.Records { // 110 and 111 change places
			r := &h.Records[i]
			if r.Path == "/reg/y" && r.Kind == history.Get && r.Data == "y-lost" {
				r.Zxid, r.Stat.Mzxid, r.Latest = 112, 112, false
			}
		}
		find(h, history.Get, "/eph/lock", 1).Zxid = 113
	}, []string{"session"}, ""},
	{"a child that is not listed", func(h *history.History) {
		find(h, history.Children, "/seq", 0).Children = nil
	}, []string{"children"}, "does not list /seq/s-0000000000"},
	{"a child that is listed too early", func(h *history.History) {
		r := find(h, history.Children, "/seq", 0)
		r.Children = append(r.Children, "s-0000000001")
	}, []string{"children"}, "which nobody had created by then"},
	{"a child that was deleted", func(h *history.History) {
		r := find(h, history.Children, "/reg", 0)
		r.Children = append(r.Children, "y")
	}, []string{"children"}, "lists /reg/y, deleted"},
	{"a reply before its turn", func(h *history.History) {
		h.Wire = append(h.Wire, history.Wire{Conn: 1, Client: 1, Session: alice, Frame: history.Disorder, Op: "getData", Path: "/reg/x"})
	}, []string{"session"}, "came before its turn"},
	{"a session that does not see its own write", func(h *history.History) {
		r := find(h, history.Get, "/eph/lock", 0)
		r.Path, r.Latest, r.Zxid = "/queue/q-0000000000", false, 104
		r.Outcome, r.Err, r.Stat = history.Failed, "NoNode", nil
	}, []string{"session"}, "does not see its own write"},
	{"half a multi", func(h *history.History) {
		r := find(h, history.Get, "/reg/y", 0)
		r.Data, r.Stat = "y0", &history.Stat{Czxid: 102, Mzxid: 102}
	}, []string{"linearizable", "replay"}, ""},
	{"half a multi without an answer", func(h *history.History) {
		m := find(h, history.Multi, "", 0)
		m.Outcome, m.Zxid = history.Unknown, 0
		m.Parts[0].Stat, m.Parts[1].Stat = nil, nil
		r := find(h, history.Get, "/reg/y", 0)
		r.Data, r.Stat = "y0", &history.Stat{Czxid: 102, Mzxid: 102}
	}, []string{"replay"}, ""},
	{"a multi in two steps", func(h *history.History) {
		find(h, history.Get, "/reg/y", 0).Stat.Mzxid = 103
	}, []string{"multi"}, "it was answered with"},
	{"a multi without an answer in two steps", func(h *history.History) {
		m := find(h, history.Multi, "", 0)
		m.Outcome, m.Zxid = history.Unknown, 0
		m.Parts[0].Stat, m.Parts[1].Stat = nil, nil
		find(h, history.Get, "/reg/y", 0).Stat.Mzxid = 103
	}, []string{"multi"}, "parts of one multi happened at"},
	{"a part of a multi that was refused", func(h *history.History) {
		m := find(h, history.Multi, "", 0)
		m.Outcome, m.Err, m.Parts[0].Err = history.Failed, "BadVersion", "BadVersion"
	}, []string{"multi", "replay"}, ""},
	{"a repeated sequence number", func(h *history.History) {
		find(h, history.Create, "/seq/s-0000000001", 0).Name = "/seq/s-0000000000"
	}, []string{"sequence"}, ""},
	{"a sequence number that goes back", func(h *history.History) {
		a, b := find(h, history.Create, "/seq/s-0000000000", 0), find(h, history.Create, "/seq/s-0000000001", 0)
		a.Name, b.Name = b.Name, a.Name
	}, []string{"sequence"}, ""},
	{"a sequence number left out", func(h *history.History) {
		find(h, history.Create, "/seq/s-0000000001", 0).Name = "/seq/s-0000000002"
		node(h, 1, "/seq/s-0000000001").Path = "/seq/s-0000000002"
		node(h, 2, "/seq/s-0000000001").Path = "/seq/s-0000000002"
	}, []string{"sequence"}, ""},
	{"an ephemeral znode gone too early", func(h *history.History) {
		r := find(h, history.Get, "/queue/q-0000000001", 0)
		shift := find(h, history.Create, "/queue/q-0000000001", 0).Return + 500*time.Millisecond - r.Return
		r.Call, r.Return = r.Call+shift, r.Return+shift
	}, []string{"ephemeral"}, ""},
	{"an ephemeral znode deleted too early by its event", func(h *history.History) {
		at := find(h, history.Create, "/queue/q-0000000001", 0).Return + 500*time.Millisecond
		h.Wire = append(h.Wire, history.Wire{Session: alice, Client: 1, Conn: 1, Frame: history.Event, At: at, Type: nodeDeleted, Path: "/queue/q-0000000001", Zxid: 113})
	}, []string{"ephemeral"}, ""},
	{"a session that a server calls expired too early", func(h *history.History) {
		i := slices.IndexFunc(h.Wire, func(w history.Wire) bool { return w.Frame == history.Expired })
		h.Wire[i].At = find(h, history.Create, "/queue/q-0000000001", 0).Return + 900*time.Millisecond
	}, []string{"ephemeral"}, ""},
	{"an ephemeral znode that outlives its closed session", func(h *history.History) {
		r := find(h, history.Get, "/eph/lock", 1)
		old := find(h, history.Get, "/eph/lock", 0)
		r.Outcome, r.Err, r.Data, r.Stat = history.OK, "", old.Data, old.Stat
	}, []string{"linearizable", "ephemeral"}, ""},
	{"an ephemeral znode that is left in the end", func(h *history.History) {
		st := *find(h, history.Create, "/queue/q-0000000001", 0).Stat
		for i := range h.Trees {
			h.Trees[i].Nodes = append(h.Trees[i].Nodes, history.Node{Path: "/queue/q-0000000001", Data: "qc", Stat: st})
		}
	}, []string{"linearizable", "ephemeral"}, ""},
	{"an ephemeral znode of a living session that is gone", func(h *history.History) {
		drop(h, 1, "/queue/q-0000000000")
		drop(h, 2, "/queue/q-0000000000")
	}, []string{"linearizable", "ephemeral", "replay"}, ""},
	{"a watch fired twice", func(h *history.History) {
		i := frameOf(h, bob, history.Event, "/reg/x", 0)
		h.Wire = slices.Insert(h.Wire, i, h.Wire[i])
	}, []string{"watch"}, ""},
	{"a watch that never fired", func(h *history.History) {
		i := frameOf(h, bob, history.Event, "/reg/x", 0)
		h.Wire = slices.Delete(h.Wire, i, i+1)
	}, []string{"watch"}, ""},
	{"new data before the watch", func(h *history.History) {
		i, j := frameOf(h, bob, history.Event, "/reg/x", 0), frameOf(h, bob, history.Reply, "/reg/x", 1)
		h.Wire[i], h.Wire[j] = h.Wire[j], h.Wire[i]
	}, []string{"watch"}, ""},
	{"a change missed by a reconnecting watch", func(h *history.History) {
		h.Wire = append(h.Wire,
			history.Wire{Conn: 9, Session: alice, Frame: history.Rearmed, Rearm: &history.Rearm{Relative: 103, Data: []string{"/reg/x"}}},
			history.Wire{Conn: 9, Session: alice, Frame: history.Reply, Op: "setWatches", Zxid: 114})
	}, []string{"watch"}, ""},
	{"children that changed while a watch was away", func(h *history.History) {
		h.Wire = append(h.Wire,
			history.Wire{Conn: 9, Session: alice, Frame: history.Rearmed, Rearm: &history.Rearm{Relative: 104, Child: []string{"/seq"}}},
			history.Wire{Conn: 9, Session: alice, Frame: history.Reply, Op: "setWatches", Zxid: 114})
	}, []string{"watch"}, ""},
	{"a missed event that nobody asked for", func(h *history.History) {
		h.Wire = append(h.Wire, history.Wire{Conn: 9, Session: alice, Frame: history.Event, Type: dataChanged, Path: "/reg/x", Zxid: -1})
	}, []string{"watch"}, "that nobody asked for"},
	{"a persistent watch that missed a change", func(h *history.History) {
		i := frameOf(h, carol, history.Event, "/seq/s-0000000000", 0)
		h.Wire = slices.Delete(h.Wire, i, i+1)
	}, []string{"persistent"}, ""},
	{"a persistent watch that missed a part of a multi", func(h *history.History) {
		i := frameOf(h, carol, history.Event, "/reg/y", 0)
		h.Wire = slices.Delete(h.Wire, i, i+1)
	}, []string{"persistent"}, ""},
	{"a persistent watch that was told twice", func(h *history.History) {
		i := frameOf(h, carol, history.Event, "/reg/y", 0)
		h.Wire = slices.Insert(h.Wire, i, h.Wire[i])
	}, []string{"persistent"}, ""},
	{"persistent watches out of order", func(h *history.History) {
		i := frameOf(h, carol, history.Event, "/seq/s-0000000000", 0)
		h.Wire[i], h.Wire[i+1] = h.Wire[i+1], h.Wire[i]
	}, []string{"persistent"}, ""},
	{"servers that differ", func(h *history.History) {
		node(h, 2, "/reg/x").Stat.Cvers = 9
	}, []string{"trees"}, ""},
	{"a server that holds less", func(h *history.History) {
		drop(h, 2, "/seq/s-0000000001")
	}, []string{"trees"}, "server 2 does not"},
	{"a server that holds more", func(h *history.History) {
		h.Trees[1].Nodes = append(h.Trees[1].Nodes, history.Node{Path: "/reg/z"})
	}, []string{"trees"}, ""},
}

// TestPlanted: each rule can fail.
func TestPlanted(t *testing.T) {
	unseen := map[string]bool{"linearizable": true}
	for _, r := range rules {
		unseen[r.name] = true
	}
	for _, p := range planted {
		t.Run(p.name, func(t *testing.T) {
			h := tell()
			p.spoil(h)
			broken, said := map[string]bool{}, false
			for _, v := range check(t, h) {
				broken[v.Rule] = true
				said = said || strings.Contains(v.Text, p.says)
			}
			if !said {
				t.Errorf("nothing says that %q; broken: %v", p.says, broken)
			}
			for _, rule := range p.rules {
				delete(unseen, rule)
				if !broken[rule] {
					t.Errorf("rule %s does not see it; broken: %v", rule, broken)
				}
			}
		})
	}
	for rule := range unseen {
		t.Errorf("no planted violation is for rule %s", rule)
	}
}
