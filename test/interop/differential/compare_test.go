package differential

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// stat builds a Stat of one transaction at a time.
func stat(zxid, ms, owner int64) []byte {
	r := golden.Record{}.Long(zxid).Long(zxid).Long(ms).Long(ms).Int(0).Int(0).Int(0).Long(owner).Int(0).Int(0).Long(zxid)
	return r
}

// Servers with other ids, clocks and zxids look alike.
func TestMappingHidesWhatIsFree(t *testing.T) {
	now := time.Now()
	var mapped [2]string
	for i, s := range []struct{ base, id, late int64 }{{5, 0x1001, 0}, {1<<32 + 70, 0x2002, 900}} {
		m := newMapping(now)
		m.starts(s.base, 0)
		m.opened(s.id, make([]byte, 16))
		b := stat(s.base+3, now.UnixMilli()+s.late, s.id)
		m.stat(b)
		mapped[i] = string(b)
	}
	if mapped[0] != mapped[1] {
		t.Errorf("%x\n%x", mapped[0], mapped[1])
	}
}

// What a server is not free in shows.
func TestMappingShowsTheRest(t *testing.T) {
	now := time.Now()
	ms := now.UnixMilli()
	right := func(m *mapping) []byte { return stat(7, ms, 1) }
	want := func() string {
		m := newMapping(now)
		m.opened(1, nil)
		b := right(m)
		m.stat(b)
		return string(b)
	}()
	for name, b := range map[string][]byte{
		"another zxid":              stat(8, ms, 1),
		"an unknown owner":          stat(7, ms, 2),
		"no owner":                  stat(7, ms, 0),
		"no time":                   stat(7, 0, 1),
		"a time long ago":           stat(7, ms-3600_000, 1),
		"a time to come":            stat(7, ms+3600_000, 1),
		"earlier than before":       stat(7, ms-2*clockSlack+1000, 1),
		"another time than the one": stat(6, ms+7, 1),
	} {
		m := newMapping(now.Add(-time.Minute))
		m.opened(1, nil)
		m.times[6], m.newest = ms, 6
		m.stat(b)
		if string(b) == want {
			t.Errorf("%s looks like all is well", name)
		}
	}
}

// A zxid that Java alone spends shifts those after it, and so does a new epoch.
func TestMappingNumbers(t *testing.T) {
	m := newMapping(time.Now())
	m.starts(100, 0)
	m.spent(105)
	m.spent(107)
	m.starts(1<<32+2, 10)
	for number, want := range map[int64]int64{-2: 98, 3: 103, 4: 105, 5: 107, 6: 108, 10: 1<<32 + 2, 17: 1<<32 + 9} {
		if got := m.zxidOf(number); got != want {
			t.Errorf("%d is that of %d, want %d", number, got, want)
		}
	}
	for raw, want := range map[int64]int64{0: 0, -1: -1, 98: -2, 104: 4, 105: 4, 106: 5, 107: 5, 110: 8, 1<<32 + 2: 10, 1<<32 + 9: 17} {
		b := binary.BigEndian.AppendUint64(nil, uint64(raw))
		m.zxid(b)
		if got := int64(binary.BigEndian.Uint64(b)); got != want {
			t.Errorf("%d becomes %d, want %d", raw, got, want)
		}
	}
}

func text(s string) string { return string(golden.Record{}.Ustring(s)) }

