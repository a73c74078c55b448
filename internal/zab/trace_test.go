package zab

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

var update = flag.Bool("update", false, "rewrite the expected actions in testdata; commit only what you can explain")

// TestTraces plays the stories in testdata: a line is one thing that happens to
// a Leader or a Learner, the indented lines below it are the actions that
// follow from it, in order. A zxid is written epoch.counter.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if got == string(want) {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s: %s", file, firstDifference(got, string(want)))
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		at := func(v []string) string {
			if i < len(v) {
				return v[i]
			}
			return "(end)"
		}
		if at(g) != at(w) {
			from := max(i-6, 0)
			return fmt.Sprintf("line %d\n%s\ngot:  %s\nwant: %s", i+1, strings.Join(g[from:min(i, len(g))], "\n"), at(g), at(w))
		}
	}
	return "equal"
}

// play runs a script and returns it with the actions as they were.
func play(t *testing.T, script string) string {
	var b strings.Builder
	m := &machine{t: t}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&b, line)
		if line == "" || line[0] == '#' {
			continue
		}
		for _, s := range m.run(line) {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}
	return b.String()
}

// machine is a leader or a learner under a script.
type machine struct {
	t       *testing.T
	now     time.Duration
	hist    *History
	leader  *Leader
	learner *Learner
	master  *Master
	members ensemble.Pair // the master's
}

const (
	traceInit = 10 * time.Second
	traceSync = 4 * time.Second
	traceTick = 2 * time.Second
)

// words gives access to a command's arguments: plain ones by place, key=value
// by key, and flags by their presence.
type words struct {
	t     *testing.T
	line  string
	plain []string
	keyed map[string]string
}

func split(t *testing.T, line string) words {
	w := words{t: t, line: line, keyed: map[string]string{}}
	for _, f := range strings.Fields(line)[1:] {
		if k, v, ok := strings.Cut(f, "="); ok {
			w.keyed[k] = v
		} else {
			w.plain = append(w.plain, f)
		}
	}
	return w
}

func (w words) arg(i int) string {
	if i >= len(w.plain) {
		w.t.Fatalf("%q: argument %d is missing", w.line, i+1)
	}
	return w.plain[i]
}

func (w words) flag(name string) bool {
	for _, p := range w.plain {
		if p == name {
			return true
		}
	}
	return false
}

func (w words) number(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		w.t.Fatalf("%q: %v", w.line, err)
	}
	return n
}

func (w words) link() LinkID { return LinkID(w.number(w.arg(0))) }

func (w words) zxid(s string) proto.Zxid {
	if s == "-1" {
		return -1
	}
	e, c, ok := strings.Cut(s, ".")
	if !ok {
		w.t.Fatalf("%q: %q is no zxid", w.line, s)
	}
	n, err := strconv.ParseUint(c, 10, 32)
	if err != nil {
		w.t.Fatalf("%q: %v", w.line, err)
	}
	return proto.MakeZxid(w.number(e), uint32(n))
}

// list reads "4.1-4.3,5.1".
func (w words) list(s string) (v []*proto.Txn) {
	if s == "" {
		return nil
	}
	for _, part := range strings.Split(s, ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		for z := w.zxid(from); z <= w.zxid(to); z++ {
			v = append(v, txnAt(z))
		}
	}
	return v
}

func txnAt(z proto.Zxid) *proto.Txn {
	return &proto.Txn{TxnHeader: proto.TxnHeader{Zxid: z}, Raw: []byte("raw")}
}

func (m *machine) run(line string) []string {
	w := split(m.t, line)
	verb := strings.Fields(line)[0]
	switch verb {
	case "leader", "learner", "master":
		m.create(verb, w)
		return nil
	case "at":
		d, err := time.ParseDuration(w.arg(0))
		if err != nil {
			m.t.Fatal(err)
		}
		m.now = d
		return nil
	case "state":
		return []string{m.state()}
	case "deadline":
		return []string{m.deadline()}
	}
	var out []Action
	switch {
	case m.leader != nil:
		out = m.runLeader(verb, w)
	case m.master != nil:
		out = m.runMaster(verb, w)
	default:
		out = m.runLearner(verb, w)
	}
	v := make([]string, len(out))
	for i, a := range out {
		v[i] = show(a)
	}
	return v
}

