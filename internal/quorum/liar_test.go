package quorum

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// Liars speak the protocols of the quorum and election ports with wrong
// contents, drawn from a seed: as a learner of a real leader, as a voter, and as
// the leader of real followers. The scripts replay from the seed; how they fall
// together with what the servers do does not, since those are whole Peers.
//
// What is demanded: nobody panics or ends, memory stays bounded, and once the
// liar is gone the real servers serve, agree, and have every acknowledged write,
// also after a restart. A server that is no member disturbs nobody while it
// talks either.
//
// What the protocol lets a liar do all the same, to Paddock as to ZooKeeper,
// because peers are trusted; the liars here keep away from it:
//
//   - A member, or who claims a member's id, may end elections and terms for as
//     long as it talks, and use up the epochs for ever with one FOLLOWERINFO.
//   - A member's ACK is believed: what it acknowledged and does not hold counts to
//     the quorum. So is what it says about the epochs that it has promised and the
//     history that it has, with which a leader could be established that lacks what
//     was decided.
//   - Who is elected leader decides: a TRUNC or a SNAP takes back what was
//     acknowledged, and the epoch of its NEWLEADER makes that win.
//   - A learner, member or not, speaks for clients: its REQUESTs carry the
//     identities that it gives them, also super, it may close, take over and
//     prolong anybody's session. So the quorum port must be out of reach of whom
//     one would not give the super user's password.

var (
	hostileSeconds = flag.Int("hostile.seconds", 0, "go on with fresh seeds for so many seconds in each test")
	hostileSeed    = flag.Uint64("hostile.seed", 0, "play this seed alone")
)

// eachSeed runs f with the seeds 1 to n, with -hostile.seed alone, or with fresh
// ones until -hostile.seconds are over.
func eachSeed(t *testing.T, n uint64, f func(t *testing.T, rng *rand.Rand)) {
	t.Helper()
	run := func(seed uint64) bool {
		ok := t.Run(fmt.Sprintf("%#x", seed), func(t *testing.T) { f(t, rand.New(rand.NewPCG(seed, 0))) })
		if !ok {
			t.Logf("replay: make hostile RUN=%s SEED=%#x", t.Name(), seed)
		}
		return ok
	}
	switch {
	case *hostileSeed != 0:
		run(*hostileSeed)
	case *hostileSeconds != 0:
		seed := uint64(time.Now().UnixNano())
		for end := time.Now().Add(time.Duration(*hostileSeconds) * time.Second); time.Now().Before(end); seed++ {
			if !run(seed) {
				return
			}
		}
	default:
		for seed := range n {
			run(seed + 1)
		}
	}
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// often holds seven times of eight.
func often(rng *rand.Rand) bool { return rng.IntN(8) > 0 }

// maxHeap is what servers and liars together may hold after a seed, in bytes.
const maxHeap = 512 << 20

func boundedHeap(t *testing.T) {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > maxHeap {
		t.Errorf("%d MiB are in use", m.HeapAlloc>>20)
	}
}

// victims are real servers with a session and what it was told.
type victims struct {
	t       *testing.T
	servers []*server
	cxid    int32
	acked   []string
}

// fastLimits makes servers give up soon on those that are silent.
func fastLimits(servers []*server) {
	for _, s := range servers {
		s.opts.InitTimeout, s.opts.SyncTimeout, s.opts.History = 6*testTick, 6*testTick, 50
	}
}

// theSession is the one that writes. Liars leave it alone.
const theSession proto.SessionID = 7

// leader returns the server that leads now, nil if there is none.
func (v *victims) leader() *server {
	for _, s := range v.servers {
		if s.done != nil && s.leads() {
			return s
		}
	}
	return nil
}

// write tries to make a znode and remembers it if that was acknowledged.
func (v *victims) write() bool {
	s := v.leader()
	if s == nil {
		return false
	}
	v.cxid++
	if s.create(theSession, v.cxid, "x") != nil {
		return false
	}
	v.acked = append(v.acked, fmt.Sprintf("/s%d-%d", theSession, v.cxid))
	return true
}

// alive fails the test if a server has ended.
func (v *victims) alive() {
	v.t.Helper()
	for _, s := range v.servers {
		select {
		case err := <-s.done:
			s.done = nil
			s.stop()
			s.store.Close()
			if exit := (*ExitError)(nil); errors.As(err, &exit) && exit.Code == ExitBind {
				v.t.Skip("a port was taken by somebody else while its server was down: ", err)
			}
			v.t.Fatalf("server %d has ended: %v", s.opts.Self, err)
		default:
		}
	}
}

// serve waits until all servers do.
func (v *victims) serve() {
	v.t.Helper()
	eventually(v.t, "everybody serves", func() bool {
		v.alive()
		return !slices.ContainsFunc(v.servers, func(s *server) bool { return !s.serves() })
	})
}

// recovered demands that the servers serve and agree, and unless history was
// rewritten hold what was acknowledged.
func (v *victims) recovered(rewritten bool) {
	v.t.Helper()
	v.serve()
	if rewritten {
		eventually(v.t, "a session is opened", func() bool {
			s := v.leader()
			return s != nil && s.do(theSession, 0, proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 60_000}) == nil
		})
	}
	eventually(v.t, "a write is acknowledged", v.write)
	has := func(path string) bool {
		return !slices.ContainsFunc(v.servers, func(s *server) bool {
			s.peer.Tree().RLock()
			defer s.peer.Tree().RUnlock()
			_, ok := s.peer.Tree().Get(path)
			return !ok
		})
	}
	if rewritten { // a zxid that two servers have may be of two transactions
		eventually(v.t, "the write is everywhere", func() bool { return has(v.acked[len(v.acked)-1]) })
		return
	}
	sameTrees(v.t, v.servers...)
	for _, path := range v.acked {
		if !has(path) {
			v.t.Errorf("the acknowledged %s is lost", path)
			break
		}
	}
}

