package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/storage/vfs"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// In some histories the membership changes: clients ask for servers to be added,
// removed, given another role or address, and there are servers that are no
// members at first. Each server keeps what it knows beside its data, as zoo.cfg
// and the dynamic files are kept. A server that starts and finds itself no member
// gets a new configuration from its operator, with itself as an observer beside
// those who are members by then.

// Files of the membership, on a disk of their own.
const (
	confDir  = "/conf"
	inForce  = confDir + "/zoo.cfg"
	proposed = confDir + "/next"
)

// shelf is the disk with these files.
type shelf struct {
	d   *drive
	mem *vfs.Mem
}

func newShelf(d *drive) *shelf {
	c := &shelf{d: d, mem: vfs.NewMem()}
	must(c.mem.MkdirAll(confDir))
	return c
}

func (c *shelf) fs() vfs.FS { return &vfs.Faulty{FS: c.mem, Rule: c.d.decide} }

func (c *shelf) write(name, text string) error {
	fs := c.fs()
	f, err := fs.Create(name + ".tmp")
	if err != nil {
		return err
	}
	if _, err = f.WriteAt([]byte(text), 0); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(name+".tmp", name); err != nil {
		return err
	}
	return fs.SyncDir(confDir)
}

// SaveProposed implements persist.MemberFiles.
func (c *shelf) SaveProposed(e ensemble.Ensemble, version int64) error {
	if e.Version <= version {
		return c.forget()
	}
	return c.write(proposed, e.Text())
}

// SaveCommitted implements persist.MemberFiles.
func (c *shelf) SaveCommitted(e ensemble.Ensemble, _, lastSeen int64) error {
	if err := c.write(inForce, e.Text()); err != nil || lastSeen > e.Version {
		return err
	}
	return c.forget()
}

func (c *shelf) forget() error {
	fs := c.fs()
	if _, err := fs.Stat(proposed); err != nil {
		return nil
	}
	if err := fs.Remove(proposed); err != nil {
		return err
	}
	return fs.SyncDir(confDir)
}

// pairOn reads what a shelf holds.
func (w *World) pairOn(mem *vfs.Mem) ensemble.Pair {
	p := ensemble.Settled(w.ens)
	if e, ok := readConfig(mem, inForce); ok {
		p = ensemble.Settled(e)
	}
	if e, ok := readConfig(mem, proposed); ok && e.Version > p.Committed.Version {
		p.LastSeen = e
	}
	return p
}

func readConfig(mem *vfs.Mem, name string) (ensemble.Ensemble, bool) {
	f, err := mem.Open(name)
	if err != nil {
		return ensemble.Ensemble{}, false
	}
	size, err := f.Size()
	must(err)
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	must(err)
	must(f.Close())
	e, err := ensemble.Parse(string(b))
	must(err) // a crash leaves the old file or the new one
	return e, true
}

// takeUp is the membership that a server starts with.
func (s *Server) takeUp() ensemble.Pair {
	if !s.w.cfg.reconfig {
		return ensemble.Settled(s.w.ens)
	}
	p := s.w.pairOn(s.drive.conf.mem)
	if _, member := p.Committed.Member(int64(s.id)); !member {
		p.Committed = s.w.invitation(s.id)
		if p.LastSeen.Version <= p.Committed.Version {
			p.LastSeen = p.Committed
		}
	}
	return p
}

// invitation is the configuration that an operator writes for a server that is
// to join.
func (w *World) invitation(id int) ensemble.Ensemble {
	e, err := w.check.config.Edit(serverLine(id, "observer", 2888), "", ensemble.EditRules{})
	must(err)
	return e.WithVersion(0)
}

func serverLine(id int, role string, port int) string {
	return fmt.Sprintf("server.%d=h%d:%d:3888:%s;0.0.0.0:2181", id, id, port, role)
}

// mayVote reports whether a server's disk may be somebody's that counts.
func (s *Server) mayVote() bool { return s.w.cfg.reconfig || !s.observe }

// dispensable reports whether the ensemble can do without a server, whatever
// becomes of the changes that are under way.
func (w *World) dispensable(s *Server) bool {
	if !w.cfg.reconfig {
		return true
	}
	others := func(id int64) bool { return id != int64(s.id) }
	for _, o := range w.servers {
		if p := w.pairOn(o.drive.conf.mem); !p.Quorum(others) {
			return false
		}
	}
	return w.check.config.Quorum(others)
}