// members reads voters=1,2 and observers=3; an id with a plus has another address.
func (w words) members(version string) string {
	text := ""
	for role, ids := range map[string]string{"participant": w.keyed["voters"], "observer": w.keyed["observers"]} {
		for _, id := range strings.Split(ids, ",") {
			port := 2888
			if moved, ok := strings.CutSuffix(id, "+"); ok {
				id, port = moved, 2889
			}
			if id != "" {
				text += fmt.Sprintf("server.%s=h%s:%d:3888:%s;0.0.0.0:2181\n", id, id, port, role)
			}
		}
	}
	return text + "version=" + version
}

// change is the transaction of a reconfig.
func (w words) change(z proto.Zxid) *proto.Txn {
	return &proto.Txn{
		TxnHeader: proto.TxnHeader{Zxid: z, Type: proto.OpReconfig}, Raw: []byte("raw"),
		Body: &proto.SetDataTxn{Path: "/zookeeper/config", Data: []byte(w.members(fmt.Sprintf("%x", int64(z)))), Version: -1},
	}
}

func (m *machine) create(verb string, w words) {
	ens, err := ensemble.Parse(w.members(w.keyed["version"]))
	if err != nil && !w.flag("standalone") {
		m.t.Fatal(err)
	}
	opts := Options{
		Self: proto.PeerID(w.number(w.keyed["self"])), Ensemble: ens, InitTimeout: traceInit,
		SyncTimeout: traceSync, Tick: traceTick, Standalone: w.flag("standalone"), Observer: w.flag("observer"),
		UnconfirmedSync: w.flag("unconfirmed"), Reconfig: w.flag("reconfig"),
	}
	opts.ReadLogs, opts.MaxSnapSyncs, opts.MaxDiffSyncs = w.flag("logs"), int(w.number(w.keyed["snaps"])), int(w.number(w.keyed["diffs"]))
	opts.MaxHeldBytes = int(w.number(w.keyed["held"]))
	opts.EpochTimeout, opts.RedialPause = w.duration("epochwait"), w.duration("redial")
	opts.AnyFirst, opts.FirstCounter = w.flag("anyfirst"), uint32(w.number(w.keyed["first"]))
	if seen := w.keyed["seen"]; seen != "" { // voters of what was proposed last
		z := w.zxid(w.keyed["seenat"])
		w.keyed["voters"], w.keyed["observers"] = seen, ""
		if opts.LastSeen, err = ensemble.Parse(w.members(fmt.Sprintf("%x", int64(z)))); err != nil {
			m.t.Fatal(err)
		}
	}
	m.hist = &History{MaxTxns: int(w.number(w.keyed["window"]))}
	if base := w.keyed["base"]; base != "" {
		m.hist.Reset(w.zxid(base))
	}
	for _, t := range w.list(w.keyed["history"]) {
		m.hist.Add(t)
	}
	disk := Durable{AcceptedEpoch: w.number(w.keyed["accepted"]), CurrentEpoch: w.number(w.keyed["current"]), LastZxid: m.hist.Last()}
	m.now, m.leader, m.learner, m.master = 0, nil, nil, nil
	switch verb {
	case "leader":
		m.leader = BecomeLeader(opts, disk, m.hist)
	case "master":
		m.members = opts.members()
		m.master = BecomeMaster(opts, w.number(w.keyed["epoch"]), m.hist, &m.members, 0)
	default:
		m.learner = BecomeLearner(opts, disk, m.hist, proto.PeerID(w.number(w.keyed["leader"])))
	}
}

