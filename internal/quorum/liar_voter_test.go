package quorum

import (
	"bufio"
	"math"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
)

// TestLiarAsUnknownVoter: servers that are no members may vote as they like on
// every election port; nobody looks for another leader.
func TestLiarAsUnknownVoter(t *testing.T) {
	eachSeed(t, 3, func(t *testing.T, rng *rand.Rand) {
		v := newTarget(t)
		l := newVoterLiar(t, rng, v.servers[0], v.servers)
		l.ids = []proto.PeerID{9, 10, 11, 77, math.MaxInt64, math.MaxInt64 - 1, 0, -1}
		for step := range steps {
			l.step()
			if step%50 == 49 {
				v.write(1)
			}
		}
		l.leave()
		v.untouched()
		boundedHeap(t)
	})
}

// TestLiarAsVoter: a member may vote as it likes while others look for a
// leader. They find one when it is gone, and have lost nothing.
func TestLiarAsVoter(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, rng *rand.Rand) {
		servers := ensembleOf(t, 3)
		fastLimits(servers)
		i := rng.IntN(3)
		v := &victims{t: t, servers: append(append([]*server{}, servers[:i]...), servers[i+1:]...)}
		for _, s := range v.servers {
			s.start()
		}
		v.serve()
		v.leader().session(theSession)
		l := newVoterLiar(t, rng, servers[i], v.servers)
		l.open()
		for range 3 {
			v.write()
			s := pick(rng, v.servers...)
			s.halt()
			for range steps / 6 {
				l.step()
			}
			s.start()
			for range steps / 6 {
				l.step()
			}
			v.alive()
		}
		l.leave()
		v.recovered(false)
		v.restarted()
		v.recovered(false)
		boundedHeap(t)
	})
}

// voterLiar speaks on election ports, as the member in whose place it is or as
// anybody else.
type voterLiar struct {
	*liar
	place   *server // never started
	real    []*server
	ids     []proto.PeerID
	seed    uint64 // of the dice of single connections
	lure    bool   // answer votes so that the liar is elected
	closers []func() error

	mu    sync.Mutex
	votes []*falseVotes // guarded by mu
	gone  bool          // guarded by mu
	round int64         // guarded by mu: the latest that a real server has named
}

// falseVotes is one connection to or from an election port.
type falseVotes struct {
	nc  net.Conn
	rng *rand.Rand // of the goroutine that reads
}

func newVoterLiar(t *testing.T, rng *rand.Rand, place *server, real []*server) *voterLiar {
	return &voterLiar{liar: newLiar(t, rng), place: place, real: real, seed: rng.Uint64(), ids: []proto.PeerID{place.opts.Self}}
}

func (s *server) electionAddr() string {
	m, _ := s.opts.Ensemble.Member(int64(s.opts.Self))
	return net.JoinHostPort(m.ElectionAddrs[0].Host, strconv.Itoa(m.ElectionAddrs[0].Port))
}

// open listens in the member's place.
func (l *voterLiar) open() {
	ln, err := net.Listen("tcp", l.place.electionAddr())
	if err != nil {
		l.t.Skip("the port was taken by somebody else: ", err)
	}
	l.closers = append(l.closers, ln.Close)
	l.t.Cleanup(l.leave)
	l.wg.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			l.adopt(nc, true)
		}
	})
}

// leave ends everything.
func (l *voterLiar) leave() {
	l.mu.Lock()
	l.gone = true
	for _, v := range l.votes {
		v.nc.Close()
	}
	l.mu.Unlock()
	for _, c := range l.closers {
		c()
	}
	l.hangup()
}

// maxVotes bounds the connections of one liar.
const maxVotes = 12

// adopt reads a connection to its end.
func (l *voterLiar) adopt(nc net.Conn, greeted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		nc.Close()
		return
	}
	l.seed++
	v := &falseVotes{nc: nc, rng: rand.New(rand.NewPCG(l.seed, 1))}
	if l.votes = append(l.votes, v); len(l.votes) > maxVotes {
		l.votes[0].nc.Close()
		l.votes = l.votes[1:]
	}
	nc.SetWriteDeadline(time.Now().Add(patience))
	l.wg.Go(func() { l.listen(v, greeted) })
}

