package quorum

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paddock-io/paddock/internal/wire"
	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// TestLiarAsStranger has liars with ids that are no member's on every quorum
// port: whatever they say, nobody looks for another leader.
func TestLiarAsStranger(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, rng *rand.Rand) {
		v := newTarget(t)
		l := newLearnerLiar(t, rng, v.servers, []proto.PeerID{9, 77, -1, -5, math.MaxInt64, math.MinInt64})
		for step := range steps {
			l.step()
			if step%20 == 9 {
				v.write(1)
			}
		}
		v.untouched()
		l.hangup()
		v.untouched()
		boundedHeap(t)
	})
}

// TestLiarBetweenLeaders: strangers that talk while there is no leader have no
// say in who is the next one, and in which epoch.
func TestLiarBetweenLeaders(t *testing.T) {
	eachSeed(t, 2, func(t *testing.T, rng *rand.Rand) {
		v := newTarget(t)
		l := newLearnerLiar(t, rng, v.servers, []proto.PeerID{9, 77, -1, math.MaxInt64})
		_, others := leaderOf(t, v.servers)
		v.leader.stop()
		for knocks := 0; knocks < 3000 && !(others[0].leads() || others[1].leads()); knocks++ {
			k := l.dial(others[knocks%2])
			if k == nil {
				continue
			}
			k.send(zab.FollowerInfo{ID: 9, AcceptedEpoch: math.MaxInt32 - 2, Observer: true}, false)
			if l.links = append(l.links, k); len(l.links) > 20 {
				l.links[0].nc.Close()
				l.links = l.links[1:]
			}
		}
		if err := v.leader.wait(); err != nil {
			t.Fatal(err)
		}
		for range steps {
			l.step()
		}
		v.leader.start()
		allServe(t, v.servers...)
		l.hangup()
		leader, _ := leaderOf(t, v.servers)
		if e := leader.peer.Status().Epoch; e > v.epoch+5 {
			t.Errorf("from epoch %d to %d", v.epoch, e)
		}
		leader.write(7, v.cxid+1, 3)
		sameTrees(t, v.servers...)
	})
}

// TestLiarAsFollower has a liar that says it is a member. It may drive the
// others apart while it talks, and nothing more.
func TestLiarAsFollower(t *testing.T) {
	eachSeed(t, 4, func(t *testing.T, rng *rand.Rand) {
		target := newTarget(t)
		v := &victims{t: t, servers: target.servers, cxid: 100}
		l := newLearnerLiar(t, rng, v.servers, []proto.PeerID{1, 2, 3, 3, 9})
		for step := range steps {
			l.step()
			if step%20 == 9 {
				v.write()
			}
		}
		l.hangup()
		v.recovered(false)
		boundedHeap(t)
	})
}

// learnerLiar has some links to quorum ports, each somewhere in its handshake.
type learnerLiar struct {
	*liar
	to    []*server
	ids   []proto.PeerID
	links []*lie
	epoch int64 // the last one that it has said to have promised as a voter
}

const (
	maxLies = 6
	steps   = 300 // of one seed
)

func newLearnerLiar(t *testing.T, rng *rand.Rand, to []*server, ids []proto.PeerID) *learnerLiar {
	return &learnerLiar{liar: newLiar(t, rng), to: to, ids: ids}
}

// step says one thing on one link, or opens or closes one.
func (l *learnerLiar) step() {
	l.links = slices.DeleteFunc(l.links, func(k *lie) bool { return k.over() })
	if len(l.links) == 0 || len(l.links) < maxLies && l.rng.IntN(4) == 0 {
		to := pick(l.rng, l.to...)
		for _, s := range l.to {
			if s.leads() && often(l.rng) {
				to = s
			}
		}
		if k := l.dial(to); k != nil {
			l.links = append(l.links, k)
			l.join(k)
		}
		return
	}
	i := l.rng.IntN(len(l.links))
	k := l.links[i]
	if l.rng.IntN(20) == 0 {
		k.nc.Close()
		return
	}
	l.say(k)
}

