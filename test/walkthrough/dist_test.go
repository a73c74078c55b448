package walkthrough

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// dist is the directory paddock that make dist has laid out.
var dist string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		tmp, err := os.MkdirTemp("", "paddock-walkthrough-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(tmp)
		build := exec.Command("make", "dist", "DIST="+tmp)
		build.Dir = filepath.Join("..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "make dist: %v\n%s", err, out)
			return 1
		}
		dist = filepath.Join(tmp, "paddock")
		return m.Run()
	}())
}

// patience bounds every wait. It is far more than any of them takes on an idle machine.
const patience = 60 * time.Second

// await polls until ok, and fails the test after a long time with what was seen last.
func await(t *testing.T, what string, ok func() (bool, string)) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, seen := ok()
		if done {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waiting for %s; last seen: %s", what, seen)
		case <-tick.C:
		}
	}
}

// install is one unpacked copy of the distribution.
type install struct {
	t    *testing.T
	home string
	port int      // of its clients
	env  []string // beside the bare minimum
}

// unpack copies the distribution to dir, as cp -r does.
func unpack(t *testing.T, dir string) *install {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(dist)); err != nil {
		t.Fatal(err)
	}
	in := &install{t: t, home: dir}
	t.Cleanup(in.killLeftover)
	return in
}

// configure does the tutorial's editing: mv conf/zoo_sample.cfg conf/zoo.cfg, client port, data directory, the rest.
func (in *install) configure(port int, more ...string) {
	in.t.Helper()
	in.port = port
	sample, err := os.ReadFile(filepath.Join(in.home, "conf", "zoo_sample.cfg"))
	if err != nil {
		in.t.Fatal(err)
	}
	text := strings.Replace(string(sample), "\nclientPort=2181\n", fmt.Sprintf("\nclientPort=%d\n", port), 1)
	text = strings.Replace(text, "\ndataDir=/tmp/zookeeper\n", "\ndataDir="+in.path("data")+"\n", 1)
	if strings.Contains(text, "/tmp/zookeeper\n") || strings.Contains(text, "=2181\n") {
		in.t.Fatal("zoo_sample.cfg no longer has the lines that the tutorial edits")
	}
	in.write("conf/zoo.cfg", text+strings.Join(more, "\n")+"\n")
}

func (in *install) path(name string) string { return filepath.Join(in.home, filepath.FromSlash(name)) }

func (in *install) write(name, text string) {
	in.t.Helper()
	path := in.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		in.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		in.t.Fatal(err)
	}
}

// result is what a script did.
type result struct {
	out, err string
	code     int
}

// command prepares bin/script with an environment that owes nothing to the tester's.
func (in *install) command(script string, args ...string) *exec.Cmd {
	cmd := exec.Command(in.path("bin/"+script), args...)
	cmd.Dir = in.home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + in.home, "USER=tester", "HOSTNAME=here"}, in.env...)
	return cmd
}

// run runs bin/script to its end.
func (in *install) run(script string, args ...string) result {
	in.t.Helper()
	cmd := in.command(script, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		in.t.Fatalf("%s %q: %v", script, args, err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// want runs zkServer.sh and compares what it prints on its standard output, and its exit code.
func (in *install) want(code int, stdout string, args ...string) {
	in.t.Helper()
	r := in.run("zkServer.sh", args...)
	if r.code != code || r.out != stdout {
		in.t.Errorf("zkServer.sh %s in %s: exit code %d and\n%swant %d and\n%son the standard error:\n%s%s",
			strings.Join(args, " "), filepath.Base(in.home), r.code, r.out, code, stdout, r.err, in.log())
	}
}

// header is what zkServer.sh prints on the standard error, whatever the verb.
func (in *install) header() string {
	return "ZooKeeper JMX enabled by default\nUsing config: " + in.path("bin") + "/../conf/zoo.cfg\n"
}

// log returns the end of what the server printed.
func (in *install) log() string {
	text, _ := os.ReadFile(in.path("logs/zookeeper-tester-server-here.out"))
	return string(text[max(0, len(text)-4000):])
}

// pid returns what the pid file says, 0 without one.
func (in *install) pid() int {
	text, _ := os.ReadFile(in.path("data/zookeeper_server.pid"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// kill ends the server by SIGKILL and waits until it is gone.
func (in *install) kill() {
	in.t.Helper()
	pid := in.pid()
	if pid == 0 {
		in.t.Fatal("no pid file to kill by")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		in.t.Fatalf("kill %d: %v", pid, err)
	}
	in.awaitGone(pid)
}

func (in *install) awaitGone(pid int) {
	in.t.Helper()
	await(in.t, fmt.Sprintf("process %d to end", pid), func() (bool, string) { return !alive(pid), "alive" })
}

func (in *install) killLeftover() {
	if pid := in.pid(); pid != 0 && alive(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// alive says whether a process runs. A dead one that nobody has waited for does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true // not Linux
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// mode returns what zkServer.sh status says the server is, "" while it does not serve.
func (in *install) mode() string {
	in.t.Helper()
	r := in.run("zkServer.sh", "status")
	_, mode, _ := strings.Cut(r.out, "\nMode: ")
	mode = strings.TrimSpace(mode)
	if found := fmt.Sprintf("Client port found: %d. Client address: localhost. Client SSL: false.\n", in.port); !strings.HasPrefix(r.out, found) {
		in.t.Fatalf("status prints\n%swant it to begin with\n%s", r.out, found)
	}
	if ok := mode != ""; ok != (r.code == 0) {
		in.t.Fatalf("status: exit code %d and\n%s", r.code, r.out)
	}
	return mode
}

func (in *install) awaitMode(want ...string) {
	in.t.Helper()
	await(in.t, filepath.Base(in.home)+" to be "+strings.Join(want, " or "), func() (bool, string) {
		mode := in.mode()
		for _, w := range want {
			if mode == w {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%q\n%s", mode, in.log())
	})
}

// Offsets of the other ports of an ensemble from its client ports, as between 2181, 2881 and 3881.
const (
	quorumOffset   = 700
	electionOffset = 1700
)

// given are the ports that tests of this process have got; they run in parallel.
var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// basePort finds a port from which n client ports, and those for quorum and election above them, are free. It stays
// below the range that systems hand out for outgoing connections, so that a killed server finds its port again.
func basePort(t *testing.T, n int) int {
	t.Helper()
	given.Lock()
	defer given.Unlock()
search:
	for range 200 {
		base := 12000 + rand.IntN(32000-electionOffset-12000)
		var ports []int
		for i := range n {
			ports = append(ports, base+i, base+quorumOffset+i, base+electionOffset+i)
		}
		for _, port := range ports {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				continue search
			}
			l.Close()
			if given.ports[port] {
				continue search
			}
		}
		for _, port := range ports {
			given.ports[port] = true
		}
		return base
	}
	t.Fatal("no free ports")
	return 0
}
