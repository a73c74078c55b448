package shell

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node/nodetest"
	"github.com/paddock-io/paddock/zk"
)

// refusing returns an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// hangingUp returns the address of a server that closes every connection, as one without a quorum does.
func hangingUp(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String()
}

// TestWithoutServer expects what Java's shell printed when nobody listened.
func TestWithoutServer(t *testing.T) {
	for name, addr := range map[string]string{"refused": refusing(t), "hung up": hangingUp(t)} {
		t.Run(name, func(t *testing.T) {
			const connecting = "1 Connecting to HOST\n"
			closed := "1 \n1 WATCHER::\n1 \n1 WatchedEvent state:Closed type:None path:null zxid: -1\n"
			for line, want := range map[string]string{
				"ls /":                connecting + "2 KeeperErrorCode = ConnectionLoss for /\nexit 1\n",
				"sync /":              connecting + "1 Sync has failed. rc=-4\nexit 0\n",
				"addauth digest a":    connecting + "exit 0\n",
				"deleteall /a":        connecting + "2 KeeperErrorCode = ConnectionLoss for /a\nexit 1\n",
				"addWatch /a":         connecting + "2 KeeperErrorCode = ConnectionLoss for /a\nexit 1\n",
				"config":              connecting + "2 KeeperErrorCode = ConnectionLoss for /zookeeper/config\nexit 1\n",
				"delquota /a":         connecting + "2 KeeperErrorCode = ConnectionLoss for /zookeeper/quota/a/zookeeper_limits\nexit 1\n",
				"setquota -n 1 /a":    connecting + "2 KeeperErrorCode = ConnectionLoss for /a\nexit 1\n",
				"getEphemerals":       connecting + "2 KeeperErrorCode = ConnectionLoss\nexit 1\n",
				"quit":                connecting + closed + "exit 0\n",
				"removewatches /a -l": connecting + "2 KeeperErrorCode = No such watcher for /a\nexit 1\n",
				"reconfig -remove 1":  connecting + "2 KeeperErrorCode = ConnectionLoss\nexit 1\n",
				"-waitforconnection -timeout 20 ls /": connecting + closed +
					"2 no server of HOST answered within 20ms: KeeperErrorCode = ConnectionLoss\nexit 1\n",
			} {
				if got := outcome(addr, "", strings.Split(line, " ")...); got != want {
					t.Errorf("%s\ngot:\n%swant:\n%s", line, got, want)
				}
			}
		})
	}
}

// TestLeave checks that what a shell leaves behind is its session if that may own ephemeral znodes, as
// Java's shell does, and nothing otherwise.
func TestLeave(t *testing.T) {
	addr := nodetest.Standalone(t)
	for _, line := range []string{"create -e /e1 x", "create -e -s /e x"} {
		if got := outcome(addr, "", strings.Split(line, " ")...); !strings.HasSuffix(got, "exit 0\n") {
			t.Fatalf("%s: %s", line, got)
		}
	}
	sh := &shell{screen: newScreen(io.Discard, io.Discard), start: start{session: sessionOptions{timeout: time.Minute}}}
	if err := sh.connect(addr); err != nil {
		t.Fatal(err)
	}
	// A znode that the shell does not know of shows that its session has ended.
	if _, err := sh.session.conn.Create(t.Context(), "/hidden", nil, zk.Ephemeral, zk.OpenACL); err != nil {
		t.Fatal(err)
	}
	sh.session.leave()
	if got := outcome(addr, "", "ls", "/"); !strings.Contains(got, "1 [e0000000001, e1, zookeeper]\n") {
		t.Error(got)
	}
}

