package sim

// syncBugs are in what brings a learner to its leader's history.
//
// Left out, because nothing can tell them from the right program:
//   - Not waiting for Persisted before currentEpoch is saved: the disk works in
//     order, so that the answer about the epoch comes behind the log's. What
//     matters is the order of the two, which is planted.
var syncBugs = []bug{{
	name: "the vote forgets the uncommitted tail of the log", from: "ZOOKEEPER-2845",
	edits: []edit{{"replica/replica.go",
		"	for _, t := range r.tail {\n", "	for _, t := range r.tail[:0] {\n"}},
}, {
	name: "the tree lacks the tail that the vote counts", from: "ZOOKEEPER-2845",
	edits: []edit{{"replica/replica.go",
		"		out = append(out, Apply{Txn: t})\n	}\n	r.tail = nil", "	}\n	r.tail = nil"}},
}, {
	name: "a leader's own tail is forgotten when it steps down", from: "ZOOKEEPER-2845",
	edits: []edit{{"zab/leader_broadcast.go", "{ return l.outstanding }", "{ return nil }"}},
}, {
	name: "NEWLEADER overtakes what is in the fuzzy snapshot", from: "ZOOKEEPER-3104",
	edits: []edit{{"zab/feed.go",
		"	out = sendDecided(f, f.held, out)\n	f.held, f.heldBytes, f.heardAt = nil, 0, now\n",
		"	f.heardAt = now\n"}, {"zab/leader_sync.go",
		"	out = append(out, Send{f.link, NewLeader{l.epoch, l.configText()}})\n",
		"	out = append(out, Send{f.link, NewLeader{l.epoch, l.configText()}})\n" +
			"	out = sendDecided(f, f.held, out)\n	f.held, f.heldBytes = nil, 0\n"}},
}, {
	name: "NEWLEADER is acknowledged before the snapshot is durable", from: "ZOOKEEPER-3104",
	edits: []edit{{"zab/learner_sync.go",
		"return append(out, SaveSnapshot{f.applied})", "return append(out, SaveSnapshot{f.applied}, Send{f.link, Ack{proto.MakeZxid(f.epoch, 0)}})"}},
}, {
	name: "a DIFF is logged at UPTODATE only", from: "ZOOKEEPER-3911",
	edits: []edit{{"zab/learner_sync.go", "	out = f.logDecided(out)\n", ""}},
}, {
	name: "NEWLEADER is acknowledged behind currentEpoch, the history is logged after it", from: "ZOOKEEPER-3023, 4646",
	edits: []edit{{"zab/learner_sync.go",
		"	out = f.logDecided(out)\n	return f.historySaved(now, out)",
		"	f.state = savingCurrent\n	return f.logDecided(append(out, SaveEpoch{CurrentEpoch, f.epoch}))"}},
}, {
	name: "currentEpoch is saved before the history", from: "ZOOKEEPER-4643",
	edits: []edit{{"zab/learner_sync.go",
		"	out = f.logDecided(out)\n	return f.historySaved(now, out)",
		"	out = f.logDecided(append(out, SaveEpoch{CurrentEpoch, f.epoch}))\n	return f.historySaved(now, out)"}},
}, {
	name: "a DIFF is acknowledged at once, and logged beside it", from: "ZOOKEEPER-4785",
	edits: []edit{{"zab/learner_sync.go",
		"	out = f.logDecided(out)\n	return f.historySaved(now, out)",
		"	out = f.logDecided(append(out, Send{f.link, Ack{proto.MakeZxid(f.epoch, 0)}}))\n	return f.historySaved(now, out)"}},
}, {
	name: "currentEpoch is saved after the ACK of NEWLEADER", from: "ZOOKEEPER-1282",
	edits: []edit{{"zab/learner_sync.go",
		"	f.state = savingCurrent\n	return append(out, SaveEpoch{CurrentEpoch, f.epoch})",
		"	f.state = savingCurrent\n	return append(out, Send{f.link, Ack{proto.MakeZxid(f.epoch, 0)}}, SaveEpoch{CurrentEpoch, f.epoch})"}},
}, {
	name: "a COMMIT comes for a proposal that NEWLEADER has dropped", from: "ZOOKEEPER-4394",
	edits: []edit{{"zab/leader_sync.go",
		"	out = append(out, Send{f.link, NewLeader{l.epoch, l.configText()}})\n	if !f.info.Observer {\n		for _, t := range l.outstanding {\n			out = l.sendProposal(now, f, t, out)\n		}\n	}\n	return out",
		"	if !f.info.Observer {\n		for _, t := range l.outstanding {\n			out = l.sendProposal(now, f, t, out)\n		}\n	}\n	return append(out, Send{f.link, NewLeader{l.epoch, l.configText()}})"}, {"zab/learner_sync.go",
		"	f.state = savingHistory\n", "	f.state, f.pending = savingHistory, nil\n"}},
}, {
	name: "the ACK of a proposal passes for that of NEWLEADER", from: "ZOOKEEPER-4685",
	// With learners that acknowledge a DIFF's transactions, as Java's do.
	edits: []edit{{"zab/leader_sync.go",
		"	if z.Counter() == 0 {\n		if f.state == newLeaderTold && z == proto.MakeZxid(l.epoch, 0) {",
		"	if z.Counter() == 0 || f.state == newLeaderTold {\n		if f.state == newLeaderTold {"}, {"zab/learner_sync.go",
		"			f.appended = t.Zxid\n			out = append(out, Append{t})\n", "			out = f.logOne(t, out)\n"}, {"zab/learner_sync.go",
		"	if f.state == savingHistory {\n		return f.historySaved(now, out)\n	}\n",
		"	if f.state == savingHistory {\n		if len(f.unacked) > 0 && f.unacked[0] <= z {\n			out = append(out, Send{f.link, Ack{f.unacked[0]}})\n			f.unacked = nil\n		}\n		return f.historySaved(now, out)\n	}\n"}},
}, {
	name: "what is committed before UPTODATE is missing in the committed log", from: "ZOOKEEPER-4925",
	edits: []edit{{"zab/learner_sync.go",
		"		out = f.apply(t, f.logOne(t, out))\n", "		out = append(f.logOne(t, out), Apply{t})\n"}},
}, {
	name: "what is committed before UPTODATE is not logged", from: "ZOOKEEPER-1367",
	edits: []edit{{"zab/learner_sync.go", "		out = f.apply(t, f.logOne(t, out))\n", "		out = f.apply(t, out)\n"}},
}, {
	name: "DIFF moves the last zxid before its transactions are there", from: "ZOOKEEPER-2355",
	edits: []edit{{"zab/learner_sync.go",
		"	case Trunc:\n		f.state = truncating\n", "	case Diff:\n		f.hist.Reset(m.Zxid)\n	case Trunc:\n		f.state = truncating\n"}},
}, {
	name: "half of a SNAP stays in memory", from: "ZOOKEEPER-3642",
	edits: []edit{{"zab/learner.go", "MustReload() bool { return f.inMemory }", "MustReload() bool { return false }"}},
}, {
	name: "what a DIFF or TRUNC commits is applied before it is logged, and stays", from: "ZOOKEEPER-5094",
	edits: []edit{{"zab/learner_sync.go",
		"	case f.state == syncing && f.inMemory:\n		return f.apply(t, out)",
		"	case f.state == syncing:\n		if !f.inMemory {\n			f.decided = append(f.decided, t)\n		}\n		return f.apply(t, out)"}},
}, {
	name: "a server that is ahead gets a DIFF", from: "ZOOKEEPER-1154",
	edits: []edit{{"zab/history.go", "		return Plan{Kind: SyncTrunc, To: last}\n", "		return Plan{Kind: SyncDiff}\n"}},
}, {
	name: "TRUNC cuts one too many", from: "ZOOKEEPER-1156",
	edits: []edit{{"persist/disk.go", "d.Store.Truncate(z); errors", "d.Store.Truncate(z - 1); errors"}},
}, {
	name: "TRUNC cuts one too few", from: "careless",
	edits: []edit{{"zab/history.go", "		return Plan{Kind: SyncTrunc, To: last}\n", "		return Plan{Kind: SyncTrunc, To: last + 1}\n"}},
}, {
	name: "the committed log survives a TRUNC", from: "careless",
	edits: []edit{{"zab/learner_sync.go", "	f.hist.Truncate(last)\n", ""}, {"replica/replica.go", "		r.hist.Truncate(ev.Last)\n", ""}},
}, {
	name: "a DIFF begins one too late", from: "careless",
	edits: []edit{{"zab/history.go", "		return Plan{Kind: SyncDiff, Txns: rest}\n", "		return Plan{Kind: SyncDiff, Txns: rest[1:]}\n"}},
}, {
	name: "a DIFF ends one too early", from: "careless",
	edits: []edit{{"zab/history.go", "		return Plan{Kind: SyncDiff, Txns: rest}\n", "		return Plan{Kind: SyncDiff, Txns: rest[:len(rest)-1]}\n"}},
}, {
	name: "a DIFF repeats a transaction, which is logged twice", from: "careless",
	edits: []edit{{"zab/history.go",
		"		return Plan{Kind: SyncDiff, Txns: rest}\n", "		return Plan{Kind: SyncDiff, Txns: h.list(max(i-1, 0))}\n"},
		{"zab/learner_sync.go", "		if t.Zxid > f.appended {", "		if t.Zxid > 0 {"}},
}, {
	name: "a DIFF where a SNAP is due", from: "ZOOKEEPER-4352",
	edits: []edit{{"zab/history.go", "	h.base = h.txns[n-1].Zxid\n", "	h.base = h.txns[0].Zxid &^ 0xffffffff\n"}},
}, {
	name: "what is committed during a snapshot is not sent behind it", from: "careless",
	edits: []edit{{"zab/feed.go", "		f.held = append(f.held, t)\n", ""}},
}, {
	name: "a DIFF from the logs ends where they did", from: "ZOOKEEPER-2418",
	edits: []edit{{"zab/feed.go", "sendDecided(f, rest, sendDecided(f, txns, out))", "sendDecided(f, rest[:0], sendDecided(f, txns, out))"}},
}, {
	name: "a DIFF is sent although the logs do not hold all of it", from: "ZOOKEEPER-2846",
	edits: []edit{{"persist/readlog.go", "	if err != nil || !whole {\n		return nil, false, err\n	}\n	total", "	if err != nil {\n		return nil, false, err\n	}\n	whole = true\n	total"},
		{"persist/readlog.go", "return txns, total <= limit, nil", "return txns, whole, nil"},
		{"storage/lookup.go", "	if !l.whole {\n		return nil, false, nil\n	}\n", ""}},
}, {
	name: "an observer misses what a follower hears while it joins", from: "careless",
	edits: []edit{{"zab/master.go", "		default:\n			out = f.inform(t, commit, inform, out)\n", "		case f.state == serving:\n			out = f.inform(t, commit, inform, out)\n"}},
}, {
	name: "a follower answers its observers' syncs itself", from: "careless",
	edits: []edit{{"replica/observers.go", "			r.syncs.asked = append(r.syncs.asked, question{observer: ev.Link})\n", "			return append(out, Send{Link: ev.Link, Msg: zab.Sync{}})\n"}},
}, {
	name: "the signs of life of an observer's clients go no further", from: "careless",
	edits: []edit{{"replica/observers.go", "			r.touches[t.ID] = t.TimeoutMs\n", "			_ = t\n"}},
}, {
	name: "what a leader sends while the disk is busy is dropped", from: "careless",
	edits: []edit{{"zab/learner.go", "		f.stash = append(f.stash, stashed{m})\n", ""}},
}, {
	name: "a leader is established before a quorum has its history", from: "careless",
	edits: []edit{{"zab/leader_sync.go",
		"!l.quorum(func(f *learner) bool { return f.state >= newLeaderAcked })", "!l.quorum(func(f *learner) bool { return f.state >= newLeaderTold })"}},
}, {
	name: "a leader begins without the newest of its history", from: "careless",
	edits: []edit{{"replica/replica.go",
		"		r.leader = zab.BecomeLeader(r.zabOptions(), r.disk, r.hist)\n		out = r.leader.Start(now, out)\n		return r.admitEarly",
		"		if z := r.hist.Last(); z > r.hist.Base() {\n			r.hist.Truncate(z - 1)\n		}\n		r.leader = zab.BecomeLeader(r.zabOptions(), r.disk, r.hist)\n		out = r.leader.Start(now, out)\n		return r.admitEarly"}},
}, {
	name: "the writes of an old role go on while the next one begins", from: "ZOOKEEPER-4712",
	edits: []edit{{"replica/replica.go", " && r.diskOps == 0 && r.persisted >= r.appended\n", "\n"}, {"replica/replica.go",
		"	for _, t := range r.tail {\n", "	for _, t := range r.tail {\n		if t.Zxid > r.persisted {\n			break\n		}\n"}},
}}
