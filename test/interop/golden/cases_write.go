package golden

func createCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/create", []byte("hi"), Open, 0), "create persistent")
	s.Ask(OpCreate, Create("/create/e", []byte("hi"), Open, 1), "create ephemeral")
	s.Ask(OpCreate, Create("/create/s-", []byte("hi"), Open, 2), "create persistent sequential")
	s.Ask(OpCreate, Create("/create/es-", []byte("hi"), Open, 3), "create ephemeral sequential")
	s.Ask(OpCreate, Create("/create/", []byte("hi"), Open, 2), "create sequential with an empty name")
	s.Ask(OpCreate2, Create("/create/c2", nil, Open, 0), "create2 persistent, null data")
	s.Ask(OpCreate2, Create("/create/c2e", []byte{}, Open, 1), "create2 ephemeral, empty data")
	s.Ask(OpCreate2, Create("/create/c2s-", []byte("x"), Open, 2), "create2 persistent sequential")
	s.Ask(OpCreate2, Create("/create/c2es-", []byte("x"), Open, 3), "create2 ephemeral sequential")
	s.Ask(OpExists, Watched("/create/c2", false), "exists /create/c2")
	s.Ask(OpGetData, Watched("/create/c2", false), "getData: null data")
	s.Ask(OpGetData, Watched("/create/c2e", false), "getData: empty data")
	s.Ask(OpExists, Watched("/create", false), "exists /create: cversion after the creates")
	s.Close()
}

func createErrorsCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/errors", nil, Open, 0), "create /errors")
	s.Ask(OpCreate, Create("/errors/e", nil, Open, 1), "create ephemeral /errors/e")
	for _, e := range []struct {
		comment string
		body    Record
	}{
		{"exists already", Create("/errors", nil, Open, 0)},
		{"no parent", Create("/nothing/here", nil, Open, 0)},
		{"parent is ephemeral", Create("/errors/e/child", nil, Open, 0)},
		{"path without slash", Create("errors", nil, Open, 0)},
		{"path ends in slash", Create("/errors/x/", nil, Open, 0)},
		{"empty path", Create("", nil, Open, 0)},
		{"path with //", Create("/errors//x", nil, Open, 0)},
		{"path with a dot name", Create("/errors/./x", nil, Open, 0)},
		{"path with NUL", Create("/errors/a\x00b", nil, Open, 0)},
		{"empty ACL", Create("/errors/x", nil, nil, 0)},
		{"unknown scheme", Create("/errors/x", nil, []Entry{{31, "nobody", "x"}}, 0)},
		{"auth scheme without auth", Create("/errors/x", nil, []Entry{{31, "auth", ""}}, 0)},
		{"unknown flags 9", Create("/errors/x", nil, Open, 9)},
		{"the root", Create("/", nil, Open, 0)},
		{"below /zookeeper", Create("/zookeeper/x", nil, Open, 0)},
	} {
		s.Ask(OpCreate, e.body, "create: "+e.comment)
	}
	s.Ask(OpGetChildren2, Watched("/errors", false), "nothing came of it")
	s.Close()
}

func createExtendedCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/create", nil, Open, 0), "create /create")
	s.Ask(OpCreateContainer, Create("/create/container", []byte("x"), Open, 4), "createContainer")
	s.Ask(OpCreateTTL, append(Create("/create/ttl", []byte("x"), Open, 5), Record{}.Long(60000)...), "createTTL, 60000 ms")
	s.Ask(OpCreateTTL, append(Create("/create/ttl-", []byte("x"), Open, 6), Record{}.Long(60000)...), "createTTL sequential")
	s.Ask(OpExists, Watched("/create/container", false), "exists /create/container: owner 0")
	s.Ask(OpExists, Watched("/create/ttl", false), "exists /create/ttl: owner 0")
	s.Ask(OpCreateTTL, append(Create("/create/xttl", nil, Open, 5), Record{}.Long(0)...), "createTTL of 0 ms")
	s.Ask(OpCreateTTL, append(Create("/create/xttl", nil, Open, 5), Record{}.Long(1<<40)...), "createTTL of 2^40 ms")
	s.Ask(OpGetChildren2, Watched("/create", false), "getChildren2 /create")
	s.Ask(OpDeleteContainer, Record{}.Ustring("/create"), "deleteContainer of one with children")
	s.Ask(OpDeleteContainer, Record{}.Ustring("/create/container"), "deleteContainer of an empty one")
	s.Close()
}

func deleteCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/delete", nil, Open, 0), "create /delete")
	s.Ask(OpCreate, Create("/delete/a", nil, Open, 0), "create /delete/a")
	s.Ask(OpDelete, Record{}.Ustring("/delete").Int(-1), "delete: not empty")
	s.Ask(OpDelete, Record{}.Ustring("/delete/a").Int(7), "delete: wrong version")
	s.Ask(OpDelete, Record{}.Ustring("/delete/b").Int(-1), "delete: no node")
	s.Ask(OpDelete, Record{}.Ustring("/delete/a").Int(0), "delete: right version")
	s.Ask(OpDelete, Record{}.Ustring("/").Int(-1), "delete: the root")
	s.Ask(OpDelete, Record{}.Ustring("/zookeeper").Int(-1), "delete: /zookeeper")
	s.Ask(OpDelete, Record{}.Ustring("delete").Int(-1), "delete: path without slash")
	s.Ask(OpExists, Watched("/delete", false), "exists /delete: cversion and pzxid after the delete")
	s.Ask(OpDelete, Record{}.Ustring("/delete").Int(-1), "delete: any version")
	s.Close()
}

func setCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/set", []byte("a"), Open, 0), "create /set")
	set := func(path string, data []byte, version int32) Record {
		return Record{}.Ustring(path).Buffer(data).Int(version)
	}
	s.Ask(OpSetData, set("/set", []byte("bb"), -1), "setData: any version")
	s.Ask(OpSetData, set("/set", []byte("ccc"), 1), "setData: right version")
	s.Ask(OpSetData, set("/set", []byte("d"), 1), "setData: wrong version")
	s.Ask(OpSetData, set("/set/nothing", []byte("d"), -1), "setData: no node")
	s.Ask(OpSetData, set("/set", nil, -1), "setData: null")
	s.Ask(OpGetData, Watched("/set", false), "getData: null")
	s.Ask(OpSetData, set("/set", []byte{}, -1), "setData: empty")
	s.Ask(OpGetData, Watched("/set", false), "getData: empty")
	s.Ask(OpSetData, set("/", []byte("root"), -1), "setData: the root")
	s.Ask(OpSetData, set("set", []byte("x"), -1), "setData: path without slash")
	s.Ask(OpSetData, set("/zookeeper/config", []byte("x"), -1), "setData: /zookeeper/config")
	s.Close()
}

func aclCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	mixed := []Entry{{1, "world", "anyone"}, {31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}, {3, "ip", "10.0.0.0/8"}}
	setACL := func(path string, acl []Entry, version int32) Record {
		return Record{}.Ustring(path).ACL(acl).Int(version)
	}
	s.Ask(OpCreate, Create("/acl", nil, Open, 0), "create /acl")
	s.Ask(OpGetACL, Record{}.Ustring("/acl"), "getACL: open")
	s.Ask(OpSetACL, setACL("/acl", mixed, 5), "setACL: wrong version")
	s.Ask(OpSetACL, setACL("/acl", nil, -1), "setACL: empty")
	s.Ask(OpSetACL, setACL("/acl", []Entry{{31, "ip", "1.2.3.4.5"}}, -1), "setACL: malformed ip")
	s.Ask(OpSetACL, setACL("/acl/nothing", Open, -1), "setACL: no node")
	s.Ask(OpSetACL, setACL("/acl", append(mixed, mixed[0]), 0), "setACL: three entries and a double")
	s.Ask(OpGetACL, Record{}.Ustring("/acl"), "getACL: as one who may only read")
	s.Ask(OpSetData, Record{}.Ustring("/acl").Buffer([]byte("x")).Int(-1), "setData: no permission")
	s.Ask(OpCreate, Create("/acl/x", nil, Open, 0), "create: no permission on the parent")
	s.Ask(OpGetData, Watched("/acl", false), "getData: permitted")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.Ask(OpGetACL, Record{}.Ustring("/acl"), "getACL: as the owner")
	s.Ask(OpSetACL, setACL("/acl", []Entry{{4, "auth", ""}}, -1), "setACL: scheme auth, create only")
	s.Ask(OpGetACL, Record{}.Ustring("/acl"), "getACL: no permission")
	s.Ask(OpGetData, Watched("/acl", false), "getData: no permission")
	s.Ask(OpExists, Watched("/acl", false), "exists: no permission")
	s.Ask(OpGetChildren, Watched("/acl", false), "getChildren: no permission")
	s.Ask(OpDelete, Record{}.Ustring("/acl").Int(-1), "delete: the parent permits")
	s.Close()
}

func multiCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/multi", []byte("m"), Open, 0), "create /multi")
	s.Ask(OpMulti, Multi(
		Operation{OpCheck, Record{}.Ustring("/multi").Int(0)},
		Operation{OpCreate, Create("/multi/a", []byte("a"), Open, 0)},
		Operation{OpCreate2, Create("/multi/s-", []byte("s"), Open, 2)},
		Operation{OpCreate, Create("/multi/e", nil, Open, 1)},
		Operation{OpSetData, Record{}.Ustring("/multi").Buffer([]byte("mm")).Int(0)},
		Operation{OpSetData, Record{}.Ustring("/multi").Buffer([]byte("mmm")).Int(1)},
		Operation{OpDelete, Record{}.Ustring("/multi/a").Int(-1)},
	), "multi: all operations of a plain client")
	s.Ask(OpGetChildren2, Watched("/multi", false), "getChildren2 /multi")
	s.Ask(OpMulti, Multi(), "multi: empty")
	s.Close()
}

func multiExtendedCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/multi", nil, Open, 0), "create /multi")
	s.Ask(OpMulti, Multi(
		Operation{OpCreateContainer, Create("/multi/c", nil, Open, 4)},
		Operation{OpCreateTTL, append(Create("/multi/t", nil, Open, 5), Record{}.Long(60000)...)},
	), "multi: container and time to live")
	s.Close()
}

func multiErrorsCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/multi_errors", nil, Open, 0), "create /multi_errors")
	first := Operation{OpCreate, Create("/multi_errors/a", nil, Open, 0)}
	s.Ask(OpMulti, Multi(first, Operation{OpCreate, Create("/multi_errors", nil, Open, 0)},
		Operation{OpDelete, Record{}.Ustring("/multi_errors").Int(-1)}), "multi: the second exists already")
	s.Ask(OpMulti, Multi(Operation{OpCheck, Record{}.Ustring("/multi_errors").Int(9)}, first), "multi: check fails")
	s.Ask(OpMulti, Multi(Operation{OpCheck, Record{}.Ustring("/nothing").Int(0)}, first), "multi: check of a missing node")
	s.Ask(OpMulti, Multi(first, Operation{OpSetData, Record{}.Ustring("/nothing").Buffer(nil).Int(-1)}), "multi: the last fails")
	s.Ask(OpExists, Watched("/multi_errors/a", false), "exists: nothing was applied")
	s.Ask(OpMulti, Multi(first, Operation{OpCreate, Create("/multi_errors/b", nil, Open, 9)}), "multi: unknown flags 9")
	s.Ask(OpMulti, Multi(first, Operation{OpGetData, Watched("/multi_errors", false)}), "multi: a read among writes")
	s.Ask(OpExists, Watched("/multi_errors", false), "the connection goes on")
	s.Close()
}
