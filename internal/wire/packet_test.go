package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

const (
	goldenSession proto.SessionID = 0x0300018bcfe56800
	goldenConfig                  = "server.1=zk1:2888:3888:participant;0.0.0.0:2181\nserver.2=zk2:2888:3888:participant;0.0.0.0:2181\n" +
		"server.3=zk3:2888:3888:participant;0.0.0.0:2181\nversion=0"
)

// golden packets, in both directions. Those with a V were read or written by
// Java ZooKeeper 3.8.0's own classes.
var golden = []struct {
	name       string
	fromLeader bool
	hex        string
	want       zab.Message
}{
	{
		"FOLLOWERINFO (V)", false, "0000000b 00000001 00000000 00000014 00000000 00000002 00010000 00000000 00000000 ffffffff",
		zab.FollowerInfo{ID: 2, AcceptedEpoch: 1},
	},
	{
		"OBSERVERINFO", false, "00000010 00000001 00000000 00000014 00000000 00000002 00010000 00000001 00000005 ffffffff",
		zab.FollowerInfo{ID: 2, AcceptedEpoch: 1, ConfigVersion: 0x100000005, Observer: true},
	},
	{"LEADERINFO", true, "00000011 00000002 00000000 00000004 00010000 ffffffff", zab.LeaderInfo{Epoch: 2}},
	{
		"ACKEPOCH", false, "00000012 00000001 00000005 00000004 00000001 ffffffff",
		zab.AckEpoch{CurrentEpoch: 1, LastZxid: proto.MakeZxid(1, 5)},
	},
	{
		"ACKEPOCH, promised before", false, "00000012 00000001 00000005 00000004 ffffffff ffffffff",
		zab.AckEpoch{CurrentEpoch: zab.NoEpoch, LastZxid: proto.MakeZxid(1, 5)},
	},
	{"DIFF", true, "0000000d 00000001 00000005 ffffffff ffffffff", zab.Diff{Zxid: proto.MakeZxid(1, 5)}},
	{"TRUNC", true, "0000000e 00000001 00000005 ffffffff ffffffff", zab.Trunc{Zxid: proto.MakeZxid(1, 5)}},
	{"SNAP", true, "0000000f 00000001 00000005 ffffffff ffffffff", zab.Snap{Zxid: proto.MakeZxid(1, 5)}},
	{
		"NEWLEADER", true, "0000000a 00000002 00000000 00000099" + hex.EncodeToString([]byte(goldenConfig)) + "ffffffff",
		zab.NewLeader{Epoch: 2, Config: goldenConfig},
	},
	{"ACK of NEWLEADER", false, "00000003 00000002 00000000 ffffffff ffffffff", zab.Ack{Zxid: proto.MakeZxid(2, 0)}},
	{"UPTODATE", true, "0000000c ffffffff ffffffff ffffffff ffffffff", zab.UpToDate{}},
	{"COMMIT", true, "00000004 00000002 00000002 ffffffff ffffffff", zab.Commit{Zxid: proto.MakeZxid(2, 2)}},
	{"ACK", false, "00000003 00000002 00000002 ffffffff ffffffff", zab.Ack{Zxid: proto.MakeZxid(2, 2)}},
	{
		"COMMITANDACTIVATE", true, "00000009 00000003 00000010 00000008 00000000 00000002 ffffffff",
		zab.CommitActivate{Zxid: proto.MakeZxid(3, 16), Leader: 2},
	},
	{"PING from the leader", true, "00000005 00000002 00000002 ffffffff ffffffff", zab.Ping{Zxid: proto.MakeZxid(2, 2)}},
	{
		"PING answer with a touch", false, "00000005 00000002 00000002 0000000c 0300018b cfe56800 00007530 ffffffff",
		zab.Ping{Zxid: proto.MakeZxid(2, 2), Touches: []zab.Touch{{ID: goldenSession, TimeoutMs: 30000}}},
	},
	{
		"PING answer, empty and not null", false, "00000005 00000002 00000002 00000000 ffffffff",
		zab.Ping{Zxid: proto.MakeZxid(2, 2), Touches: []zab.Touch{}},
	},
	{
		"REVALIDATE", false, "00000006 ffffffff ffffffff 0000000c 0300018b cfe56800 00007530 ffffffff",
		zab.Revalidate{ID: goldenSession, TimeoutMs: 30000},
	},
	{
		"REVALIDATE answer", true, "00000006 ffffffff ffffffff 00000009 0300018b cfe56800 01ffffff ff",
		zab.Revalidated{ID: goldenSession, Valid: true},
	},
	{"SYNC", true, "00000007 00000000 00000000 ffffffff ffffffff", zab.Sync{}},
	{
		"REQUEST", false, "00000001 ffffffff ffffffff 0000001f 0300018b cfe56800 00000001 00000005 00000002 2f610000 000179ff" +
			"ffffff00 00000100 00000269 70000000 09313237 2e302e30 2e31",
		&zab.Forward{
			Session: goldenSession, Cxid: 1, Op: proto.OpSetData,
			Raw: []byte("\x00\x00\x00\x02/a\x00\x00\x00\x01y\xff\xff\xff\xff"), IDs: []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}},
			Body: &proto.SetDataRequest{Path: "/a", Data: []byte("y"), Version: -1},
		},
	},
}

