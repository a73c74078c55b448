package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// A connection between learner and leader carries QuorumPackets back to back,
// without any framing:
//
//	int type | long zxid | buffer data | vector<Id> authinfo
//
// so one length read wrong desynchronises everything behind it. Source:
// zookeeper.jute, Leader.
const (
	pktRequest      int32 = 1
	pktProposal     int32 = 2
	pktAck          int32 = 3
	pktCommit       int32 = 4
	pktPing         int32 = 5
	pktRevalidate   int32 = 6
	pktSync         int32 = 7
	pktInform       int32 = 8
	pktCommitActive int32 = 9
	pktNewLeader    int32 = 10
	pktFollowerInfo int32 = 11
	pktUpToDate     int32 = 12
	pktDiff         int32 = 13
	pktTrunc        int32 = 14
	pktSnap         int32 = 15
	pktObserverInfo int32 = 16
	pktLeaderInfo   int32 = 17
	pktAckEpoch     int32 = 18
	pktInformActive int32 = 19
)

// Packets that only Paddock sends, alone on a connection of their own: a damaged
// server's question for lost transactions, and the answer. Package repair has
// their data. A Java leader closes a connection that begins like this.
const (
	PacketQuestion int32 = 0x50444b51 // "PDKQ"
	PacketAnswer   int32 = 0x50444b41 // "PDKA"
)

// AppendPacket appends one of these packets.
func AppendPacket(b []byte, typ int32, data []byte) []byte { return appendPacket(b, typ, 0, data) }

// protocolVersion is that of Zab 1.0, the only one spoken since 3.4.
const protocolVersion int32 = 0x10000

// Packet is a QuorumPacket as read.
type Packet struct {
	Type int32
	Zxid proto.Zxid
	Data []byte // nil if null; belongs to whoever has the packet
	IDs  []proto.ID
}

// ErrPacket is in every error about a packet that no server sends.
var ErrPacket = errors.New("malformed quorum packet")

// maxPacketIDs bounds the identities of one client.
const maxPacketIDs = 1 << 12

// ReadPacket reads one packet. One with more than limit bytes of data and
// identities is refused; what is allocated never runs far ahead of what has
// arrived.
func ReadPacket(br *bufio.Reader, limit int) (Packet, error) {
	r := Reader{br: br}
	return r.read(limit, false)
}

// Reader reads the packets of one connection. Requests and transactions that have
// arrived together share what is allocated for their data, and those of one client
// its identities.
type Reader struct {
	br   *bufio.Reader
	room []byte // for the data of packets to come

	ids    []proto.ID // the newest that were read
	idsRaw []byte     // their encoding
}

// NewReader returns a Reader of what br brings.
func NewReader(br *bufio.Reader) *Reader { return &Reader{br: br} }

// ReadPacket is the function of that name.
func (r *Reader) ReadPacket(limit int) (Packet, error) { return r.read(limit, true) }

func (r *Reader) read(limit int, share bool) (Packet, error) {
	head, err := r.br.Peek(16)
	if err != nil {
		return Packet{}, endOfStream(err, len(head))
	}
	p := Packet{
		Type: int32(binary.BigEndian.Uint32(head)),
		Zxid: proto.Zxid(binary.BigEndian.Uint64(head[4:])),
	}
	n := int32(binary.BigEndian.Uint32(head[12:]))
	if _, err := r.br.Discard(16); err != nil {
		return Packet{}, err
	}
	switch {
	case n == -1:
	case share && shares(p.Type) && n >= 0 && int(n) <= limit && int(n) <= r.br.Buffered():
		p.Data = r.data(int(n))
		_, err = io.ReadFull(r.br, p.Data)
	default:
		p.Data, err = readBytes(r.br, int(n), limit)
	}
	if err != nil {
		return Packet{}, fmt.Errorf("data of packet type %d: %w", p.Type, err)
	}
	if p.IDs, err = r.readIDs(limit - len(p.Data)); err != nil {
		return Packet{}, fmt.Errorf("identities of packet type %d: %w", p.Type, err)
	}
	return p, nil
}

