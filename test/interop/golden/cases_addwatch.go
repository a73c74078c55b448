package golden

import "fmt"

// do sends a request and takes what comes up to its reply: events of its own writes come first.
func (s *Session) do(op int32, body Record, comment string) {
	s.xid++
	s.Send(append(Record{}.Int(s.xid).Int(op), body...), comment)
	s.receiveUntilReply(s.xid)
}

// pathInt and setting are the records of most requests here.
func pathInt(path string, n int32) Record { return Record{}.Ustring(path).Int(n) }

func setting(path, data string) Record {
	return Record{}.Ustring(path).Buffer([]byte(data)).Int(-1)
}

// check asks for all types of watchers on a path.
func (s *Session) check(path string) {
	for kind := range int32(7) {
		s.do(OpCheckWatches, pathInt(path, kind), fmt.Sprintf("checkWatches %s, type %d", path, kind))
	}
}

// watchKindsCase has all kinds of watches on one path and takes them away one by one.
func watchKindsCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.do(OpCreate, Create("/w", nil, Open, 0), "create /w")
	s.do(OpAddWatch, pathInt("/w", 0), "addWatch persistent")
	s.check("/w")
	s.do(OpAddWatch, pathInt("/w", 1), "addWatch recursive")
	s.do(OpGetData, Watched("/w", true), "getData with watch")
	s.do(OpGetChildren, Watched("/w", true), "getChildren with watch")
	s.check("/w")
	s.do(OpSetData, setting("/w", "a"), "setData /w: one event for three watches")
	s.check("/w")
	s.do(OpCreate, Create("/w/c", nil, Open, 0), "create /w/c: created, and one event for two child watches")
	s.check("/w")
	s.do(OpRemoveWatches, pathInt("/w", 1), "removeWatches children: fired already")
	s.do(OpGetData, Watched("/w", true), "getData with watch")
	s.do(OpGetChildren, Watched("/w", true), "getChildren with watch")
	s.do(OpRemoveWatches, pathInt("/w", 4), "removeWatches persistent")
	s.check("/w")
	s.do(OpRemoveWatches, pathInt("/w", 4), "removeWatches persistent: none")
	s.do(OpSetData, setting("/w/c", "a"), "setData /w/c: recursive only")
	s.do(OpRemoveWatches, pathInt("/w", 5), "removeWatches recursive")
	s.do(OpSetData, setting("/w/c", "b"), "setData /w/c: nobody")
	s.do(OpRemoveWatches, pathInt("/w", 2), "removeWatches data")
	s.check("/w")
	s.do(OpAddWatch, pathInt("/w", 0), "addWatch persistent")
	s.do(OpAddWatch, pathInt("/w", 1), "addWatch recursive")
	s.do(OpRemoveWatches, pathInt("/w", 3), "removeWatches any")
	s.check("/w")
	s.do(OpRemoveWatches, pathInt("/w", 3), "removeWatches any: none")
	s.do(OpRemoveWatches, pathInt("/w", 0), "removeWatches: no such type")
	s.do(OpCreate, Create("/w/d", nil, Open, 0), "create /w/d: nobody")
	s.Close()
}