func TestStart(t *testing.T) {
	config := filepath.Join(t.TempDir(), "client.cfg")
	write := func(text string) string {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config
	}
	for name, tc := range map[string]struct {
		args []string
		want start
		say  string // a part of the complaint or the error
		err  bool
	}{
		"nothing":   {want: start{server: "localhost:2181", session: sessionOptions{timeout: 30 * time.Second}}},
		"all":       {args: []string{"-timeout", "5", "-server", "a,b/c", "-waitforconnection", "ls", "-s", "/"}, want: start{server: "a,b/c", wait: true, session: sessionOptions{timeout: 5 * time.Millisecond}, command: []string{"ls", "-s", "/"}}},
		"unknown":   {args: []string{"-x", "--y", "quit"}, want: start{server: "localhost:2181", session: sessionOptions{timeout: 30 * time.Second}, command: []string{"quit"}}},
		"no value":  {args: []string{"-server"}, say: "Error: no argument found for option -server", want: start{server: "localhost:2181", session: sessionOptions{timeout: 30 * time.Second}}},
		"timeout":   {args: []string{"-timeout", "x"}, say: "milliseconds", err: true},
		"negative":  {args: []string{"-timeout", "-1"}, say: "milliseconds", err: true},
		"read-only": {args: []string{"-r", "ls", "/"}, want: start{server: "localhost:2181", session: sessionOptions{timeout: 30 * time.Second, readOnly: true}, command: []string{"ls", "/"}}},
		"no file":   {args: []string{"-client-configuration", "/nonexistent/x"}, say: "no such file", err: true},
		"no TLS":    {args: []string{"-client-configuration", write("zookeeper.client.secure=true\n")}, say: "line 1: TLS", err: true},
	} {
		var said []string
		got, err := parseStart(tc.args, func(s string) { said = append(said, s) })
		if err != nil {
			said = append(said, err.Error())
		}
		if (err != nil) != tc.err || !strings.Contains(strings.Join(said, "\n"), tc.say) || tc.say == "" && said != nil {
			t.Errorf("%s: said %q", name, said)
		}
		if !tc.err && (got.server != tc.want.server || got.wait != tc.want.wait || got.session != tc.want.session || !slices.Equal(got.command, tc.want.command)) {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	var said []string
	got, err := parseStart([]string{"-client-configuration", write("jute.maxbuffer=0x200000\nzookeeper.client.secure=false\n")}, func(s string) { said = append(said, s) })
	if err != nil || got.session.maxFrame != 2<<20 || len(said) != 1 || !strings.Contains(said[0], "line 2: zookeeper.client.secure has no effect") {
		t.Errorf("jute.maxbuffer: %+v, %v, said %q", got.session, err, said)
	}
}

func TestBadInvocations(t *testing.T) {
	for _, tc := range []struct {
		server string
		args   []string
		want   string
	}{
		{"host:port", []string{"ls", "/"}, "exit 1\n"},
		{"h:1//", []string{"ls", "/"}, "exit 1\n"},
	} {
		if got := outcome(tc.server, "", tc.args...); !strings.HasSuffix(got, tc.want) || !strings.Contains(got, "\n2 ") && !strings.HasPrefix(got, "2 ") {
			t.Errorf("%s %q: %s", tc.server, tc.args, got)
		}
	}
}

func TestPlainLines(t *testing.T) {
	lines := newPlainLines(strings.NewReader("a\r\nb\rc\n\nd"))
	var got []string
	for {
		line, err := lines.read("")
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if line != "" {
			got = append(got, line)
		}
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	endless := newPlainLines(zeros{})
	if _, err := endless.read(""); err == nil || err == io.EOF {
		t.Errorf("a line without end: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestComplete(t *testing.T) {
	addr := nodetest.Standalone(t)
	sh := &shell{screen: newScreen(io.Discard, io.Discard), start: start{session: sessionOptions{timeout: time.Minute}}}
	if err := sh.connect(addr); err != nil {
		t.Fatal(err)
	}
	defer sh.session.leave()
	for _, path := range []string{"/ab", "/ac", "/ab/x"} {
		if _, err := sh.session.conn.Create(t.Context(), path, nil, 0, zk.OpenACL); err != nil {
			t.Fatal(err)
		}
	}
	for before, want := range map[string][]string{
		"ge":         {"get", "getAcl", "getAllChildrenNumber", "getEphemerals"},
		"get /a":     {"/ab", "/ac"},
		"get -w /ac": {"/ac"},
		"get /ab/":   {"/ab/x"},
		"get /no/":   nil,
		"nosuch":     nil,
	} {
		if got := sh.complete(before); !slices.Equal(got, want) {
			t.Errorf("complete(%q) = %q, want %q", before, got, want)
		}
	}
}

func TestHistory(t *testing.T) {
	var b strings.Builder
	for range 12 {
		b.WriteString("history\n")
	}
	got := outcome(nodetest.Standalone(t), b.String())
	if want := "1 11 - history\nexit 0\n"; !strings.HasSuffix(got, want) || strings.Count(got, "1 0 - history") != 11 {
		t.Errorf("got:\n%s", got)
	}
}
