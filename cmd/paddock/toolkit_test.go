package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const javaFiles = "../../internal/storage/testdata/java/"

// javasFiles returns the captured files of a kind, and what Java's tool printed of each.
func javasFiles(t *testing.T, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(javaFiles + "*/version-2/" + pattern)
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	printed := map[string]string{}
	for _, path := range paths {
		name := filepath.Base(path)
		b, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(path)), name+".txt"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		printed[path] = string(b)
	}
	return printed
}

// Of the operations of a multi 3.9 prints the bytes, and of a checkVersion in it nothing that could be read.
var multis = regexp.MustCompile(`(?s) multi .*?(\n\d+/|\nEOF)`)

func TestLogToolkitPrintsLikeJava(t *testing.T) {
	for path, want := range javasFiles(t, "log.*") {
		var out bytes.Buffer
		tool := &logToolkit{app: app{out: &out}, zone: time.UTC}
		if err := tool.run(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		got, want := multis.ReplaceAllString(out.String(), " multi$1"), multis.ReplaceAllString(want, " multi$1")
		if got != want {
			t.Errorf("%s:\n%s\nJava:\n%s", path, got, want)
		}
	}
}

// Java prints znodes and sessions in the order of hash tables.
func TestSnapToolkitPrintsLikeJava(t *testing.T) {
	sorted := func(text string) string {
		parts := strings.Split(text, "----\n")
		slices.Sort(parts)
		return strings.Join(parts, "----\n")
	}
	for path, want := range javasFiles(t, "snapshot.*") {
		var out bytes.Buffer
		tool := &snapToolkit{app: app{out: &out}, zone: time.UTC, data: true}
		if err := tool.run(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if got, want := sorted(out.String()), sorted(want); got != want {
			t.Errorf("%s:\n%s\nJava:\n%s", path, got, want)
		}
	}
}

// A log in which the third entry's checksum is wrong, and what the toolkit makes of it.
func TestLogToolkitMends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.1")
	whole, err := os.ReadFile(javaFiles + "standalone/version-2/log.1")
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(whole)
	at := bytes.Index(broken, []byte("/app/config")) - 12 - 28 - 4
	broken[at+3] ^= 1
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(answer string, set func(*logToolkit)) (string, error) {
		var out bytes.Buffer
		tool := &logToolkit{app: app{in: strings.NewReader(answer), out: &out}, zone: time.UTC}
		set(tool)
		err := tool.run(path)
		return out.String(), err
	}
	if out, err := run("", func(*logToolkit) {}); err != nil || strings.Count(out, "CRC ERROR - ") != 1 {
		t.Errorf("dump: %v\n%s", err, out)
	}
	if out, err := run("what\nabort\n", func(l *logToolkit) { l.recover = true }); err == nil || strings.Count(out, "Would you like") != 2 {
		t.Errorf("abort: %v\n%s", err, out)
	}
	if _, err := os.Stat(path + ".fixed"); !os.IsNotExist(err) {
		t.Errorf("an aborted recovery left a file: %v", err)
	}
	end := int64(bytes.LastIndexByte(whole, 'B') + 1)
	for answer, want := range map[string][]byte{"y\n": whole, "No\n": broken} {
		if out, err := run(answer, func(l *logToolkit) { l.recover = true }); err != nil || !strings.Contains(out, "has been written with") {
			t.Fatalf("%q: %v\n%s", answer, err, out)
		}
		if got, err := os.ReadFile(path + ".fixed"); err != nil || !bytes.Equal(got, want[:end]) {
			t.Errorf("%q: other bytes than wanted, %v", answer, err)
		}
		if _, err := run(answer, func(l *logToolkit) { l.recover = true }); err == nil || !strings.Contains(err.Error(), "already exists") {
			t.Errorf("a second time: %v", err)
		}
		if err := os.Remove(path + ".fixed"); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run("", func(l *logToolkit) { l.recover, l.yes, l.verbose = true, true, true })
	if err != nil || strings.Count(out, "CRC FIXED - ") != 1 || strings.Count(out, " session 0x") != 1+strings.Count(out, " zxid 0x")-1 {
		t.Errorf("yes: %v\n%s", err, out)
	}

	if _, err := run("", func(l *logToolkit) { l.chop, l.zxid = true, "0x5" }); err == nil || !strings.Contains(err.Error(), "CRC doesn't match") {
		t.Errorf("chop of a broken log: %v", err)
	}
	path += ".fixed"
	if out, err := run("", func(l *logToolkit) { l.chop, l.zxid = true, "0x5" }); err != nil || !strings.Contains(out, "Chopping at 5 new log has 5 records") {
		t.Errorf("chop: %v\n%s", err, out)
	}
	if _, err := run("", func(l *logToolkit) { l.chop, l.zxid = true, "999" }); err == nil {
		t.Error("chopped behind the end")
	}
	path += ".chopped5"
	if out, err := run("", func(*logToolkit) {}); err != nil || !strings.Contains(out, "EOF reached after 5 txns.") {
		t.Errorf("what was chopped: %v\n%s", err, out)
	}
	for name, damaged := range map[string][]byte{"no log": []byte("ZKSN0123456789abc"), "short": whole[:10], "a length": slices.Concat(whole[:24], []byte{0x7f}, whole[25:])} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run("", func(*logToolkit) {}); err == nil {
			t.Errorf("%s was read:\n%s", name, out)
		}
	}
}

// testdata/java/NOTE says where these come from.
func TestSnapToolsPrintLikeJava(t *testing.T) {
	standalone := javaFiles + "standalone/version-2/snapshot.1b"
	compare := []string{"-l", javaFiles + "leader/version-2/snapshot.100000016", "-r", standalone, "-b", "2", "-n", "1", "-d"}
	for name, args := range map[string][]string{
		"compare.txt":      append([]string{"paddock", "snap", "compare"}, compare...),
		"summary-app.txt":  {"paddock", "snap", "summary", standalone, "/app", "1"},
		"summary-root.txt": {"paddock", "java", "org.apache.zookeeper.server.SnapshotRecursiveSummary", standalone, "/", "0"},
	} {
		want, err := os.ReadFile("testdata/java/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var out, said bytes.Buffer
		code := run(t.Context(), args, app{out: &out, err: &said})
		lines := slices.DeleteFunc(strings.Split(out.String(), "\n"), func(l string) bool { return strings.HasSuffix(l, " seconds") })
		wanted := strings.Split(string(want), "\n")
		if strings.HasPrefix(name, "summary") { // znodes are in the order of the file here
			slices.Sort(lines)
			slices.Sort(wanted)
		}
		if code != 0 || !slices.Equal(lines, wanted) {
			t.Errorf("%v ends with %d: %s\n%s\nwant\n%s", args, code, said.String(), out.String(), want)
		}
	}
}

func TestToolkitCommands(t *testing.T) {
	snapshot, log := javaFiles+"standalone/version-2/snapshot.1b", javaFiles+"standalone/version-2/log.1"
	for _, tc := range []struct {
		args []string
		code int
		want string // in the output, or what is said
	}{
		{[]string{"log", "toolkit", log}, 0, "EOF reached after 27 txns."},
		{[]string{"java", "-cp", "x", "org.apache.zookeeper.server.persistence.TxnLogToolkit", "-d", log}, 0, "EOF reached after 27 txns."},
		{[]string{"log", "toolkit", "-c", "-z", "x", log}, 1, "no zxid"},
		{[]string{"log", "toolkit", snapshot}, 2, "magic"},
		{[]string{"log", "toolkit", "testdata"}, 1, "not readable"},
		{[]string{"log", "toolkit"}, 2, "arg"},
		{[]string{"java", "org.apache.zookeeper.server.SnapshotFormatter", "-json", snapshot}, 0, `,[{"name":"/","asize":0,`},
		{[]string{"snap", "toolkit", snapshot}, 0, "  dataLength = 15\n"},
		{[]string{"snap", "toolkit", "-h"}, 0, "ncdu"},
		{[]string{"snap", "toolkit", "-d", "-json", snapshot}, 2, "exclude"},
		{[]string{"snap", "toolkit", "-x", snapshot}, 2, "usage"},
		{[]string{"snap", "toolkit", log}, 1, "log.1"},
		{[]string{"snap", "summary", snapshot, "/none", "1"}, 1, "no znode /none"},
		{[]string{"snap", "summary", snapshot, "/", "deep"}, 2, "no number"},
		{[]string{"snap", "compare", "-l", snapshot}, 2, "required"},
		{[]string{"java", "org.apache.zookeeper.server.SnapshotComparer", "-l", snapshot, "-r", snapshot, "-b", "0", "-n", "0", "-i"}, 2, "interactive"},
	} {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"paddock"}, tc.args...), app{in: strings.NewReader(""), out: &out, err: &out})
		if code != tc.code || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%v ends with %d, want %d and %q:\n%s", tc.args, code, tc.code, tc.want, out.String())
		}
	}
}