// watchPathsCase adds watches on what is not there, or not a path.
func watchPathsCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.do(OpAddWatch, pathInt("/later", 0), "addWatch: no node")
	for _, path := range []string{"", "odd", "/odd/", "//"} {
		s.do(OpAddWatch, pathInt(path, 1), fmt.Sprintf("addWatch %q", path))
		s.do(OpRemoveWatches, pathInt(path, 5), fmt.Sprintf("removeWatches %q", path))
	}
	s.do(OpAddWatch, Record{}.Int(-1).Int(0), "addWatch null")
	s.do(OpCheckWatches, Record{}.Int(-1).Int(3), "checkWatches null")
	s.do(OpRemoveWatches, Record{}.Int(-1).Int(3), "removeWatches null")
	s.do(OpRemoveWatches, Record{}.Int(-1).Int(3), "removeWatches null: none")
	s.do(OpAddWatch, pathInt("/later", -1), "addWatch: mode -1")
	s.do(OpAddWatch, pathInt("/later", 2), "addWatch: mode 2")
	s.do(OpAddWatch, Record{}.Ustring("/later"), "addWatch: truncated")
	s.do(OpCheckWatches, Record{}.Ustring("/later"), "checkWatches: truncated")
	s.do(OpSetWatches2, Record{}.Long(0).Ustrings().Ustrings().Ustrings().Ustrings().Int(-1), "setWatches2: null list")
	s.do(OpSetWatches2, Record{}.Long(0).Ustrings().Ustrings().Ustrings().Ustrings(), "setWatches2: a list is missing")
	s.do(OpSetWatches2, Record{}.Long(0).Ustrings().Ustrings().Int(1).Int(-1).Ustrings().Ustrings(), "setWatches2: null path of a child watch")
	s.do(OpSetWatches2, Record{}.Long(0).Ustrings().Ustrings().Ustrings().Int(1).Int(-1).Ustrings(), "setWatches2: null path of a persistent watch")
	s.do(OpCreate, Create("/later", nil, Open, 0), "create /later")
	s.do(OpCreate, Create("/later/a", nil, Open, 0), "create /later/a")
	s.do(OpDelete, pathInt("/later/a", -1), "delete /later/a")
	s.do(OpDelete, pathInt("/later", -1), "delete /later")
	s.Close()
}

// recursiveWatchCase watches the root recursively, and a few paths in other ways as well.
func recursiveWatchCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.do(OpAddWatch, pathInt("/", 1), "addWatch recursive /")
	s.do(OpCreate, Create("/r", nil, Open, 0), "create /r: no event about children of /")
	s.do(OpAddWatch, pathInt("/r", 1), "addWatch recursive /r")
	s.do(OpCreate, Create("/r/a", nil, Open, 0), "create /r/a: one event for two watches above")
	s.do(OpCreate, Create("/r/a/b", nil, Open, 1), "create ephemeral /r/a/b")
	s.do(OpCreate, Create("/ra", nil, Open, 0), "create /ra, which /r is no ancestor of")
	s.do(OpGetChildren, Watched("/r/a/b", true), "getChildren with watch /r/a/b")
	s.do(OpGetChildren, Watched("/r/a", true), "getChildren with watch /r/a")
	s.do(OpSetACL, Record{}.Ustring("/r/a/b").ACL(Open).Int(-1), "setACL: nothing")
	s.do(OpSync, Record{}.Ustring("/r"), "sync: nothing")
	s.do(OpSetData, setting("/", "x"), "setData /")
	s.do(OpSetData, setting("/r/a/b", "x"), "setData /r/a/b")
	s.do(OpSetData, setting("/r/a/b", "x"), "setData /r/a/b to what it is")
	s.do(OpDelete, pathInt("/r/a/b", -1), "delete /r/a/b: one event, and the child watches are used up")
	s.check("/r/a/b")
	s.check("/r/a")
	s.do(OpMulti, Multi(
		Part(OpCreate, Create("/r/m", nil, Open, 0)),
		Part(OpSetData, setting("/r/m", "y")),
		Part(OpCreate2, Create("/r/m/s-", nil, Open, 2)),
		Part(OpCheck, pathInt("/r", 0)),
		Part(OpDelete, pathInt("/r/m/s-0000000000", -1)),
	), "multi: an event for every operation, of one zxid")
	s.do(OpMulti, Multi(
		Part(OpCreate, Create("/r/n", nil, Open, 0)),
		Part(OpDelete, pathInt("/r/none", -1)),
	), "multi that fails: nothing")
	s.do(OpCreate, Create("/r/m", nil, Open, 0), "create that fails: nothing")
	s.do(OpRemoveWatches, pathInt("/", 5), "removeWatches recursive /")
	s.do(OpSetData, setting("/ra", "x"), "setData /ra: nobody")
	s.do(OpSetData, setting("/r/m", "z"), "setData /r/m: /r is watched")
	s.Close()
}

