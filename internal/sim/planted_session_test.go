package sim

// sessionBugs are in sessions and in the order of their requests.
//
// Not found, so not here: a leader that was stopped and ends the sessions that it
// could not hear (sessions.postpone left out). Their clients had no answer to a write
// for the whole timeout either, so that the checks let it pass; TestPostponed does not.
var sessionBugs = []bug{{
	name: "expiry does not see that a session lives", from: "careless",
	edits: []edit{{"replica/sessions.go", "	s.bucket = max(s.bucket, t.bucketOf(now, s.timeout))\n	return true", "	return true"}},
}, {
	name: "followers do not tell which sessions live", from: "careless",
	edits: []edit{{"replica/links.go", "zab.Ping{Zxid: m.Zxid, Touches: r.takeTouches()}", "zab.Ping{Zxid: m.Zxid}"}},
}, {
	name: "a session ends soon after it has moved", from: "careless",
	edits: []edit{{"replica/requests.go", "	s.owner, s.owned = from, true\n	return true, out", "	s.owner, s.owned, s.bucket, s.timeout = from, true, 0, time.Millisecond\n	return true, out"}},
}, {
	name: "sessions end soon after a new leader begins", from: "careless",
	edits: []edit{{"replica/replica.go", "			r.sessions.add(now, id, time.Duration(ms)*time.Millisecond)\n", "			r.sessions.add(now, id, time.Duration(ms)/1000)\n"}},
}, {
	name: "sessions never end", from: "careless",
	edits: []edit{{"replica/requests.go", "	for _, id := range r.sessions.expire(now) {", "	for _, id := range r.sessions.expire(now)[:0] {"}},
}, {
	name: "what a session's old connection sent is still done", from: "careless",
	edits: []edit{{"replica/requests.go", "	case s.owner != from:\n		return proto.ErrSessionMoved, proto.OK\n", ""}},
}, {
	name: "a closing session may still write", from: "ZOOKEEPER-1367, 2355",
	edits: []edit{{"replica/requests.go", "	case s == nil || s.closing:\n", "	case s == nil:\n"},
		{"replica/requests.go", "			s.closing = true\n", "			_ = s\n"}},
}, {
	name: "one ephemeral outlives its session", from: "careless",
	edits: []edit{{"tree/apply.go", "	for _, path := range t.Ephemerals(h.Session) {\n		t.remove(path, h.Zxid)\n	}\n", ""},
		{"tree/apply.go", "	for _, path := range paths {\n		t.remove(path, h.Zxid)\n	}\n	if len(t.ephemerals", "	for _, path := range paths[min(len(paths), 1):] {\n		t.remove(path, h.Zxid)\n	}\n	if len(t.ephemerals"}},
}, {
	name: "an ephemeral that is not applied yet outlives its session", from: "ZOOKEEPER-2355",
	edits: []edit{{"prep/session.go", "	for c := p.overlay.owned[id]; c != nil; c = c.next {\n		paths = append(paths, c.key)\n	}\n", ""},
		{"tree/apply.go", "	for _, path := range t.Ephemerals(h.Session) {\n		t.remove(path, h.Zxid)\n	}\n", ""}},
}, {
	name: "a snapshot has no sessions", from: "careless",
	edits: []edit{{"tree/snapshot.go", "	for i, id := range ids {\n", "	for i, id := range ids[:0] {\n"}},
}, {
	name: "a local session that becomes global is forgotten by nobody", from: "careless",
	edits: []edit{{"replica/local.go", "	r.local.remove(s.id)\n	out = append(out, Note{Fact: zab.FactSessionUpgraded", "	out = append(out, Note{Fact: zab.FactSessionUpgraded"}},
}, {
	name: "what comes late from where a session has lived behind a follower is done", from: "Java's",
	edits: []edit{{"replica/observers.go", "	return known && home != observer && op", "	return known && home != observer && op == 0 && op"}},
}}
