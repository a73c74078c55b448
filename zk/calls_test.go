package zk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paddock-io/paddock/proto"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

func TestRareCalls(t *testing.T) {
	for _, servers := range []string{"fake", "fake/app"} {
		t.Run(servers, func(t *testing.T) {
			s := fake.New()
			for _, path := range []string{"/app", "/zookeeper", "/zookeeper/config"} {
				s.Write(path, nil)
			}
			testRareCalls(t, s, connectTo(t, s, servers, Options{}))
		})
	}
}

func testRareCalls(t *testing.T, s *fake.Server, c *Conn) {
	ctx := t.Context()
	path, stat, err := c.CreateTTL(ctx, "/ttl-", []byte("x"), PersistentSequentialTTL, OpenACL, time.Minute)
	if err != nil || !strings.HasPrefix(path, "/ttl-0") || stat.DataLength != 1 {
		t.Errorf("create: %q, %+v, %v", path, stat, err)
	}
	for _, name := range []string{"/e", "/e2"} {
		_, err := c.Create(ctx, name, nil, Ephemeral, OpenACL)
		must(t, err)
	}
	for prefix, want := range map[string]string{"/": "/e /e2", "/e2": "/e2", "/x": ""} {
		paths, err := c.Ephemerals(ctx, prefix)
		slices.Sort(paths)
		if got := strings.Join(paths, " "); got != want || err != nil {
			t.Errorf("ephemerals of %s: %q, %v", prefix, got, err)
		}
	}
	must(t, c.Delete(ctx, "/e2", AnyVersion))
	if _, err := c.AllChildrenNumber(ctx, "/none"); !errors.Is(err, ErrNoNode) {
		t.Errorf("count: %v", err)
	}
	if n, err := c.AllChildrenNumber(ctx, "/"); n < 2 || err != nil {
		t.Errorf("count: %d, %v", n, err)
	}
	must(t, c.AddAuth(ctx, "digest", []byte("bob:secret")))
	if ids, err := c.WhoAmI(ctx); fmt.Sprint(ids) != "[{ip 127.0.0.1} {digest bob}]" || err != nil {
		t.Errorf("who am I: %v, %v", ids, err)
	}
	results, err := c.MultiRead(ctx, GetOp(path), ChildrenOp("/e"), GetOp("/none"))
	if err != nil || string(results[0].Data) != "x" || results[0].Stat.DataLength != 1 || len(results[1].Children) != 0 || !errors.Is(results[2].Err, ErrNoNode) {
		t.Errorf("multiRead: %+v, %v", results, err)
	}
	for _, ops := range [][]Op{{SetOp("/", nil, 0)}, {watched(GetOp("/"))}, {ExistsOp("/")}, {MultiReadOp()}, {{}}} {
		if _, err := c.MultiRead(ctx, ops...); !errors.Is(err, ErrBadArguments) {
			t.Errorf("multiRead of %s: %v", ops[0].name(), err)
		}
	}
	if _, err := c.Multi(ctx, MultiReadOp()); !errors.Is(err, ErrBadArguments) {
		t.Errorf("multiRead in a multi: %v", err)
	}

	data, _, w, err := c.GetConfigW(ctx)
	if err != nil || len(data) != 0 {
		t.Errorf("config: %q, %v", data, err)
	}
	s.Write(ConfigPath, []byte("server.1=..."))
	mustEvent(t, w, EventNodeDataChanged, ConfigPath)
	if data, _, err = c.GetConfig(ctx); string(data) != "server.1=..." || err != nil {
		t.Errorf("config: %q, %v", data, err)
	}
	if _, _, err := c.Reconfig(ctx, Reconfiguration{Members: []string{"server.1=..."}}, AnyConfig); !errors.Is(err, ErrReconfigDisabled) {
		t.Errorf("reconfig: %v", err)
	}
}

func TestMultiWithEveryCreate(t *testing.T) {
	c := connect(t, fake.New(), Options{})
	results, err := c.Multi(t.Context(),
		CreateOp("/a", nil, Container, OpenACL), CreateTTLOp("/b", nil, PersistentTTL, OpenACL, time.Minute), CreateStatOp("/c", nil, Persistent, OpenACL))
	must(t, err)
	for i, r := range results {
		if r.Path != "/"+string(rune('a'+i)) || r.Stat.Czxid == 0 || r.Err != nil {
			t.Errorf("result %d: %+v", i, r)
		}
	}
}