// join goes through the handshake, and stops or lies somewhere in it.
func (l *learnerLiar) join(k *lie) {
	rng := l.rng
	if !often(rng) {
		l.say(k)
		return
	}
	id := pick(rng, l.ids...)
	info := zab.FollowerInfo{ID: id, Observer: rng.IntN(3) == 0, AcceptedEpoch: 1}
	if !often(rng) {
		info.ConfigVersion = pick[int64](rng, -1, 1, math.MaxInt64)
	}
	if !often(rng) {
		info.AcceptedEpoch = pick[int64](rng, 0, 2, 3, 1000, -1, math.MaxInt32)
	}
	member := id >= 1 && id <= 3
	if !member && !often(rng) { // a member could use up the epochs
		info.AcceptedEpoch = pick[int64](rng, math.MaxInt32-1, math.MaxInt32-2)
	}
	votes := member && !info.Observer
	if votes {
		info.AcceptedEpoch = l.promise()
	}
	k.send(info, false)
	if !k.saw(pktLeaderInfo) || rng.IntN(16) == 0 {
		return
	}
	epoch, _ := k.state()
	current := pick[int64](rng, epoch, epoch, epoch-1, 0, -1, epoch+1, math.MaxInt32, math.MinInt32)
	if votes {
		current = -1
	}
	k.send(zab.AckEpoch{
		CurrentEpoch: current,
		LastZxid:     pick[proto.Zxid](rng, 0, 0, proto.MakeZxid(epoch, 1), proto.MakeZxid(epoch, 0), anyZxid(rng, proto.MakeZxid(epoch, 2))),
	}, false)
	if !k.saw(pktNewLeader) || rng.IntN(16) == 0 {
		return
	}
	// A member's ACK would count to the quorum, so what it says here is refused.
	if !member {
		k.send(zab.Ack{Zxid: proto.MakeZxid(epoch, 0)}, false)
		k.saw(pktUpToDate)
	}
}

// promise returns an epoch that nobody has promised. What a voter says about its
// promises and its history is believed, like its ACK: with one that is not true a
// second leader could have the same epoch, or one that lacks what was decided.
func (l *learnerLiar) promise() int64 {
	l.epoch += 1000
	return l.epoch
}

// say sends one message, right or wrong at its time.
func (l *learnerLiar) say(k *lie) {
	rng := l.rng
	epoch, last := k.state()
	switch rng.IntN(11) {
	case 0:
		k.send(zab.FollowerInfo{ID: pick(rng, l.ids...), AcceptedEpoch: l.promise()}, false)
	case 1:
		k.send(zab.AckEpoch{CurrentEpoch: -1, LastZxid: anyZxid(rng, last)}, false)
	case 2: // never proposed, or of another epoch
		k.send(zab.Ack{Zxid: pick[proto.Zxid](rng, proto.MakeZxid(epoch, 1<<30), proto.MakeZxid(epoch+1, 0), proto.MakeZxid(epoch+1, 1), -1, 0, math.MinInt64, math.MaxInt64)}, false)
	case 3:
		l.ping(k)
	case 4: // a flood
		var b []byte
		for range 2000 {
			b = asLearner(b, zab.Revalidate{ID: l.session(), TimeoutMs: pick[int32](rng, 0, -1, 1, math.MaxInt32, math.MinInt32)})
		}
		k.raw(b)
	case 5:
		var b []byte
		for range 2000 {
			b = asLearner(b, &zab.Forward{Session: l.session(), Cxid: rng.Int32(), Op: proto.OpSync})
		}
		k.raw(b)
	case 6:
		k.noise()
	case 7:
		k.half(asLearner(nil, l.request()))
	case 8:
		k.send(pick[zab.Message](rng, zab.LeaderInfo{Epoch: epoch}, zab.Diff{}, zab.Trunc{}, zab.Snap{}, zab.Commit{Zxid: last}, zab.UpToDate{}, zab.NewLeader{Epoch: epoch}, zab.Sync{}, zab.Revalidated{ID: 7}), true)
	default:
		for range 1 + rng.IntN(20) {
			k.send(l.request(), false)
		}
	}
}

