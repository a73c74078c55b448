package prep

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/proto"
)

var seedFlag = flag.Uint64("prep.seed", 0, "run TestPipelining with this seed only")

// source draws random requests over few enough paths, sessions and ACLs that
// they meet each other.
type source struct{ *rand.Rand }

func pick[T any](s source, of ...T) T { return of[s.IntN(len(of))] }

func (s source) path() string {
	if s.IntN(40) == 0 {
		return pick(s, "", "/", "x", "//a", "/a/", "/a//b", "/.", "/zookeeper", "/zookeeper/config", "/zookeeper/quota/a", "/a\x00")
	}
	path := "/" + pick(s, "a", "b", "c")
	for s.IntN(3) > 0 && len(path) < 8 {
		path += "/" + pick(s, "a", "b", "n-0000000000", "n-0000000001")
	}
	return path
}

func (s source) acl() []proto.ACL {
	if s.IntN(8) > 0 {
		return open
	}
	readOnly := []proto.ACL{{Perms: proto.PermRead, ID: proto.ID{Scheme: "world", ID: "anyone"}}}
	return pick(s, amyOnly, authACL, append(readOnly, amyOnly...), badACL, []proto.ACL{}, nil)
}

func (s source) version() int32 { return pick[int32](s, -1, -1, -1, 0, 1, 2) }

func (s source) data() []byte {
	return pick(s, nil, []byte{}, []byte("x"), bytes.Repeat([]byte("long"), s.IntN(50)))
}

func (s source) create() *Request {
	mode := pick[proto.CreateFlags](s, 0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6, 9)
	op, ms := pick(s, proto.OpCreate, proto.OpCreate2), int64(-1)
	switch {
	case mode == proto.Container:
		op = proto.OpCreateContainer
	case mode.IsTTL() && s.IntN(8) > 0:
		op, ms = proto.OpCreateTTL, pick[int64](s, 1, 200, 1000)
	}
	path := s.path()
	if mode.IsSequential() {
		path += pick(s, "/", "/n-", "")
	}
	return &Request{Op: op, Body: &proto.CreateRequest{Path: path, Data: s.data(), ACL: s.acl(), Flags: mode, TTL: ms, HasTTL: op == proto.OpCreateTTL}}
}

func (s source) request() *Request {
	var r *Request
	switch n := s.IntN(100); {
	case n < 40:
		r = s.create()
	case n < 55:
		r = del(s.path(), s.version())
	case n < 70:
		r = setData(s.path(), s.data(), s.version())
	case n < 76:
		r = setACL(s.path(), s.acl(), s.version())
	case n < 90:
		var subs []*Request
		for range s.IntN(6) {
			subs = append(subs, s.sub())
		}
		r = multi(subs...)
	case n < 94:
		r = closeSession(0)
	case n < 96:
		r = reap(s.path(), 0)
	case n < 98:
		r = &Request{Op: proto.OpCreateSession, Body: &proto.CreateSessionRequest{Timeout: s.Int32()}}
	default:
		r = &Request{Op: proto.OpDelete, Malformed: true}
	}
	r.Session, r.Cxid = pick(s, alice, bob, 3, 4), s.Int32()
	if r.Op == proto.OpDeleteContainer {
		r.Session = 0
	}
	r.IDs = pick(s, anonymous, amyHolds, amyHolds)
	if s.IntN(50) == 0 {
		r.judge(pick(s, expired, moved, local))
	}
	return r
}

// sub draws an operation of a multi, more likely to succeed than a lone one.
func (s source) sub() *Request {
	switch s.IntN(5) {
	case 0:
		return check(s.path(), -1)
	case 1:
		return setData(s.path(), s.data(), -1)
	case 2:
		return del(s.path(), -1)
	}
	r := create(s.path()+pick(s, "", "/s-"), pick[proto.CreateFlags](s, 1, 2, 3, 3), open)
	r.Op = pick(s, proto.OpCreate, proto.OpCreate2)
	return r
}

// TestPipelining: preparing ahead gives the same transactions, byte for byte and
// with the same digests, as applying each before the next is prepared; and the
// digests are those that the tree has in the end.
func TestPipelining(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = seeds[:0]
		for seed := range uint64(60) {
			seeds = append(seeds, seed+1)
		}
	}
	outcomes := make(map[proto.ErrCode]int)
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("replay: go test ./internal/prep -run TestPipelining -prep.seed=%d", seed)
				}
			}()
			pipeline(t, source{rand.New(rand.NewPCG(seed, 0))}, outcomes)
		})
	}
	for _, code := range []proto.ErrCode{ok, noNode, noAuth, exists, badVer, notEmpty, noKids, invalid, badArgs, marshal} {
		if outcomes[code] == 0 && *seedFlag == 0 {
			t.Errorf("no request ended in %v; the test has become too tame: %v", code, outcomes)
		}
	}
}

