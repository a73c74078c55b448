package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

// The orders are those of java.util.Properties of OpenJDK 17.
func TestJavaOrder(t *testing.T) {
	for _, want := range []string{
		"server.2 server.1 server.3 version",
		"server.2 server.1 server.6 server.5 server.4 server.3 server.9 version server.8 server.7",
		"version server.10 server.11 server.2 server.1 server.12 server.13 server.6 server.5 server.4 server.3 server.9 server.8 server.7",
	} {
		n := strings.Count(want, "server")
		keys := []string{}
		for i := range n {
			keys = append(keys, fmt.Sprintf("server.%d", i+1))
		}
		if got := strings.Join(javaOrder(append(keys, "version")), " "); got != want {
			t.Errorf("%d servers: %s, want %s", n, got, want)
		}
	}
}

func TestClientConfig(t *testing.T) {
	for text, want := range map[string]string{
		"":           " ",
		"version=1a": "1a ",
		"server.1=h1:2:3:participant;0.0.0.0:4\nserver.2=h2:2:3:observer;c2:5\nversion=100000000": "100000000 c2:5,0.0.0.0:4",
		"server.1=h1:2:3:participant\nserver.2=h2:2:3:participant\nversion=0":                     "0 ,",
		"server.1=nonsense\nserver.2=h2:2:3;4\ngroup.1=1:2\nversion=7":                            "7 0.0.0.0:4",
	} {
		var said []string
		got := clientConfig(text, func(s string) { said = append(said, s) })
		if got != want || strings.Contains(text, "nonsense") != (len(said) == 1) {
			t.Errorf("%q: %q, want %q; said %q", text, got, want, said)
		}
	}
}

func TestParseReconfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "members")
	if err := os.WriteFile(file, []byte("server.2=h2:1:2:observer;3\nserver.1=h1:1:2:participant;3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		change  zk.Reconfiguration
		version zk.Zxid
	}{
		"reconfig -add server.4=H:1:2;3,server.5=h:1:2;3": {zk.Reconfiguration{Joining: []string{"server.4=h:1:2;3,server.5=h:1:2;3"}}, -1},
		"reconfig -remove 4,5 -add server.6=h:1:2 -v ff":  {zk.Reconfiguration{Joining: []string{"server.6=h:1:2"}, Leaving: []string{"4,5"}}, 255},
		"reconfig -members server.1=h:1:2;3":              {zk.Reconfiguration{Members: []string{"server.1=h:1:2;3"}}, -1},
		"reconfig -file " + file: {zk.Reconfiguration{Members: []string{
			"server.1=h1:1:2:participant;0.0.0.0:3\nserver.2=h2:1:2:observer;0.0.0.0:3\nversion=0",
		}}, -1},
	} {
		args, err := findCommand("reconfig").parse(nil, splitWords(line))
		if err != nil {
			t.Fatal(err)
		}
		change, version, err := parseReconfig(args)
		if err != nil || fmt.Sprint(change) != fmt.Sprint(want.change) || version != want.version {
			t.Errorf("%s: %+v, %v, %v; want %+v", line, change, version, err, want)
		}
	}
}

func TestSentences(t *testing.T) {
	for code, want := range sentences {
		if got := explain(&zk.Error{Op: "reconfig", Path: "/x", Err: code}); got.Error() != want {
			t.Errorf("%v: %v", code, got)
		}
	}
}
