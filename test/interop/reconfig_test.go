package interop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestReconfig grows an ensemble of three by a fourth and a fifth server and then takes its leader away, driven by
// Java's shell, while clients write. Nothing acknowledged may be lost, and every server that is left must come back
// from its own files.
func TestReconfig(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	if os.Getenv("PADDOCK_INTEROP_JAVA") != "" {
		t.Run("java only", func(t *testing.T) { growAndShrink(t, java, java, java, java, java) })
	}
	if os.Getenv("PADDOCK_INTEROP_JAVA") == "only" {
		return
	}
	paddock := peers.RequirePaddock(t)
	t.Run("paddock", func(t *testing.T) { growAndShrink(t, paddock, paddock, paddock, paddock, paddock) })
	t.Run("paddock leads java", func(t *testing.T) { growAndShrink(t, java, paddock, paddock, java, paddock) })
	t.Run("java leads paddock", func(t *testing.T) { growAndShrink(t, paddock, paddock, java, paddock, java) })
}

// growAndShrink starts servers of the first three, of which the last leads.
func growAndShrink(t *testing.T, software ...peers.Software) {
	r := newReconfig(t, software...)
	r.launch(3) // there first, it is the one that the others elect
	r.await("server 3 to be up", func() error {
		ctx, cancel := r.within()
		defer cancel()
		_, err := r.server(3).Word(ctx, "srvr")
		return err
	})
	r.launch(1)
	r.awaitServing()
	r.start(2)
	old := r.leader()
	if old.ID != 3 {
		t.Fatalf("%v leads a fresh ensemble", old)
	}
	load := r.load()
	for _, id := range []int{4, 5} {
		r.start(id) // follows without a vote
		out := r.zkCli("reconfig -add " + r.line(id))
		if !strings.Contains(out, "Committed new configuration:") || !strings.Contains(out, fmt.Sprintf("server.%d=", id)) {
			t.Fatalf("add server %d: %s", id, out)
		}
		r.sameConfig([]int{1, 2, 3, 4, 5}[:id]...)
	}
	r.paddockCli("reconfig -add " + strings.Replace(r.line(5), "participant", "observer", 1))
	r.role(5, "observer")
	if out := r.zkCli("config -c"); !strings.Contains(out, fmt.Sprintf(",%s", r.server(5).Addr())) {
		t.Errorf("config -c: %s", out)
	}
	r.zkCli("reconfig -add " + r.line(5))
	r.role(5, "follower")
	r.sameConfig(1, 2, 3, 4, 5)
	if got := r.leader(); got != old {
		t.Errorf("%v leads after others were added, it was %v", got, old)
	}
	if out := r.zkCli("reconfig -add " + r.line(4) + " -v 1"); !strings.Contains(out, "version No is not valid") && !strings.Contains(out, "BadVersion") {
		t.Errorf("from another version: %s", out)
	}
	r.zkCli(fmt.Sprintf("reconfig -remove %d", old.ID))
	r.await("another leader", func() error {
		if l := r.leader(); l == old {
			return errors.New("the removed server leads")
		}
		return nil
	})
	r.sameConfig(1, 2, 4, 5)
	old.Kill()
	r.roundOfWrites("without the old leader", 1, 2, 4, 5)
	load.stop()
	load.check(1, 2, 4, 5)

	for _, id := range []int{1, 2, 4, 5} { // they find the others by their own files
		s := r.server(id)
		s.Kill()
		r.start(id)
		text := r.file(s, "zoo.cfg")
		if !strings.Contains(text, "dynamicConfigFile=") || strings.Contains(text, "server.") {
			t.Errorf("zoo.cfg of %v:\n%s", s, text)
		}
		if id < 4 && !strings.Contains(r.file(s, "zoo.cfg.bak"), "server.1=") {
			t.Errorf("%v has kept no copy of its zoo.cfg", s)
		}
	}
	r.sameConfig(1, 2, 4, 5)
	load.check(1, 2, 4, 5)
}

