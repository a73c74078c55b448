package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk"
)

// rawTimeout is long enough for an election, and for a machine that has other
// things to do.
const rawTimeout = 4 * time.Second

// raw is a client that does nothing by itself, pings in particular.
type raw struct {
	id     proto.SessionID
	passwd []byte
	nc     net.Conn
	xid    int32
	last   proto.Zxid
	sent   time.Time // when the newest request that was answered was sent

	readOnly bool // wants no more than to read
}

var errInvalid = errors.New("the session has ended")

// dial opens the session, or resumes it.
func (r *raw) dial(addr string) error {
	if r.nc != nil {
		r.nc.Close()
	}
	nc, err := net.DialTimeout("tcp", addr, rawTimeout)
	if err != nil {
		return err
	}
	r.nc = nc
	passwd := r.passwd
	if passwd == nil {
		passwd = make([]byte, 16)
	}
	now := time.Now()
	req := proto.ConnectRequest{Timeout: int32(rawTimeout / time.Millisecond), SessionID: r.id, Passwd: passwd, LastZxidSeen: r.last, ReadOnly: r.readOnly, HasReadOnly: true}
	b, err := r.exchange(req.Append(nil))
	if err != nil {
		return err
	}
	var resp proto.ConnectResponse
	d := jute.NewDecoder(b)
	if resp.Decode(&d); resp.SessionID == 0 {
		return errInvalid
	}
	r.id, r.passwd, r.sent = resp.SessionID, resp.Passwd, now
	return d.Err()
}

