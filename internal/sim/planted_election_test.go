package sim

// electionBugs are in elections and in discovery.
//
// Left out, because nothing comes of them:
//   - Votes of old rounds that count: whoever follows has found the leader's vote no
//     worse than its own, and an old vote says less of the leader than is true.
//   - A voter that must not be trusted and votes: discovery needs a quorum of its own,
//     and does not count it. That it does so there is planted.
var electionBugs = []bug{{
	name: "votes have no total order", from: "ZOOKEEPER-1419",
	edits: []edit{{"election/vote.go",
		"	switch {\n	case v.PeerEpoch != w.PeerEpoch:\n		return v.PeerEpoch > w.PeerEpoch\n",
		"	switch {\n	case v.Zxid == w.Zxid && v.Leader != w.Leader:\n		return v.Leader > w.Leader || v.PeerEpoch > w.PeerEpoch\n	case v.PeerEpoch != w.PeerEpoch:\n		return v.PeerEpoch > w.PeerEpoch\n"}},
}, {
	name: "the zxid does not matter in a vote", from: "careless",
	edits: []edit{{"election/vote.go", "	case v.Zxid != w.Zxid:\n		return v.Zxid > w.Zxid\n", ""}},
}, {
	name: "the epoch does not matter in a vote", from: "careless",
	edits: []edit{{"election/vote.go", "	case v.PeerEpoch != w.PeerEpoch:\n		return v.PeerEpoch > w.PeerEpoch\n", ""}},
}, {
	name: "the lower zxid wins, and nobody looks whether followers are ahead", from: "careless",
	edits: []edit{{"election/vote.go", "		return v.Zxid > w.Zxid\n", "		return v.Zxid < w.Zxid\n"},
		{"zab/leader.go", "l.phase == Discovery && l.isAhead(m)", "l.epoch < 0"}},
}, {
	name: "half of the servers are a quorum", from: "careless",
	edits: []edit{{"ensemble/quorum.go", "	return acked > voters/2\n", "	return acked >= voters/2\n"}},
}, {
	name: "the epoch is the highest one accepted, not one more", from: "ZOOKEEPER-335",
	edits: []edit{{"zab/leader.go", "	l.epoch = highest + 1\n", "	l.epoch = max(highest, l.disk.CurrentEpoch+1)\n"}},
}, {
	name: "a promise given to somebody else counts", from: "careless",
	edits: []edit{{"zab/leader.go", "f.state >= epochAcked && f.promised && f.lastZxid != -1", "f.state >= epochAcked && f.lastZxid != -1"}},
}, {
	name: "a voter that must not be trusted counts in discovery", from: "track record",
	edits: []edit{{"zab/leader.go", "f.promised && f.lastZxid != -1 })", "f.promised })"}},
}, {
	name: "an empty disk is trusted", from: "ZOOKEEPER-2325",
	edits: []edit{{"storage/recover.go", "		return !s.opts.NoAutoCreateDB, nil\n", "		return true, nil\n"}},
}, {
	name: "a leader goes on without voters that have accepted a newer epoch", from: "careless",
	edits: []edit{{"zab/leader.go", "	if l.phase == Broadcast && m.AcceptedEpoch > l.epoch && l", "	if l.phase == Broadcast && m.AcceptedEpoch < 0 && l"}},
}, {
	name: "a voter that must not be trusted lets clients read", from: "track record",
	edits: []edit{{"replica/local.go", " || r.role != zab.RoleNone || r.hist.Last() < 0 {", " || r.role != zab.RoleNone {"}},
}, {
	name: "what came on an early link is lost", from: "track record",
	edits: []edit{{"replica/links.go",
		"		for _, m := range e.msgs {\n			out = r.leader.Message(now, e.link, m, out)\n		}\n", ""}},
}}
