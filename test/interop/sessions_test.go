package interop

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// bothSoftware runs a test against Java first if that is wanted, and against Paddock.
func bothSoftware(t *testing.T, run func(t *testing.T, software peers.Software)) {
	t.Helper()
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("java", func(t *testing.T) { run(t, peers.Java{Installation: peers.Require(t)}) })
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	t.Run("paddock", func(t *testing.T) { run(t, peers.RequirePaddock(t)) })
}

// startWith starts an ensemble with settings and properties of which only the servers listed run, and does not wait.
func startWith(t *testing.T, settings, properties map[string]string, software []peers.Software, run ...int) *peers.Ensemble {
	t.Helper()
	e, err := peers.NewEnsemble(t.TempDir(), peers.Config{Settings: settings}, software...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Kill)
	for _, id := range run {
		s := e.Server(id)
		s.Properties = properties
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// teller writes down what servers do, in words that are the same for all of them.
type teller struct {
	t        *testing.T
	lines    []string
	follower int // the id of the one that follows, where it matters
}

func (w *teller) say(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// reply is a reply's error and size of body.
func reply(b []byte) string {
	return fmt.Sprintf("err %d, %d bytes", int32(binary.BigEndian.Uint32(b[12:])), len(b)-16)
}

// outcome is the answer to a handshake.
func outcome(addr string, h golden.Handshake) string {
	what := ""
	s := golden.Dial(&golden.Transcript{}, addr)
	defer s.Drop()
	err := golden.Catch(func() {
		s.Send(h.Record(), "")
		b := s.Receive("")
		switch {
		case len(b) == 16:
			what = fmt.Sprintf("a header: xid %d, err %d", int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[12:])))
		case binary.BigEndian.Uint64(b[8:]) == 0:
			what = fmt.Sprintf("invalid, %d bytes", len(b))
			s.ExpectClose()
			what += ", closed"
		default:
			same := h.ID != 0 && binary.BigEndian.Uint64(b[8:]) == uint64(h.ID)
			what = fmt.Sprintf("valid, %d bytes, timeout %d, same %t", len(b), binary.BigEndian.Uint32(b[4:]), same)
			if len(b) == 37 {
				what += fmt.Sprintf(", read-only %d", b[36])
			}
		}
	})
	if err != nil && what == "" {
		what = "closed without an answer"
	} else if err != nil {
		what += ": " + err.Error()
	}
	return what
}

var updateSessions = flag.Bool("update-sessions", false, "write testdata/sessions from what Java does")

// compare compares what was told, and how it ended, with what Java did.
func (w *teller) compare(name string, software peers.Software, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
	}
	file, got := filepath.Join("testdata", "sessions", name+".txt"), strings.Join(w.lines, "\n")+"\n"
	if _, java := software.(peers.Java); java && *updateSessions {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	lines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || line != lines[i] {
			w.t.Fatalf("%s, line %d: %q, Java did %q; all of it:\n%s", name, i+1, line, lines[min(i, len(lines)-1)], got)
		}
	}
}

func (w *teller) zxid(s *peers.Server) uint64 {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), peers.StartTimeout)
	defer cancel()
	st, err := s.AwaitServing(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return st.Zxid
}

func (w *teller) word(s *peers.Server, word string) string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), peers.StartTimeout)
	defer cancel()
	text, err := s.Word(ctx, word)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

// gauge is a line of mntr.
func (w *teller) gauge(s *peers.Server, name string) string {
	for line := range strings.Lines(w.word(s, "mntr")) {
		if v, ok := strings.CutPrefix(line, "zk_"+name+"\t"); ok {
			return strings.TrimSpace(v)
		}
	}
	return "none"
}

// buckets is how many there are, which depends on time.
var buckets = regexp.MustCompile(`Sets \(\d+\)`)

// dump is what dump says of sessions.
func (w *teller) dump(name string, s *peers.Server) {
	for line := range strings.Lines(w.word(s, "dump")) {
		if strings.Contains(line, "Session") && !strings.Contains(line, "Connections") {
			w.say("%s: %s", name, buckets.ReplaceAllString(strings.TrimSpace(line), "Sets (n)"))
		}
	}
}

