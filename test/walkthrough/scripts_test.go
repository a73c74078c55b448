package walkthrough

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// standalone unpacks a server that serves alone.
func standalone(t *testing.T, more ...string) *install {
	in := unpack(t, filepath.Join(t.TempDir(), "zookeeper"))
	in.configure(basePort(t, 1), more...)
	return in
}

// TestForeground: the script becomes the server, so that whoever signals the script's pid means the server.
func TestForeground(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	cmd := s.command("zkServer.sh", "start-foreground")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	s.awaitMode("standalone")
	if s.pid() != 0 {
		t.Error("start-foreground writes a pid file")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
	line := regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[myid:\d*\] - INFO  \[\w+:\w+@\d+\] - `)
	if got := log.String(); !strings.HasPrefix(got, s.header()) || !line.MatchString(got) {
		t.Errorf("the console shows\n%s", got)
	}
}

// TestEnvironment: every variable that says where things are.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	conf, logs := filepath.Join(s.home, "etc"), filepath.Join(s.home, "var", "log")
	pidFile := filepath.Join(s.home, "run", "zk.pid")
	text, err := os.ReadFile(s.path("conf/zoo.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("etc/other.cfg", string(text))
	// Neither variable is exported: both files are sourced by a shell that builds a command line.
	s.write("etc/zookeeper-env.sh", "ZOO_LOG_DIR="+logs+"\n")
	s.write("etc/java.env", `SERVER_JVMFLAGS="-Xmx512m -Dzookeeper.4lw.commands.whitelist=ruok"`+"\n")
	s.env = []string{"ZOOCFGDIR=" + conf, "ZOOCFG=other.cfg", "ZOOPIDFILE=" + pidFile}

	r := s.run("zkServer.sh", "start")
	if r.code != 0 || r.out != "Starting zookeeper ... STARTED\n" {
		t.Fatalf("start: %+v", r)
	}
	defer s.run("zkServer.sh", "stop")
	if want := "Using config: " + conf + "/other.cfg\n"; !strings.HasSuffix(r.err, want) {
		t.Errorf("the standard error is\n%swant it to end with %s", r.err, want)
	}
	for _, path := range []string{pidFile, filepath.Join(logs, "zookeeper-tester-server-here.out")} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	s.awaitMode("standalone")
	if r := s.run("paddock", "4lw", "localhost", fmt.Sprint(s.port), "ruok"); r.out != "imok" {
		t.Errorf("-D of java.env does not reach the server: ruok answers %+v", r)
	}
	if r := s.run("zkServer.sh", "--config", conf, "status", "other.cfg"); r.code != 0 {
		t.Errorf("--config and a name: %+v", r)
	}
	s.env = nil
	if r := s.run("zkServer.sh", "status", filepath.Join(conf, "other.cfg")); r.code != 0 {
		t.Errorf("a path for the configuration: %+v", r)
	}
	s.env = []string{"ZOOPIDFILE=" + pidFile}
	s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
}

// TestWords: verbs that only print.
func TestWords(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	if r := s.run("zkServer.sh", "version"); r.code != 0 || !regexp.MustCompile(`^Apache ZooKeeper, version 3\.9\.5 \d{4}-\d\d-\d\d \d\d:\d\d UTC\n`).MatchString(r.out) {
		t.Errorf("version: %+v", r)
	}
	s.env = []string{"SERVER_JVMFLAGS=-Da=b c", "ZOO_LOG4J_PROP=DEBUG,CONSOLE"}
	r := s.run("zkServer.sh", "print-cmd")
	for _, want := range []string{`SERVER_JVMFLAGS=-Da=b\ c `, "/bin/paddock server ", "DEBUG", "/conf/zoo.cfg ", "zookeeper-tester-server-here.out"} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("print-cmd without %s: %+v", want, r)
		}
	}
	if r := s.run("zkServer.sh", "print-classpath"); r.code != 0 || r.out == "" {
		t.Errorf("print-classpath: %+v", r)
	}
	usage := "Usage: " + s.path("bin/zkServer.sh") + " [--config <conf-dir>] {start|start-foreground|stop|version|restart|status|print-cmd}\n"
	if r := s.run("zkServer.sh"); r.out != "" || r.err != s.header()+usage {
		t.Errorf("without a verb: %+v", r)
	}
	s.env = []string{"JMXDISABLE=true"}
	if r := s.run("zkServer.sh"); !strings.HasPrefix(r.err, "JMX disabled by user request\n") {
		t.Errorf("JMXDISABLE: %+v", r)
	}
}

// TestLinkedScript: the script finds its way when called through a link.
func TestLinkedScript(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	link := filepath.Join(s.home, "elsewhere")
	if err := os.Symlink("bin/zkServer.sh", link); err != nil {
		t.Fatal(err)
	}
	if r := s.run("../elsewhere", "version"); r.code != 0 || r.err != s.header() {
		t.Errorf("%+v", r)
	}
}

// TestFailedStart: a start that fails says so at once, says why on the standard error, and leaves no pid file.
func TestFailedStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the subtests, which run in parallel
	for name, tc := range map[string]struct {
		break_ func(s *install)
		why    string
	}{
		"bad value":    {func(s *install) { s.configure(s.port, "tickTime=fast") }, "zoo.cfg:"},
		"no myid":      {func(s *install) { s.configure(s.port, "server.1=127.0.0.1:1:2", "server.2=127.0.0.1:3:4") }, "myid"},
		"port in use":  {func(s *install) { s.configure(taken.Addr().(*net.TCPAddr).Port) }, "bind the client port"},
		"no file":      {func(s *install) { os.Remove(s.path("conf/zoo.cfg")) }, "is missing"},
		"no directory": {func(s *install) { s.write("data", "a file in its place") }, "data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := standalone(t)
			tc.break_(s)
			r := s.run("zkServer.sh", "start")
			if r.code != 1 || !strings.HasPrefix(r.out, "Starting zookeeper ... FAILED TO ") || !strings.Contains(r.err, tc.why) {
				t.Errorf("exit code %d and\n%s%swant FAILED TO START and the word %q", r.code, r.out, r.err, tc.why)
			}
			if s.pid() != 0 {
				t.Error("a pid file is left")
			}
		})
	}
}

// TestAutocreateDisabled: with ZOO_DATADIR_AUTOCREATE_DISABLE a missing directory is a mistake, not an empty database.
func TestAutocreateDisabled(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	s.env = []string{"ZOO_DATADIR_AUTOCREATE_DISABLE=1"}
	s.want(1, "ZooKeeper data directory is missing at "+s.path("data")+" fix the path or run initialize\n", "start")
	if err := os.MkdirAll(s.path("data/version-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.want(0, "Starting zookeeper ... STARTED\n", "start")
	s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
}

// TestStatusFindsPort: the client port may stand in a server line, here or in the dynamic file.
func TestStatusFindsPort(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	dynamic := s.path("conf/zoo.cfg.dynamic")
	s.write("data/myid", "1")
	const down = "Error contacting service. It is probably not running.\n"
	const none = "Client port not found. Looking for secureClientPort in the static config.\n"
	for _, tc := range []struct{ cfg, dynamic, want string }{
		{"server.1=h:1:2;[::1]:3", "", "Client port found: 3. Client address: ::1. Client SSL: false.\n" + down},
		{"server.1=h:1:2:participant;4", "", "Client port found: 4. Client address: localhost. Client SSL: false.\n" + down},
		{"dynamicConfigFile=" + dynamic, "server.1=h:1:2;127.0.0.1:5", "Client port not found in static config file. Looking in dynamic config file.\n" +
			"Client port found: 5. Client address: 127.0.0.1. Client SSL: false.\n" + down},
		{"secureClientPort=6", "", "Client port not found in static config file. Looking in dynamic config file.\n" +
			"Client port not found in the server configs\n" + none + "Client port found: 6. Client address: localhost. Client SSL: true.\n" + down},
		{"", "", "Client port not found in static config file. Looking in dynamic config file.\nClient port not found in the server configs\n" +
			none + "Unable to find either secure or unsecure client port in any configs. Terminating.\n"},
	} {
		s.write("conf/zoo.cfg", "dataDir="+s.path("data")+"\n"+tc.cfg+"\n")
		s.write("conf/zoo.cfg.dynamic", tc.dynamic+"\n")
		s.want(1, tc.want, "status")
	}
}

// TestCleanup: zkCleanup.sh reads zoo.cfg and keeps what a restart needs.
func TestCleanup(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	s.want(0, "Starting zookeeper ... STARTED\n", "start")
	s.awaitMode("standalone")
	for zxid := 1; zxid <= 4; zxid++ { // not snapshots, so nothing may be counted or deleted
		s.write(fmt.Sprintf("data/version-2/snapshot.%x", zxid), "torn")
	}
	r := s.run("zkCleanup.sh", "-n", "3")
	if r.code != 0 || r.out != "" {
		t.Errorf("while the server runs: %+v", r)
	}
	if r := s.run("zkCleanup.sh", "-n", "2"); r.code != 1 || !strings.Contains(r.err, "greater than or equal to 3") {
		t.Errorf("too small a count: %+v", r)
	}
	s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
}

// TestToolkits: the scripts that print files do so.
func TestToolkits(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	s.want(0, "Starting zookeeper ... STARTED\n", "start")
	s.awaitMode("standalone")
	if r := s.run("zkCli.sh", "-server", fmt.Sprintf("localhost:%d", s.port), "create", "/printed", "once"); r.code != 0 {
		t.Fatalf("%+v", r)
	}
	s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
	log, snapshot := s.path("data/version-2/log.1"), s.path("data/version-2/snapshot.0")
	for _, tc := range []struct {
		want string
		argv []string
	}{
		{"create /printed,once,[31,s{'world,'anyone}\n],false,1\n", []string{"zkTxnLogToolkit.sh", log}},
		{"ZNode Details (count=5):\n----\n/\n", []string{"zkSnapShotToolkit.sh", "-d", snapshot}},
		{" /\n   children: 3\n   data: 0\n", []string{"zkSnapshotRecursiveSummaryToolkit.sh", snapshot, "/", "0"}},
		{"All layers compared.\n", []string{"zkSnapshotComparer.sh", "-l", snapshot, "-r", snapshot, "-b", "0", "-n", "0"}},
	} {
		if r := s.run(tc.argv[0], tc.argv[1:]...); r.code != 0 || !strings.Contains(r.out, tc.want) {
			t.Errorf("%v, want %q: %+v", tc.argv, tc.want, r)
		}
	}
}

// TestShell: zkCli.sh runs one command, and its exit code tells how that went.
func TestShell(t *testing.T) {
	t.Parallel()
	s := standalone(t)
	s.want(0, "Starting zookeeper ... STARTED\n", "start")
	s.awaitMode("standalone")
	server := fmt.Sprintf("localhost:%d", s.port)
	for _, tc := range []struct {
		command string
		code    int
		out     string // the end of the standard output
		err     string // the standard error
	}{
		{"create /greeting hello", 0, "", "Created /greeting\n"},
		{"get /greeting", 0, "\nhello\n", ""},
		{"ls /", 0, "\n[greeting, zookeeper]\n", ""},
		{"get /nowhere", 1, "", "Node does not exist: /nowhere\n"},
	} {
		r := s.run("zkCli.sh", append([]string{"-server", server}, strings.Fields(tc.command)...)...)
		if r.code != tc.code || !strings.HasSuffix(r.out, tc.out) || r.err != tc.err {
			t.Errorf("%s: %+v\nwant %+v", tc.command, r, tc)
		}
	}
	s.want(0, "Stopping zookeeper ... STOPPED\n", "stop")
}