// hopeless reports whether nobody leads and a change of the membership needs servers
// that cannot count: disks were lost right when they had become necessary, observers that are
// to vote would have to, or servers that are no members yet and have more than any
// voter, behind whom they will not go back. There is no way on from there, in
// ZooKeeper neither, but the one by which an operator ends the change on the disks.
// Where somebody leads, there is no excuse: whoever remembers a change follows, too.
func (w *World) hopeless() bool {
	most := func(s *Server) (int64, proto.Zxid) { return s.r.Status().Epoch, s.hist.Last() }
	counts := func(id int64) bool {
		s := w.servers[id-1]
		if !s.up || s.hist.Last() < 0 {
			return false
		}
		p := s.r.Members()
		m, _ := p.Committed.Member(id)
		if m.Role != ensemble.Participant || p.Committed.IsVoter(id) {
			return m.Role == ensemble.Participant
		}
		epoch, last := most(s)
		return slices.ContainsFunc(w.servers, func(o *Server) bool {
			if !o.up || !p.Committed.IsVoter(int64(o.id)) {
				return false
			}
			e, l := most(o)
			return e > epoch || e == epoch && l >= last
		})
	}
	leads := func(s *Server) bool { return s.role == zab.RoleLeader }
	return w.cfg.reconfig && !slices.ContainsFunc(w.servers, leads) && slices.ContainsFunc(w.servers, func(s *Server) bool {
		p := s.r.Members()
		return s.up && p.Pending() && !p.Quorum(counts)
	})
}

// changeMembers lets a client ask for a change.
func (w *World) changeMembers() {
	c := w.clients[w.rng.IntN(len(w.clients))]
	if !c.mayAsk() {
		return
	}
	c.askFor(w.someChange())
}

func (c *client) mayAsk() bool {
	return c.conn != nil && c.open && !c.paused && !c.done && (len(c.sent) == 0 || c.sent[len(c.sent)-1].kind != closing)
}

func (c *client) askFor(r *proto.ReconfigRequest) {
	w := c.w
	w.Asked++
	w.event(nil, fmt.Sprintf("%s asks server %d for another membership: join %q, leave %q, all %q", c, c.conn.s.id, r.Joining, r.Leaving, r.NewMembers))
	c.send(&operation{kind: changing, path: "/zookeeper/config"}, proto.OpReconfig, r)
}

// someChange draws a change of the membership that was decided last.
func (w *World) someChange() *proto.ReconfigRequest {
	r := &proto.ReconfigRequest{ConfigID: -1}
	members := w.check.config
	if w.chance(4) {
		r.ConfigID = members.Version
	}
	id := 1 + w.rng.IntN(len(w.servers))
	for _, s := range w.servers {
		if s.up && s.role == zab.RoleLeader && w.chance(3) {
			id = s.id
		}
	}
	m, member := members.Member(int64(id))
	roles := []string{"participant", "participant", "observer"}
	role := roles[w.rng.IntN(len(roles))]
	switch n := w.rng.IntN(10); {
	case !member || n < 2:
		r.Joining = serverLine(id, role, 2888)
	case n < 5:
		r.Leaving = fmt.Sprint(id)
		if w.chance(3) { // another one in its place
			other := 1 + w.rng.IntN(len(w.servers))
			r.Joining = serverLine(other, "participant", 2888)
		}
	case n == 5: // learners find it elsewhere
		r.Joining = serverLine(id, m.Role.String(), m.QuorumAddrs[0].Port+1)
	case n == 6:
		r.Joining = serverLine(id, role, m.QuorumAddrs[0].Port)
	default:
		var lines []string
		for _, s := range w.servers {
			if w.chance(2) {
				lines = append(lines, serverLine(s.id, roles[w.rng.IntN(len(roles))], 2888))
			}
		}
		r.Full, r.NewMembers = true, strings.Join(lines, ",")
	}
	return r
}