// Limits of what packets share.
const (
	maxRoom   = 32 << 10 // what a packet pins that is kept alone, in bytes
	maxIDsRaw = 1 << 10
)

// shares reports whether packets of a type share memory. They are those whose data
// is kept, and counted where it is: what lies in a room beside them must not be
// there for nothing. Otherwise a peer could send a small request and so much of
// something else behind it that each request costs a room.
func shares(typ int32) bool {
	return typ == pktRequest || typ == pktProposal || typ == pktInform
}

// data returns n bytes, which have arrived, for a packet's data.
func (r *Reader) data(n int) []byte {
	if n > len(r.room) {
		arrived := r.br.Buffered()
		if n > maxRoom/4 || arrived < 2*n {
			return make([]byte, n)
		}
		r.room = make([]byte, min(arrived, maxRoom))
	}
	b := r.room[:n:n]
	r.room = r.room[n:]
	return b
}

// readIDs reads identities. Most requests of a connection come from clients with
// the same ones.
func (r *Reader) readIDs(limit int) ([]proto.ID, error) {
	if n := len(r.idsRaw); n > 0 && n <= limit && r.br.Buffered() >= n {
		if b, _ := r.br.Peek(n); string(b) == string(r.idsRaw) {
			_, err := r.br.Discard(n)
			return r.ids, err
		}
	}
	ids, err := readIDs(r.br, limit)
	if err == nil && len(ids) > 0 {
		if raw := proto.AppendIDs(r.idsRaw[:0], ids); len(raw) <= maxIDsRaw {
			r.ids, r.idsRaw = slices.Clip(ids), raw // appending to them must not show elsewhere
		} else {
			r.ids, r.idsRaw = nil, nil
		}
	}
	return ids, err
}