// reconfigured is an ensemble whose members change.
type reconfigured struct {
	*witness
	t       *testing.T
	members []peers.Member
}

// newReconfig lays out servers of which the first three know only themselves, and each later one those and itself.
func newReconfig(t *testing.T, software ...peers.Software) *reconfigured {
	t.Helper()
	ports, err := peers.FreePorts(3 * len(software))
	if err != nil {
		t.Fatal(err)
	}
	r := &reconfigured{t: t}
	e := &peers.Ensemble{}
	home := t.TempDir()
	for i, sw := range software {
		m := peers.Member{ID: i + 1, QuorumPort: ports[3*i], ElectionPort: ports[3*i+1], ClientPort: ports[3*i+2]}
		r.members = append(r.members, m)
		known := r.members
		if i < 3 {
			known = nil
			for j := range 3 {
				known = append(known, peers.Member{ID: j + 1, QuorumPort: ports[3*j], ElectionPort: ports[3*j+1], ClientPort: ports[3*j+2]})
			}
		} else {
			known = append(append([]peers.Member{}, r.members[:3]...), m)
		}
		s, err := peers.NewServer(sw, peers.Config{Home: filepath.Join(home, fmt.Sprintf("server%d", m.ID)), ID: m.ID, ClientPort: m.ClientPort,
			Members: known, Settings: map[string]string{"reconfigEnabled": "true"}, Properties: map[string]string{"zookeeper.skipACL": "yes"}})
		if err != nil {
			t.Fatal(err)
		}
		e.Servers = append(e.Servers, s)
	}
	peers.EndWith(t, e.Servers...)
	r.witness = &witness{t: t, e: e, acked: map[string]string{}}
	return r
}

func (r *reconfigured) server(id int) *peers.Server { return r.e.Server(id) }

func (r *reconfigured) line(id int) string {
	return serverLine(r.members[id-1])
}

func serverLine(m peers.Member) string {
	return fmt.Sprintf("server.%d=127.0.0.1:%d:%d:participant;127.0.0.1:%d", m.ID, m.QuorumPort, m.ElectionPort, m.ClientPort)
}

