package golden

// FillFirst writes one of everything below root: kinds of nodes, ACLs, multi, failures, deletions, a session that
// is closed. That of s stays open. root is "" or the path of a node that is there.
func FillFirst(s *Session, addr, root string) {
	ask := func(op int32, body Record) { s.Ask(op, body, "") }
	ask(OpCreate, Create(root+"/app", []byte("root of the app"), Open, 0))
	ask(OpCreate, Create(root+"/app/config", []byte(`{"key":"value"}`), Open, 0))
	ask(OpCreate, Create(root+"/app/null", nil, Open, 0))
	ask(OpCreate, Create(root+"/app/empty", []byte{}, Open, 0))
	ask(OpCreate2, Create(root+"/app/über", []byte("näme"), Open, 0))
	for range 3 {
		ask(OpCreate, Create(root+"/app/seq-", []byte("s"), Open, 2))
	}
	ask(OpSetData, Record{}.Ustring(root+"/app/config").Buffer([]byte(`{"key":"second"}`)).Int(0))
	ask(OpSetData, Record{}.Ustring(root+"/app/config").Buffer([]byte(`{"key":"third"}`)).Int(1))
	ask(OpSetData, Record{}.Ustring(root+"/app/config").Buffer([]byte("refused")).Int(0))
	ask(OpDelete, Record{}.Ustring(root+"/app/seq-0000000005").Int(-1))
	ask(OpDelete, Record{}.Ustring(root+"/app/nothing").Int(-1))
	digest := []Entry{Allow(31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="), Allow(1, "world", "anyone")}
	ask(OpCreate, Create(root+"/app/secret", []byte("for bob"), digest, 0))
	ask(OpCreate, Create(root+"/app/net", []byte("by address"), []Entry{Allow(1, "ip", "10.0.0.0/8"), Allow(31, "world", "anyone")}, 0))
	ask(OpSetACL, Record{}.Ustring(root+"/app/config").ACL(digest).Int(0))
	ask(OpCreateContainer, Create(root+"/container", []byte("c"), Open, 4))
	ask(OpCreate, Create(root+"/container/child", nil, Open, 0))
	ask(OpCreateTTL, append(Create(root+"/ttl", []byte("t"), Open, 5), Record{}.Long(3600000)...))
	ask(OpCreate, Create(root+"/ephemerals", nil, Open, 0))
	ask(OpCreate, Create(root+"/ephemerals/first", []byte("first session"), Open, 1))
	ask(OpMulti, Multi(
		Part(OpCreate, Create(root+"/multi", []byte("m"), Open, 0)),
		Part(OpCreate, Create(root+"/multi/a", []byte("a"), Open, 0)),
		Part(OpCheck, Record{}.Ustring(root+"/multi/a").Int(0)),
		Part(OpSetData, Record{}.Ustring(root+"/multi/a").Buffer([]byte("aa")).Int(0)),
		Part(OpCreate, Create(root+"/multi/e", nil, Open, 1)),
		Part(OpCreateContainer, Create(root+"/multi/c", nil, Open, 4)),
		Part(OpCreateTTL, append(Create(root+"/multi/t", nil, Open, 5), Record{}.Long(3600000)...)),
		Part(OpDelete, Record{}.Ustring(root+"/app/empty").Int(-1))))
	ask(OpMulti, Multi(
		Part(OpCreate, Create(root+"/multi/b", nil, Open, 0)),
		Part(OpCheck, Record{}.Ustring(root+"/multi/a").Int(77)),
		Part(OpDelete, Record{}.Ustring(root+"/multi/a").Int(-1))))
	other := Connect(&Transcript{}, addr, "")
	other.Ask(OpCreate, Create(root+"/ephemerals/closed", nil, Open, 1), "")
	other.Close()
}

// FillSecond writes more after FillFirst, and leaves its session open with an ephemeral node.
func FillSecond(s *Session, root string) {
	s.Ask(OpCreate, Create(root+"/after", []byte("the snapshot"), Open, 0), "")
	s.Ask(OpCreate, Create(root+"/after/e-", []byte("second session"), Open, 3), "")
	s.Ask(OpSetData, Record{}.Ustring(root+"/app").Buffer([]byte("changed")).Int(0), "")
	s.Ask(OpDelete, Record{}.Ustring(root+"/container/child").Int(-1), "")
	s.Ask(OpCreate, Create(root+"/container/other", nil, Open, 0), "")
	s.Ask(OpSetData, Record{}.Ustring(root+"/app").Buffer([]byte("refused")).Int(7), "")
}

// FillOld is FillFirst with what ZooKeeper 3.4 knows.
func FillOld(s *Session, addr string) {
	ask := func(op int32, body Record) { s.Ask(op, body, "") }
	ask(OpCreate, Create("/app", []byte("root of the app"), Open, 0))
	ask(OpCreate, Create("/app/config", []byte("first"), Open, 0))
	ask(OpCreate, Create("/app/null", nil, Open, 0))
	for range 3 {
		ask(OpCreate, Create("/app/seq-", []byte("s"), Open, 2))
	}
	ask(OpSetData, Record{}.Ustring("/app/config").Buffer([]byte("second")).Int(0))
	ask(OpSetData, Record{}.Ustring("/app/config").Buffer([]byte("refused")).Int(0))
	ask(OpDelete, Record{}.Ustring("/app/seq-0000000003").Int(-1))
	digest := []Entry{Allow(31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="), Allow(1, "world", "anyone")}
	ask(OpSetACL, Record{}.Ustring("/app/config").ACL(digest).Int(0))
	ask(OpCreate, Create("/ephemeral", []byte("first session"), Open, 1))
	ask(OpMulti, Multi(
		Part(OpCreate, Create("/multi", []byte("m"), Open, 0)),
		Part(OpCheck, Record{}.Ustring("/multi").Int(0)),
		Part(OpSetData, Record{}.Ustring("/multi").Buffer([]byte("mm")).Int(0)),
		Part(OpDelete, Record{}.Ustring("/app/null").Int(-1))))
	other := Connect(&Transcript{}, addr, "")
	other.Ask(OpCreate, Create("/closed", nil, Open, 1), "")
	other.Close()
}
