package quorum

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/tree"
	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// TestLiarAsLeader has a liar elected, time and again, and lead two real
// servers. As long as it does not rewrite history, nothing acknowledged is
// lost. Where it does, that is what the protocol lets a leader do; but the
// servers must go on when it is gone, and come back after a restart.
func TestLiarAsLeader(t *testing.T) {
	eachSeed(t, 8, func(t *testing.T, rng *rand.Rand) {
		l := newLeaderLiar(t, rng)
		l.meek = rng.IntN(2) == 0
		v := &victims{t: t, servers: l.real}
		for _, s := range v.servers {
			s.start()
		}
		v.serve()
		v.leader().session(theSession)
		for range 5 {
			v.write()
		}
		l.open()
		for range 3 {
			// Whoever is left looks for a leader, and finds the liar.
			s := pick(rng, v.servers...)
			s.halt()
			l.played(1)
			s.start()
			l.played(1)
			v.write()
			v.alive()
		}
		l.leave()
		t.Logf("meek: %v, scripts: %d, history rewritten: %v", l.meek, l.scripts.Load(), l.rewrote.Load())
		v.recovered(l.rewrote.Load())
		v.restarted()
		v.recovered(l.rewrote.Load())
		boundedHeap(t)
	})
}

// leaderLiar is the third member of an ensemble of three. It answers whoever
// looks for a leader so that it is elected, and then plays one.
type leaderLiar struct {
	*voterLiar
	meek    bool        // change no history that anybody would take
	rewrote atomic.Bool // what it sent may stand in the place of other history
	scripts atomic.Int64
	ended   chan struct{} // gets a token for each link that is over
}

func newLeaderLiar(t *testing.T, rng *rand.Rand) *leaderLiar {
	servers := ensembleOf(t, 3)
	fastLimits(servers)
	i := rng.IntN(3)
	real := append(append([]*server{}, servers[:i]...), servers[i+1:]...)
	return &leaderLiar{voterLiar: newVoterLiar(t, rng, servers[i], real), ended: make(chan struct{}, 1000)}
}

// open takes the member's place on both ports.
func (l *leaderLiar) open() {
	dice := l.seed // it goes on counting as voters come
	l.voterLiar.lure = true
	l.voterLiar.open()
	ln, err := net.Listen("tcp", l.place.quorumAddr())
	if err != nil {
		l.t.Skip("the port was taken by somebody else: ", err)
	}
	l.closers = append(l.closers, ln.Close)
	l.wg.Go(func() {
		for seed := uint64(1); ; seed++ {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			// Each link has its own dice, or one would disturb another.
			k := l.begin(nc)
			k.rng = rand.New(rand.NewPCG(dice, seed))
			l.wg.Go(func() {
				l.lead(k)
				k.nc.Close()
				l.scripts.Add(1)
				select {
				case l.ended <- struct{}{}:
				default:
				}
			})
		}
	})
}

// played waits for the end of n links, or until the real servers have found
// another leader.
func (l *leaderLiar) played(n int) {
	tick := time.NewTicker(testTick / 4)
	defer tick.Stop()
	for tries := 0; n > 0 && tries < 40; tries++ {
		select {
		case <-l.ended:
			n--
		case <-tick.C:
			if l.real[0].done != nil && l.real[0].serves() && l.real[1].done != nil && l.real[1].serves() {
				return
			}
		}
	}
}