// restarted demands that the servers come back with what they had.
func (v *victims) restarted() {
	v.t.Helper()
	for _, s := range v.servers {
		s.halt()
		z, want := s.digest()
		if err := s.open(); err != nil {
			v.t.Fatalf("server %d does not come back: %v", s.opts.Self, err)
		}
		if got, d := s.digest(); got != z || d != want {
			v.t.Fatalf("server %d had %s with digest %x, and comes back with %s, %x", s.opts.Self, z, want, got, d)
		}
		s.store.Close()
	}
	for _, s := range v.servers {
		s.start()
	}
}

// liar is the hostile end of quorum links.
type liar struct {
	t   *testing.T
	rng *rand.Rand
	wg  sync.WaitGroup // its listeners, and the readers of its links

	connMu sync.Mutex
	conns  []net.Conn // guarded by connMu: every quorum link
	done   bool       // guarded by connMu
}

func newLiar(t *testing.T, rng *rand.Rand) *liar {
	l := &liar{t: t, rng: rng}
	t.Cleanup(l.hangup)
	return l
}

// hangup ends every link; there are no more after it.
func (l *liar) hangup() {
	l.connMu.Lock()
	l.done = true
	for _, nc := range l.conns {
		nc.Close()
	}
	l.connMu.Unlock()
	l.wg.Wait()
}

// lie is one link. What the other end says is read to the end, or it would wait
// for room in the socket.
type lie struct {
	*liar
	nc  net.Conn
	rng *rand.Rand // the liar's, unless the link has a goroutine of its own

	mute bool          // it has stopped within a packet, and what follows would be read as a part of it
	news chan struct{} // holds a token when something has come

	mu    sync.Mutex
	epoch int64      // guarded by mu: what LEADERINFO said, or FOLLOWERINFO
	last  proto.Zxid // guarded by mu: of the newest transaction that came
	heard []int32    // guarded by mu: the types of the latest packets but pings
	ended bool       // guarded by mu
}

// Types of packets as they are on the wire.
const (
	pktProposal     = 2
	pktPing         = 5
	pktInform       = 8
	pktNewLeader    = 10
	pktFollowerInfo = 11
	pktUpToDate     = 12
	pktSnap         = 15
	pktLeaderInfo   = 17
	pktAckEpoch     = 18
	pktAck          = 3
)

