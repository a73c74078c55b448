package repair

import (
	"errors"
	"fmt"
	"math"

	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// Question asks another server for transactions. It is the data of a QuorumPacket
// of type wire.PacketQuestion, the first and only one on its connection. A Java
// leader closes the connection; other Java servers do not listen there.
//
//	question = int version | long from | int n | want*
//	want     = int n | id* | id after | id until
//	id       = long zxid | int length | int adler32
type Question struct {
	From  proto.PeerID
	Wants []storage.Want
}

// Answer is the data of the one packet that comes back.
//
//	answer = int version | long from | long accepted | int n | part*
//	part   = byte whole | int n | buffer*                         payloads of transactions
type Answer struct {
	From     proto.PeerID
	Accepted int64  // its acceptedEpoch; -1 if that is lost
	Parts    []Part // one for each want
}

// Part is what a server has of one want; see storage.Store.Lookup.
type Part struct {
	Entries []storage.Entry
	Whole   bool
}

// Bounds of a question. An answer is bounded by its packet.
const (
	packetVersion = 1
	maxWants      = 1 << 10
	maxNames      = 1 << 14 // transactions named in one question
	idBytes       = 16
	wantBytes     = 4 + 2*idBytes
	partBytes     = 5

	// MaxQuestion bounds the data of a question, in bytes.
	MaxQuestion = 16 + maxWants*wantBytes + maxNames*idBytes
)

var errVersion = errors.New("of a version that is not known")

// Append appends the question's bytes.
func (q *Question) Append(b []byte) []byte {
	b = jute.AppendLong(jute.AppendInt(b, packetVersion), int64(q.From))
	b = jute.AppendInt(b, int32(len(q.Wants)))
	for _, w := range q.Wants {
		b = jute.AppendInt(b, int32(len(w.Lost)))
		for _, id := range w.Lost {
			b = appendID(b, id)
		}
		b = appendID(appendID(b, w.After), w.Until)
	}
	return b
}

func appendID(b []byte, id storage.EntryID) []byte {
	b = jute.AppendLong(b, int64(id.Zxid))
	return jute.AppendInt(jute.AppendInt(b, id.Length), int32(id.Sum))
}

func decodeID(d *jute.Decoder) storage.EntryID {
	return storage.EntryID{Zxid: proto.Zxid(d.Long()), Length: d.Int(), Sum: uint32(d.Int())}
}

// DecodeQuestion reads a question, which may be hostile: what it names is in
// order, and no longer than the bounds say.
func DecodeQuestion(b []byte) (Question, error) {
	d := jute.NewDecoder(b)
	if v := d.Int(); d.Err() == nil && v != packetVersion {
		return Question{}, fmt.Errorf("question %w: %d", errVersion, v)
	}
	q := Question{From: proto.PeerID(d.Long())}
	n := d.Count(wantBytes)
	if n > maxWants {
		return Question{}, fmt.Errorf("question with %d wants", n)
	}
	names := 0
	for range n {
		var w storage.Want
		last := proto.Zxid(0)
		lost := d.Count(idBytes)
		if names += lost; names > maxNames {
			return Question{}, fmt.Errorf("question for %d transactions", names)
		}
		for range lost {
			id := decodeID(&d)
			if id.Zxid <= last {
				d.Fail(fmt.Errorf("transaction %s is asked for behind %s", id.Zxid, last))
			}
			last = id.Zxid
			w.Lost = append(w.Lost, id)
		}
		w.After, w.Until = decodeID(&d), decodeID(&d)
		q.Wants = append(q.Wants, w)
	}
	if err := d.Err(); err != nil {
		return Question{}, fmt.Errorf("question: %w", err)
	}
	return q, nil
}

// Append appends the answer's bytes.
func (a *Answer) Append(b []byte) []byte {
	b = jute.AppendLong(jute.AppendInt(b, packetVersion), int64(a.From))
	b = jute.AppendInt(jute.AppendLong(b, a.Accepted), int32(len(a.Parts)))
	for _, p := range a.Parts {
		b = jute.AppendInt(jute.AppendBool(b, p.Whole), int32(len(p.Entries)))
		for _, e := range p.Entries {
			b = jute.AppendBuffer(b, e.Payload)
		}
	}
	return b
}

// DecodeAnswer reads an answer, which may be hostile. Payloads alias b.
func DecodeAnswer(b []byte) (Answer, error) {
	d := jute.NewDecoder(b)
	if v := d.Int(); d.Err() == nil && v != packetVersion {
		return Answer{}, fmt.Errorf("answer %w: %d", errVersion, v)
	}
	a := Answer{From: proto.PeerID(d.Long()), Accepted: d.Long()}
	if a.Accepted > math.MaxInt32 { // no epoch is larger: zxids have no room for it
		return Answer{}, fmt.Errorf("answer with epoch %d", a.Accepted)
	}
	n := d.Count(partBytes)
	if n > maxWants {
		return Answer{}, fmt.Errorf("answer with %d parts", n)
	}
	for range n {
		p := Part{Whole: d.Bool()}
		for range d.Count(4 + proto.TxnHeaderSize) {
			e := storage.Entry{Payload: d.Buffer()}
			var ok bool
			if e.Zxid, ok = storage.PayloadZxid(e.Payload); !ok {
				d.Fail(errors.New("a transaction without a header"))
			}
			p.Entries = append(p.Entries, e)
		}
		a.Parts = append(a.Parts, p)
	}
	if err := d.Err(); err != nil {
		return Answer{}, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}