// lead plays the leader on one link: the right next step as a rule, now and
// then something else.
func (l *leaderLiar) lead(k *lie) {
	rng := k.rng
	if !k.saw(pktFollowerInfo) {
		return
	}
	accepted, _ := k.state()
	epoch := accepted + 1
	if !often(rng) {
		epoch = pick(rng, accepted, accepted-1, accepted+2, accepted+1000, math.MaxInt32, -1, 0, math.MinInt32)
	}
	l.perhaps(k, epoch)
	k.send(zab.LeaderInfo{Epoch: epoch}, true)
	if !k.saw(pktAckEpoch) {
		return
	}
	l.perhaps(k, epoch)
	_, last := k.state()
	last = l.sync(k, epoch, last)
	last = l.history(k, epoch, last, rng.IntN(12))
	if l.perhaps(k, epoch); often(rng) {
		k.send(zab.NewLeader{Epoch: epoch, Config: pick(rng, "", "x", l.place.opts.Ensemble.Text(), "server.9=h:1:2:participant;3\nversion=100000000")}, true)
	}
	if k.saw(pktAck); rng.IntN(12) > 0 {
		last = l.history(k, epoch, last, rng.IntN(4))
		k.send(zab.UpToDate{}, true)
	}
	for range rng.IntN(30) {
		last = l.history(k, epoch, last, rng.IntN(3))
		l.perhaps(k, epoch)
		k.send(zab.Ping{Zxid: last}, true)
	}
	if rng.IntN(3) == 0 {
		for range 5 {
			if k.saw(-1) || k.over() { // silence, until it gives up
				return
			}
		}
	}
}

// sync begins the synchronisation and returns the zxid where it starts.
func (l *leaderLiar) sync(k *lie, epoch int64, last proto.Zxid) proto.Zxid {
	rng := k.rng
	z := last
	if !often(rng) {
		z = anyZxid(rng, last)
	}
	switch kind := rng.IntN(8); {
	case l.meek || kind < 4:
		k.send(zab.Diff{Zxid: z}, true)
		return last
	case kind < 6:
		l.rewrote.Store(true)
		z = pick(rng, last, last-1, last-2, last+1, z, 0, -1)
		k.send(zab.Trunc{Zxid: z}, true)
	default:
		l.rewrote.Store(true)
		k.send(zab.Snap{Zxid: z}, true)
		k.raw(l.snapshot(rng))
	}
	return z
}

// snapshot returns the stream of some tree, as it should be or not.
func (l *leaderLiar) snapshot(rng *rand.Rand) []byte {
	tr := tree.New()
	var res tree.Result
	for i := range rng.IntN(50) {
		txn := l.txn(rng, proto.Zxid(i)+1)
		tr.Apply(txn, &res)
	}
	var b bytes.Buffer
	if err := persist.WriteTree(&b, tr); err != nil {
		l.t.Error(err)
	}
	s := b.Bytes()
	switch rng.IntN(8) {
	case 0: // it ends early
		return s[:rng.IntN(len(s))]
	case 1: // it lies somewhere
		s[rng.IntN(len(s))] ^= byte(1 << rng.IntN(8))
	case 2: // another signature
		copy(s[len(s)-4:], "Nope")
	case 3: // many sessions that do not come
		copy(s, "\x7f\xff\xff\xff")
	}
	return s
}

// history sends n transactions, in order as a rule, and commits some of them.
func (l *leaderLiar) history(k *lie, epoch int64, last proto.Zxid, n int) proto.Zxid {
	rng := k.rng
	for range n {
		z := last + 1
		if last.Epoch() < epoch && rng.IntN(2) == 0 {
			z = proto.MakeZxid(epoch, 1)
		}
		if l.meek || !often(rng) {
			z = anyZxid(rng, last)
			if l.meek && (z == last+1 || z == proto.MakeZxid(last.Epoch()+1, 1)) {
				continue
			}
		} else {
			l.rewrote.Store(true)
		}
		txn := l.txn(rng, z)
		if l.meek && z <= last { // a repetition may be taken, so it changes nothing
			txn = errorTxn(z)
		}
		k.send(zab.Proposal{Txn: txn}, true)
		if last = z; often(rng) {
			k.send(zab.Commit{Zxid: z}, true)
		}
	}
	return last
}

func errorTxn(z proto.Zxid) *proto.Txn {
	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Session: 9, Zxid: z, Type: proto.OpError}, Body: &proto.ErrorTxn{Err: -101}}
	txn.Encode(0)
	return txn
}