// tellLocal lives a local session on one server, with another at hand.
func (w *teller) tellLocal(name string, s, other *peers.Server, upgrade bool) {
	since := w.zxid(s)
	step := func(format string, args ...any) {
		now := w.zxid(s)
		w.say("%s: "+format+", %d transactions", append(append([]any{name}, args...), now-since)...)
		since = now
	}
	c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	step("connected")
	dir := "/" + name
	step("create: %s", reply(c.Ask(golden.OpCreate, golden.Create(dir, nil, golden.Open, 0), "")))
	step("setData: %s", reply(c.Ask(golden.OpSetData, golden.Record{}.Ustring(dir).Buffer([]byte("x")).Int(-1), "")))
	step("createContainer: %s", reply(c.Ask(golden.OpCreateContainer, golden.Create(dir+"/c", nil, golden.Open, 4), "")))
	step("sync: %s", reply(c.Ask(golden.OpSync, golden.Record{}.Ustring("/"), "")))
	w.say("%s: local %s, global %s", name, w.gauge(s, "local_sessions"), w.gauge(s, "global_sessions"))
	h := golden.Handshake{TimeoutMs: 9000, ID: c.ID, Password: c.Password}
	step("elsewhere: %s", outcome(other.Addr(), h))
	c = golden.Dial(&golden.Transcript{}, s.Addr())
	c.Handshake(h, "")
	step("here again: %t", c.ID == h.ID)
	w.dump(name, s)
	step("delete of nothing: %s", reply(c.Ask(golden.OpDelete, golden.Record{}.Ustring("/none").Int(-1), "")))
	step("multi: %x", c.Ask(golden.OpMulti, golden.Multi(
		golden.Part(golden.OpCreate, golden.Create(dir+"/p", nil, golden.Open, 0)),
		golden.Part(golden.OpCreate, golden.Create(dir+"/e", nil, golden.Open, 1))), "")[12:])
	step("ephemeral: %s", reply(c.Ask(golden.OpCreate, golden.Create(dir+"/f", nil, golden.Open, 1), "")))
	step("ephemeral under nothing: %s", reply(c.Ask(golden.OpCreate2, golden.Create("/none/f", nil, golden.Open, 3), "")))
	w.say("%s: local %s, global %s", name, w.gauge(s, "local_sessions"), w.gauge(s, "global_sessions"))
	if upgrade {
		step("elsewhere: %s", outcome(other.Addr(), h))
		c = golden.Dial(&golden.Transcript{}, s.Addr())
		c.Handshake(h, "")
	}
	step("exists: %s", reply(c.Ask(golden.OpExists, golden.Watched(dir+"/f", false), "")))
	step("close: %s", reply(c.Ask(golden.OpCloseSession, nil, "")))
	c.ExpectClose()
	step("closed: %s", outcome(s.Addr(), h))
}

// TestLocalSessions lives local sessions on a leader and on a follower, and does so in ensembles of both kinds.
func TestLocalSessions(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		for _, upgrade := range []bool{false, true} {
			localSessions(t, upgrade, software, software, software)
		}
	})
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	java, paddock := peers.Java{Installation: peers.Require(t)}, peers.RequirePaddock(t)
	t.Run("paddock leads java", func(t *testing.T) { localSessions(t, true, java, java, paddock) })
	t.Run("java leads paddock", func(t *testing.T) { localSessions(t, true, paddock, paddock, java) })
	t.Run("java leads paddock, no upgrading", func(t *testing.T) { localSessions(t, false, paddock, paddock, java) })
}

// localSessions is led by the last: the first two that can elect have empty histories, and its id is larger.
func localSessions(t *testing.T, upgrade bool, software ...peers.Software) {
	settings := map[string]string{"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": fmt.Sprint(upgrade)}
	e := startWith(t, settings, nil, software, 1, 3)
	defer e.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), peers.StartTimeout)
	defer cancel()
	if err := e.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	follower, third, leader := e.Server(1), e.Server(2), e.Server(3)
	if err := third.Start(); err != nil {
		t.Fatal(err)
	}
	if err := e.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Leader(ctx); err != nil || got != leader {
		t.Fatalf("%v leads: %v", got, err)
	}
	w := &teller{t: t}
	err := golden.Catch(func() {
		w.tellLocal("follower", follower, third, upgrade)
		w.tellLocal("leader", leader, third, upgrade)
	})
	w.compare(fmt.Sprintf("local_upgrading_%t", upgrade), software[0], err)
}

