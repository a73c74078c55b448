package golden

func readCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/read", []byte("data"), Open, 0), "create /read")
	for _, op := range []struct {
		name string
		op   int32
	}{{"exists", OpExists}, {"getData", OpGetData}, {"getChildren", OpGetChildren}, {"getChildren2", OpGetChildren2}} {
		s.Ask(op.op, Watched("/read", false), op.name)
		s.Ask(op.op, Watched("/read/nothing", false), op.name+": no node")
		s.Ask(op.op, Watched("read", false), op.name+": path without slash")
		s.Ask(op.op, Watched("", false), op.name+": empty path")
	}
	s.Ask(OpCreate, Create("/read/a", nil, Open, 0), "create /read/a")
	s.Ask(OpGetChildren, Watched("/read", false), "getChildren: one child")
	s.Ask(OpGetChildren2, Watched("/read", false), "getChildren2: one child")
	s.Ask(OpGetChildren, Watched("/", false), "getChildren /")
	s.Close()
}

func multiReadCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/multi_read", []byte("m"), Open, 0), "create /multi_read")
	s.Ask(OpCreate, Create("/multi_read/a", nil, Open, 0), "create /multi_read/a")
	s.Ask(OpMultiRead, Multi(
		Operation{OpGetData, Watched("/multi_read", false)},
		Operation{OpGetChildren, Watched("/multi_read", false)},
		Operation{OpGetData, Watched("/nothing", false)},
		Operation{OpGetChildren, Watched("/nothing", false)},
	), "multiRead")
	s.Close()
}

func otherReadsCase(t *Transcript, addr string) {
	s := Connect(t, addr, "new session")
	s.Ask(OpCreate, Create("/other", nil, Open, 0), "create /other")
	s.Ask(OpCreate, Create("/other/e", nil, Open, 1), "create ephemeral /other/e")
	s.Ask(OpGetEphemerals, Record{}.Ustring("/"), "getEphemerals /")
	s.Ask(OpGetEphemerals, Record{}.Ustring("/nothing"), "getEphemerals /nothing")
	s.Ask(OpGetAllChildrenCount, Record{}.Ustring("/"), "getAllChildrenNumber /")
	s.Ask(OpGetAllChildrenCount, Record{}.Ustring("/other"), "getAllChildrenNumber /other")
	s.Ask(OpGetAllChildrenCount, Record{}.Ustring("/nothing"), "getAllChildrenNumber: no node")
	s.Close()
}
