package prep

import (
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

var super = []proto.ID{{Scheme: "super", ID: ""}}

const pairOfThree = "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:participant;0.0.0.0:3\nversion=5"

func membership(t *testing.T, text string) *Membership {
	t.Helper()
	e, err := ensemble.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Membership{Now: ensemble.Settled(e), Rules: ensemble.EditRules{StandaloneEnabled: true}, Synced: func(ensemble.Ensemble) bool { return true }}
}

// The checks of a reconfig go in this order: each row passes all that the rows above it fail.
func TestReconfigChecks(t *testing.T) {
	join := proto.ReconfigRequest{Joining: "server.4=d:1:2;3", ConfigID: -1}
	bad, number, stale, few := join, join, join, join
	long := proto.ReconfigRequest{Full: true, NewMembers: strings.Repeat("x", 5<<20), ConfigID: -1} // BadArguments, if read
	bad.Joining, number.Leaving, stale.ConfigID = "server.4=d:1:2", "x", 4
	few.Joining, few.Leaving = "", "1,2"
	everything := func(m *Membership, r *Request) { // that could be wrong
		m.Alone, m.Now.LastSeen.Version = true, 6 // 5 is in force
		m.Synced = func(ensemble.Ensemble) bool { return false }
		r.SessionErr, r.IDs, r.Body = expired, anonymous, &proto.ReconfigRequest{ConfigID: 4, Joining: "x"}
	}
	next := func(f func(m *Membership, r *Request)) func(m *Membership, r *Request) {
		before := everything
		everything = func(m *Membership, r *Request) { before(m, r); f(m, r) }
		return everything
	}
	for _, row := range []struct {
		name string
		set  func(m *Membership, r *Request)
		want proto.ErrCode
	}{
		{"dead session", next(func(*Membership, *Request) {}), expired},
		{"standalone", next(func(_ *Membership, r *Request) { r.SessionErr = ok }), unimpl},
		{"another is under way", next(func(m *Membership, _ *Request) { m.Alone = false }), proto.ErrReconfigInProgress},
		{"another version", next(func(m *Membership, _ *Request) { m.Now.LastSeen.Version = 5 }), badVer},
		{"no permission, and a long text", next(func(_ *Membership, r *Request) { r.Body = &long }), noAuth},
		{"bad line", next(func(_ *Membership, r *Request) { r.Body = &bad }), badArgs},
		{"bad number", next(func(_ *Membership, r *Request) { r.Body = &number }), marshal},
		{"too few", next(func(_ *Membership, r *Request) { r.Body = &few }), badArgs},
		{"no quorum of it", next(func(_ *Membership, r *Request) { r.Body = &join }), proto.ErrNewConfigNoQuorum},
		{"no permission", next(func(m *Membership, _ *Request) { m.Synced = func(ensemble.Ensemble) bool { return true } }), noAuth},
		{"permission", next(func(_ *Membership, r *Request) { r.IDs = super }), ok},
	} {
		w := newWorld(t, Options{Digest: true})
		m := membership(t, pairOfThree)
		r := &Request{Session: alice, Op: proto.OpReconfig, Members: m}
		row.set(m, r)
		if got := errOf(w.prepare(r)); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
		w.apply(-1)
	}
}

func TestReconfigTxn(t *testing.T) {
	w := newWorld(t, Options{Digest: true})
	m := membership(t, pairOfThree)
	var asked ensemble.Ensemble
	m.Synced = func(e ensemble.Ensemble) bool { asked = e; return true }
	txn := w.prepare(&Request{Session: alice, Op: proto.OpReconfig, IDs: super, Members: m,
		Body: &proto.ReconfigRequest{Joining: "server.4=d:1:2;3", Leaving: "1", ConfigID: 5}})
	body, ok := txn.Body.(*proto.SetDataTxn)
	want := "server.2=b:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:participant;0.0.0.0:3\nserver.4=d:1:2:participant;0.0.0.0:3\nversion=100000001"
	if !ok || txn.Type != proto.OpReconfig || body.Path != "/zookeeper/config" || body.Version != -1 || string(body.Data) != want {
		t.Fatalf("%+v %+v", txn.TxnHeader, txn.Body)
	}
	if v := asked.Voters(); len(v) != 3 || v[2] != 4 {
		t.Errorf("a quorum of %v was asked for", v)
	}
	if again, err := proto.DecodeTxn(txn.Raw); err != nil || again.Type != proto.OpReconfig {
		t.Errorf("read back: %v, %v", again, err)
	}
	w.apply(-1)
	n, _ := w.tree.Get("/zookeeper/config")
	if st := n.Stat(); string(n.Data()) != want || st.Version != -1 || st.Mzxid != txn.Zxid {
		t.Errorf("%q %+v", n.Data(), st)
	}

	txn = w.prepare(&Request{Session: alice, Op: proto.OpReconfig, IDs: super, Members: m,
		Body: &proto.ReconfigRequest{Full: true, NewMembers: "server.1=a:1:2,server.9=z:1:2", Joining: "ignored", ConfigID: -1}})
	if body, ok := txn.Body.(*proto.SetDataTxn); !ok || string(body.Data) != "server.1=a:1:2:participant\nserver.9=z:1:2:participant\nversion=100000002" {
		t.Errorf("a whole membership: %+v", txn.Body)
	}
	w.apply(-1)
}

func TestReconfigSkipsACL(t *testing.T) {
	w := newWorld(t, Options{ACL: tree.ACLRules{Skip: true}})
	txn := w.prepare(&Request{Session: alice, Op: proto.OpReconfig, Members: membership(t, pairOfThree), Body: &proto.ReconfigRequest{ConfigID: -1}})
	if err := errOf(txn); err != ok {
		t.Errorf("with skipACL: %v", err)
	}
}
