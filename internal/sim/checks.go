package sim

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// checks is what the history must agree with, and the memory for it.
//
// While it runs: an epoch has one established leader, and it has all that was
// decided; what is decided under a zxid is the same everywhere, and in order;
// trees at the same zxid have the same digest, after a restart, too; a session's
// writes are decided in the order of their requests; sequential names rise;
// half of a multi is never there; a closed session leaves no ephemeral, and no
// leader ends a session before its time; a read shows exactly what was decided
// up to the zxid that it names; what a session is told never goes back; a sync
// shows what had been decided before; a watch tells before its news is read,
// once, and a recursive one all changes in their order.
//
// At the end: all servers are equal, and to the model; what was acknowledged is
// there; no watch has missed its event; porcupine finds an order for what each
// register was asked and answered (linear.go).
type checks struct {
	established map[int64]int // epoch to server
	proposed    map[proto.Zxid]*proto.Txn
	decisions   map[proto.Zxid]decision
	newest      proto.Zxid
	byRequest   map[request]proto.Zxid
	lastAck     map[proto.SessionID]proto.Zxid
	lastCxid    map[proto.SessionID]int32 // of those that took effect
	early       map[expiry]string
	over        map[proto.SessionID]bool          // closed, as a client was told
	leftAt      map[proto.SessionID]time.Duration // when their clients have left them, and the timeout
	ledAt       time.Duration                     // when the newest leader began
	promises    map[promise]promisedTo            // of epochs
	sequence    int                               // newest of the sequential names
	changes     []change                          // of registers
	keys        map[string][]version              // what every register was, oldest first
	history     []*operation
	config      ensemble.Ensemble // the membership decided last
	configs     map[int64]string  // every one seen, by version
	began       map[int64]bool    // those that a leader has begun its term with
	moments     uint64
}

type decision struct {
	raw       string
	digest    int64
	hasDigest bool // some server has applied it
}

type request struct {
	session proto.SessionID
	cxid    int32
}

// expiry is the decision of a leader that a session is over.
type expiry struct {
	epoch   int64
	session string
}

type change struct {
	zxid proto.Zxid
	typ  proto.EventType
	path string
}

// version is what a register was from a zxid on.
type version struct {
	zxid  proto.Zxid
	there bool
	value string
	count int32 // its version
}

func (k *checks) init() {
	k.established = map[int64]int{}
	k.proposed = map[proto.Zxid]*proto.Txn{}
	k.decisions = map[proto.Zxid]decision{}
	k.byRequest = map[request]proto.Zxid{}
	k.lastAck = map[proto.SessionID]proto.Zxid{}
	k.lastCxid = map[proto.SessionID]int32{}
	k.early = map[expiry]string{}
	k.configs, k.began = map[int64]string{}, map[int64]bool{}
	k.over = map[proto.SessionID]bool{}
	k.promises = map[promise]promisedTo{}
	k.leftAt = map[proto.SessionID]time.Duration{}
	k.keys = map[string][]version{}
}

// leads checks a new leader: alone in its epoch, and with all that was decided.
// What its log has besides is decided with the quorum that follows.
func (k *checks) leads(w *World, s *Server, epoch int64) {
	w.Terms++
	if other, ok := k.established[epoch]; ok {
		w.fail("servers %d and %d both lead epoch %d", other, s.id, epoch)
	}
	k.established[epoch], k.ledAt = s.id, w.now
	if n := len(s.chain); n > 0 && s.chain[n-1] != s.hist.Last() {
		w.fail("server %d leads with a history up to %s, its log was up to %s", s.id, s.hist.Last(), s.chain[n-1])
	}
	if k.newest.Epoch() > epoch {
		return // it was stopped, and its quorum has gone on; what it hears of them now ends its term
	}
	if last := s.hist.Last(); last < k.newest {
		w.fail("server %d leads epoch %d with a history up to %s, but %s was decided", s.id, epoch, last, k.newest)
		return
	}
	for _, z := range s.chain {
		if z > k.newest {
			k.decided(w, s, k.proposed[z])
		}
	}
	if err := w.powerFailure(nil); err != nil {
		w.fail("server %d leads epoch %d: %v", s.id, epoch, err)
	}
}