func asLearner(b []byte, m zab.Message) []byte { return wire.AppendMessage(b, m, false) }

// ping touches many sessions that are not the liar's, one of them theSession,
// whose timeout it only makes longer.
func (l *learnerLiar) ping(k *lie) {
	p := zab.Ping{Zxid: pick[proto.Zxid](l.rng, 0, -1, -2, math.MinInt64, math.MaxInt64, proto.Zxid(l.rng.Int64()))}
	for range l.rng.IntN(300) {
		p.Touches = append(p.Touches, zab.Touch{ID: l.session(), TimeoutMs: pick[int32](l.rng, 0, -1, 1, math.MaxInt32, math.MinInt32)})
	}
	p.Touches = append(p.Touches, zab.Touch{ID: theSession, TimeoutMs: pick[int32](l.rng, math.MaxInt32, 0, -1, math.MinInt32)})
	k.send(p, false)
}

// session returns an id that is not theSession's.
func (l *learnerLiar) session() proto.SessionID {
	return pick[proto.SessionID](l.rng, 0, 8, 9, -1, math.MaxInt64, math.MinInt64, 1000+proto.SessionID(l.rng.IntN(5)))
}

// request returns a REQUEST with any body, which never concerns theSession.
func (l *learnerLiar) request() zab.Message {
	rng := l.rng
	path := pick(rng, "/liar", "/liar/a", "/liar/a/b", "", "/", "//", "/liar/", "liar", "/zookeeper/config", "/\x00", "/liar/../s7-1")
	acl := pick(rng, proto.OpenACL, nil, []proto.ACL{{Perms: -1, ID: proto.ID{Scheme: "auth"}}}, []proto.ACL{{Perms: 31, ID: proto.ID{Scheme: "nosuch", ID: "x"}}})
	create := &proto.CreateRequest{Path: path, Data: make([]byte, rng.IntN(3000)), ACL: acl, Flags: proto.CreateFlags(rng.IntN(9) - 1), TTL: rng.Int64()}
	bodies := []struct {
		op   proto.OpCode
		body proto.Request
	}{
		{proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: pick[int32](rng, 4000, 60_000, 0, -1, math.MinInt32, math.MaxInt32)}},
		{proto.OpCreateSession, &proto.CreateSessionRequest{Timeout: 60_000}},
		{proto.OpCloseSession, nil},
		{proto.OpCreate, create},
		{proto.OpCreate2, create},
		{proto.OpCreateContainer, create},
		{proto.OpCreateTTL, create},
		{proto.OpDelete, &proto.DeleteRequest{Path: path, Version: -1}},
		{proto.OpSetData, &proto.SetDataRequest{Path: path, Version: pick[int32](rng, -1, 0, math.MaxInt32)}},
		{proto.OpSetACL, &proto.SetACLRequest{Path: pick(rng, "/liar", "/liar/a", ""), ACL: acl, Version: -1}},
		{proto.OpMulti, &proto.MultiRequest{Ops: []proto.MultiOp{{Type: proto.OpCreate, Req: create}, {Type: proto.OpDelete, Req: &proto.DeleteRequest{Path: path, Version: -1}}}}},
		{proto.OpReconfig, &proto.ReconfigRequest{Joining: "server.9=h:1:2;3"}},
		{proto.OpDeleteContainer, &proto.PathRequest{Path: path}},
	}
	b := pick(rng, bodies...)
	f := &zab.Forward{Session: l.session(), Cxid: rng.Int32(), Op: b.op, IDs: []proto.ID{{Scheme: pick(rng, "super", "digest", "", "ip"), ID: "a:b"}}}
	if b.body != nil {
		f.Raw = b.body.Append(nil)
	}
	switch rng.IntN(8) {
	case 0:
		f.Raw = f.Raw[:rng.IntN(len(f.Raw)+1)]
	case 1:
		f.Op = pick[proto.OpCode](rng, proto.OpGetData, proto.OpPing, proto.OpAuth, proto.OpError, proto.OpCheck, -77, math.MaxInt32, proto.OpSetWatches)
	}
	return f
}