// TestReadOnlyMode asks a server whose peers are gone.
func TestReadOnlyMode(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		for _, local := range []bool{false, true} {
			settings := map[string]string{"localSessionsEnabled": fmt.Sprint(local)}
			properties := map[string]string{"readonlymode.enabled": "true"}
			e := startWith(t, settings, properties, []peers.Software{software, software, software}, 1, 2)
			w := &teller{t: t}
			err := golden.Catch(func() { w.tellReadOnly(e, local) })
			w.compare(fmt.Sprintf("read_only_local_%t", local), software, err)
			e.Kill()
		}
	})
}

func (w *teller) tellReadOnly(e *peers.Ensemble, local bool) {
	s := e.Server(1)
	ctx, cancel := context.WithTimeout(w.t.Context(), peers.StartTimeout)
	defer cancel()
	golden.Must(e.AwaitServing(ctx), "serving")
	w.say("isro: %s", w.word(s, "isro"))
	c := golden.Connect(&golden.Transcript{}, s.Addr(), "")
	w.say("create: %s", reply(c.Ask(golden.OpCreate, golden.Create("/n", []byte("x"), golden.Open, 0), "")))
	last := c.Ask(golden.OpExists, golden.Watched("/n", false), "")
	known := golden.Handshake{TimeoutMs: 9000, ID: c.ID, Password: c.Password, ReadOnly: true}
	e.Server(2).Kill()
	golden.Must(peers.Await(ctx, "read-only mode", func(ctx context.Context) error {
		if st, err := s.Status(ctx); err != nil || st.Mode != "read-only" {
			return errors.Join(err, errors.New(st.Mode))
		}
		return nil
	}), "await")
	w.tellReadOnlyWords(s)
	unknown := w.tellReadOnlyHandshakes(s, known)
	h := golden.Handshake{TimeoutMs: 9000, Password: golden.NoPassword, ReadOnly: true}
	if !local {
		h = unknown
	}
	w.tellReadOnlyRequests(s, h, last[4:12], local)

	c = golden.Dial(&golden.Transcript{}, s.Addr())
	c.Handshake(h, "")
	golden.Must(e.Server(2).Start(), "start")
	c.ExpectClose()
	w.say("a leader was found: closed")
	golden.Must(e.AwaitServing(ctx), "serving")
	w.say("isro: %s", w.word(s, "isro"))
	h = golden.Handshake{TimeoutMs: 9000, ID: c.ID, Password: c.Password, ReadOnly: true}
	w.say("the read-only session now: %s", outcome(s.Addr(), h))
	w.say("the old session: %s", outcome(s.Addr(), known))
}

// tellReadOnlyWords asks a read-only server with four-letter words.
func (w *teller) tellReadOnlyWords(s *peers.Server) {
	for i, line := range strings.Split(w.word(s, "srvr"), "\n") {
		if i == 1 || strings.HasPrefix(line, "Mode") {
			w.say("%s", line)
		}
	}
	w.say("isro: %s", w.word(s, "isro"))
	w.say("stat: %s", strings.Split(w.word(s, "stat"), "\n")[1])
	for _, line := range slices.Sorted(strings.Lines(w.word(s, "mntr"))) {
		if key, value, _ := strings.Cut(line, "\t"); strings.HasPrefix(key, "zk_server_state") || strings.HasPrefix(key, "zk_peer_state") ||
			key == "zk_quorum_size" || strings.HasSuffix(key, "l_sessions") || strings.HasSuffix(key, "followers") {
			w.say("mntr: %s %s", key, strings.TrimSpace(value))
		}
	}
	w.say("conf: %v", strings.Contains(w.word(s, "conf"), "membership"))
	w.dump("dump", s)
}