func (r *raw) exchange(payload []byte) ([]byte, error) {
	r.nc.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := r.nc.Write(append(jute.AppendInt(nil, int32(len(payload))), payload...)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(r.nc, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(r.nc, b)
	return b, err
}

// ask sends one request and waits for its answer.
func (r *raw) ask(op proto.OpCode, body proto.Request) error {
	r.xid++
	now := time.Now()
	p := proto.RequestHeader{Xid: r.xid, Op: op}.Append(nil)
	if body != nil {
		p = body.Append(p)
	}
	b, err := r.exchange(p)
	if err != nil {
		return err
	}
	var h proto.ReplyHeader
	d := jute.NewDecoder(b)
	h.Decode(&d)
	if d.Err() != nil || h.Err != proto.OK {
		return fmt.Errorf("%s: %v, %v", op, h.Err, d.Err())
	}
	r.sent, r.last = now, max(r.last, h.Zxid)
	return nil
}

func ephemeralOf(i int) string { return fmt.Sprintf("/sessions/e%d", i) }

// openRaw opens session i on a server, as soon as it serves, with an ephemeral
// znode.
func openRaw(t *testing.T, ctx context.Context, addr string, i int) *raw {
	t.Helper()
	r := &raw{}
	t.Cleanup(func() {
		if r.nc != nil {
			r.nc.Close()
		}
	})
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for err := r.dial(addr); err != nil; err = r.dial(addr) {
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
	if err := r.ask(proto.OpCreate, &proto.CreateRequest{Path: ephemeralOf(i), ACL: proto.OpenACL, Flags: proto.Ephemeral}); err != nil {
		t.Fatal(err)
	}
	return r
}

// live shows life by one request after the other until ctx ends, on whatever
// server takes the session. It returns an error if the session ends although it
// has shown life within its timeout; being starved is no fault of the servers.
func (r *raw) live(ctx context.Context, op proto.OpCode, body proto.Request, addrs ...string) error {
	pace := time.NewTicker(rawTimeout / 10)
	defer pace.Stop()
	for try := 0; ; {
		err := r.ask(op, body)
		for err != nil && ctx.Err() == nil && !errors.Is(err, errInvalid) {
			<-pace.C
			try++
			err = r.dial(addrs[try%len(addrs)])
		}
		if errors.Is(err, errInvalid) {
			if quiet := time.Since(r.sent); quiet < rawTimeout {
				return fmt.Errorf("session %s has ended %v after a request was answered", r.id, quiet)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

// gone waits until the ephemerals are gone.
func gone(t *testing.T, ctx context.Context, c *zk.Conn, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		for {
			_, there, w, err := c.ExistsW(ctx, ephemeralOf(i))
			if err != nil {
				t.Fatal(err)
			}
			if !there {
				break
			}
			if _, err := w.Wait(ctx); err != nil && ctx.Err() != nil {
				t.Fatalf("session %d does not end: %v", i, err)
			}
		}
	}
}

// TestSessionsUnderLoad: while everybody writes, sessions that only read, or
// ping, through a follower or the leader stay alive, over an election too; the
// silent ones end.
func TestSessionsUnderLoad(t *testing.T) {
	ctx := testContext(t)
	ms := newEnsemble(t, 3, "maxSessionTimeout=60000", "maxClientCnxns=0")
	for _, m := range ms {
		m.start()
	}
	c := connect(t, ctx, ms[0].client, ms[1].client)
	if _, err := c.Create(ctx, "/sessions", nil, 0, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	const each = 40
	var sessions []*raw
	for i := range 3 * each {
		sessions = append(sessions, openRaw(t, ctx, ms[i%3].client, i))
	}
	living, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	ops := []struct {
		op   proto.OpCode
		body proto.Request
	}{{proto.OpGetData, &proto.PathWatchRequest{Path: "/sessions"}}, {proto.OpPing, nil}}
	errs := make(chan error, len(sessions))
	for i, r := range sessions[:2*each] {
		how := ops[i/3%2]
		wg.Go(func() { errs <- r.live(living, how.op, how.body, ms[i%2].client, ms[(i+1)%2].client) })
	}
	for range 4 { // the loop is kept busy
		wg.Go(func() {
			for living.Err() == nil {
				c.Set(living, "/sessions", make([]byte, 100), zk.AnyVersion)
			}
		})
	}
	gone(t, ctx, c, 2*each, 3*each)
	ms[2].halt() // the leader, since the highest id leads a fresh ensemble
	witness := connect(t, ctx, ms[0].client, ms[1].client)
	silent := openRaw(t, ctx, ms[0].client, 3*each)
	silent.nc.Close()
	gone(t, ctx, witness, 3*each, 3*each+1)
	stop()
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestReadOnlyMode: a server that is alone lets readers in, who see what its
// log holds, and nobody else; with a second one it is an ordinary server again,
// and the readers have to come again.
func TestReadOnlyMode(t *testing.T) {
	ctx := testContext(t)
	ms := newEnsemble(t, 3, "localSessionsEnabled=true")
	for _, m := range ms {
		m.flags = map[string]string{"readonlymode.enabled": "true"}
	}
	ms[0].start()
	ms[1].start()
	c := connect(t, ctx, ms[0].client)
	if _, err := c.Create(ctx, "/a", []byte("x"), 0, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	c.Close()
	ms[1].halt()
	serves(t, ctx, ms[0], zab.RoleReadOnly)
	if err := (&raw{}).dial(ms[0].client); !errors.Is(err, io.EOF) {
		t.Errorf("a client that wants to write: %v", err)
	}
	r := &raw{readOnly: true}
	defer func() { r.nc.Close() }()
	if err := r.dial(ms[0].client); err != nil {
		t.Fatal(err)
	}
	if err := r.ask(proto.OpGetData, &proto.PathWatchRequest{Path: "/a", Watch: true}); err != nil {
		t.Error(err)
	}
	if err := r.ask(proto.OpDelete, &proto.DeleteRequest{Path: "/a", Version: -1}); err == nil {
		t.Error("a write was not refused")
	}
	ms[1].start()
	if _, err := io.ReadFull(r.nc, make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("instead of the end: %v", err)
	}
	serves(t, ctx, ms[0], zab.RoleFollower, zab.RoleLeader)
	if err := r.dial(ms[0].client); !errors.Is(err, errInvalid) {
		t.Errorf("a session of the read-only server: %v", err)
	}
	c = connect(t, ctx, ms[0].client)
	if err := c.Delete(ctx, "/a", zk.AnyVersion); err != nil {
		t.Error(err)
	}
}

// serves waits until a server serves as one of roles.
func serves(t *testing.T, ctx context.Context, m *member, roles ...zab.Role) {
	t.Helper()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for !slices.Contains(roles, m.node.Role()) {
		select {
		case <-pace.C:
		case <-ctx.Done():
			t.Fatalf("role %s", m.node.Role())
		}
	}
}
