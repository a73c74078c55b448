package sim

// memberBugs are in changes of the membership.
//
// Left out, because it only takes longer: a follower that stays with a leader
// that was removed. The leader goes, and takes nobody back.
var memberBugs = []bug{{
	name: "a change is decided by the old membership alone", from: "careless",
	edits: []edit{{"zab/leader_config.go", "	if l.nextHas(func(id int64) bool { return l.ackedBy(proto.PeerID(id)) >= z }) {\n		return z\n	}\n	return l.reconfig - 1\n", "	return z\n"}},
}, {
	name: "a change is decided by the new membership alone", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go", "	return l.alone() && l.selfAcked >= z || l.members.Committed.Quorum(func", "	if l.reconfig != 0 && z >= l.reconfig {\n		return l.members.LastSeen.Quorum(func(id int64) bool { return l.ackedBy(proto.PeerID(id)) >= z })\n	}\n	return l.members.Committed.Quorum(func"}},
}, {
	name: "who leads is for the proposed membership alone to say", from: "careless",
	edits: []edit{{"ensemble/pair.go", "	return p.Committed.Quorum(has) && (!p.Pending() || p.LastSeen.Quorum(has))\n", "	if p.Pending() {\n		return p.LastSeen.Quorum(has)\n	}\n	return p.Committed.Quorum(has)\n"},
		{"election/election.go", "	for _, c := range e.configs {\n		if !e.quorumOf(c, has) {\n", "	for _, c := range e.configs[len(e.configs)-1:] {\n		if !e.quorumOf(c, has) {\n"}},
}, {
	name: "a new leader forgets the change that was proposed", from: "careless",
	edits: []edit{{"zab/leader_config.go", "	if o.Reconfig && o.LastSeen.Version > o.Ensemble.Version {\n", "	if o.Reconfig && o.LastSeen.Version < 0 {\n"},
		{"election/election.go", "	if lastSeen.Version > committed.Version {\n", "	if lastSeen.Version < 0 {\n"}},
}, {
	name: "a change is in force with its proposal", from: "careless",
	edits: []edit{{"zab/learner_config.go", "	return f.see(e, out)\n}\n\nfunc (f *Learner) see(", "	out = f.see(e, out)\n	f.members.Commit(e)\n	return append(out, CommitConfig{e})\n}\n\nfunc (f *Learner) see("}},
}, {
	name: "a learner has in force what NEWLEADER tells, decided or not", from: "Java's",
	edits: []edit{{"zab/leader_config.go", "	if l.phase == Broadcast {\n		return l.members.Committed.Text()\n	}\n", ""},
		{"zab/learner_config.go", "	if z.Epoch() == f.epoch && z.Counter() != 0 && z > f.newestDecided() {\n		return out\n	}\n", "	_ = z\n"}},
}, {
	name: "the ACKs of those without a vote count", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go", "	for _, id := range l.voters {\n		if z := l.ackedBy(proto.PeerID(id)); z >= head {\n			l.candidates = append(l.candidates, z)\n		}\n	}\n",
		"	for _, f := range l.learners {\n		if f.state >= newLeaderAcked && !f.info.Observer && f.acked >= head && !l.members.IsVoter(int64(f.info.ID)) {\n			return f.acked\n		}\n	}\n	for _, id := range l.voters {\n		if z := l.ackedBy(proto.PeerID(id)); z >= head {\n			l.candidates = append(l.candidates, z)\n		}\n	}\n"}},
}, {
	name: "a leader that was removed goes on", from: "careless",
	edits: []edit{{"zab/leader_config.go", "	if next != l.opts.Self {\n		l.handedOver, l.successor = true, next\n", "	if next != l.opts.Self {\n"}},
}, {
	name: "a leader that has handed over takes its followers back", from: "Java's",
	edits: []edit{{"zab/leader.go", "	if l.handedOver {\n		return l.hangup(f", "	if l.handedOver && now < 0 {\n		return l.hangup(f"},
		{"zab/leader.go", "		return l.followerInfo(f, m, out)\n", "		return l.followerInfo(now, f, m, out)\n"},
		{"zab/leader.go", "func (l *Leader) followerInfo(f *learner", "func (l *Leader) followerInfo(now time.Duration, f *learner"},
		{"zab/leader_config.go", "	case now >= l.leaveBy:\n", "	case now < 0:\n"}},
}, {
	name: "a proposed membership is not on disk when its proposal is acknowledged", from: "careless",
	edits: []edit{{"persist/members.go", "			err = m.Files.SaveProposed(op.Config, m.Pair.Committed.Version)\n", "			_ = op\n"}},
}, {
	name: "a membership that is in force is not on disk", from: "careless",
	edits: []edit{{"persist/members.go", "			err = m.Files.SaveCommitted(op.Config, m.Self, m.Pair.LastSeen.Version)\n", "			_ = op\n"}},
}, {
	name: "a follower that gets another role stays", from: "careless",
	edits: []edit{{"zab/learner_config.go", "	if moved || *to != f.leader {\n", "	if *to != f.leader {\n"}},
}, {
	name: "nobody takes over a newer membership from the others' votes", from: "careless",
	edits: []edit{{"replica/members.go", "	if !ok || !r.opts.Reconfig ", "	if ok || !r.opts.Reconfig "}},
}, {
	name: "a server that alone remembers a change looks for a quorum of it", from: "Java's",
	edits: []edit{{"election/count.go", "	if probe.Leader == e.opts.Self {\n		return e.agreed(ballots, probe)\n	}\n", "	if probe.cast {\n		return e.agreed(ballots, probe)\n	}\n"}},
}, {
	name: "a joining server keeps to its own round", from: "Java's",
	edits: []edit{{"election/count.go", "	case n.Round < e.round && e.proposal.Leader == none:\n", "	case n.Round < e.round && e.round < 0:\n"}},
}, {
	name: "an observer is not told by the follower that feeds it that a change is in force", from: "careless",
	edits: []edit{{"replica/replica.go", "r.master.Committed(a.Txn, r.learner.Change(), out)", "r.master.Committed(a.Txn, zab.CommitActivate{}, out)"}},
}, {
	name: "a follower tells the membership that it began to feed observers with", from: "careless",
	edits: []edit{{"zab/master.go", "NewLeader{m.epoch, m.members.Committed.Text()}", "NewLeader{m.epoch, m.opts.Ensemble.Text()}"}},
}}
