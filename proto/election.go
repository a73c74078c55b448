package proto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/paddock-io/paddock/jute"
)

// Limits of the election port. Source: QuorumCnxManager.PACKETMAXSIZE, InitialMessage.parse.
const (
	MaxNotification   = 512 << 10 // bytes of a notification without its length
	MaxElectionAddr   = 2048      // bytes of the address text in an initial message
	initialHeaderSize = 8 + 8 + 4 // version, id, length of the address text
)

// Versions that open an initial message. A non-negative number in their place is the id itself, as 3.4 sends it.
// Source: QuorumCnxManager.PROTOCOL_VERSION_V1, PROTOCOL_VERSION_V2.
const (
	initialV1 = -65536 // one address; since 3.5.0
	initialV2 = -65535 // several addresses joined by '|'; since 3.6.0 and only with multiAddress.enabled
)

// AnonymousObserver is the id an observer without one presents; the acceptor gives it a negative id of its own.
// Source: QuorumPeer.OBSERVER_ID.
const AnonymousObserver PeerID = math.MaxInt64

// ErrInitialMessage marks an initial message that no ZooKeeper server sends.
var ErrInitialMessage = errors.New("malformed initial message")

// InitialMessage opens an election connection; the dialer sends it and gets no answer.
//
//	3.4  long id
//	V1   long -65536, long id, int n, n bytes "host:port"
//	V2   long -65535, long id, int n, n bytes "host:port|host:port"
//
// Source: QuorumCnxManager.InitialMessage.
type InitialMessage struct {
	Peer PeerID
	// Addrs are the sender's own election addresses as host:port, with brackets around an IPv6 literal. They are
	// as the wire had them: possibly wildcards, possibly no addresses at all.
	Addrs []string
}

// Append appends the message, as V1 for one address and as V2 for several. Java reads the address with a single
// read call, so the result must leave in one write.
func (m InitialMessage) Append(b []byte) []byte {
	version := int64(initialV1)
	if len(m.Addrs) > 1 {
		version = initialV2
	}
	b = jute.AppendLong(b, version)
	b = jute.AppendLong(b, int64(m.Peer))
	return jute.AppendString(b, strings.Join(m.Addrs, "|"))
}

// InitialMessageSize returns how many bytes the message that begins with b has, as far as b tells: first 8, then
// 20, then all. A reader reads up to that size and asks again until the answer is len(b). Nothing beyond the message
// needs to be read, and no length is believed before it was checked.
func InitialMessageSize(b []byte) (int, error) {
	if len(b) < 8 {
		return 8, nil
	}
	switch version := int64(binary.BigEndian.Uint64(b)); {
	case version >= 0:
		return 8, nil
	case version != initialV1 && version != initialV2:
		return 0, fmt.Errorf("%w: version %d", ErrInitialMessage, version)
	case len(b) < initialHeaderSize:
		return initialHeaderSize, nil
	}
	n := int32(binary.BigEndian.Uint32(b[16:]))
	if n < 1 || n > MaxElectionAddr {
		return 0, fmt.Errorf("%w: address of %d bytes", ErrInitialMessage, n)
	}
	return initialHeaderSize + int(n), nil
}

// DecodeInitialMessage reads a message of exactly the size InitialMessageSize gives.
func DecodeInitialMessage(b []byte) (InitialMessage, error) {
	size, err := InitialMessageSize(b)
	if err != nil {
		return InitialMessage{}, err
	}
	if len(b) != size {
		return InitialMessage{}, fmt.Errorf("%w: %d bytes instead of %d", ErrInitialMessage, len(b), size)
	}
	d := jute.NewDecoder(b)
	if first := d.Long(); first >= 0 {
		return InitialMessage{Peer: PeerID(first)}, nil
	}
	m := InitialMessage{Peer: PeerID(d.Long())}
	m.Addrs = strings.Split(d.String(), "|")
	return m, d.Err()
}

// PeerState is what a server is doing. Source: QuorumPeer.ServerState, in wire order.
type PeerState int32

// The states of a server.
const (
	PeerLooking PeerState = iota // for a leader
	PeerFollowing
	PeerLeading
	PeerObserving
)

// String returns ZooKeeper's name of the state.
func (s PeerState) String() string {
	if s < PeerLooking || s > PeerObserving {
		return fmt.Sprintf("state %d", int32(s))
	}
	return [...]string{"LOOKING", "FOLLOWING", "LEADING", "OBSERVING"}[s]
}

// NotificationVersion is what servers since 3.5.0 send: the vote is followed by the configuration.
const NotificationVersion = 2

// ErrNotification marks a notification that is to be skipped; the connection it came on is still good.
var ErrNotification = errors.New("malformed notification")

// Notification is one vote on its way between two servers.
//
//	 0  int   sender's state       28  long  proposed leader's epoch
//	 4  long  proposed leader      36  int   version
//	12  long  its last zxid        40  int   n, length of the configuration
//	20  long  sender's round       44  n bytes
//
// Source: FastLeaderElection.buildMsg and Messenger.WorkerReceiver.run.
type Notification struct {
	State     PeerState
	Leader    PeerID
	Zxid      Zxid
	Round     int64 // the sender's logical clock, called electionEpoch in Java
	PeerEpoch int64
	Version   int32  // as decoded: 2 since 3.5.0, 0 for anything older; Append always writes 2
	Config    string // the sender's committed configuration; empty from 3.4
}

// AppendFrame appends the notification behind its length, as it goes over the wire.
func (n *Notification) AppendFrame(b []byte) []byte {
	b = jute.AppendInt(b, int32(44+len(n.Config)))
	b = jute.AppendInt(b, int32(n.State))
	b = jute.AppendLong(b, int64(n.Leader))
	b = jute.AppendLong(b, int64(n.Zxid))
	b = jute.AppendLong(b, n.Round)
	b = jute.AppendLong(b, n.PeerEpoch)
	b = jute.AppendInt(b, NotificationVersion)
	return jute.AppendString(b, n.Config)
}

// DecodeNotification reads the body of a frame, with the allowances a current Java server makes: 28 bytes are a vote
// from before 3.4, whose epoch is in its zxid; 40 bytes are one from 3.4.6, whose version is disregarded. Bytes
// behind the configuration are disregarded too. The result does not alias body.
func DecodeNotification(body []byte) (Notification, error) {
	d := jute.NewDecoder(body)
	n := Notification{
		State: PeerState(d.Int()), Leader: PeerID(d.Long()), Zxid: Zxid(d.Long()), Round: d.Long(),
	}
	switch len(body) {
	case 28:
		n.PeerEpoch = n.Zxid.Epoch()
	case 40:
		n.PeerEpoch = d.Long()
	default:
		n.PeerEpoch, n.Version = d.Long(), d.Int()
		if n.Version >= NotificationVersion {
			n.Config = decodeConfig(&d)
		}
	}
	if err := d.Err(); err != nil {
		return Notification{}, fmt.Errorf("%w of %d bytes: %w", ErrNotification, len(body), err)
	}
	if n.State < PeerLooking || n.State > PeerObserving {
		return Notification{}, fmt.Errorf("%w: %v", ErrNotification, n.State)
	}
	return n, nil
}

// decodeConfig differs from a jute string in that no length stands for null.
func decodeConfig(d *jute.Decoder) string {
	text := d.Buffer()
	if text == nil {
		d.Fail(jute.ErrLength)
	}
	return string(text)
}