// tellReadOnlyHandshakes greets a read-only server in every way: known is a session of the ensemble. It returns
// the greeting of a session that nobody knows, with the right password.
func (w *teller) tellReadOnlyHandshakes(s *peers.Server, known golden.Handshake) (unknown golden.Handshake) {
	fresh := golden.Handshake{TimeoutMs: 9000, Password: golden.NoPassword, ReadOnly: true}
	w.say("new: %s", outcome(s.Addr(), fresh))
	h := fresh
	h.ReadOnly = false
	w.say("new, not read-only: %s", outcome(s.Addr(), h))
	h.Legacy = true
	w.say("new, legacy: %s", outcome(s.Addr(), h))
	h = fresh
	h.LastZxid = 1 << 60
	w.say("new, ahead: %s", outcome(s.Addr(), h))
	w.say("known: %s", outcome(s.Addr(), known))
	h = known
	h.Password = golden.NoPassword
	w.say("known, wrong password: %s", outcome(s.Addr(), h))
	h = fresh
	h.ID, h.Password = 0x0100019a2b3c0000, []byte{0x06, 0x5c, 0x5b, 0xdc, 0x1b, 0xc4, 0xb0, 0xbd, 0x54, 0x8d, 0x58, 0x6f, 0x5c, 0xed, 0xbf, 0xae}
	unknown = h
	w.say("unknown: %s", outcome(s.Addr(), h))
	h.Password = golden.NoPassword
	w.say("unknown, wrong password: %s", outcome(s.Addr(), h))
	return unknown
}

// tellReadOnlyRequests sends one of each request in a session greeted with h. zxid is what a reply had after the
// last write.
func (w *teller) tellReadOnlyRequests(s *peers.Server, h golden.Handshake, zxid []byte, local bool) {
	c := golden.Dial(&golden.Transcript{}, s.Addr())
	c.Handshake(h, "")
	w.say("getData: %s", reply(c.Ask(golden.OpGetData, golden.Watched("/n", true), "")))
	ask := func(what string, op int32, body golden.Record) {
		b := c.Ask(op, body, "")
		same := "zxid of the last write"
		if string(b[4:12]) != string(zxid) {
			same = fmt.Sprintf("zxid %x", b[4:12])
		}
		w.say("%s: %s, %s", what, reply(b), same)
	}
	ask("exists", golden.OpExists, golden.Watched("/none", true))
	ask("create", golden.OpCreate, golden.Create("/m", nil, golden.Open, 0))
	ask("create, malformed", golden.OpCreate, golden.Record{}.Int(3))
	ask("create2", golden.OpCreate2, golden.Create("/m", nil, golden.Open, 1))
	ask("createContainer", golden.OpCreateContainer, golden.Create("/m", nil, golden.Open, 4))
	ask("createTTL", golden.OpCreateTTL, append(golden.Create("/m", nil, golden.Open, 5), 0, 0, 0, 0, 0, 0, 0, 9))
	ask("delete", golden.OpDelete, golden.Record{}.Ustring("/n").Int(-1))
	ask("deleteContainer", golden.OpDeleteContainer, golden.Record{}.Ustring("/n"))
	ask("setData", golden.OpSetData, golden.Record{}.Ustring("/n").Buffer(nil).Int(-1))
	ask("setACL", golden.OpSetACL, golden.Record{}.Ustring("/n").ACL(golden.Open).Int(-1))
	ask("multi", golden.OpMulti, golden.Multi())
	ask("reconfig", golden.OpReconfig, golden.Record{}.Ustring("").Ustring("").Ustring("").Long(-1))
	ask("sync", golden.OpSync, golden.Record{}.Ustring("/"))
	ask("ping", golden.OpPing, nil)
	ask("auth", golden.OpAuth, golden.Record{}.Int(0).Ustring("digest").Buffer([]byte("a:b")))
	ask("getChildren2", golden.OpGetChildren2, golden.Watched("/", false))
	ask("multiRead", golden.OpMultiRead, golden.Multi(golden.Part(golden.OpGetData, golden.Watched("/n", false))))
	ask("getEphemerals", golden.OpGetEphemerals, golden.Record{}.Ustring("/"))
	w.say("mntr: local_sessions %s, global_sessions %s", w.gauge(s, "local_sessions"), w.gauge(s, "global_sessions"))
	ask("close", golden.OpCloseSession, nil)
	if local {
		c.ExpectClose()
		w.say("closed")
	} else {
		ask("ping after close", golden.OpPing, nil)
	}
}