func pipeline(t *testing.T, s source, outcomes map[proto.ErrCode]int) {
	o := Options{Digest: true, ExtendedTypes: true, NeverUsedMs: 500}
	ahead, steady := newWorld(t, o), newWorld(t, o)
	depth := s.IntN(51)
	for range 1500 {
		req := s.request()
		want := steady.prepare(req)
		steady.apply(-1)
		got := ahead.prepare(req)
		if !bytes.Equal(got.Raw, want.Raw) {
			t.Fatalf("%s %+v by %v\nprepared ahead %+v\n%x\nprepared late  %+v\n%x",
				req.Op, req.Body, req.Session, got.Body, got.Raw, want.Body, want.Raw)
		}
		outcomes[errOf(got)]++
		if n := len(ahead.waiting); n > depth {
			ahead.apply(1 + s.IntN(n))
			depth = s.IntN(51)
		}
	}
	ahead.apply(-1)
	if a, b := contents(ahead.tree), contents(steady.tree); !reflect.DeepEqual(a, b) {
		t.Fatalf("trees differ:\n%v\n%v", a, b)
	}
}

// contents lists everything that a tree knows about each znode.
func contents(t *tree.Tree) map[string]string {
	all := make(map[string]string)
	var walk func(path string)
	walk = func(path string) {
		n, _ := t.Get(path)
		all[path] = fmt.Sprintf("%+v %+v %x %d", n.Persisted(), n.ACL(), n.Data(), n.NumChildren())
		names, _ := t.Children(path, nil)
		for _, name := range names {
			walk(path + "/" + name)
		}
	}
	walk("")
	return all
}

// FuzzPrepare feeds Prepare with whatever DecodeRequest lets through, and
// insists that every result can be decoded and applied.
func FuzzPrepare(f *testing.F) {
	s := source{rand.New(rand.NewPCG(1, 2))}
	for range 20 {
		var seed []byte
		for range 30 {
			seed = appendFuzz(seed, s.request())
		}
		f.Add(seed)
	}
	for _, tc := range checks {
		f.Add(appendFuzz(nil, tc.req))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, Options{Digest: true, ExtendedTypes: true})
		furnish(w)
		for len(in) >= 4 {
			var req *Request
			apply := int(in[1] >> 5)
			if req, in = nextFuzz(in); req == nil {
				break
			}
			txn := w.prepare(req)
			again, err := proto.DecodeTxn(txn.Raw)
			if err != nil {
				t.Fatalf("%s %+v became %+v, which does not decode: %v", req.Op, req.Body, txn.Body, err)
			}
			again.Encode(0)
			if !bytes.Equal(again.Raw, txn.Raw) {
				t.Fatalf("%s %+v became\n%x, again\n%x", req.Op, req.Body, txn.Raw, again.Raw)
			}
			w.apply(min(apply, len(w.waiting)))
		}
		w.apply(-1)
	})
}

// A request in the fuzzer's input: the opcode as a signed byte; a byte of
// session (2 bits), identities (1), session error (2) and how many transactions
// to apply after it (3); the record's length as two bytes; the record.
func appendFuzz(b []byte, r *Request) []byte {
	var rec []byte
	if r.Body != nil {
		rec = r.Body.Append(nil)
	}
	const how = 1 | 1<<2 | 1<<5 // alice, with amy's identity; apply one
	return append(append(b, byte(r.Op), how, byte(len(rec)>>8), byte(len(rec))), rec...)
}

func nextFuzz(in []byte) (*Request, []byte) {
	n := int(in[2])<<8 | int(in[3])
	op, how := proto.OpCode(int8(in[0])), in[1]
	if in = in[4:]; n > len(in) {
		return nil, nil
	}
	r := &Request{
		Op:      op,
		Session: []proto.SessionID{0, alice, bob, 3}[how&3],
		IDs:     [][]proto.ID{anonymous, amyHolds}[how>>2&1],
	}
	r.judge([]proto.ErrCode{ok, ok, expired, local}[how>>3&3])
	body, err := proto.DecodeRequest(op, in[:n])
	r.Body, r.Malformed = body, err != nil
	return r, in[n:]
}
