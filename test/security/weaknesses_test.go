package security

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// The weaknesses published for ZooKeeper that concern what Paddock serves. Those
// of TLS (2026-59969, 2026-24281), SASL between servers (2023-44981), the admin
// server (2025-58457, 2024-51504) and the audit log (2026-84439) have no test
// here, since Paddock has none of these. 2026-79993 is TestEveryOpcode.

const recursive = 1 // mode of addWatch

func addWatch(path string, mode int32) []byte {
	return jute.AppendInt(jute.AppendString(nil, path), mode)
}

// private returns an ACL that lets only "own:o" in.
func private() []proto.ACL { return []proto.ACL{digest("own:o", proto.PermAll)} }

// TestWatchesAreSilent: whoever may not read a znode is not told of its
// creation, change, or deletion (CVE-2024-23944).
func TestWatchesAreSilent(t *testing.T) {
	s := start(t)
	owner := s.open(t, "own:o")
	owner.create("/tree", proto.OpenACL...)
	spy := s.open(t, "eve:e")
	for path, mode := range map[string]int32{"/": recursive, "/tree": recursive, "/tree/secret": 0} {
		if r := spy.call(proto.OpAddWatch, addWatch(path, mode)); r.closed || r.err != proto.OK {
			t.Fatalf("addWatch %s: %+v", path, r)
		}
	}
	spy.call(proto.OpExists, (&proto.PathWatchRequest{Path: "/tree/secret", Watch: true}).Append(nil))

	owner.create("/tree/secret", private()...)
	owner.must(proto.OpSetData, &proto.SetDataRequest{Path: "/tree/secret", Data: []byte("y"), Version: -1})
	owner.create("/tree/secret/child", private()...)
	owner.must(proto.OpDelete, &proto.DeleteRequest{Path: "/tree/secret/child", Version: -1})
	owner.must(proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{
		{Type: proto.OpSetData, Req: &proto.SetDataRequest{Path: "/tree/secret", Version: -1}},
		{Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: "/tree/secret", Version: -1}},
	}})
	owner.create("/tree/open", proto.OpenACL...)
	spy.settle()
	want := []proto.WatcherEvent{{Type: proto.EventNodeCreated, State: proto.StateSyncConnected, Path: "/tree/open"}}
	if !slices.Equal(spy.events, want) {
		t.Errorf("the spy is told %v, want %v", spy.events, want)
	}
}

// TestReplayIsSilent: the watches that a client leaves again after a reconnect
// tell nothing of a znode that it may not read (CVE-2026-59739).
func TestReplayIsSilent(t *testing.T) {
	s := start(t)
	owner := s.open(t, "own:o")
	owner.create("/made", private()...)
	owner.must(proto.OpSetData, &proto.SetDataRequest{Path: "/made", Version: -1})
	owner.create("/made/child", private()...)
	spy := s.open(t, "eve:e")
	for _, op := range []proto.OpCode{proto.OpSetWatches, proto.OpSetWatches2} {
		r := proto.SetWatchesRequest{V2: op == proto.OpSetWatches2,
			Data: []string{"/made"}, Exist: []string{"/made", "/made/child"}, Child: []string{"/made"},
			Persist: []string{"/made"}, Recursive: []string{"/made"}}
		spy.must(op, &r)
	}
	owner.must(proto.OpSetData, &proto.SetDataRequest{Path: "/made", Version: -1})
	spy.settle()
	if len(spy.events) > 0 {
		t.Errorf("the spy is told %v", spy.events)
	}
	reader := s.open(t, "own:o")
	reader.must(proto.OpSetWatches, &proto.SetWatchesRequest{Exist: []string{"/made"}})
	if len(reader.events) != 1 {
		t.Errorf("the owner is told %v", reader.events)
	}
}