// follows notes what a learner applied on its way here: its leader has committed
// all of that, though nobody may have served anybody with it yet.
func (k *checks) follows(w *World, s *Server) {
	for _, z := range s.chain {
		if z > k.newest && z <= s.tree.LastZxid() {
			k.decided(w, s, k.proposed[z])
		}
	}
}

// remembers compares the recent history, from which learners are synchronised,
// with what the server has logged.
func (k *checks) remembers(w *World, s *Server) {
	base := s.hist.Base()
	i := sort.Search(len(s.chain), func(i int) bool { return s.chain[i] > base })
	kept, logged := s.hist.Plan(base).Txns, s.chain[i:]
	for i, t := range kept { // what is logged and not decided comes behind
		if i >= len(logged) || t.Zxid != logged[i] {
			w.fail("server %d: the history behind %s has %s as its number %d, which is not what was logged", s.id, base, t.Zxid, i)
			return
		}
	}
}

// propose notes what a server logs, and where its history stands.
func (k *checks) propose(w *World, s *Server, t *proto.Txn) {
	if n := len(s.chain); n > 0 && t.Zxid <= s.chain[n-1] {
		w.fail("server %d logs %s behind %s", s.id, t.Zxid, s.chain[n-1])
	}
	s.chain = append(s.chain, t.Zxid)
	if old := k.proposed[t.Zxid]; old == nil {
		k.proposed[t.Zxid] = t
	} else if string(old.Raw) != string(t.Raw) {
		w.fail("server %d logs another %s than was logged elsewhere", s.id, t.Zxid)
	}
}

// cut ends a server's history at z.
func (s *Server) cut(z proto.Zxid) {
	n := sort.Search(len(s.chain), func(i int) bool { return s.chain[i] > z })
	s.chain = s.chain[:n]
}

// decided remembers what the ensemble has decided, and objects if a server says
// otherwise.
func (k *checks) decided(w *World, s *Server, t *proto.Txn) {
	if d, ok := k.decisions[t.Zxid]; ok {
		if d.raw != string(t.Raw) {
			w.fail("server %d: another transaction was decided as %s", s.id, t.Zxid)
		}
		return
	}
	if t.Zxid < k.newest {
		w.fail("server %d applies %s, which was not decided when %s was", s.id, t.Zxid, k.newest)
		return
	}
	w.Decided++
	k.held(w, s, t)
	if w.trace != nil {
		w.trace(fmt.Sprintf("%12v server %d: %s is decided", w.now, s.id, t.Zxid))
	}
	k.decisions[t.Zxid] = decision{raw: string(t.Raw)}
	k.newest = t.Zxid
	if t.Cxid != 0 {
		k.byRequest[request{t.Session, t.Cxid}] = t.Zxid
		k.inOrder(w, t)
	}
	switch t.Type {
	case proto.OpCloseSession:
		if why, ok := k.early[expiry{t.Zxid.Epoch(), t.Session.String()}]; ok {
			w.fail("session %s is closed: %s", t.Session, why)
		}
	case proto.OpDeleteContainer:
		w.Reaped++
	}
	k.note(w, t.Zxid, t.Body)
}

// inOrder checks that a session's requests take effect in the order in which
// they were sent, over all its connections.
func (k *checks) inOrder(w *World, t *proto.Txn) {
	if m, ok := t.Body.(*proto.MultiTxn); t.Type == proto.OpError || ok && m.Failed() {
		return // nothing has happened: the session has moved, say
	}
	if last := k.lastCxid[t.Session]; t.Cxid <= last {
		w.fail("%s decides request %d of session %s behind its request %d", t.Zxid, t.Cxid, t.Session, last)
	}
	k.lastCxid[t.Session] = t.Cxid
}