// listen takes what a real server says, and answers it if the liar wants to be
// elected.
func (l *voterLiar) listen(v *falseVotes, greeted bool) {
	defer v.nc.Close()
	br := bufio.NewReader(v.nc)
	for greeted {
		b, err := br.Peek(20)
		if err != nil {
			return
		}
		size, err := proto.InitialMessageSize(b)
		if err != nil {
			return
		}
		if _, err := br.Discard(size); err != nil {
			return
		}
		greeted = false
	}
	var buf []byte
	for {
		body, err := readVoteFrame(br, buf)
		if err != nil {
			return
		}
		buf = body
		n, err := proto.DecodeNotification(body)
		if err != nil {
			continue
		}
		l.mu.Lock()
		l.round = n.Round
		l.mu.Unlock()
		if l.lure && n.State == proto.PeerLooking {
			l.answer(v, n)
		}
	}
}

// answer votes for the liar in the voter's round, and then leads.
func (l *voterLiar) answer(v *falseVotes, n proto.Notification) {
	if !often(v.rng) {
		v.nc.Write(frameOf(l.vote(v.rng, n.Round)))
		return
	}
	n.Leader, n.Zxid, n.PeerEpoch = l.place.opts.Self, math.MaxInt64, max(n.PeerEpoch, 0)+1
	v.nc.Write(frameOf(n))
	n.State = proto.PeerLeading
	v.nc.Write(frameOf(n))
}

// step says one thing on one connection, or opens one.
func (l *voterLiar) step() {
	rng := l.rng
	l.mu.Lock()
	round, votes := l.round, len(l.votes)
	var v *falseVotes
	if votes > 0 {
		v = l.votes[rng.IntN(votes)]
	}
	l.mu.Unlock()
	if v == nil || rng.IntN(8) == 0 {
		l.call()
		return
	}
	switch rng.IntN(10) {
	case 0: // a flood
		var b []byte
		for range 500 {
			n := l.vote(rng, round)
			b = n.AppendFrame(b)
		}
		v.nc.Write(b)
	case 1:
		b := frameOf(l.vote(rng, round))
		i := rng.IntN(len(b))
		b[i] ^= byte(1 << rng.IntN(8))
		v.nc.Write(b)
	case 2: // older and other lengths
		b := frameOf(l.vote(rng, round))[4:]
		b = b[:min(len(b), pick(rng, 1, 27, 28, 29, 39, 40, 41, 43, 44))]
		v.nc.Write(append(appendInt(nil, int32(len(b))), b...))
	case 3:
		v.nc.Write(appendInt(nil, pick[int32](rng, 0, -1, math.MinInt32, math.MaxInt32, proto.MaxNotification+1)))
	case 4:
		v.nc.Close()
	default:
		v.nc.Write(frameOf(l.vote(rng, round)))
	}
}

// call opens a connection and introduces itself, rightly or not.
func (l *voterLiar) call() {
	rng := l.rng
	nc, err := net.Dial("tcp", pick(rng, l.real...).electionAddr())
	if err != nil {
		return
	}
	id := pick(rng, l.ids...)
	own := l.place.electionAddr()
	m := proto.InitialMessage{Peer: id, Addrs: pick(rng, []string{own}, []string{own}, []string{"0.0.0.0:1", own}, []string{"x"}, []string{strings.Repeat("a|", 900)})}
	b := m.Append(nil)
	switch rng.IntN(10) {
	case 0:
		b = appendLong(nil, int64(id)) // as 3.4 does
	case 1:
		b = b[:rng.IntN(len(b))]
	case 2:
		b[rng.IntN(20)] ^= 0x41
		b[8] |= 0x80 // never by chance another member's id
	}
	nc.Write(b)
	l.adopt(nc, false)
}

// vote returns any vote.
func (l *voterLiar) vote(rng *rand.Rand, round int64) proto.Notification {
	n := proto.Notification{
		State:     proto.PeerState(pick(rng, 0, 0, 0, 1, 2, 3, rng.IntN(7)-2)),
		Leader:    pick[proto.PeerID](rng, 1, 2, 3, 9, -1, math.MinInt64, math.MaxInt64),
		Zxid:      pick[proto.Zxid](rng, 0, -1, proto.MakeZxid(1, 1), proto.MakeZxid(5, 1), math.MaxInt64, math.MinInt64),
		Round:     pick[int64](rng, round, round, round, round+1, round-1, 0, 1, math.MaxInt64, math.MinInt64, -1),
		PeerEpoch: pick[int64](rng, 0, 1, 2, 100, -1, math.MaxInt64, math.MinInt64, math.MaxInt32),
	}
	n.Config = pick(rng, "", l.place.opts.Ensemble.Text(), l.place.opts.Ensemble.Text(), "version=7fffffff", "junk\x00",
		"server.9=127.0.0.1:1:2:participant\nserver.8=127.0.0.1:3:4:observer\nversion=ffff")
	if rng.IntN(100) == 0 {
		n.Config = strings.Repeat("server.1=127.0.0.1:1:2:participant\n", 10_000)
	}
	return n
}