// Every rule knows its own difference, and nothing beside it.
func TestRules(t *testing.T) {
	create := Request{Op: golden.OpCreate, Body: golden.Record{}.Ustring("/a").Buffer(nil).Int(1).Int(31).Int(-1).Ustring("x")}
	plain := Request{Op: golden.OpCreate, Body: golden.Create("/a", nil, golden.Open, 0)}
	sync := Request{Op: golden.OpSync, Body: golden.Record{}.Ustring("\U0001f600")}
	noPath := Request{Op: golden.OpMultiRead, Body: golden.Multi(golden.Part(golden.OpGetData, golden.Record{}.Int(-1).Bool(false)))}
	aPath := Request{Op: golden.OpMultiRead, Body: golden.Multi(golden.Part(golden.OpGetData, golden.Watched("/", false)))}
	answer := func(err int32, body string) frame { return frame{kind: reply, zxid: 9, err: err, body: body} }
	for name, tc := range map[string]struct {
		rule          string // empty when none knows it
		request       Request
		java, paddock frame
	}{
		"null scheme":               {"null in an ACL entry", create, answer(errMarshalling, ""), answer(errInvalidACL, "")},
		"null scheme, the reverse":  {"", create, answer(errInvalidACL, ""), answer(errMarshalling, "")},
		"no null scheme":            {"", plain, answer(errMarshalling, ""), answer(errInvalidACL, "")},
		"null path":                 {"null path in a multiRead", noPath, answer(errMarshalling, "x"), answer(errMarshalling, "")},
		"no null path":              {"", aPath, answer(errMarshalling, "x"), answer(errMarshalling, "")},
		"null path, and a body":     {"", noPath, answer(errMarshalling, "x"), answer(errMarshalling, "y")},
		"surrogates":                {"characters beyond U+FFFF", sync, answer(0, text("\xed\xa0\xbd\xed\xb8\x80")), answer(0, text("\U0001f600"))},
		"other surrogates":          {"", sync, answer(0, text("\xed\xa0\xbd\xed\xb8\x81")), answer(0, text("\U0001f600"))},
		"an event beyond the BMP":   {"", sync, frame{kind: event, body: text("a")}, frame{kind: event, body: text("b")}},
		"a zxid besides":            {"", create, frame{kind: reply, zxid: 8, err: errMarshalling}, answer(errInvalidACL, "")},
		"an error and none":         {"", plain, answer(errNoAuth, ""), answer(0, text("/a"))},
		"createSession in a step":   {"", Request{Op: golden.OpCreateSession}, frame{kind: connect}, frame{kind: reply, zxid: -1, err: errUnimplemented}},
		"deleteContainer in a step": {"", Request{Op: golden.OpDeleteContainer}, answer(errNoNode, ""), frame{kind: reply, zxid: -1, err: errUnimplemented}},
	} {
		t.Run(name, func(t *testing.T) {
			step := &Step{Requests: []Request{tc.request}}
			known := explain(&suspect{step: step, java: []frame{tc.java}, paddock: []frame{tc.paddock}})
			if got := ruleOf(known); got != tc.rule {
				t.Errorf("%q, want %q", got, tc.rule)
			}
		})
	}
}

func ruleOf(e *explanation) string {
	if e == nil {
		return ""
	}
	return e.rule
}

// Only what has no order is brought into one.
func TestArrange(t *testing.T) {
	ev := func(zxid int64, path string) frame { return frame{kind: event, zxid: zxid, body: path} }
	closing := &Step{Requests: []Request{{Op: golden.OpCloseSession}}}
	got := arrange(closing, []frame{ev(4, "b"), ev(4, "a"), ev(3, "z"), {kind: reply, body: "r"}, ev(4, "c")})
	for i, want := range []string{"a", "b", "z", "r", "c"} {
		if got[i].body != want {
			t.Errorf("frame %d of a close is %q, want %q", i, got[i].body, want)
		}
	}
	deleting := &Step{Requests: []Request{{Op: golden.OpMulti}}}
	if got := arrange(deleting, []frame{ev(4, "b"), ev(4, "a")}); got[0].body != "b" {
		t.Error("the events of a multi were sorted")
	}
	burst := &Step{Requests: []Request{{Op: golden.OpGetData}, {Op: golden.OpAuth}}}
	if got := arrange(burst, []frame{{request: 0}, {request: 1}}); got[0].request != 1 {
		t.Error("the reply to auth does not come first")
	}
}