// TestACLIsHidden: without READ or ADMIN there is no ACL to see, and without
// ADMIN no hash in it (CVE-2019-0201).
func TestACLIsHidden(t *testing.T) {
	s := start(t)
	s.open(t, "own:o").create("/private", private()...)
	readable := append(private(), proto.ACL{Perms: proto.PermRead, ID: proto.OpenACL[0].ID})
	s.open(t, "own:o").create("/readable", readable...)
	spy := s.open(t, "eve:e")
	if r := spy.call(proto.OpGetACL, jute.AppendString(nil, "/private")); r.err != proto.ErrNoAuth || len(r.body) > 0 {
		t.Errorf("getACL of a private znode: %+v", r)
	}
	hash := strings.TrimPrefix(private()[0].ID.ID, "own:")
	if body := spy.must(proto.OpGetACL, &proto.PathRequest{Path: "/readable"}); bytes.Contains(body, []byte(hash)) {
		t.Errorf("getACL shows the hash to a reader: %q", body)
	}
}

// TestWordsAreFew: by default there is one four-letter word, and none that walks
// the tree or the watches (CVE-2017-5637).
func TestWordsAreFew(t *testing.T) {
	s := start(t)
	for _, word := range []string{"wchp", "wchc", "wchs", "dump", "cons", "stat", "mntr", "envi", "conf", "hash", "srst", "crst"} {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		io.WriteString(nc, word)
		text, _ := io.ReadAll(nc)
		if want := word + " is not executed because it is not in the whitelist.\n"; string(text) != want {
			t.Errorf("%s is answered %q", word, text)
		}
	}
}

// TestLogsKeepSecrets: no credentials, no data of znodes and no line of a client's
// making get into the log, whatever its level (CVE-2026-24308, CVE-2026-84501).
func TestLogsKeepSecrets(t *testing.T) {
	s := start(t, "4lw.commands.whitelist=*")
	const forged = "\n2026-01-01 00:00:00,000 [myid:1] - INFO  forged\tline\x00"
	c := s.open(t, "user:planted-password", superCredentials)
	c.must(proto.OpCreate, &proto.CreateRequest{Path: "/a", Data: []byte("planted-data"), ACL: private()})
	c.call(proto.OpCreate, (&proto.CreateRequest{Path: "/" + forged, ACL: private()}).Append(nil))
	c.call(proto.OpGetData, jute.AppendBool(jute.AppendString(nil, "/"+forged), false))
	refused := s.open(t)
	refused.call(proto.OpAuth, (&proto.AuthPacket{Scheme: "no-scheme" + forged, Auth: []byte("planted-token")}).Append(nil))
	unknown := s.open(t)
	unknown.call(4711, []byte("planted-record"))
	wrong := s.dial(t)
	req := proto.ConnectRequest{SessionID: 4711, Timeout: 1000, Passwd: []byte("planted-session-")}
	wrong.send(req.Append(nil))
	wrong.frame()
	c.settle()

	log := s.log.String()
	if !strings.Contains(log, "no-scheme") {
		t.Errorf("the log does not tell of the refused scheme:\n%s", log)
	}
	for _, secret := range []string{"planted", superDigest, strings.TrimPrefix(superDigest, "super:"), "super:test"} {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log has %q: %q", secret, log[max(0, i-200):min(len(log), i+100)])
		}
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "forged") && !strings.Contains(line, "no-scheme") || strings.Contains(line, "\tline") {
			t.Errorf("a client wrote a line of the log: %q", line)
		}
	}
}

// TestCountsNeedPermission: what is counted or listed from afar is checked where
// it is asked for.
func TestCountsNeedPermission(t *testing.T) {
	s := start(t)
	owner := s.open(t, "own:o")
	owner.create("/top", private()...)
	owner.must(proto.OpCreate, &proto.CreateRequest{Path: "/top/e", ACL: private(), Flags: proto.Ephemeral})
	spy := s.open(t, "eve:e")
	if r := spy.call(proto.OpGetAllChildren, jute.AppendString(nil, "/top")); r.err != proto.ErrNoAuth || len(r.body) > 0 {
		t.Errorf("getAllChildrenNumber: %+v", r)
	}
	body := spy.must(proto.OpGetEphemerals, &proto.PathRequest{Path: "/"})
	if d := jute.NewDecoder(body); d.Int() != 0 {
		t.Errorf("getEphemerals shows those of others: %q", body)
	}
}