// endOfStream tells an end between packets from one inside a packet.
func endOfStream(err error, got int) error {
	if errors.Is(err, io.EOF) && got > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readBytes reads n bytes, growing the slice as they arrive.
func readBytes(br *bufio.Reader, n, limit int) ([]byte, error) {
	if n < 0 || n > limit {
		return nil, fmt.Errorf("%w: length %d is beyond the limit of %d", ErrPacket, n, limit)
	}
	const step = 1 << 20
	b := make([]byte, min(n, step))
	for read := 0; ; {
		if _, err := io.ReadFull(br, b[read:]); err != nil {
			return nil, endOfStream(err, 1)
		}
		if read = len(b); read == n {
			return b, nil
		}
		b = append(b, make([]byte, min(n-read, read))...)
	}
}

func readInt(br *bufio.Reader) (int32, error) {
	b, err := br.Peek(4)
	if err != nil {
		return 0, endOfStream(err, 1)
	}
	v := int32(binary.BigEndian.Uint32(b))
	_, err = br.Discard(4)
	return v, err
}

func readIDs(br *bufio.Reader, limit int) ([]proto.ID, error) {
	n, err := readInt(br)
	if err != nil || n <= 0 {
		return nil, err
	}
	if n > maxPacketIDs {
		return nil, fmt.Errorf("%w: %d identities", ErrPacket, n)
	}
	var ids []proto.ID
	for range n {
		var s [2]string
		for i := range s {
			l, err := readInt(br)
			if err != nil {
				return nil, err
			}
			b, err := readBytes(br, int(max(l, 0)), limit)
			if err != nil {
				return nil, err
			}
			limit -= len(b)
			s[i] = string(b)
		}
		ids = append(ids, proto.ID{Scheme: s[0], ID: s[1]})
	}
	return ids, nil
}

// appendHead appends everything of a packet up to its data's bytes.
func appendHead(b []byte, typ int32, z proto.Zxid, dataLen int) []byte {
	b = jute.AppendInt(b, typ)
	b = jute.AppendLong(b, int64(z))
	return jute.AppendInt(b, int32(dataLen))
}

// appendPacket appends a packet with data (nil is null) and null identities.
func appendPacket(b []byte, typ int32, z proto.Zxid, data []byte) []byte {
	if data == nil {
		return jute.AppendInt(appendHead(b, typ, z, -1), -1)
	}
	return jute.AppendInt(append(appendHead(b, typ, z, len(data)), data...), -1)
}

// AppendMessage appends a message as the packet it is on the wire. Messages
// whose form depends on the direction have types of their own, except Ping:
// the leader's has null data, the learner's never.
func AppendMessage(b []byte, m zab.Message, fromLeader bool) []byte {
	switch m := m.(type) {
	case zab.Proposal:
		return appendPacket(b, pktProposal, m.Txn.Zxid, m.Txn.Raw)
	case zab.Commit:
		return appendPacket(b, pktCommit, m.Zxid, nil)
	case zab.Ack:
		return appendPacket(b, pktAck, m.Zxid, nil)
	case zab.Commits:
		return appendRun(b, pktCommit, zab.Run(m))
	case zab.Acks:
		return appendRun(b, pktAck, zab.Run(m))
	case *zab.Forward:
		return appendForward(b, m)
	case zab.Inform:
		return appendPacket(b, pktInform, m.Txn.Zxid, m.Txn.Raw)
	case zab.CommitActivate:
		b = jute.AppendLong(appendHead(b, pktCommitActive, m.Zxid, 8), int64(m.Leader))
		return jute.AppendInt(b, -1)
	case zab.InformActivate:
		b = jute.AppendLong(appendHead(b, pktInformActive, m.Txn.Zxid, 8+len(m.Txn.Raw)), int64(m.Leader))
		return jute.AppendInt(append(b, m.Txn.Raw...), -1)
	case zab.Sync:
		return appendPacket(b, pktSync, 0, nil)
	case zab.Ping:
		return appendPing(b, m, fromLeader)
	case zab.Revalidate:
		b = appendHead(b, pktRevalidate, -1, 12)
		return jute.AppendInt(jute.AppendInt(jute.AppendLong(b, int64(m.ID)), m.TimeoutMs), -1)
	case zab.Revalidated:
		b = appendHead(b, pktRevalidate, -1, 9)
		return jute.AppendInt(jute.AppendBool(jute.AppendLong(b, int64(m.ID)), m.Valid), -1)
	}
	return appendHandshake(b, m)
}

// emptyPacket is the size of a packet without data and identities.
const emptyPacket = 20

// appendRun appends a packet for each zxid of a run: a Java server knows nothing
// else.
func appendRun(b []byte, typ int32, r zab.Run) []byte {
	for z := r.First; z <= r.Last; z++ {
		b = appendPacket(b, typ, z, nil)
	}
	return b
}

// ReadRun turns a message that was just read into a run if packets of its kind for
// the next zxids have arrived behind it. It never waits.
func ReadRun(br *bufio.Reader, m zab.Message) zab.Message {
	switch m := m.(type) {
	case zab.Commit:
		if last := readRun(br, pktCommit, m.Zxid); last != m.Zxid {
			return zab.Commits{First: m.Zxid, Last: last}
		}
	case zab.Ack:
		if m.Zxid.Counter() == 0 {
			return m // of NEWLEADER
		}
		if last := readRun(br, pktAck, m.Zxid); last != m.Zxid {
			return zab.Acks{First: m.Zxid, Last: last}
		}
	}
	return m
}

// Arrived reports whether a whole packet lies behind the last one, so that reading
// it waits for nothing. A SNAP is none: its stream may take long.
func Arrived(br *bufio.Reader) bool {
	b, _ := br.Peek(br.Buffered())
	if len(b) < emptyPacket || int32(binary.BigEndian.Uint32(b)) == pktSnap {
		return false
	}
	b, ok := pass(b[12:])
	if !ok || len(b) < 4 {
		return false
	}
	n := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	for i := int32(0); i < n && ok; i++ { // an identity is two strings
		if b, ok = pass(b); ok {
			b, ok = pass(b)
		}
	}
	return ok
}

// pass passes over a buffer, and reports whether all of it is there.
func pass(b []byte) (_ []byte, ok bool) {
	if len(b) < 4 {
		return nil, false
	}
	n := max(int64(int32(binary.BigEndian.Uint32(b))), 0)
	if b = b[4:]; n > int64(len(b)) {
		return nil, false
	}
	return b[n:], true
}

// readRun passes over the packets of a run behind z, and returns its end, which is
// not the largest zxid there is: whoever counts up to it must come to an end.
func readRun(br *bufio.Reader, typ int32, z proto.Zxid) proto.Zxid {
	var next [emptyPacket]byte
	for br.Buffered() >= emptyPacket && (z+1).Counter() != 0 && z < math.MaxInt64-1 {
		b, _ := br.Peek(emptyPacket)
		if string(b) != string(appendPacket(next[:0], typ, z+1, nil)) {
			break
		}
		br.Discard(emptyPacket)
		z++
	}
	return z
}

// appendHandshake appends the messages that establish a link.
func appendHandshake(b []byte, m zab.Message) []byte {
	switch m := m.(type) {
	case zab.FollowerInfo:
		typ := pktFollowerInfo
		if m.Observer {
			typ = pktObserverInfo
		}
		b = appendHead(b, typ, proto.MakeZxid(m.AcceptedEpoch, 0), 20)
		b = jute.AppendInt(jute.AppendLong(b, int64(m.ID)), protocolVersion)
		return jute.AppendInt(jute.AppendLong(b, m.ConfigVersion), -1)
	case zab.LeaderInfo:
		b = appendHead(b, pktLeaderInfo, proto.MakeZxid(m.Epoch, 0), 4)
		return jute.AppendInt(jute.AppendInt(b, protocolVersion), -1)
	case zab.AckEpoch:
		b = appendHead(b, pktAckEpoch, m.LastZxid, 4)
		return jute.AppendInt(jute.AppendInt(b, int32(m.CurrentEpoch)), -1)
	case zab.Diff:
		return appendPacket(b, pktDiff, m.Zxid, nil)
	case zab.Trunc:
		return appendPacket(b, pktTrunc, m.Zxid, nil)
	case zab.Snap: // the stream follows
		return appendPacket(b, pktSnap, m.Zxid, nil)
	case zab.NewLeader:
		return appendPacket(b, pktNewLeader, proto.MakeZxid(m.Epoch, 0), []byte(m.Config))
	case zab.UpToDate:
		return appendPacket(b, pktUpToDate, -1, nil)
	}
	panic(fmt.Sprintf("wire: message %T has no packet", m))
}

func appendPing(b []byte, m zab.Ping, fromLeader bool) []byte {
	if fromLeader {
		return appendPacket(b, pktPing, m.Zxid, nil)
	}
	b = appendHead(b, pktPing, m.Zxid, 12*len(m.Touches))
	for _, t := range m.Touches {
		b = jute.AppendInt(jute.AppendLong(b, int64(t.ID)), t.TimeoutMs)
	}
	return jute.AppendInt(b, -1)
}

// appendForward appends a REQUEST: session, cxid, opcode and the client's
// record as it came.
func appendForward(b []byte, m *zab.Forward) []byte {
	b = appendHead(b, pktRequest, -1, 16+len(m.Raw))
	b = jute.AppendInt(jute.AppendLong(b, int64(m.Session)), m.Cxid)
	b = append(jute.AppendInt(b, int32(m.Op)), m.Raw...)
	return proto.AppendIDs(b, m.IDs)
}

// FromLearner turns a packet that a learner sent into a message. An unknown
// type gives nil: both sides ignore those.
func FromLearner(p Packet) (zab.Message, error) {
	d := jute.NewDecoder(p.Data)
	var m zab.Message
	switch p.Type {
	case pktAck:
		return zab.Ack{Zxid: p.Zxid}, nil
	case pktRequest:
		return decodeForward(p)
	case pktPing:
		n := len(p.Data) / 12
		ping := zab.Ping{Zxid: p.Zxid, Touches: make([]zab.Touch, n)}
		for i := range ping.Touches {
			ping.Touches[i] = zab.Touch{ID: proto.SessionID(d.Long()), TimeoutMs: d.Int()}
		}
		m = ping
	case pktRevalidate:
		m = zab.Revalidate{ID: proto.SessionID(d.Long()), TimeoutMs: d.Int()}
	case pktFollowerInfo, pktObserverInfo:
		info := zab.FollowerInfo{AcceptedEpoch: p.Zxid.Epoch(), Observer: p.Type == pktObserverInfo}
		info.ID = proto.PeerID(d.Long())
		if v := d.Int(); d.Err() == nil && v < protocolVersion {
			return nil, fmt.Errorf("%w: learner protocol %#x is older than %#x (ZooKeeper before 3.4)", ErrPacket, v, protocolVersion)
		}
		if d.Len() >= 8 { // since 3.5
			info.ConfigVersion = d.Long()
		}
		m = info
	case pktAckEpoch:
		m = zab.AckEpoch{CurrentEpoch: int64(d.Int()), LastZxid: p.Zxid}
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%w of type %d: %w", ErrPacket, p.Type, err)
	}
	return m, nil
}

func decodeForward(p Packet) (zab.Message, error) {
	d := jute.NewDecoder(p.Data)
	h := zab.Forward{Session: proto.SessionID(d.Long()), Cxid: d.Int(), Op: proto.OpCode(d.Int()), IDs: p.IDs}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%w: REQUEST: %w", ErrPacket, err)
	}
	h.Raw = d.Rest()
	switch h.Op { // the frequent writes are in one piece of memory each
	case proto.OpSetData:
		whole := &struct {
			f    zab.Forward
			body proto.SetDataRequest
		}{f: h}
		return decoded(&whole.f, &whole.body), nil
	case proto.OpCreate, proto.OpCreate2:
		whole := &struct {
			f    zab.Forward
			body proto.CreateRequest
		}{f: h}
		return decoded(&whole.f, &whole.body), nil
	}
	f := new(zab.Forward)
	*f = h
	var err error
	f.Body, err = proto.DecodeRequest(f.Op, f.Raw)
	f.Malformed = err != nil // the client's fault: answered, not punished here
	return f, nil
}

