package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
)

func TestDynamicConfigFile(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "3")
	w.write("zoo.cfg.dynamic.10000000a", trio+"server.4=127.0.0.1:2884:3884:observer;127.0.0.1:2184\n")
	cfg, _, problems := w.load(base+"dynamicConfigFile=$/zoo.cfg.dynamic.10000000a\n", nil)
	if problems != nil {
		t.Fatal(problems)
	}
	if cfg.Ensemble.Version != 0x10000000a || len(cfg.Ensemble.Voters()) != 3 || cfg.Standalone {
		t.Errorf("ensemble %q", cfg.Ensemble.Text())
	}
	w.write("data/myid", "4")
	cfg, _, _ = w.load("dataDir=$/data\ninitLimit=1\nsyncLimit=1\ndynamicConfigFile=$/zoo.cfg.dynamic.10000000a\n", nil)
	if cfg == nil || cfg.ClientPort != 2184 || cfg.ClientPortAddress != "127.0.0.1" || cfg.PeerType != ensemble.Observer {
		t.Errorf("server 4: %s", fields(*cfg))
	}

	w.write("zoo.cfg.dynamic", trio+"version=5\ntickTime=1\nserver.x=1\n")
	_, _, problems = w.load(base+"dynamicConfigFile=$/zoo.cfg.dynamic\nserver.1=a:1:2\n", nil)
	want := []string{
		"$/zoo.cfg:6: parameter: server.1 must be in a separate dynamic config file",
		"$/zoo.cfg.dynamic:4: dynamic file shouldn't have version inside",
		"$/zoo.cfg.dynamic:5: tickTime=1: Unrecognised parameter: tickTime",
		`$/zoo.cfg.dynamic:6: server.x=1: "x" is not a number of 0 or more`,
		"$/data/myid: My id 4 not in the peer list",
	}
	if !slices.Equal(problems, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(problems, "\n     "), strings.Join(want, "\n     "))
	}
	_, _, problems = w.load(base+"dynamicConfigFile=$/none\n", nil)
	if len(problems) != 1 || problems[0] != "$/none: $/none file is missing" {
		t.Errorf("missing dynamic file: %q", problems)
	}
}

// TestDynamicVersion takes the version from what follows the last dot, if that is a hex number.
func TestDynamicVersion(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "1")
	t.Chdir(w.dir)
	for name, want := range map[string]int64{"fade": 0, "zoo.cfg.dynamic": 0, "zoo.cfg.dynamic.fade": 0xfade, "d.0": 0, "d.-5": 0, "d.": 0} {
		w.write(name, trio)
		cfg, _, problems := w.load(base+"dynamicConfigFile="+name+"\n", nil)
		if problems != nil || cfg.Ensemble.Version != want {
			t.Errorf("%s: version %x, want %x, problems %q", name, cfg.Ensemble.Version, want, problems)
		}
	}
}

// TestOwnClientAddress: clientPort and the own server line may both give the address, as long as they can agree.
func TestOwnClientAddress(t *testing.T) {
	for _, tc := range []struct {
		static, line, want string // want "" for a contradiction
	}{
		{"clientPort=2181", "", ":2181"},
		{"clientPort=2181\nclientPortAddress=zk1", "", "zk1:2181"},
		{"", ";2181", ":2181"},
		{"", ";zk1:2181", "zk1:2181"},
		{"clientPort=2181", ";2181", ":2181"},
		{"clientPort=2181", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=zk1", ";10.0.0.1:2181", "10.0.0.1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";zk1:2181", "zk1:2181"},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";10.0.0.2:2181", ""},
		{"clientPort=2181\nclientPortAddress=10.0.0.1", ";2181", ""},
		{"clientPort=2181", ";2182", ""},
	} {
		w := newWorld(t)
		w.write("data/myid", "1")
		cfg, _, problems := w.load("dataDir=$/data\ninitLimit=1\nsyncLimit=1\n"+tc.static+"\nserver.1=a:1:2"+tc.line+"\nserver.2=b:1:2\n", nil)
		if tc.want == "" {
			if len(problems) != 1 || !strings.Contains(problems[0], "is different from client address found in dynamic file") {
				t.Errorf("%q against %q: %q", tc.static, tc.line, problems)
			}
			continue
		}
		if got := fmt.Sprintf("%s:%d", cfg.ClientPortAddress, cfg.ClientPort); problems != nil || got != tc.want {
			t.Errorf("%q with %q: %s, want %s, problems %q", tc.static, tc.line, got, tc.want, problems)
		}
	}
}