// changed checks a membership that a server sees, or puts into force.
func (k *checks) changed(w *World, s *Server, a replica.Action) {
	e, force := ensemble.Ensemble{}, false
	switch a := a.(type) {
	case replica.SeeConfig:
		e = a.Config
	case replica.CommitConfig:
		e, force = a.Config, true
		w.Activated++
		w.event(s, fmt.Sprintf("has the membership %x in force", e.Version))
	}
	if e.Version == 0 { // as an operator wrote it
		return
	}
	if text, ok := k.configs[e.Version]; ok && text != e.Text() {
		w.fail("server %d has another membership of version %x than was seen elsewhere:\n%s\n%s", s.id, e.Version, e.Text(), text)
	}
	k.configs[e.Version] = e.Text()
	if !force {
		return
	}
	// A leader begins its term with the one that was proposed last, whether it has
	// the transaction or not: that may have been lost when the file was there.
	_, decided := k.decisions[proto.Zxid(e.Version)]
	if begins := s.role == zab.RoleNone && s.r.Status().Leading; !decided && !begins && !k.began[e.Version] {
		w.fail("server %d has the membership %x in force, which was not decided", s.id, e.Version)
	} else if begins {
		k.began[e.Version] = true
		if e.Version > k.config.Version {
			k.config = e
		}
	}
}

// held checks that a quorum of those who have a say has a transaction on disk
// when it is decided: of the membership that it makes, too.
func (k *checks) held(w *World, s *Server, t *proto.Txn) {
	next, changes := k.membershipOf(w, t)
	has := func(id int64) bool {
		o := w.servers[id-1]
		_, there := slices.BinarySearch(o.chain, t.Zxid)
		return there && o.drive.durable >= t.Zxid
	}
	switch {
	case w.forgetful(): // what was acknowledged is not to be seen any more
	case !k.config.Quorum(has):
		w.fail("%s is decided, and no quorum of the membership %x has it on disk", t.Zxid, k.config.Version)
	case changes && !next.Quorum(has):
		w.fail("%s is decided, and no quorum of the membership that it makes has it on disk", t.Zxid)
	}
	if s.role == zab.RoleLeader && t.Zxid.Epoch() == s.r.Status().Epoch && !k.config.IsVoter(int64(s.id)) {
		w.fail("server %d decides %s, though it has no vote in the membership %x", s.id, t.Zxid, k.config.Version)
	}
	if !changes {
		return
	}
	w.Changes++
	if s.role == zab.RoleLeader && !next.IsVoter(int64(s.id)) {
		w.LeadersRemoved++
	}
	k.config = next
	k.configs[next.Version] = next.Text()
}

// forgetful reports whether somebody's disk may have lost what it had.
func (w *World) forgetful() bool {
	return slices.ContainsFunc(w.servers, func(s *Server) bool { return s.drive.wiped || s.drive.damaged || s.mended != nil })
}

// membershipOf is what a transaction makes the membership, if it is about that.
func (k *checks) membershipOf(w *World, t *proto.Txn) (ensemble.Ensemble, bool) {
	if t.Type != proto.OpReconfig {
		return ensemble.Ensemble{}, false
	}
	set, ok := t.Body.(*proto.SetDataTxn)
	if !ok {
		w.fail("%s changes the membership, and has no text", t.Zxid)
		return ensemble.Ensemble{}, false
	}
	e, err := ensemble.Parse(string(set.Data))
	if err != nil {
		w.fail("%s changes the membership to what cannot be read: %v", t.Zxid, err)
	}
	return e, err == nil
}

// sameMembers compares what servers know at the end.
func (s *Server) sameMembers(first *Server) error {
	if !s.w.cfg.reconfig {
		return nil
	}
	a, b := first.r.Members(), s.r.Members()
	on := s.w.pairOn(s.drive.conf.mem)
	switch {
	case a.Committed.Text() != b.Committed.Text() || b.Pending():
		return fmt.Errorf("servers %d and %d have the memberships %x and %x in force at the end, %x is proposed", first.id, s.id, a.Committed.Version, b.Committed.Version, b.LastSeen.Version)
	case on.Committed.Text() != b.Committed.Text() || on.Pending():
		return fmt.Errorf("server %d has the membership %x in force at the end and %x in its file, %x as proposed", s.id, b.Committed.Version, on.Committed.Version, on.LastSeen.Version)
	}
	m, _ := b.Committed.Member(int64(s.id))
	if observes := s.role == zab.RoleObserver; observes != (m.Role == ensemble.Observer) {
		return fmt.Errorf("server %d is %s at the end, as a member it is %s", s.id, s.role, m.Role)
	}
	if version := proto.Zxid(s.w.check.config.Version); version.Counter() != 0 && int64(version) > b.Committed.Version {
		return fmt.Errorf("server %d has the membership %x in force at the end, %s was decided", s.id, b.Committed.Version, version)
	}
	return nil
}

// crashed is a shelf after a power cut.
func (c *shelf) crashed(seed uint64) *vfs.Mem {
	return c.mem.CrashClone(rand.New(rand.NewPCG(seed, 4)))
}