// decoded completes f with its record, which body has the memory for.
func decoded(f *zab.Forward, body proto.Request) *zab.Forward {
	if f.Malformed = proto.DecodeInto(body, f.Op, f.Raw) != nil; !f.Malformed {
		f.Body = body
	}
	return f
}

// FromLeader turns a packet that a leader sent into a message. SNAP comes
// without its stream, which the caller reads.
func FromLeader(p Packet) (zab.Message, error) {
	d := jute.NewDecoder(p.Data)
	var m zab.Message
	switch p.Type {
	case pktProposal, pktInform:
		t, err := proto.DecodeTxn(p.Data)
		if err != nil {
			return nil, err
		}
		if p.Type == pktInform {
			return zab.Inform{Txn: t}, nil
		}
		return zab.Proposal{Txn: t}, nil
	case pktCommit:
		return zab.Commit{Zxid: p.Zxid}, nil
	case pktCommitActive:
		m = zab.CommitActivate{Zxid: p.Zxid, Leader: proto.PeerID(d.Long())}
	case pktInformActive:
		leader := proto.PeerID(d.Long())
		if d.Err() == nil {
			t, err := proto.DecodeTxn(d.Rest())
			if err != nil {
				return nil, err
			}
			m = zab.InformActivate{Txn: t, Leader: leader}
		}
	case pktPing:
		m = zab.Ping{Zxid: p.Zxid}
	case pktSync:
		m = zab.Sync{}
	case pktRevalidate:
		m = zab.Revalidated{ID: proto.SessionID(d.Long()), Valid: d.Bool()}
	case pktLeaderInfo:
		m = zab.LeaderInfo{Epoch: p.Zxid.Epoch()}
	case pktDiff:
		m = zab.Diff{Zxid: p.Zxid}
	case pktTrunc:
		m = zab.Trunc{Zxid: p.Zxid}
	case pktSnap:
		m = zab.Snap{Zxid: p.Zxid}
	case pktNewLeader:
		m = zab.NewLeader{Epoch: p.Zxid.Epoch(), Config: string(p.Data)}
	case pktUpToDate:
		m = zab.UpToDate{}
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%w of type %d: %w", ErrPacket, p.Type, err)
	}
	return m, nil
}