// The read of GetLatest goes directly behind its sync, however many others
// there are, and on the same connection.
func TestGetLatest(t *testing.T) {
	s := fake.New()
	var order []proto.OpCode
	s.SetHook(func(op proto.OpCode, req proto.Request) fake.Fate {
		if r, ok := req.(*proto.PathRequest); ok && r.Path != "/" {
			t.Errorf("sync of %s", r.Path)
		}
		order = append(order, op)
		return fake.Pass
	})
	c := connect(t, s, Options{MaxInFlight: 3})
	s.Write("/", []byte("new"))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if data, _, err := c.GetLatest(t.Context(), "/"); string(data) != "new" || err != nil {
				t.Errorf("%q, %v", data, err)
			}
		})
		wg.Go(func() {
			if _, _, err := c.Exists(t.Context(), "/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	syncs := 0
	for i, op := range order {
		if op == proto.OpSync {
			if syncs++; order[i+1] != proto.OpGetData {
				t.Errorf("%v behind a sync", order[i+1])
			}
		}
	}
	if syncs != 20 {
		t.Errorf("%d syncs", syncs)
	}
	if res, err := c.DoLatest(t.Context(), MultiReadOp(GetOp("/"))); err != nil || len(res.Results) != 1 {
		t.Errorf("multiRead: %+v, %v", res, err)
	}
}

// A read is not the latest if its sync has failed.
func TestGetLatestNeedsTheSync(t *testing.T) {
	for name, tc := range map[string]struct {
		fate fake.Fate
		want error
	}{
		"refused": {fake.Refuse, ErrMarshalling}, "lost": {fake.DropBefore, ErrConnectionLoss}, "silent": {fake.Silent, context.Canceled},
	} {
		s := fake.New()
		ctx, cancel := context.WithCancel(t.Context())
		s.SetHook(func(op proto.OpCode, _ proto.Request) fake.Fate {
			if op == proto.OpSync {
				return tc.fate
			}
			if op == proto.OpGetData && tc.fate == fake.Silent {
				cancel()
				return fake.Silent
			}
			return fake.Pass
		})
		c := connect(t, s, Options{})
		data, _, err := c.GetLatest(ctx, "/")
		if data != nil || !errors.Is(err, tc.want) {
			t.Errorf("%s: %q, %v", name, data, err)
		}
		c.Detach()
		cancel()
	}
	c := connectTo(t, fake.New(), "fake/app", Options{})
	if _, _, err := c.GetLatest(t.Context(), "app"); !errors.Is(err, ErrBadArguments) {
		t.Errorf("path outside the chroot: %v", err)
	}
}

// Every number of the protocol has a name here.
func TestCodes(t *testing.T) {
	for code, want := range map[Code]int32{
		ErrSystem: -1, ErrRuntimeInconsistency: -2, ErrDataInconsistency: -3, ErrConnectionLoss: -4, ErrMarshalling: -5,
		ErrUnimplemented: -6, ErrOperationTimeout: -7, ErrBadArguments: -8, ErrUnknownSession: -12, ErrNewConfigNoQuorum: -13,
		ErrReconfigInProgress: -14, ErrAPI: -100, ErrNoNode: -101, ErrNoAuth: -102, ErrBadVersion: -103,
		ErrNoChildrenForEphemerals: -108, ErrNodeExists: -110, ErrNotEmpty: -111, ErrSessionExpired: -112,
		ErrInvalidCallback: -113, ErrInvalidACL: -114, ErrAuthFailed: -115, ErrSessionMoved: -118, ErrNotReadOnly: -119,
		ErrEphemeralOnLocalSession: -120, ErrNoWatcher: -121, ErrRequestTimeout: -122, ErrReconfigDisabled: -123,
		ErrSessionClosedRequireSasl: -124, ErrQuotaExceeded: -125, ErrThrottledOp: -127,
	} {
		if int32(code) != want || strings.HasPrefix(code.Name(), "Unknown error") {
			t.Errorf("%s is %d, want %d", code.Name(), int32(code), want)
		}
	}
}

// A prefix that ends where the chroot does is one of its neighbours too.
func TestStripAll(t *testing.T) {
	paths := []string{"/app", "/apple", "/app/e", "/", "/b/app/e"}
	if got := fmt.Sprint(chroot("/app").stripAll(slices.Clone(paths))); got != "[/ /e]" {
		t.Errorf("inside /app: %s", got)
	}
	if got := chroot("").stripAll(paths); !slices.Equal(got, paths) {
		t.Errorf("without a chroot: %q", got)
	}
}
