package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestRequestThrottle lets one request be at work at a time and stops the only other server while a write waits for it:
// what others ask meanwhile is refused or dropped by Paddock as by Java.
func TestRequestThrottle(t *testing.T) {
	bothSoftware(t, func(t *testing.T, software peers.Software) {
		for _, story := range []struct {
			name     string
			property string
			tell     func(w *throttled)
		}{
			{"refused", "throttled_op_wait_time=50", (*throttled).refused},
			{"dropped", "request_throttle_drop_stale=true", func(w *throttled) { w.gone("y", 1, 0, 1) }},
			{"kept", "request_throttle_drop_stale=false", func(w *throttled) { w.gone("b2", 3, 2, 0) }},
		} {
			t.Run(story.name, func(t *testing.T) {
				key, value, _ := strings.Cut(story.property, "=")
				e := peers.StartEnsembleLike(t, peers.Config{
					Settings:   map[string]string{"syncLimit": "120"}, // the follower is not missed
					Properties: map[string]string{"zookeeper.request_throttle_max_requests": "1", "zookeeper." + key: value},
				}, software, software)
				w := &throttled{T: t, witness: &witness{t: t, e: e}}
				if err := golden.Catch(func() { w.begin(); story.tell(w) }); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// throttled is a leader whose follower stands still, with a write at work.
type throttled struct {
	*testing.T
	*witness
	server, other *peers.Server
	a, b          *golden.Session
}

func (w *throttled) begin() {
	w.server = w.leader()
	w.other = w.e.Server(3 - w.server.ID)
	t := &golden.Transcript{}
	w.a, w.b = golden.Connect(t, w.server.Addr(), ""), golden.Connect(t, w.server.Addr(), "")
	w.a.Ask(golden.OpCreate, golden.Create("/a", []byte("x"), golden.Open, 0), "")
	golden.Must(w.other.Pause(), "pause")
	w.Cleanup(func() { w.other.Resume() })
	w.a.Send(request(9, golden.OpSetData, golden.Record{}.Ustring("/a").Buffer([]byte("y")).Int(-1)), "")
	w.metric("outstanding_requests", 1)
}

// request is a payload with its header.
func request(xid, op int32, body golden.Record) []byte {
	return append(golden.Record{}.Int(xid).Int(op), body...)
}

// together sends requests of b that a server reads at once. Paddock reads nothing of a connection behind a request that waits, and a
// request's time begins when it is read.
func (w *throttled) together(payloads ...[]byte) {
	var all golden.Record
	for _, p := range payloads {
		all = append(all.Int(int32(len(p))), p...)
	}
	w.b.Raw(all)
}

// metric waits until mntr says so.
func (w *throttled) metric(key string, want int) {
	w.await(key, func(n int) bool { return n == want })
}

// stalls waits until the first in the queue has been looked at n times more, a tenth of a second each.
func (w *throttled) stalls(n int) {
	const key = "request_throttle_wait_count"
	begin := w.await(key, func(n int) bool { return n > 0 })
	w.await(key, func(now int) bool { return now >= begin+n })
}

func (w *throttled) await(key string, ok func(int) bool) (n int) {
	ctx, cancel := w.within()
	defer cancel()
	defer func() {
		if ctx.Err() != nil {
			w.Logf("%s was %d at last", key, n)
		}
	}()
	line := regexp.MustCompile(`(?m)^zk_` + key + `\t(\d+)$`)
	golden.Must(peers.Await(ctx, key, func(ctx context.Context) error {
		text, err := w.server.Word(ctx, "mntr")
		if err != nil {
			return err
		}
		found := line.FindStringSubmatch(text)
		if found == nil {
			return fmt.Errorf("mntr has no %s", key)
		}
		if n, err = strconv.Atoi(found[1]); err == nil && !ok(n) {
			err = fmt.Errorf("%s is %d", key, n)
		}
		return err
	}), key)
	return n
}

// refused: what has waited for more than 50 ms is, in its turn, but no ping and no end of a session.
func (w *throttled) refused() {
	w.together(
		request(1, golden.OpCreate, golden.Create("/b", nil, golden.Open, 0)), request(2, golden.OpSync, golden.Record{}.Ustring("/a")),
		request(-2, golden.OpPing, nil), request(4, golden.OpCloseSession, nil),
	)
	w.stalls(3)
	golden.Must(w.other.Resume(), "resume")
	for _, want := range []string{"1 -127", "2 -127", "-2 0", "4 0"} {
		b := w.b.Receive("")
		if got := fmt.Sprint(int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[12:]))); got != want || len(b) != 16 {
			w.Errorf("%s with %d bytes, want %s", got, len(b), want)
		}
	}
	w.a.Receive("")
	w.metric("throttled_ops", 2)
}

// gone: of a client that leaves two writes behind, either nothing is done or both.
func (w *throttled) gone(data string, version int32, stale, dropped int) {
	w.together(
		request(1, golden.OpSetData, golden.Record{}.Ustring("/a").Buffer([]byte("b1")).Int(-1)),
		request(2, golden.OpSetData, golden.Record{}.Ustring("/a").Buffer([]byte("b2")).Int(-1)),
	)
	w.stalls(1)
	w.b.Drop()
	if dropped > 0 {
		w.metric("stale_requests_dropped", dropped)
	} else {
		w.stalls(3)
	}
	golden.Must(w.other.Resume(), "resume")
	w.a.Receive("")
	w.metric("stale_requests", stale)
	w.metric("stale_requests_dropped", dropped)
	ctx, cancel := w.within()
	defer cancel()
	golden.Must(peers.Await(ctx, "the data", func(context.Context) error {
		b := w.a.Ask(golden.OpGetData, golden.Watched("/a", false), "")
		got, at := string(b[20:20+binary.BigEndian.Uint32(b[16:])]), int32(binary.BigEndian.Uint32(b[len(b)-68+32:]))
		if got != data || at != version {
			return fmt.Errorf("data %q of version %d, want %q of version %d", got, at, data, version)
		}
		return nil
	}), "read")
}
