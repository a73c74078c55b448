package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/ensemble"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}

func membership(t *testing.T, text string) ensemble.Ensemble {
	t.Helper()
	e, err := ensemble.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const servers = "server.10=127.0.0.1:2890:3890:participant;127.0.0.1:2190\nserver.2=127.0.0.1:2882:3882:participant\n"

// The files of a change, from the proposal to a start with what was committed.
func TestMemberFiles(t *testing.T) {
	dir := t.TempDir()
	static := filepath.Join(dir, "zoo.cfg")
	text := "# of ours\ndataDir=" + dir + "\nclientPort=2182\\\n  \nserver.1=x:1:2\n\n  server.2 : y:1:2;3\ngroup.1=1:\\\n 2\npeerType=observer\n" +
		"initLimit=5\nsyncLimit=2\nclientPortListenBacklog=9\ndynamicConfigFile=old\n! the end"
	if err := os.WriteFile(static, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	f := MemberFiles{static}
	next := static + ".dynamic.next"
	e := membership(t, servers+"version=1f")
	if err := f.SaveProposed(e, 0x1e); err != nil || read(t, next) != servers+"version=1f" {
		t.Fatalf("%v %q", err, read(t, next))
	}
	if err := f.SaveProposed(e, 0x1f); err != nil || !gone(next) {
		t.Errorf("what is in force is no proposal: %v", err)
	}
	for range 2 { // it may be gone already
		if err := f.SaveProposed(e.WithVersion(3), 0x1f); err != nil {
			t.Error(err)
		}
	}

	must(t, f.SaveProposed(e, 0))
	must(t, f.SaveCommitted(e, 2, 0x1f))
	dynamic := static + ".dynamic.1f"
	if got := read(t, dynamic); got != strings.TrimSuffix(servers, "\n") || !gone(next) {
		t.Errorf("%q", got)
	}
	want := "# of ours\ndataDir=" + dir + "\nclientPort=2182\\\n  \n\ninitLimit=5\nsyncLimit=2\nclientPortListenBacklog=9\n! the end\ndynamicConfigFile=" + dynamic + "\n"
	if got := read(t, static); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	for _, path := range []string{static, dynamic} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "myid"), []byte("2"), 0o600))
	c, _, err := Load(static, nil)
	if err != nil || c.Ensemble.Version != 0x1f || c.ClientPort != 2182 || len(c.Ensemble.Members) != 2 || c.ClientPortListenBacklog != 9 {
		t.Errorf("read back: %v, %v", c, err)
	}

	// The client port is in the dynamic file now, and another change is under way.
	must(t, f.SaveProposed(e.WithVersion(0x21), 0x1f))
	must(t, f.SaveCommitted(e.WithVersion(0x20), 10, 0x21))
	if got := read(t, static); strings.Contains(got, "clientPort=") || !strings.Contains(got, "clientPortListenBacklog") || strings.Count(got, "dynamicConfigFile") != 1 {
		t.Errorf("%q", got)
	}
	if read(t, next) == "" {
		t.Error("the newer proposal was forgotten")
	}
	must(t, os.WriteFile(filepath.Join(dir, "myid"), []byte("10"), 0o600))
	if c, _, err = Load(static, nil); err != nil || c.LastSeen.Version != 0 {
		t.Errorf("with reconfig switched off a proposal is none: %v", err)
	}
	must(t, os.WriteFile(static, []byte(read(t, static)+"reconfigEnabled=true\n"), 0o600))
	if c, _, err = Load(static, nil); err != nil || c.LastSeen.Version != 0x21 || c.Ensemble.Version != 0x20 || c.ClientPort != 2190 {
		t.Errorf("with a proposal: %v, %v", c, err)
	}
	must(t, os.WriteFile(next, []byte("server.1=x"), 0o600))
	if _, _, err = Load(static, nil); err == nil || !strings.Contains(err.Error(), "the proposed membership cannot be read") {
		t.Errorf("a torn proposal: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMemberFilesFail(t *testing.T) {
	dir := t.TempDir()
	e := membership(t, servers+"version=1f")
	f := MemberFiles{filepath.Join(dir, "none", "zoo.cfg")}
	if err := f.SaveProposed(e, 0); err == nil {
		t.Error("a proposal was saved nowhere")
	}
	if err := f.SaveCommitted(e, 1, 0); err == nil {
		t.Error("a membership was saved nowhere")
	}
	if err := (MemberFiles{}).SaveProposed(e, 0); err != nil {
		t.Error(err)
	}
	if err := (MemberFiles{}).SaveCommitted(e, 1, 0); err != nil {
		t.Error(err)
	}
}

// TestMemberFilesKeepClientPort: a server whose line has no client address takes it from its zoo.cfg, as a leader's
// membership says, and must find it there again.
func TestMemberFilesKeepClientPort(t *testing.T) {
	static := filepath.Join(t.TempDir(), "zoo.cfg")
	must(t, os.WriteFile(static, []byte("clientPort=2182\nclientPortAddress=127.0.0.1\n"), 0o600))
	e := membership(t, servers+"version=1f").WithStaticClient(2, ensemble.Addr{Host: "127.0.0.1", Port: 2182})
	must(t, MemberFiles{static}.SaveCommitted(e, 2, 0))
	if got, dynamic := read(t, static), static+".dynamic.1f"; got != "clientPort=2182\nclientPortAddress=127.0.0.1\ndynamicConfigFile="+dynamic+"\n" ||
		read(t, dynamic) != strings.TrimSuffix(servers, "\n") {
		t.Errorf("%q, %q", got, read(t, dynamic))
	}
}

func TestBackUp(t *testing.T) {
	w := newWorld(t)
	w.write("data/myid", "1")
	text := base + trio + "reconfigEnabled=true\n"
	c, _, problems := w.load(text, nil)
	if problems != nil {
		t.Fatal(problems)
	}
	must(t, c.BackUp())
	if read(t, c.File+".bak") != read(t, c.File) {
		t.Error("the copy differs")
	}
	must(t, os.Remove(c.File+".bak"))
	for _, with := range []string{base + trio, base + "reconfigEnabled=true\n"} {
		if c, _, problems = w.load(with, nil); problems != nil {
			t.Fatal(problems)
		}
		if must(t, c.BackUp()); !gone(c.File + ".bak") {
			t.Errorf("a copy of\n%s", with)
		}
	}
}

// A zoo.cfg that is a link stays one, the file behind it is changed, and the others are beside the link.
func TestMemberFilesThroughALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "etc", "ours.cfg"), filepath.Join(dir, "conf", "zoo.cfg")
	for _, path := range []string{real, link} {
		must(t, os.Mkdir(filepath.Dir(path), 0o700))
	}
	must(t, os.WriteFile(real, []byte("# ours\nserver.2=y:1:2\n"), 0o640))
	must(t, os.Symlink("../etc/ours.cfg", link))
	c := &Config{File: link, ReconfigEnabled: true}
	must(t, c.BackUp())
	must(t, MemberFiles{link}.SaveCommitted(membership(t, servers+"version=1f"), 2, 0))
	if to, err := os.Readlink(link); err != nil || to != "../etc/ours.cfg" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if got, want := read(t, real), "# ours\ndynamicConfigFile="+link+".dynamic.1f\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if read(t, link+".bak") != "# ours\nserver.2=y:1:2\n" || read(t, link+".dynamic.1f") == "" {
		t.Error("the files beside the link")
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// Any name may lead to the file with the servers.
func TestPointTo(t *testing.T) {
	for _, name := range []string{`back\slash`, "neu\u00fc \U0001F600", "a=b: c", "tab\tline\nend"} {
		if os.PathSeparator != '/' && strings.ContainsAny(name, "\\:\t\n") {
			continue
		}
		dir := filepath.Join(t.TempDir(), name)
		must(t, os.Mkdir(dir, 0o700))
		static := filepath.Join(dir, "zoo.cfg")
		must(t, os.WriteFile(filepath.Join(dir, "myid"), []byte("2"), 0o600))
		text := "dataDir=" + ensemble.EscapeValue(filepath.ToSlash(dir)) + "\ninitLimit=5\nsyncLimit=2\nclientPort=2182\n"
		must(t, os.WriteFile(static, []byte(text+servers), 0o600))
		must(t, MemberFiles{static}.SaveCommitted(membership(t, servers+"version=1f"), 2, 0))
		if c, _, err := Load(static, nil); err != nil || c.Ensemble.Version != 0x1f {
			t.Errorf("%q: %v in\n%s", name, err, read(t, static))
		}
	}
}

func TestForAnyGroup(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0o640: 0o600, 0o644: 0o644, 0o664: 0o644, 0o600: 0o600, 0o604: 0o604, 0o660: 0o600} {
		if got := forAnyGroup(mode); got != want {
			t.Errorf("%v: %v, want %v", mode, got, want)
		}
	}
}