// note keeps the model of what registers and sequential names there are.
func (k *checks) note(w *World, z proto.Zxid, body proto.TxnBody) {
	switch b := body.(type) {
	case *proto.MultiTxn:
		if !b.Failed() {
			for _, sub := range b.Subs {
				k.note(w, z, sub.Body)
			}
		}
	case *proto.CreateTxn:
		if below(b.Path, seqRoot) {
			n, err := strconv.Atoi(b.Path[len(seqRoot+"/n"):])
			if err != nil || n < k.sequence {
				w.fail("%s creates %s after number %d", z, b.Path, k.sequence-1)
			}
			k.sequence = n + 1
		}
		k.became(z, proto.EventNodeCreated, b.Path, version{z, true, string(b.Data), 0})
	case *proto.SetDataTxn:
		k.became(z, proto.EventNodeDataChanged, b.Path, version{z, true, string(b.Data), b.Version})
	case *proto.DeleteTxn:
		k.became(z, proto.EventNodeDeleted, b.Path, version{zxid: z})
	}
}

func (k *checks) became(z proto.Zxid, typ proto.EventType, path string, v version) {
	if below(path, keyRoot) {
		k.keys[path] = append(k.keys[path], v)
		k.changes = append(k.changes, change{z, typ, path})
	}
}

// changesAfter is the index of the first change behind z.
func (k *checks) changesAfter(z proto.Zxid) int {
	return sort.Search(len(k.changes), func(i int) bool { return k.changes[i].zxid > z })
}

// valueAt is what a register was at z.
func (k *checks) valueAt(path string, z proto.Zxid) version {
	v := k.keys[path]
	i := sort.Search(len(v), func(i int) bool { return v[i].zxid > z })
	if i == 0 {
		return version{}
	}
	return v[i-1]
}

// applied compares trees at the same zxid.
func (k *checks) applied(w *World, s *Server, t *proto.Txn) {
	d := k.decisions[t.Zxid]
	if got := s.tree.Digest(); !d.hasDigest {
		d.digest, d.hasDigest = got, true
		k.decisions[t.Zxid] = d
	} else if d.digest != got {
		w.fail("server %d: the digest at %s is %x, elsewhere it is %x", s.id, t.Zxid, got, d.digest)
	}
	switch t.Type {
	case proto.OpCloseSession:
		if left := s.tree.Ephemerals(t.Session); len(left) > 0 {
			w.fail("server %d: session %s is closed and has left %v", s.id, t.Session, left)
		}
	case proto.OpMulti:
		a, _ := s.tree.Get(firstPair)
		b, _ := s.tree.Get(otherPair)
		if there, too := pairData(s, firstPair), pairData(s, otherPair); there != too {
			w.fail("server %d: half of a multi: %q and %q, %v, %v", s.id, there, too, a, b)
		}
	}
}

func pairData(s *Server, path string) string {
	n, ok := s.tree.Get(path)
	if !ok {
		return "none"
	}
	return "=" + string(n.Data())
}

// recovered compares a tree that a start has built.
func (k *checks) recovered(w *World, s *Server, rec *persist.Recovered) {
	if rec.Mismatches > 0 {
		w.fail("server %d: %d digests are wrong after a start, first at %s", s.id, rec.Mismatches, rec.Mismatch)
	}
	if d, ok := k.decisions[rec.Last]; ok && d.hasDigest && d.digest != rec.Tree.Digest() {
		w.fail("server %d: a start made %x of %s, it was %x", s.id, rec.Tree.Digest(), rec.Last, d.digest)
	}
}

// readOnly checks what a server without a leader shows to those who only read:
// exactly what its disk holds, whatever happens to it now.
func (k *checks) readOnly(w *World, s *Server) {
	w.ReadOnlys++
	rec, err := s.drive.glance()
	switch {
	case err != nil:
		w.fail("server %d serves as read-only over a disk that does not recover: %v", s.id, err)
	case s.drive.wiped:
		w.fail("server %d serves as read-only, and must not be trusted", s.id)
	case rec.Tree.Digest() != s.tree.Digest() || rec.Last > s.tree.LastZxid():
		w.fail("server %d shows %s, digest %x; on disk is %s, digest %x", s.id, s.tree.LastZxid(), s.tree.Digest(), rec.Last, rec.Tree.Digest())
	}
}