func (m *machine) runLeader(verb string, w words) []Action {
	l := m.leader
	switch verb {
	case "start":
		return l.Start(m.now, nil)
	case "connect":
		l.Connected(m.now, w.link())
		return nil
	case "drop":
		return l.Disconnected(w.link(), "dropped", nil)
	case "saved":
		return l.EpochSaved(m.now, epochKind(w), w.number(w.arg(1)), nil)
	case "propose":
		z, out, ok := l.NextZxid(nil)
		if !ok {
			return append(out, Note{Text: "refused"})
		}
		return l.Propose(m.now, txnAt(z), out)
	case "reconfig":
		z, out, ok := l.NextZxid(nil)
		if !ok {
			return append(out, Note{Text: "refused"})
		}
		return l.Propose(m.now, w.change(z), out)
	case "persisted":
		return l.Persisted(m.now, w.zxid(w.arg(0)), nil)
	case "sync":
		return l.Sync(w.link(), nil)
	case "snapsent":
		return l.SnapshotSent(m.now, w.link(), nil)
	case "logread":
		return l.LogRead(m.now, w.link(), w.list(w.keyed["txns"]), !w.flag("failed"), nil)
	case "tick":
		return l.Tick(m.now, nil)
	case "oracle":
		return l.Oracle(m.now, w.flag("grants"), nil)
	case "looks":
		l.Looks(proto.PeerID(w.number(w.arg(0))), w.number(w.arg(1)))
		return nil
	case "counter": // as if so many had been proposed
		l.lastProposed = w.zxid(w.arg(0))
		l.lastCommitted = l.lastProposed
		return nil
	}
	return l.Message(m.now, w.link(), m.fromLearner(verb, w), nil)
}

func (m *machine) runMaster(verb string, w words) []Action {
	o := m.master
	switch verb {
	case "connect":
		o.Connected(m.now, w.link())
		return nil
	case "drop":
		return o.Disconnected(w.link(), "dropped", nil)
	case "committed":
		t := txnAt(w.zxid(w.arg(0)))
		m.hist.Add(t)
		return o.Committed(t, CommitActivate{}, nil)
	case "activated":
		t := w.change(w.zxid(w.arg(0)))
		e, err := configOf(t)
		if err != nil {
			m.t.Fatal(err)
		}
		m.hist.Add(t)
		m.members.Commit(e)
		return o.Committed(t, CommitActivate{t.Zxid, proto.PeerID(w.number(w.keyed["leader"]))}, nil)
	case "snapsent":
		return o.SnapshotSent(m.now, w.link(), nil)
	case "logread":
		return o.LogRead(m.now, w.link(), w.list(w.keyed["txns"]), !w.flag("failed"), nil)
	case "tick":
		return o.Tick(m.now, nil)
	}
	return o.Message(m.now, w.link(), m.fromLearner(verb, w), nil)
}

