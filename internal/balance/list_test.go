package balance

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	for in, want := range map[string]string{
		"zk1,zk2:2182":                       "zk1:2181 zk2:2182",
		" zk1 ,, zk2\n# old: zk9\nzk3 # new": "zk1:2181 zk2:2181 zk3:2181",
		"[::1]:2182,[fd00::1]":               "[::1]:2182 [fd00::1]:2181",
		"zk1:2181,zk1":                       "zk1:2181",
		"":                                   "",
		"# nobody":                           "",
		"zk1:":                               "",
		"zk1:0":                              "",
		"zk1:65536":                          "",
		":2181":                              "",
		"::1":                                "",
		strings.Repeat("h,", 10):             "h:2181",
	} {
		list, err := ParseList(in)
		if got := strings.Join(list, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := ParseList(strings.Join(serverNames(maxServers+1), "\n")); err == nil {
		t.Error("too many servers accepted")
	}
}

func TestReadZooCfg(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"clientPort=2183\nserver.1=zk1:2888:3888\nserver.2=zk2:2888:3888:observer\n":      "zk1:2183 zk2:2183",
		"server.1=zk1:2888:3888;2181\nserver.2=zk2:2888:3888;10.0.0.2:2182\nclientPort=9": "zk1:2181 10.0.0.2:2182",
		"dynamicConfigFile=more\nclientPort=2184\n":                                       "zk7:2184 zk8:2180",
		"server.1=zk1:2888:3888\n":                                                        "",
		"clientPort=2181\n":                                                               "",
		"server.1=zk1\nclientPort=2181":                                                   "",
		"dynamicConfigFile=none":                                                          "",
	} {
		path := filepath.Join(dir, "zoo.cfg")
		for name, text := range map[string]string{path: text, filepath.Join(dir, "more"): "server.7=zk7:1:2\nserver.8=zk8:1:2;2180\n"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		list, err := ReadZooCfg(path)
		if got := strings.Join(list, " "); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ReadList(filepath.Join(dir, "missing")); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), bytes.Repeat([]byte("#\n"), maxFile/2+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadList(filepath.Join(dir, "large")); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a large file: %v", err)
	}
}

func TestArguments(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "servers")
	if err := os.WriteFile(file, []byte("zk1 zk2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{
		"zk1,zk2": -1, "-file " + file: -1, "-by connection -grace 0 -drain 0 zk1": -1, "-proxy-protocol 2 zk1": -1,
		"": 2, "zk1 zk2": 2, "-file " + file + " zk1": 2, "-file " + file + "x": 2, "-config " + dir: 2, "-by name zk1": 2,
		"-proxy-protocol 3 zk1": 2, "-check 0 zk1": 2, "-grace -1s zk1": 2, "-max-connections 0 zk1": 2, "-nope": 2, "-h": 0,
	} {
		var errOut bytes.Buffer
		c, code := parse(strings.Fields(args), &errOut)
		if code != want || code == 2 && errOut.Len() == 0 {
			t.Errorf("%s: code %d, %s", args, code, errOut.String())
		}
		if code != -1 {
			continue
		}
		o := c.opts.withDefaults()
		if len(o.Servers) == 0 || strings.Contains(args, "-grace 0") != (o.Grace == 0) || strings.Contains(args, "-drain 0") != (o.Drain == 0) ||
			strings.Contains(args, "connection") != o.ByConnection {
			t.Errorf("%s: %+v", args, o)
		}
	}
}