func decodePacket(t testing.TB, b []byte, fromTheLeader bool) (zab.Message, *bufio.Reader) {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(b))
	p, err := ReadPacket(br, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	decode := FromLearner
	if fromTheLeader {
		decode = FromLeader
	}
	m, err := decode(p)
	if err != nil {
		t.Fatal(err)
	}
	return m, br
}

func TestGoldenPackets(t *testing.T) {
	for _, tc := range golden {
		raw := fromHex(t, tc.hex)
		m, br := decodePacket(t, raw, tc.fromLeader)
		if !reflect.DeepEqual(m, tc.want) {
			t.Errorf("%s: read as %+v, want %+v", tc.name, m, tc.want)
		}
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("%s: not read to its end", tc.name)
		}
		if b := AppendMessage([]byte("x"), tc.want, tc.fromLeader); string(b) != "x"+string(raw) {
			t.Errorf("%s: written as %x, want %x", tc.name, b[1:], raw)
		}
		for i := range len(raw) {
			if _, err := ReadPacket(bufio.NewReader(bytes.NewReader(raw[:i])), 1<<20); err == nil || i > 0 && !errors.Is(err, io.ErrUnexpectedEOF) || i == 0 && err != io.EOF {
				t.Errorf("%s: cut at %d: %v", tc.name, i, err)
			}
		}
	}
}

// TestGoldenProposals: transactions keep their bytes on the way.
func TestGoldenProposals(t *testing.T) {
	for name, raw := range map[string][]byte{
		"createSession": fromHex(t, `00000002 00000002 00000001 00000030 0300018b cfe56800 00000000 00000002
			00000001 0000018b cfe56800 fffffff6 00007530 00000002 00000000 51c6d660 ffffffff`),
		"create (V)": fromHex(t, `00000002 00000002 00000002 00000057 0300018b cfe56800 00000001 00000002
			00000002 0000018b cfe56800 00000001 00000002 2f610000 00017800 00000100
			00001f00 00000577 6f726c64 00000006 616e796f 6e650000 00000100 00000200
			000000fa bdee1aff ffffff`),
	} {
		m, _ := decodePacket(t, raw, true)
		p, ok := m.(zab.Proposal)
		if !ok || !p.Txn.HasDigest || p.Txn.Zxid.Epoch() != 2 || p.Txn.Session != goldenSession {
			t.Errorf("%s: %+v", name, m)
			continue
		}
		if b := AppendMessage(nil, p, true); !bytes.Equal(b, raw) {
			t.Errorf("%s: written as %x", name, b)
		}
		inform := append([]byte{0, 0, 0, 8}, raw[4:]...)
		m, _ = decodePacket(t, inform, true)
		if i, ok := m.(zab.Inform); !ok || !bytes.Equal(AppendMessage(nil, i, true), inform) {
			t.Errorf("%s as INFORM: %+v", name, m)
		}
		n := byte(raw[15])
		activate := slices.Concat([]byte{0, 0, 0, 19}, raw[4:15], []byte{n + 8, 0, 0, 0, 0, 0, 0, 0, 5}, raw[16:])
		m, _ = decodePacket(t, activate, true)
		if i, ok := m.(zab.InformActivate); !ok || i.Leader != 5 || !bytes.Equal(AppendMessage(nil, i, true), activate) {
			t.Errorf("%s as INFORMANDACTIVATE: %+v", name, m)
		}
	}
}

func TestIgnoredPackets(t *testing.T) {
	for name, s := range map[string]string{
		"of no known version": "00000063 00000003 00000010 00000000 00000000",
		"negative":            "ffffffff 00000003 00000010 ffffffff ffffffff",
	} {
		for _, leader := range []bool{false, true} {
			if m, _ := decodePacket(t, fromHex(t, s), leader); m != nil {
				t.Errorf("%s: %+v", name, m)
			}
		}
	}
	// Each side's own words from the other side are unknown to it.
	for _, tc := range golden {
		if strings.HasPrefix(tc.name, "PING") || strings.HasPrefix(tc.name, "REVALIDATE") {
			continue // known on both sides, with other content
		}
		if m, _ := decodePacket(t, fromHex(t, tc.hex), !tc.fromLeader); m != nil {
			t.Errorf("%s from the wrong side: %+v", tc.name, m)
		}
	}
}

