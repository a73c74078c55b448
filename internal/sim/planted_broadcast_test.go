package sim

// broadcastBugs are in what decides, in promises, and in syncs.
//
// Left out, because nothing can tell it from the right program: keeping what an
// old role has prepared (no Prep.Reset). All of that is in the tail that the tree
// gets before the next election, which drops it.
var broadcastBugs = []bug{{
	name: "ACK before the transaction is durable", from: "careless",
	edits: []edit{{"zab/learner_sync.go",
		"		f.unacked = append(f.unacked, t.Zxid)\n	}\n	return append(out, Append{t})",
		"		out = append(out, Send{f.link, Ack{t.Zxid}})\n	}\n	return append(out, Append{t})"}},
}, {
	name: "ACKEPOCH before acceptedEpoch is durable", from: "careless",
	edits: []edit{{"zab/learner_sync.go",
		"	f.state = savingAccepted\n	return append(out, SaveEpoch{AcceptedEpoch, m.Epoch})",
		"	f.state = awaitingSync\n	return append(out, SaveEpoch{AcceptedEpoch, m.Epoch}, Send{f.link, AckEpoch{f.disk.CurrentEpoch, f.disk.LastZxid}})"}},
}, {
	name: "LEADERINFO before acceptedEpoch is durable", from: "ZOOKEEPER-1291",
	edits: []edit{{"zab/leader.go",
		"	l.epoch = highest + 1\n",
		"	l.epoch = highest + 1\n	for _, f := range l.learners {\n		if f.state == infoReceived {\n			out = l.tellEpoch(f, out)\n		}\n	}\n"}},
}, {
	name: "one less than a quorum commits", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go",
		"	return l.alone() && l.selfAcked >= z || l.members.Committed.Quorum(func(id int64) bool { return l.ackedBy(proto.PeerID(id)) >= z })",
		"	spare := 1\n	return l.members.Committed.Quorum(func(id int64) bool {\n		if l.ackedBy(proto.PeerID(id)) < z {\n			spare--\n			return spare >= 0\n		}\n		return true\n	})"}},
}, {
	name: "a leader counts what it has given to its log", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go", "	l.lastProposed = t.Zxid\n", "	l.lastProposed, l.selfAcked = t.Zxid, t.Zxid\n"}},
}, {
	name: "an ACK counts before the history before it is durable", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go",
		"		if f.info.ID == id && f.state >= newLeaderAcked && !f.info.Observer {", "		if f.info.ID == id && !f.info.Observer {"},
		{"zab/learner_sync.go", "	if f.state == following {\n		return f.log(out)", "	if f.state >= savingHistory {\n		return f.log(out)"}},
}, {
	name: "an acknowledgement covers what comes after it", from: "careless",
	edits: []edit{{"zab/leader_broadcast.go", "l.outstanding[n].Zxid <= z {", "l.outstanding[n].Zxid <= z+1 {"}},
}, {
	name: "a link that has ended counts to the quorum", from: "careless",
	edits: []edit{{"zab/leader.go", "	l.learners = slices.Delete(l.learners, i, i+1)\n", ""}},
}, {
	name: "observers count", from: "ZOOKEEPER-2959",
	edits: []edit{{"ensemble/quorum.go",
		"		if e.Members[i].Role != Participant {\n			continue\n		}\n		voters++\n",
		"		if e.Members[i].Role == Participant {\n			voters++\n		}\n"},
		{"zab/leader.go", " && !f.info.Observer && ok(f) {", " && ok(f) {"}},
}, {
	name: "an observer acknowledges what it is told", from: "track record",
	edits: []edit{{"zab/learner_sync.go", "	if !f.opts.Observer {\n		f.unacked", "	if f.opts.Self != 0 {\n		f.unacked"}},
}, {
	name: "a follower applies what is not decided", from: "careless",
	edits: []edit{{"zab/learner_sync.go",
		"	if f.state == following {\n		return f.log(out)\n	}\n	return out",
		"	if f.state == following {\n		return f.apply(t, f.log(out))\n	}\n	return out"},
		{"zab/learner_sync.go", "		f.logged--\n		return f.apply(t, out)\n", "		f.logged--\n		return out\n"}},
}, {
	name: "a sync is answered without a confirmation", from: "decision 13",
	edits: []edit{{"zab/leader_confirm.go", "	case !l.opts.UnconfirmedSync:\n", "	case l.opts.UnconfirmedSync:\n"}},
}, {
	name: "a sync is confirmed by what was said before it", from: "careless",
	edits: []edit{{"zab/leader_confirm.go", "		s.round = l.asked + 1\n", "		s.round = l.asked\n"}},
}, {
	name: "a sync is answered behind commits that came after it", from: "track record",
	edits: []edit{{"zab/leader_broadcast.go", "		out = l.answerSyncsBefore(t.Zxid, out)\n", ""}},
}, {
	name: "two syncs share an answer although a write lies between", from: "careless",
	edits: []edit{{"replica/requests.go", "	if q.Op != proto.OpSync {\n		out = r.askSyncs(out)", "	if q.Op < 0 {\n		out = r.askSyncs(out)"}},
}, {
	name: "an observer hears of a run what it got as history", from: "careless",
	edits: []edit{{"replica/replica.go",
		"	if !ok || r.master == nil || ev.Link != r.learner.Link() {",
		"	if !ok || run.First > 0 {"}},
}}