// expiring notes whether a leader ends a session too soon: it saw the newest
// answered write after that was sent. A leader that was deposed and does not
// know it yet may do so; what it proposes is never decided.
func (k *checks) expiring(w *World, s *Server, id string) {
	for _, c := range w.clients {
		patience := time.Duration(c.timeout) * ms
		if w.cfg.drift {
			patience = patience * 9 / 10
		}
		if c.session == 0 || c.session.String() != id {
			continue
		}
		c.lateWrite()
		if calm := w.now > max(w.healed, k.ledAt, c.since)+patience+3*w.cfg.tick; calm && !w.faults && c.open && w.now < c.talked+patience/2 {
			w.fail("session %s is expired by server %d, though its client gets answers", id, s.id)
		}
		if w.now < c.sure+patience {
			k.early[expiry{s.r.Status().Epoch, id}] = fmt.Sprintf("expired at %v by server %d, though a write of %v was answered", w.now, s.id, c.sure)
		}
	}
}

// left notes that a client has nothing more to do with a session.
func (k *checks) left(w *World, id proto.SessionID, timeout int32) {
	k.leftAt[id] = w.now + time.Duration(timeout)*ms
}

// overdue returns a session that should have ended long ago.
//
// A new leader gives every session its timeout anew, and one that was stopped
// all the time that it missed.
func (k *checks) overdue(w *World, s *Server) (err error) {
	anew := max(k.ledAt, w.healed) + maxTimeout
	s.tree.EachSession(func(id proto.SessionID, _ int32) {
		at, ok := k.leftAt[id]
		if at = max(at, anew) + 3*w.cfg.tick; ok && w.now > at+time.Second {
			err = fmt.Errorf("a session is open, though its client has left it and its time was over at %v", at)
		}
	})
	return err
}

// promisedTo is to whom a voter has promised an epoch: a run of a server.
type promisedTo struct{ leader, gen int }

type promise struct {
	voter int
	epoch int64
}

// begins checks a leader that begins an epoch: a quorum of voters that can be
// trusted has promised it to this leader, and to nobody else before.
func (k *checks) begins(w *World, s *Server, epoch int64) {
	votes := 0
	members := s.r.Members()
	if !members.Quorum(func(id int64) bool {
		if id != int64(s.id) && k.promises[promise{int(id), epoch}] != (promisedTo{s.id, s.gen}) {
			return false
		}
		votes++
		return true
	}) {
		w.fail("server %d begins epoch %d with the promises of %d voters", s.id, epoch, votes)
	}
}

func (k *checks) ended(id proto.SessionID) { k.over[id] = true }

// acknowledged checks an answered write: it was decided, by the transaction that
// its answer names, behind the session's earlier ones.
func (k *checks) acknowledged(w *World, o *operation) {
	z, ok := k.byRequest[request{o.session, o.cxid}]
	switch {
	case !ok && o.kind == closing: // of a local session
		return
	case !ok || z != o.zxid:
		w.fail("the answer to %v names %s; it was decided as %s (%v)", o, o.zxid, z, ok)
	case z <= k.lastAck[o.session]:
		w.fail("%v was decided as %s, before an earlier request of its session, %s", o, z, k.lastAck[o.session])
	}
	k.lastAck[o.session] = z
	o.ret = w.moment()
}

// read compares an answered read with what was decided up to the zxid that it
// names.
func (k *checks) read(w *World, at *conn, o *operation, r reply) {
	o.ret = w.moment()
	if o.kind == children {
		return
	}
	v := k.valueAt(o.path, r.zxid)
	got := version{zxid: v.zxid, there: r.err == proto.OK}
	if got.there {
		got = version{r.stat.Mzxid, true, r.data, r.stat.Version}
	}
	if got != v {
		w.fail("%s reads %s at %s as %+v; it was %+v", at, o.path, r.zxid, got, v)
	}
}