func (w words) duration(key string) time.Duration {
	if w.keyed[key] == "" {
		return 0
	}
	d, err := time.ParseDuration(w.keyed[key])
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func epochKind(w words) EpochKind {
	if w.arg(0) == "current" {
		return CurrentEpoch
	}
	return AcceptedEpoch
}

func (m *machine) fromLearner(verb string, w words) Message {
	switch verb {
	case "info":
		return FollowerInfo{
			ID: proto.PeerID(w.number(w.keyed["id"])), AcceptedEpoch: w.number(w.keyed["accepted"]),
			ConfigVersion: w.number(w.keyed["version"]), Observer: w.flag("observer"),
		}
	case "ackepoch":
		return AckEpoch{CurrentEpoch: w.number(w.keyed["current"]), LastZxid: w.zxid(w.keyed["last"])}
	case "ack":
		return Ack{w.zxid(w.arg(1))}
	case "acks":
		return Acks{w.zxid(w.arg(1)), w.zxid(w.arg(2))}
	case "ping":
		return Ping{}
	case "answer": // of a round
		return Ping{Zxid: proto.Zxid(-w.number(w.arg(1)))}
	case "uptodate":
		return UpToDate{}
	}
	m.t.Fatalf("unknown command %q", w.line)
	return nil
}

func (m *machine) runLearner(verb string, w words) []Action {
	f := m.learner
	switch verb {
	case "start":
		return f.Start(m.now, nil)
	case "connect":
		return f.Connected(m.now, w.link(), nil)
	case "dialfailed":
		return f.DialFailed(m.now, "refused", nil)
	case "drop":
		return f.Disconnected(m.now, w.link(), "dropped", nil)
	case "saved":
		return f.EpochSaved(m.now, epochKind(w), w.number(w.arg(1)), nil)
	case "truncated":
		return f.Truncated(m.now, w.zxid(w.arg(0)), w.zxid(w.arg(1)), nil)
	case "snapsaved":
		return f.SnapshotSaved(m.now, w.zxid(w.arg(0)), nil)
	case "persisted":
		return f.Persisted(m.now, w.zxid(w.arg(0)), nil)
	case "tick":
		return f.Tick(m.now, nil)
	case "otherlink":
		return f.Message(m.now, 99, UpToDate{}, nil)
	}
	return f.Message(m.now, f.Link(), m.fromLeader(verb, w), nil)
}

func (m *machine) fromLeader(verb string, w words) Message {
	switch verb {
	case "leaderinfo":
		return LeaderInfo{w.number(w.arg(0))}
	case "diff":
		return Diff{w.zxid(w.arg(0))}
	case "trunc":
		return Trunc{w.zxid(w.arg(0))}
	case "snap":
		return Snap{Zxid: w.zxid(w.arg(0)), State: "tree"}
	case "proposal":
		return Proposal{txnAt(w.zxid(w.arg(0)))}
	case "commit":
		return Commit{w.zxid(w.arg(0))}
	case "commits":
		return Commits{w.zxid(w.arg(0)), w.zxid(w.arg(1))}
	case "inform":
		return Inform{txnAt(w.zxid(w.arg(0)))}
	case "reconfig":
		return Proposal{w.change(w.zxid(w.arg(0)))}
	case "activate":
		return CommitActivate{w.zxid(w.arg(0)), proto.PeerID(w.number(w.keyed["leader"]))}
	case "informactivate":
		return InformActivate{w.change(w.zxid(w.arg(0))), proto.PeerID(w.number(w.keyed["leader"]))}
	case "newleader":
		n := NewLeader{Epoch: w.number(w.arg(0))}
		if at := w.keyed["at"]; at != "" {
			n.Config = w.members(fmt.Sprintf("%x", int64(w.zxid(at))))
		}
		return n
	case "uptodate":
		return UpToDate{}
	case "ping":
		return Ping{}
	case "sync":
		return Sync{}
	case "ack":
		return Ack{}
	}
	m.t.Fatalf("unknown command %q", w.line)
	return nil
}

func (m *machine) state() string {
	if l := m.leader; l != nil {
		v, n, o := l.Followers()
		return fmt.Sprintf("%s epoch=%d proposed=%s committed=%s outstanding=%d history=%s links=%v synced=%d,%d,%d tail=%v", l.Phase(), l.Epoch(),
			dot(l.LastProposed()), dot(l.LastCommitted()), l.Outstanding(), dot(m.hist.Last()), l.Links(), v, n, o, dots(l.EndTerm()))
	}
	if o := m.master; o != nil {
		return fmt.Sprintf("master epoch=%d history=%s links=%v observers=%d", o.epoch, dot(m.hist.Last()), o.Links(), o.Observers())
	}
	f := m.learner
	return fmt.Sprintf("%s epoch=%d appended=%s history=%s reload=%v tail=%v", f.Phase(), f.Epoch(), dot(f.Appended()),
		dot(m.hist.Last()), f.MustReload(), dots(f.EndTerm()))
}

func (m *machine) deadline() string {
	d := Never
	switch {
	case m.leader != nil:
		d = m.leader.Deadline()
	case m.master != nil:
		d = m.master.Deadline()
	default:
		d = m.learner.Deadline()
	}
	if d == Never {
		return "never"
	}
	return d.String()
}

func dot(z proto.Zxid) string {
	if z == -1 {
		return "-1"
	}
	return fmt.Sprintf("%d.%d", z.Epoch(), z.Counter())
}

func dots(txns []*proto.Txn) []string {
	v := make([]string, len(txns))
	for i, t := range txns {
		v[i] = dot(t.Zxid)
	}
	return v
}

var factNames = [...]string{
	"epoch proposed", "learner joined", "diff", "trunc", "snap", "learner synced", "learner lost",
	"established", "following", "elected", "looking", "session expired", "session upgraded", "refused", "handed over",
}

func show(a Action) string {
	switch a := a.(type) {
	case Send:
		return fmt.Sprintf("send %d %s", a.Link, showMessage(a.Msg))
	case Dial:
		return fmt.Sprintf("dial %d", a.Leader)
	case Hangup:
		return fmt.Sprintf("hangup %d: %s", a.Link, a.Reason)
	case SendSnapshot:
		return fmt.Sprintf("sendsnapshot %d %s", a.Link, dot(a.Zxid))
	case ReadLog:
		return fmt.Sprintf("readlog %d between %s and %s", a.Link, dot(a.After), dot(a.Until.Zxid))
	case Append:
		return "append " + dot(a.Txn.Zxid)
	case SaveEpoch:
		return fmt.Sprintf("save %s %d", a.Kind, a.Epoch)
	case Truncate:
		return "truncate " + dot(a.Zxid)
	case Install:
		return fmt.Sprintf("install %s %v", dot(a.Zxid), a.State)
	case SaveSnapshot:
		return "savesnapshot " + dot(a.Zxid)
	case Apply:
		return "apply " + dot(a.Txn.Zxid)
	case OwnSynced:
		return "own sync answered"
	case SetLast:
		return "setlast " + dot(a.Zxid)
	case Serve:
		return fmt.Sprintf("serve as %s in epoch %d", a.Role, a.Epoch)
	case SeeConfig:
		return "see " + showMembers(a.Config)
	case CommitConfig:
		return "in force " + showMembers(a.Config)
	case Resign:
		if a.HandOver {
			return fmt.Sprintf("resign for %d: %s", a.Next, a.Reason)
		}
		return "resign: " + a.Reason
	case Note:
		if a == (Note{Text: "refused"}) {
			return "refused"
		}
		s := "note " + factNames[a.Fact]
		if a.Peer != 0 {
			s += fmt.Sprintf(" of %d", a.Peer)
		}
		if a.Epoch != 0 {
			s += fmt.Sprintf(", epoch %d", a.Epoch)
		}
		if a.Zxid != 0 {
			s += ", zxid " + dot(a.Zxid)
		}
		return s
	}
	return fmt.Sprintf("%T %+v", a, a)
}

func showMembers(e ensemble.Ensemble) string {
	return fmt.Sprintf("%s voters=%v observers=%v", dot(proto.Zxid(e.Version)), e.Voters(), e.Observers())
}

func showMessage(m Message) string {
	switch m := m.(type) {
	case FollowerInfo:
		return fmt.Sprintf("FOLLOWERINFO id=%d accepted=%d version=%d observer=%v", m.ID, m.AcceptedEpoch, m.ConfigVersion, m.Observer)
	case LeaderInfo:
		return fmt.Sprintf("LEADERINFO %d", m.Epoch)
	case AckEpoch:
		return fmt.Sprintf("ACKEPOCH current=%d last=%s", m.CurrentEpoch, dot(m.LastZxid))
	case Diff:
		return "DIFF " + dot(m.Zxid)
	case Trunc:
		return "TRUNC " + dot(m.Zxid)
	case Proposal:
		return "PROPOSAL " + dot(m.Txn.Zxid)
	case Commit:
		return "COMMIT " + dot(m.Zxid)
	case Commits:
		return "COMMIT " + dot(m.First) + " to " + dot(m.Last)
	case Inform:
		return "INFORM " + dot(m.Txn.Zxid)
	case CommitActivate:
		return fmt.Sprintf("COMMITANDACTIVATE %s leader=%d", dot(m.Zxid), m.Leader)
	case InformActivate:
		return fmt.Sprintf("INFORMANDACTIVATE %s leader=%d", dot(m.Txn.Zxid), m.Leader)
	case NewLeader:
		if e, err := ensemble.Parse(m.Config); err == nil && e.Version > 0xffffffff {
			return fmt.Sprintf("NEWLEADER %d %s", m.Epoch, showMembers(e))
		}
		return fmt.Sprintf("NEWLEADER %d", m.Epoch)
	case UpToDate:
		return "UPTODATE"
	case Ack:
		return "ACK " + dot(m.Zxid)
	case Acks:
		return "ACK " + dot(m.First) + " to " + dot(m.Last)
	case Ping:
		if m.Zxid < 0 {
			return fmt.Sprintf("PING of round %d", -m.Zxid)
		}
		return "PING " + dot(m.Zxid)
	case Sync:
		return "SYNC"
	}
	return fmt.Sprintf("%T%+v", m, m)
}