// watchACLCase changes who may read. Everybody may do everything else.
func watchACLCase(t *Transcript, addr string) {
	unreadable := []Entry{{30, "world", "anyone"}}
	acl := func(path string, acl []Entry) Record { return Record{}.Ustring(path).ACL(acl).Int(-1) }
	s := Connect(t, addr, "new session")
	s.do(OpExists, Watched("/s", true), "exists with watch: no node")
	s.do(OpAddWatch, pathInt("/", 1), "addWatch recursive /")
	s.do(OpCreate, Create("/s", nil, unreadable, 0), "create /s, which may not be read: nothing")
	s.check("/s")
	s.do(OpExists, Watched("/s", true), "exists with watch: no permission, no watch")
	s.check("/s")
	s.do(OpAddWatch, pathInt("/s", 0), "addWatch persistent: no permission needed")
	s.do(OpSetData, setting("/s", "x"), "setData /s: nothing")
	s.do(OpCreate, Create("/s/c", nil, Open, 0), "create /s/c: the child may be read, its parent not")
	s.do(OpSetACL, acl("/s", Open), "setACL /s: open")
	s.do(OpSetData, setting("/s", "y"), "setData /s: an event")
	s.do(OpGetData, Watched("/s", true), "getData with watch")
	s.do(OpGetChildren, Watched("/s", true), "getChildren with watch")
	s.do(OpSetACL, acl("/s/c", unreadable), "setACL /s/c: not to be read")
	s.do(OpDelete, pathInt("/s/c", -1), "delete /s/c: the parent may be read, the child not")
	s.check("/s")
	s.do(OpSetACL, acl("/s", unreadable), "setACL /s: not to be read")
	s.do(OpDelete, pathInt("/s", -1), "delete /s: nothing, and the watch is used up")
	s.check("/s")
	s.AskAs(-4, OpAuth, Record{}.Int(0).Ustring("digest").Buffer([]byte("bob:secret")), "auth digest bob:secret")
	s.do(OpCreate, Create("/s", nil, []Entry{{31, "digest", "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="}}, 0), "create /s for bob: an event")
	s.Close()
}

// setWatchesMatrixCase asks for all kinds of watches on a path that is missing, one that is unchanged,
// and others of which something is new.
func setWatchesMatrixCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	for _, path := range []string{"/same", "/changed", "/parent", "/parent/c", "/again"} {
		s.do(OpCreate, Create(path, nil, Open, 0), "create "+path)
	}
	seen := zxid(s.Ask(OpCreate, Create("/gone", nil, Open, 0), "create /gone"))
	s.do(OpDelete, pathInt("/gone", -1), "delete /gone")
	s.do(OpSetData, setting("/changed", "x"), "setData /changed")
	s.do(OpDelete, pathInt("/parent/c", -1), "delete /parent/c")
	s.do(OpDelete, pathInt("/again", -1), "delete /again")
	s.do(OpCreate, Create("/again", nil, Open, 0), "create /again")
	s.do(OpSetACL, Record{}.Ustring("/same").ACL(Open).Int(-1), "setACL /same, which nobody sees")
	paths := []string{"/same", "/changed", "/parent", "/again", "/gone"}
	for list, name := range []string{"data", "exist", "child", "persistent", "recursive"} {
		r := Record{}.Long(seen)
		for i := range 5 {
			if i == list {
				r = r.Ustrings(paths...)
			} else {
				r = r.Ustrings()
			}
		}
		s.do(OpSetWatches2, r, "setWatches2: "+name)
		for _, path := range paths {
			s.check(path)
			s.do(OpRemoveWatches, pathInt(path, 3), "removeWatches "+path)
		}
	}
	s.Close()
}

// watchCloseCase closes a session that watches its own ephemeral nodes: it hears of them before the reply.
func watchCloseCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.do(OpCreate, Create("/close", nil, Open, 0), "create /close")
	s.do(OpCreate, Create("/close/e", nil, Open, 1), "create ephemeral /close/e")
	s.do(OpAddWatch, pathInt("/close", 0), "addWatch persistent")
	s.do(OpAddWatch, pathInt("/close/e", 1), "addWatch recursive")
	s.do(OpGetChildren, Watched("/close/e", true), "getChildren with watch")
	s.do(OpCloseSession, nil, "closeSession")
	s.ExpectClose()
}