// txn returns a transaction that need not apply, and concerns neither
// theSession nor its znodes.
func (l *leaderLiar) txn(rng *rand.Rand, z proto.Zxid) *proto.Txn {
	path := pick(rng, "/l", "/l/a", "/l/a/b", "", "/", "//", "//l", "/l/", "l", "/zookeeper/config", "/zookeeper", fmt.Sprintf("/l%d", rng.IntN(5)))
	acl := pick(rng, proto.OpenACL, nil, []proto.ACL{{Perms: 31, ID: proto.ID{Scheme: "x", ID: "y"}}})
	data := make([]byte, rng.IntN(100))
	type record struct {
		typ  proto.OpCode
		body proto.TxnBody
	}
	create := record{proto.OpCreate, &proto.CreateTxn{Path: path, Data: data, ACL: proto.OpenACL, Ephemeral: rng.IntN(3) == 0, ParentCversion: pick[int32](rng, -1, 0, 1, 100)}}
	sub := record{proto.OpDelete, &proto.DeleteTxn{Path: path}}
	r := pick(rng, create, create, sub,
		record{proto.OpSetData, &proto.SetDataTxn{Path: path, Data: data, Version: rng.Int32()}},
		record{proto.OpSetACL, &proto.SetACLTxn{Path: "/l/a", ACL: acl, Version: 1}},
		record{proto.OpCreateContainer, &proto.CreateContainerTxn{Path: path, ACL: acl, ParentCversion: 1}},
		record{proto.OpCreateTTL, &proto.CreateTTLTxn{Path: path, ACL: acl, TTL: rng.Int64()}},
		record{proto.OpCreateSession, &proto.CreateSessionTxn{Timeout: rng.Int32()}},
		record{proto.OpCloseSession, &proto.CloseSessionTxn{HasPaths: true, Paths: []string{path, "/l/a"}}},
		record{proto.OpError, &proto.ErrorTxn{Err: proto.ErrCode(rng.Int32())}},
		record{proto.OpMulti, &proto.MultiTxn{Subs: []proto.SubTxn{{Type: create.typ, Body: create.body}, {Type: sub.typ, Body: sub.body}}}})
	txn := &proto.Txn{TxnHeader: proto.TxnHeader{Session: pick[proto.SessionID](rng, 0, 9, -1, math.MinInt64), Cxid: rng.Int32(), Zxid: z, Time: rng.Int64(), Type: r.typ}, Body: r.body}
	if rng.IntN(4) == 0 {
		txn.HasDigest, txn.Digest = true, proto.TxnDigest{Version: proto.DigestVersion, Tree: rng.Int64()}
	}
	txn.Encode(0)
	if rng.IntN(12) == 0 { // it does not decode
		txn.Raw = txn.Raw[:proto.TxnHeaderSize+rng.IntN(len(txn.Raw)-proto.TxnHeaderSize)]
	}
	return txn
}

// perhaps says something that has no place here.
func (l *leaderLiar) perhaps(k *lie, epoch int64) {
	rng := k.rng
	if often(rng) {
		return
	}
	z := anyZxid(rng, proto.MakeZxid(epoch, 1))
	switch rng.IntN(6) {
	case 0:
		k.noise()
	case 1:
		k.half(wire.AppendMessage(nil, zab.LeaderInfo{Epoch: epoch}, true))
	case 2:
		k.send(zab.FollowerInfo{ID: 1}, false)
	default:
		k.send(pick[zab.Message](rng, zab.LeaderInfo{Epoch: z.Epoch()}, zab.Diff{Zxid: z}, zab.Commit{Zxid: z}, zab.Inform{Txn: errorTxn(z)},
			zab.NewLeader{Epoch: z.Epoch()}, zab.UpToDate{}, zab.Ping{Zxid: z}, zab.Sync{}, zab.Revalidated{ID: 9, Valid: true}, zab.Ack{Zxid: z}), true)
	}
}