func (r *reconfigured) launch(id int) {
	r.t.Helper()
	if err := r.server(id).Start(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reconfigured) start(id int) {
	r.t.Helper()
	r.launch(id)
	r.awaitServing()
}

func (r *reconfigured) file(s *peers.Server, name string) string {
	b, err := os.ReadFile(filepath.Join(s.Home, name))
	if err != nil {
		r.t.Error(err)
	}
	return string(b)
}

func (r *reconfigured) await(what string, done func() error) {
	r.t.Helper()
	ctx, cancel := r.within()
	defer cancel()
	if err := peers.Await(ctx, what, func(context.Context) error { return done() }); err != nil {
		r.t.Fatal(err)
	}
}

// zkCli has Java's shell run a command on a server that is to stay.
func (r *reconfigured) zkCli(command string) string {
	r.t.Helper()
	return r.zkCliOn(1, command)
}

func (r *reconfigured) zkCliOn(id int, command string) string {
	r.t.Helper()
	in := peers.Require(r.t)
	args := append([]string{"org.apache.zookeeper.ZooKeeperMain", "-timeout", "30000", "-server", r.server(id).Addr()}, strings.Fields(command)...)
	cmd := in.JavaClient(in.Classpath(), args...)
	cmd.Dir = r.t.TempDir()
	out, err := cmd.CombinedOutput()
	r.t.Logf("%s: %v\n%s", command, err, out)
	return string(out)
}

// paddockCli is zkCli with Paddock's shell.
func (r *reconfigured) paddockCli(command string) {
	r.t.Helper()
	paddock := peers.RequirePaddock(r.t)
	args := append([]string{"cli", "-server", r.server(1).Addr()}, strings.Fields(command)...)
	out, err := exec.Command(paddock.Binary, args...).CombinedOutput()
	if r.t.Logf("%s: %v\n%s", command, err, out); err != nil || !strings.Contains(string(out), "Committed new configuration:") {
		r.t.Error("paddock cli failed")
	}
}

// role waits until a server says that it has this role.
func (r *reconfigured) role(id int, want string) {
	r.t.Helper()
	r.await("server "+fmt.Sprint(id)+" to be "+want, func() error {
		ctx, cancel := r.within()
		defer cancel()
		st, err := r.server(id).Status(ctx)
		if err == nil && st.Mode != want {
			err = fmt.Errorf("it is %s", st.Mode)
		}
		return err
	})
}

// sameConfig waits until the servers tell clients of the same configuration.
func (r *reconfigured) sameConfig(ids ...int) {
	r.t.Helper()
	r.await("the same configuration everywhere", func() error {
		var first string
		for _, id := range ids {
			conn := r.connect(r.server(id))
			data, st, err := conn.Get("/zookeeper/config")
			conn.Close()
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s %x", data, st.Mzxid)
			if !strings.Contains(text, fmt.Sprintf("version=%x %x", st.Mzxid, st.Mzxid)) {
				return fmt.Errorf("server %d: the version is not the zxid: %s", id, text)
			}
			if first == "" {
				first = text
			}
			if text != first || strings.Count(text, "server.") != len(ids) {
				return fmt.Errorf("server %d has\n%s\nserver %d has\n%s", ids[0], first, id, text)
			}
		}
		return nil
	})
}

// roundOfWrites writes through each server.
func (r *reconfigured) roundOfWrites(name string, ids ...int) {
	r.t.Helper()
	for _, id := range ids {
		r.await("a write through server "+fmt.Sprint(id), func() error {
			conn := r.connect(r.server(id))
			defer conn.Close()
			_, err := conn.Create(fmt.Sprintf("/%s %d", name, id), nil, 0, zk.WorldACL(zk.PermAll))
			if errors.Is(err, zk.ErrNodeExists) {
				return nil
			}
			return err
		})
	}
}

// load is a client that writes until it is stopped, and what it was told.
type load struct {
	r     *reconfigured
	end   chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	acked []string
}

func (r *reconfigured) load() *load {
	r.t.Helper()
	var addrs []string
	for _, s := range r.e.Servers {
		addrs = append(addrs, s.Addr())
	}
	l := &load{r: r, end: make(chan struct{})}
	for worker := range 3 {
		conn, _, err := zk.Connect(addrs, 20*time.Second, zk.WithLogger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
		if err != nil {
			r.t.Fatal(err)
		}
		l.wg.Add(1)
		go func() {
			defer l.wg.Done()
			defer conn.Close()
			for i := 0; ; i++ {
				select {
				case <-l.end:
					return
				default:
				}
				path := fmt.Sprintf("/load-%d-%d", worker, i)
				if _, err := conn.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err == nil {
					l.mu.Lock()
					l.acked = append(l.acked, path)
					l.mu.Unlock()
				}
			}
		}()
	}
	r.t.Cleanup(l.stop)
	return l
}

func (l *load) stop() {
	select {
	case <-l.end:
	default:
		close(l.end)
	}
	l.wg.Wait()
}

// check looks for everything that was acknowledged, on each server.
func (l *load) check(ids ...int) {
	l.r.t.Helper()
	l.r.t.Logf("%d writes were acknowledged", len(l.acked))
	for _, id := range ids {
		conn := l.r.connect(l.r.server(id))
		l.r.sync(conn, l.r.server(id))
		children, _, err := conn.Children("/")
		conn.Close()
		if err != nil {
			l.r.t.Fatal(err)
		}
		there := map[string]bool{}
		for _, c := range children {
			there["/"+c] = true
		}
		for _, path := range l.acked {
			if !there[path] {
				l.r.t.Fatalf("server %d has lost %s", id, path)
			}
		}
	}
}