// begin takes over a connection.
func (l *liar) begin(nc net.Conn) *lie {
	k := &lie{liar: l, nc: nc, rng: l.rng, news: make(chan struct{}, 1)}
	nc.SetWriteDeadline(time.Now().Add(patience))
	l.connMu.Lock()
	defer l.connMu.Unlock()
	if l.conns = append(l.conns, nc); l.done {
		nc.Close()
	}
	l.wg.Go(k.read)
	return k
}

// dial opens a link, or returns nil if nobody takes it.
func (l *liar) dial(s *server) *lie {
	nc, err := net.Dial("tcp", s.quorumAddr())
	if err != nil {
		return nil
	}
	return l.begin(nc)
}

// read notes what comes.
func (k *lie) read() {
	br := bufio.NewReader(k.nc)
	for {
		p, err := wire.ReadPacket(br, 1<<24)
		if err == nil && p.Type == pktSnap {
			_, err = persist.ReadTree(br)
		}
		k.note(p, err)
		if err != nil {
			k.nc.Close()
			return
		}
	}
}

func (k *lie) note(p wire.Packet, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil:
		k.ended = true
	case p.Type == pktPing:
		return
	case p.Type == pktLeaderInfo || p.Type == pktFollowerInfo:
		k.epoch = p.Zxid.Epoch()
	case p.Type == pktProposal || p.Type == pktInform || p.Type == pktAckEpoch:
		k.last = p.Zxid
	}
	if err == nil {
		k.heard = append(k.heard[max(len(k.heard)-20, 0):], p.Type)
	}
	select {
	case k.news <- struct{}{}:
	default:
	}
}

// saw waits until a packet of the type has come, for a short while at most.
func (k *lie) saw(typ int32) bool {
	for timeout := time.After(testTick); ; {
		k.mu.Lock()
		found, ended := slices.Contains(k.heard, typ), k.ended
		k.mu.Unlock()
		if found || ended {
			return found
		}
		select {
		case <-k.news:
		case <-timeout:
			return false
		}
	}
}

func (k *lie) over() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended
}

func (k *lie) state() (epoch int64, last proto.Zxid) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.epoch, k.last
}

// raw sends bytes. That the other end has hung up is its right.
func (k *lie) raw(b []byte) {
	if k.mute {
		return
	}
	if _, err := k.nc.Write(b); err != nil {
		k.nc.Close()
	}
}

func (k *lie) send(m zab.Message, fromLeader bool) { k.raw(wire.AppendMessage(nil, m, fromLeader)) }

// half sends a part of a packet, and nothing more.
func (k *lie) half(b []byte) {
	k.raw(b[:k.rng.IntN(len(b))])
	k.mute = true
}

// noise sends a packet of any kind but ACK, which would be believed.
func (k *lie) noise() {
	rng := k.rng
	b := make([]byte, 0, 64)
	typ := pick(rng, rng.Int32N(20), rng.Int32N(20), -1, math.MaxInt32)
	if typ == pktAck {
		typ = 0
	}
	b = appendInt(b, typ)
	b = appendLong(b, int64(anyZxid(rng, proto.MakeZxid(1, 1))))
	n := pick(rng, 0, 0, 4, 8, 9, 12, 13, 20, 32, 100, 3000)
	b = appendInt(b, pick(rng, int32(n), int32(n), int32(n), -1, -2, math.MaxInt32, 65<<20))
	for range n {
		b = append(b, byte(rng.Uint32()))
	}
	b = appendInt(b, pick[int32](rng, -1, -1, -1, 0, 1, math.MaxInt32))
	if rng.IntN(6) == 0 {
		k.half(b)
		return
	}
	k.raw(b)
	k.mute = rng.IntN(2) == 0
}

// anyZxid returns one near z, or far from it.
func anyZxid(rng *rand.Rand, z proto.Zxid) proto.Zxid {
	e := pick(rng, z.Epoch(), z.Epoch(), z.Epoch(), z.Epoch()-1, z.Epoch()+1, 0, -1, math.MaxInt32, math.MinInt32)
	return proto.MakeZxid(e, pick(rng, z.Counter(), z.Counter(), z.Counter()+1, z.Counter()-1, 0, 1, 2, 3, math.MaxUint32, rng.Uint32()))
}

func appendInt(b []byte, v int32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func appendLong(b []byte, v int64) []byte { return appendInt(appendInt(b, int32(v>>32)), int32(v)) }