// TestOldLearnerInfo: 3.4 sends no configuration version; older servers speak
// another protocol.
func TestOldLearnerInfo(t *testing.T) {
	m, _ := decodePacket(t, fromHex(t, "0000000b 00000001 00000000 0000000c 00000000 00000002 00010000 ffffffff"), false)
	if want := (zab.FollowerInfo{ID: 2, AcceptedEpoch: 1}); m != want {
		t.Errorf("3.4: %+v", m)
	}
	for name, s := range map[string]string{
		"protocol before Zab 1.0": "0000000b 00000001 00000000 0000000c 00000000 00000002 00000001 ffffffff",
		"an id only":              "0000000b 00000001 00000000 00000008 00000000 00000002 ffffffff",
		"null":                    "0000000b 00000001 00000000 ffffffff ffffffff",
		"ACKEPOCH without epoch":  "00000012 00000001 00000005 ffffffff ffffffff",
		"REVALIDATE, short":       "00000006 ffffffff ffffffff 00000008 0300018b cfe56800 ffffffff",
		"REQUEST, short":          "00000001 ffffffff ffffffff 00000008 0300018b cfe56800 ffffffff",
	} {
		p, err := ReadPacket(bufio.NewReader(bytes.NewReader(fromHex(t, s))), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := FromLearner(p); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// TestMalformedRequest: a client's nonsense is for the leader to answer.
func TestMalformedRequest(t *testing.T) {
	m, _ := decodePacket(t, fromHex(t, "00000001 ffffffff ffffffff 00000012 0300018b cfe56800 00000001 00000005 ffff ffffffff"), false)
	if f, ok := m.(*zab.Forward); !ok || !f.Malformed || f.IDs != nil {
		t.Errorf("%+v", m)
	}
}

// TestPacketLimits: no length is believed before the bytes are there.
func TestPacketLimits(t *testing.T) {
	ids := func(n int, each string) []byte {
		b := appendHead(nil, pktRequest, -1, -1)
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		for range min(n, 5000) {
			for range 2 {
				b = append(binary.BigEndian.AppendUint32(b, uint32(len(each))), each...)
			}
		}
		return b
	}
	head := func(n uint32) []byte {
		return binary.BigEndian.AppendUint32(appendHead(nil, pktRequest, -1, 0)[:12], n)
	}
	for name, b := range map[string][]byte{
		"60 MiB of data, missing":     head(60 << 20),
		"data of 2 GiB":               head(0x7fffffff),
		"data over the limit":         head(1<<20 + 1),
		"negative length":             head(0xfffffffe),
		"data of the limit, missing":  head(1 << 20),
		"too many identities":         ids(1<<12+1, "x"),
		"identities over the limit":   ids(600, strings.Repeat("x", 1000)),
		"data and identities over it": append(append(head(1<<19), make([]byte, 1<<19)...), ids(400, strings.Repeat("x", 1000))[16:]...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		limit := 1 << 20
		if strings.HasPrefix(name, "60 MiB") {
			limit = 64 << 20
		}
		p, err := ReadPacket(bufio.NewReader(bytes.NewReader(b)), limit)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: read %d bytes, %d identities", name, len(p.Data), len(p.IDs))
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
	big := append(append(head(1<<20), make([]byte, 1<<20)...), 0xff, 0xff, 0xff, 0xff)
	if p, err := ReadPacket(bufio.NewReader(bytes.NewReader(big)), 1<<20); err != nil || len(p.Data) != 1<<20 {
		t.Errorf("at the limit: %v", err)
	}
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// javaFrames reads a recording of the quorum port; from says whose packet it is.
func javaFrames(t *testing.T, file string, each func(fromLeader, stream bool, raw []byte)) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stream := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "# snapshot stream":
			stream = true
		case strings.HasPrefix(line, "> "), strings.HasPrefix(line, "< "):
			each(line[0] == '<', stream, fromHex(t, line[2:]))
			stream = false
		}
	}
}

// TestJavaPackets reads what Java 3.9.5 servers sent one another, and writes
// it as they did.
func TestJavaPackets(t *testing.T) {
	files, err := filepath.Glob("../../proto/testdata/java/quorum/*.frames")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		n := 0
		javaFrames(t, file, func(leader, stream bool, raw []byte) {
			n++
			if stream {
				br := bufio.NewReader(bytes.NewReader(raw))
				if tr, err := persist.ReadTree(br); err != nil || tr.NodeCount() < 5 || br.Buffered() != 0 {
					t.Errorf("%s: the snapshot gives %v, %v, %d bytes are left", file, tr, err, br.Buffered())
				}
				return
			}
			m, _ := decodePacket(t, raw, leader)
			if m == nil {
				t.Errorf("%s: unknown packet %x", file, raw)
				return
			}
			if b := AppendMessage(nil, m, leader); !bytes.Equal(b, raw) {
				t.Errorf("%s: %T\n got %x\nwant %x", filepath.Base(file), m, b, raw)
			}
		})
		if n < 8 {
			t.Errorf("%s: %d packets", file, n)
		}
	}
}

// TestRuns: runs are written as the packets that Java knows, and read as runs as
// far as they have arrived.
func TestRuns(t *testing.T) {
	z := proto.MakeZxid(5, 7)
	run := zab.Run{First: z, Last: z + 2}
	for _, tc := range []struct {
		name       string
		fromLeader bool
		behind     []zab.Message // the first packet's zxid is z
		run        zab.Message
		rest       int // packets
	}{
		{"commits", true, []zab.Message{zab.Commits(run)}, zab.Commits(run), 0},
		{"ACKs", false, []zab.Message{zab.Acks(run)}, zab.Acks(run), 0},
		{"one", true, []zab.Message{zab.Commit{Zxid: z}}, zab.Commit{Zxid: z}, 0},
		{"with a gap", true, []zab.Message{zab.Commits(run), zab.Commit{Zxid: z + 4}}, zab.Commits(run), 1},
		{"repeated", false, []zab.Message{zab.Ack{Zxid: z}, zab.Ack{Zxid: z}}, zab.Ack{Zxid: z}, 1},
		{"two kinds", true, []zab.Message{zab.Commit{Zxid: z}, zab.Diff{Zxid: z + 1}}, zab.Commit{Zxid: z}, 1},
		{"no run", true, []zab.Message{zab.Diff{Zxid: z}, zab.Diff{Zxid: z + 1}}, zab.Diff{Zxid: z}, 1},
		{"of NEWLEADER", false, []zab.Message{zab.Ack{Zxid: z &^ 0xffffffff}, zab.Ack{Zxid: z&^0xffffffff + 1}}, zab.Ack{Zxid: z &^ 0xffffffff}, 1},
		{"end of an epoch", false, []zab.Message{zab.Ack{Zxid: z | 0xffffffff}, zab.Ack{Zxid: z | 0xffffffff + 1}}, zab.Ack{Zxid: z | 0xffffffff}, 1},
	} {
		var b []byte
		for _, m := range tc.behind {
			b = AppendMessage(b, m, tc.fromLeader)
		}
		m, br := decodePacket(t, b, tc.fromLeader)
		if m = ReadRun(br, m); m != tc.run || br.Buffered() != tc.rest*emptyPacket {
			t.Errorf("%s: %+v and %d bytes, want %+v and %d packets", tc.name, m, br.Buffered(), tc.run, tc.rest)
		}
	}
	b := AppendMessage(nil, zab.Commits(run), true)
	m, br := decodePacket(t, b[:len(b)-1], true)
	if m = ReadRun(br, m); m != (zab.Commits{First: z, Last: z + 1}) || br.Buffered() != emptyPacket-1 {
		t.Errorf("half arrived: %+v and %d bytes", m, br.Buffered())
	}
}

// TestArrived: a packet has arrived with its last byte and not before.
func TestArrived(t *testing.T) {
	for _, tc := range golden {
		raw := fromHex(t, tc.hex)
		if strings.HasPrefix(tc.name, "SNAP") {
			continue
		}
		for n := range len(raw) + 1 {
			br := bufio.NewReader(bytes.NewReader(raw[:n]))
			br.Peek(1)
			if Arrived(br) != (n == len(raw)) {
				t.Errorf("%s, %d of %d bytes: %v", tc.name, n, len(raw), n != len(raw))
			}
		}
	}
	for name, b := range map[string][]byte{
		"snapshot":          AppendMessage(nil, zab.Snap{Zxid: 1}, true),
		"long data":         binary.BigEndian.AppendUint32(AppendMessage(nil, zab.UpToDate{}, true)[:12], 0x7fffffff),
		"many identities":   binary.BigEndian.AppendUint32(AppendMessage(nil, zab.UpToDate{}, true)[:16], 0x7fffffff),
		"a long identity":   append(AppendMessage(nil, zab.UpToDate{}, true)[:16], 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff),
		"no identities yet": AppendMessage(nil, zab.UpToDate{}, true)[:16],
	} {
		b = append(b, make([]byte, 3)...)
		br := bufio.NewReader(bytes.NewReader(b))
		br.Peek(1)
		if Arrived(br) {
			t.Errorf("%s has arrived", name)
		}
	}
}

// TestSharedMemory: packets that share memory do not show one another's, nor does
// who appends to one of them write into the next.
func TestSharedMemory(t *testing.T) {
	var b []byte
	var want []*zab.Forward
	for i := range 200 {
		f := &zab.Forward{Session: proto.SessionID(i), Op: proto.OpSync, Raw: bytes.Repeat([]byte{byte(i)}, i*97%5000)}
		for j := range i % 5 / 2 {
			f.IDs = append(f.IDs, proto.ID{Scheme: "digest", ID: strings.Repeat("u", i/40+j)})
		}
		b = AppendMessage(b, f, false)
		want = append(want, f)
	}
	r := NewReader(bufio.NewReaderSize(bytes.NewReader(b), 64<<10))
	var got []Packet
	for range want {
		p, err := r.ReadPacket(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	for _, p := range got {
		_ = append(p.Data, "this must go elsewhere"...)
		_ = append(p.IDs, proto.ID{Scheme: "and", ID: "this"})
	}
	for i, p := range got {
		m, err := FromLearner(p)
		f, ok := m.(*zab.Forward)
		if err != nil || !ok || f.Session != want[i].Session || !bytes.Equal(f.Raw, want[i].Raw) || !slices.Equal(f.IDs, want[i].IDs) {
			t.Fatalf("packet %d: %+v, %v", i, m, err)
		}
	}
}

// TestWhoShares: only requests and transactions take of what packets share. Of all
// others the kept and the dropped would lie side by side, and nobody counts them.
func TestWhoShares(t *testing.T) {
	const size = 100
	shared := map[int32]bool{pktRequest: true, pktProposal: true, pktInform: true}
	for typ := pktRequest; typ <= pktInformActive; typ++ {
		var b []byte
		for _, typ := range []int32{pktRequest, typ, pktRequest} {
			b = appendPacket(b, typ, 0, make([]byte, size))
		}
		r := NewReader(bufio.NewReaderSize(bytes.NewReader(b), 64<<10))
		var left []int
		for range 3 {
			p, err := r.ReadPacket(1 << 20)
			if err != nil || len(p.Data) != size || cap(p.Data) != size {
				t.Fatalf("type %d: %d bytes of %d, %v", typ, len(p.Data), cap(p.Data), err)
			}
			left = append(left, len(r.room))
		}
		want := left[0]
		if shared[typ] {
			want -= size
		}
		if left[1] != want || left[2] != want-size {
			t.Errorf("type %d: of %d bytes it leaves %d, and the request behind it %d", typ, left[0], left[1], left[2])
		}
	}
}

// TestRoomsAreFilled: however much of something else lies between them, requests are
// not spread over more memory than they need.
func TestRoomsAreFilled(t *testing.T) {
	const requests, size = 2000, 50
	var b []byte
	for range requests {
		b = appendPacket(b, pktRequest, 0, make([]byte, size))
		b = appendPacket(b, pktPing, 0, make([]byte, 12*600))
	}
	r := NewReader(bufio.NewReaderSize(bytes.NewReader(b), 64<<10))
	held, left := 0, 0 // bytes in rooms so far, and in the one that is left
	for range 2 * requests {
		if _, err := r.ReadPacket(1 << 20); err != nil {
			t.Fatal(err)
		}
		if n := len(r.room); n > left {
			held += n + size
		}
		left = len(r.room)
	}
	if most := requests*size + maxRoom; held > most {
		t.Errorf("%d bytes of requests are spread over %d", requests*size, held)
	}
}

// TestRunEnds: whoever counts from the beginning of a run to its end arrives there.
func TestRunEnds(t *testing.T) {
	const last = proto.Zxid(1<<63 - 1)
	var b []byte
	for z := last - 2; z > 0; z++ {
		b = AppendMessage(b, zab.Commit{Zxid: z}, true)
	}
	br := bufio.NewReader(bytes.NewReader(b))
	p, err := ReadPacket(br, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	m, err := FromLeader(p)
	if got := ReadRun(br, m); err != nil || got != (zab.Commits{First: last - 2, Last: last - 1}) {
		t.Errorf("%+v, %v", got, err)
	}
}
