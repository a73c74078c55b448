package differential

import (
	"bytes"
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// One seed is one stream, and other seeds are others.
func TestGenerateRepeats(t *testing.T) {
	a, b, other := Generate(7, 400, Shape{}), Generate(7, 400, Shape{}), Generate(8, 400, Shape{})
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed gave two streams")
	}
	if reflect.DeepEqual(a, other) {
		t.Error("two seeds gave the same stream")
	}
}

// Every operation is drawn soon, alone and in a multi, and so is every kind of step.
func TestGenerateCovers(t *testing.T) {
	alone, kinds := map[int32]int{}, map[string]int{}
	for seed := uint64(1); seed <= 50; seed++ {
		for _, s := range Generate(seed, 400, Shape{}) {
			switch {
			case s.Drop:
				kinds["drop"]++
			case s.Connect == nil:
			case s.Connect.Session >= 0:
				kinds["resume"]++
			case s.Connect.Session == unknownSession:
				kinds["unknown session"]++
			default:
				kinds["new session"]++
			}
			for _, r := range s.Requests {
				alone[r.Op]++
			}
		}
	}
	for op := int32(1); op <= 22; op++ {
		if alone[op] == 0 && op != 10 {
			t.Errorf("%s is never drawn", opName(op))
		}
	}
	for _, op := range []int32{
		golden.OpAuth, golden.OpSetWatches, golden.OpSasl, golden.OpGetEphemerals, golden.OpGetAllChildrenCount,
		golden.OpSetWatches2, golden.OpAddWatch, golden.OpWhoAmI, golden.OpCloseSession, golden.OpCreateSession, 0, 99,
	} {
		if alone[op] == 0 {
			t.Errorf("%s is never drawn", opName(op))
		}
	}
	for _, kind := range []string{"drop", "resume", "unknown session", "new session"} {
		if kinds[kind] == 0 {
			t.Errorf("%s is never drawn", kind)
		}
	}
}

// The tests of a Java follower need streams whose writes decode.
func TestGenerateWellFormed(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		for _, s := range Generate(seed, 400, Shape{WellFormed: true}) {
			for _, r := range s.Requests {
				isWrite := slices.Contains([]int32{golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL,
					golden.OpDelete, golden.OpSetData, golden.OpSetACL}, r.Op)
				if text := describeRequest(&r); isWrite && r.Raw == nil && !endsWell(&r) {
					t.Fatalf("seed %d: %s", seed, text)
				}
			}
		}
	}
}

// endsWell says whether a record is neither too short nor too long.
func endsWell(r *Request) bool {
	d := newDescriber(r.Body)
	d.record(r.Op)
	return !d.bad && d.r.Len() == 0
}

// Where sessions are local, multis decode: flags that a create cannot have and other operations fail all.
func TestGenerateDecoding(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		for _, s := range Generate(seed, 400, Shape{WellFormed: true, Decoding: true}) {
			for _, r := range s.Requests {
				if r.Op == golden.OpMulti && !decodes(r.Body) {
					t.Fatalf("seed %d: %s", seed, describeRequest(&r))
				}
			}
		}
	}
}

// decodes says whether a multi does.
func decodes(body golden.Record) bool {
	reads, writes := false, false
	for d := newDescriber(body); ; {
		op, done := d.int(), d.take(1)
		d.int()
		if done[0] != 0 || d.bad {
			return !d.bad && d.r.Len() == 0 && !(reads && writes)
		}
		d.record(op)
		switch op {
		case golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer:
			at := len(body) - d.r.Len()
			if flags := golden.Record(body[at-4 : at]); flags[0]|flags[1]|flags[2] != 0 || flags[3] > flagsContainer {
				return false
			}
			writes = true
		case golden.OpCreateTTL, golden.OpDelete, golden.OpSetData, golden.OpCheck:
			writes = true
		case golden.OpGetData, golden.OpGetChildren:
			reads = true
		default:
			return false
		}
	}
}

// Behind what causes events, nobody signs on.
func TestGenerateAuth(t *testing.T) {
	for seed := uint64(1); seed <= 50; seed++ {
		for _, s := range Generate(seed, 400, Shape{}) {
			loud := false
			for _, r := range s.Requests {
				if r.Op == golden.OpAuth && loud {
					t.Fatalf("seed %d: %s", seed, describeStep(&s))
				}
				loud = loud || !slices.Contains(quiet, r.Op)
			}
		}
	}
}

// What a quota says is one: Java stops at other texts.
func TestGenerateQuotas(t *testing.T) {
	text := regexp.MustCompile(`^([a-zA-Z]+=-?[0-9]+([,;=]+|$))*$`)
	seen := 0
	for seed := uint64(1); seed <= 100; seed++ {
		for _, s := range Generate(seed, 400, Shape{WellFormed: true}) {
			for _, r := range s.Requests {
				for path, data := range written(&r) {
					if name := path[strings.LastIndexByte(path, '/')+1:]; name != "zookeeper_limits" && name != "zookeeper_stats" {
						continue
					}
					if seen++; data == nil || !text.Match(data) {
						t.Fatalf("seed %d: %s", seed, describeRequest(&r))
					}
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d quotas in 100 streams", seen)
	}
}

// written yields the paths and data that a request writes, as far as it decodes.
func written(r *Request) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		m := &golden.Message{R: bytes.NewReader(r.Body)}
		if r.Op != golden.OpMulti {
			writes(m, r.Op, yield)
			return
		}
		for m.Err == nil {
			op, done := m.Int(), m.Skip(1)
			if m.Int(); m.Err != nil || done[0] != 0 || !writes(m, op, yield) {
				return
			}
		}
	}
}

// writes reads one record, yields what it writes, and says whether it could.
func writes(m *golden.Message, op int32, yield func(string, []byte) bool) bool {
	switch op {
	case golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL:
		path, data := string(m.Buffer()), m.Buffer()
		for n := m.Int(); n > 0 && m.Err == nil; n-- {
			m.Int()
			m.Buffer()
			m.Buffer()
		}
		if m.Int(); op == golden.OpCreateTTL {
			m.Skip(8)
		}
		return m.Err == nil && yield(path, data)
	case golden.OpSetData:
		path, data := string(m.Buffer()), m.Buffer()
		return m.Skip(4) != nil && yield(path, data)
	case golden.OpDelete, golden.OpCheck:
		m.Buffer()
		return m.Skip(4) != nil
	}
	return false
}

// No watch that stays has a null path.
func TestGenerateWatchPaths(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		for _, s := range Generate(seed, 400, Shape{}) {
			for _, r := range s.Requests {
				if r.Op == golden.OpAddWatch && len(r.Body) >= 4 && bytes.Equal(r.Body[:4], golden.Record{}.Int(-1)) {
					t.Fatalf("seed %d: %s", seed, describeRequest(&r))
				}
			}
		}
	}
}