// atEnd compares everybody with everybody, and with what clients were told.
func (w *World) atEnd() error {
	first := w.servers[0]
	for _, s := range w.servers {
		if err := s.atEnd(first); err != nil {
			return err
		}
	}
	for _, c := range w.clients {
		if err := c.atEnd(); err != nil {
			return err
		}
	}
	if err := w.check.modelAt(first); err != nil {
		return err
	}
	if err := w.check.overdue(w, first); err != nil {
		return err
	}
	w.Histories++
	return w.linearizable()
}

func (s *Server) atEnd(first *Server) error {
	// A leader's tree is at the start of its epoch while nothing was decided in it;
	// a follower's is where the last transaction left it, as in ZooKeeper.
	if s.hist.Last() != first.hist.Last() || s.tree.Digest() != first.tree.Digest() || s.tree.SessionCount() != first.tree.SessionCount() {
		return fmt.Errorf("servers %d and %d differ at the end: zxid %s, digest %x, %d sessions; zxid %s, digest %x, %d sessions",
			first.id, s.id, first.tree.LastZxid(), first.tree.Digest(), first.tree.SessionCount(), s.tree.LastZxid(), s.tree.Digest(), s.tree.SessionCount())
	}
	if err := s.sameMembers(first); err != nil {
		return err
	}
	if s.waits() {
		return fmt.Errorf("server %d still waits for something at the end: %+v", s.id, s.r.Status())
	}
	for _, id := range s.tree.EphemeralOwners() {
		if _, ok := s.tree.SessionTimeout(id); !ok {
			return fmt.Errorf("server %d has ephemerals of the closed session %s", s.id, id)
		}
	}
	rec, err := s.drive.glance()
	if err != nil {
		return fmt.Errorf("server %d: the disk does not recover at the end: %w", s.id, err)
	}
	if rec.Last > s.tree.LastZxid() || rec.Tree.Digest() != s.tree.Digest() {
		return fmt.Errorf("server %d: a restart at the end makes %s, digest %x, of %s, digest %x", s.id, rec.Last, rec.Tree.Digest(), s.tree.LastZxid(), s.tree.Digest())
	}
	return nil
}

func (c *client) atEnd() error {
	t := c.w.servers[0].tree
	for _, o := range c.owned {
		_, alive := t.SessionTimeout(o.session)
		if _, ok := t.Get(o.path); !ok && alive {
			return fmt.Errorf("client %d: the ephemeral %s is gone, its session %s is not", c.id, o.path, o.session)
		}
	}
	if !c.open {
		return nil
	}
	if len(c.sent) > 0 {
		return fmt.Errorf("client %d at server %d has no answer to %v", c.id, c.conn.s.id, c.sent)
	}
	if o, missed := c.watch.missed(c.conn.s.tree); missed {
		return fmt.Errorf("client %d at server %d was not told of a change: %+v", c.id, c.conn.s.id, o)
	}
	if v := &c.watch; v.followed && v.next < len(c.w.check.changes) {
		return fmt.Errorf("client %d at server %d follows all registers and was told of %d of %d changes, not of %+v",
			c.id, c.conn.s.id, v.next, len(c.w.check.changes), c.w.check.changes[v.next])
	}
	return nil
}

// modelAt compares the registers with the model.
func (k *checks) modelAt(s *Server) error {
	paths := make([]string, 0, len(k.keys))
	for path := range k.keys {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		v := k.valueAt(path, k.newest)
		n, ok := s.tree.Get(path)
		if ok != v.there || ok && (string(n.Data()) != v.value || n.Persisted().Version != v.count) {
			return fmt.Errorf("%s is there: %v; decided was %+v", path, ok, v)
		}
	}
	for id := range k.over { // a local session is known to one server only, and may yet become global
		if s.w.cfg.local {
			break
		}
		if _, ok := s.tree.SessionTimeout(id); ok && s.role != zab.RoleNone {
			return fmt.Errorf("session %s is open, its client was told that it is over", id)
		}
	}
	return nil
}
