package interop

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// sessionTimeout, in milliseconds, is what every client asks for: long enough to outlive an election,
// and within the 20 ticks of 500 ms that the servers allow.
const sessionTimeout = "8000"

// extended has what the programs ask for beyond the defaults: znodes with a time to live, and empty
// containers removed soon.
var extended = peers.Config{
	Settings:   map[string]string{"extendedTypesEnabled": "true"},
	Properties: map[string]string{"znode.container.checkIntervalMs": "500"},
}

// cluster is an ensemble as a client test sees it. The servers are Java's or Paddock's.
type cluster interface {
	ConnectString() string
	// Holder returns the server that has the session's connection.
	Holder(ctx context.Context, session string) (*peers.Server, error)
}

// onEachCluster runs test against three Paddock servers. PADDOCK_INTEROP_JAVA has it run against three Java servers
// first ("1"), or instead ("only"), because a test that fails there asks for something ZooKeeper does not do;
// or instead against one of Java between two of Paddock, and one of Paddock between two of Java ("mixed").
func onEachCluster(t *testing.T, test func(t *testing.T, in *peers.Installation, c cluster)) {
	in := peers.Require(t)
	run := func(name string, software ...peers.Software) {
		t.Run(name, func(t *testing.T) { test(t, in, peers.StartEnsembleLike(t, extended, software...)) })
	}
	j := peers.Java{Installation: in}
	which := os.Getenv("PADDOCK_INTEROP_JAVA")
	if which == "1" || which == "only" {
		run("java", j, j, j)
	}
	if which == "only" {
		return
	}
	p := peers.RequirePaddock(t)
	if which == "mixed" {
		run("one-java", p, j, p)
		run("two-java", j, p, j)
		return
	}
	run("paddock", p, p, p)
}

// TestClients walks each client library through the story of clients/PROTOCOL.md, killing the server
// that the client is connected to in the middle.
func TestClients(t *testing.T) {
	programs := clientPrograms(t)
	onEachCluster(t, func(t *testing.T, _ *peers.Installation, c cluster) {
		for _, p := range programs {
			t.Run(p.name, func(t *testing.T) { runStory(t, c, p) })
		}
	})
}

// clientProgram is one of clients/, ready to run, and the lines it says before and after the kill.
type clientProgram struct {
	name   string
	argv   []string
	before []string
	after  []string
}

// story is what the programs that walk through the same story say.
func story(name string, argv ...string) clientProgram {
	return clientProgram{
		name, argv,
		[]string{"created", "read", "watched", "locked"},
		[]string{"survived", "rewatched", "relocked"},
	}
}

// clientPrograms compiles what needs compiling.
func clientPrograms(t *testing.T) []clientProgram {
	in := peers.Require(t)
	dir := t.TempDir()
	build := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	build("javac", "-nowarn", "-Xlint:-deprecation", "-d", dir, "-cp", in.CuratorClasspath(), "clients/JavaClient.java", "clients/CuratorClient.java")
	for _, program := range []string{"c_client", "c_calls"} {
		build("gcc", "-Wall", "-O1", "-DTHREADED", "-o", filepath.Join(dir, program), "clients/"+program+".c", "-lzookeeper_mt", "-lpthread")
	}
	build("go", "build", "-o", filepath.Join(dir, "goclient"), "./clients/goclient")
	java := func(class string) []string {
		return in.JavaClient(in.CuratorClasspath()+string(os.PathListSeparator)+dir, class).Args
	}
	programs := []clientProgram{
		story("kazoo", in.Python(), "clients/kazoo_client.py"),
		story("java", java("JavaClient")...),
		story("c", filepath.Join(dir, "c_client")),
		story("go-zookeeper", filepath.Join(dir, "goclient")),
		{
			"c-calls", []string{filepath.Join(dir, "c_calls")},
			[]string{"created", "transacted", "guarded", "configured", "burst", "unwatched"},
			[]string{"survived", "rewatched", "burst"},
		},
		{
			"kazoo-recipes", []string{in.Python(), "clients/kazoo_recipes.py"},
			[]string{"transacted", "guarded", "met", "queued", "watched", "elected"},
			[]string{"survived", "rewatched", "reelected", "requeued"},
		},
		{
			"curator", java("CuratorClient"),
			[]string{"transacted", "typed", "watched", "locked"},
			[]string{"survived", "rewatched", "relocked", "led"},
		},
	}
	for _, old := range in.Clients {
		classpath := strings.Join([]string{filepath.Join(in.ZooKeeper, "conf"), filepath.Join(old, "lib", "*"), dir}, string(os.PathListSeparator))
		programs = append(programs, story(filepath.Base(old), in.JavaClient(classpath, "JavaClient").Args...))
	}
	return programs
}

// rootOf returns a path of its own for the running test.
func rootOf(t *testing.T) string { return "/" + strings.ReplaceAll(t.Name(), "/", "-") }

// runStory follows one program from its first line to its last.
func runStory(t *testing.T, c cluster, p clientProgram) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*replyTimeout)
	defer cancel()
	argv := append(append([]string{}, p.argv...), c.ConnectString(), rootOf(t), sessionTimeout)
	talk := converse(t, p.name, exec.Command(argv[0], argv[1:]...), false)
	session := talk.line(`connected (0x[0-9a-f]+)`)[1]
	for _, line := range append(p.before, "ready") {
		talk.line(line)
	}
	killHolder(ctx, t, c, session)
	talk.say("go")
	for _, line := range append(p.after, "ok") {
		talk.line(line)
	}
	talk.end()
}

// killHolder kills the server that the session is on. It is started again with the end of the test,
// however that comes about, so that the next one finds a whole ensemble.
func killHolder(ctx context.Context, t *testing.T, c cluster, session string) {
	t.Helper()
	holder, err := c.Holder(ctx, session)
	if err != nil {
		t.Fatal(err)
	}
	st, err := holder.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t, holder) })
	holder.Kill()
	t.Logf("killed %v, a %s", holder, st.Mode)
}

// restart starts a killed server and waits until it serves again.
func restart(t *testing.T, s *peers.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), peers.StartTimeout)
	defer cancel()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
}
