package doctor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/storage"
)

var rewrite = flag.Bool("update", false, "rewrite the golden reports; read the diff before you commit it")

// testdata is where this package's and the captured directories are, seen from anywhere.
var testdata, _ = filepath.Abs("testdata")

const zooCfg = "tickTime=2000\ndataDir=./data\nclientPort=2181\ninitLimit=10\nsyncLimit=5\n"

const trio = "server.1=127.0.0.1:2888:3888\nserver.2=zk2.example.org:2888:3888\nserver.3=10.0.0.3:2888:3888:observer\nserver.4=10.0.0.4:2888:3888\n"

// patient is a server to examine. The golden report is testdata/<name>.txt.
type patient struct {
	name  string
	dir   string // captured by Java, of internal/storage/testdata/java; empty for none
	cfg   string
	files map[string]string              // more files
	spoil func(t *testing.T)             // changes the files
	ask   string                         // what the client port answers to srvr; empty for nobody there
	procs map[string][]string            // command lines by process id
	setup func(t *testing.T, o *Options) // more
	sick  bool                           // something must change
	json  bool                           // the report is JSON
}

var patients = []patient{
	{name: "member", dir: "leader", cfg: zooCfg + trio, files: map[string]string{"data/myid": "1\n"},
		ask: "Zookeeper version: 3.9.5-6b4d3d3, built on 2026-01-01\nLatency min/avg/max: 0/0.0/0\nMode: follower\nNode count: 5\n"},
	{name: "alone", dir: "standalone-3.9.5-snappy", cfg: zooCfg + "extendedTypesEnabled=true\n"},
	{name: "ttl", dir: "standalone-3.6.4", cfg: zooCfg, sick: true},
	{name: "old", dir: "standalone-3.4.12", cfg: zooCfg, sick: true,
		ask: "Zookeeper version: 3.4.12-e5259e437540f349646870ea94dc2658c4e44b3b, built on 03/27/2018 03:55 GMT\nMode: standalone\n"},
	{name: "old-trusted", dir: "standalone-3.4.12", cfg: zooCfg + "snapshot.trust.empty=true\n"},
	{name: "damaged-log", dir: "standalone-3.8.0", cfg: zooCfg + "extendedTypesEnabled=true\n", sick: true,
		spoil: func(t *testing.T) { flip(t, "data/version-2/log.1c", 100) }},
	{name: "damaged-snapshot", dir: "leader", cfg: zooCfg + trio, files: map[string]string{"data/myid": "1\n"},
		spoil: func(t *testing.T) { flip(t, "data/version-2/snapshot.300000002", 300) }},
	{name: "lost-log", dir: "leader", cfg: zooCfg + trio, files: map[string]string{"data/myid": "1\n"}, sick: true,
		spoil: func(t *testing.T) {
			for _, name := range []string{"log.200000001", "log.300000001", "snapshot.300000002"} {
				if err := os.Remove("data/version-2/" + name); err != nil {
					t.Fatal(err)
				}
			}
			flip(t, "data/version-2/currentEpoch", 0)
		}},
	{name: "settings", dir: "follower", sick: true, json: true,
		cfg: zooCfg + trio + "maxCnxns=100\nsecureClientPort=2281\nssl.keyStore.password=geheim\nsslQuorum=true\nadmin.serverPort=8080\n" +
			"snapCuont=5\nnio.numSelectorThreads=4\nautopurge.purgeInterval=soon\nreconfigEnabled=true\n",
		files: map[string]string{
			"data/myid":             "4\n",
			"conf/java.env":         "# ours\nexport JVMFLAGS=\"-Xmx1g -Djute.maxbuffer=4000000 $JVMFLAGS\"\nif true; then\n  SERVER_JVMFLAGS='-Dzookeeper.snapCount=5000 -Dzookeeper.DigestAuthenticationProvider.superDigest=super:geheim'\nfi\n",
			"conf/zookeeper-env.sh": "JVMFLAGS=-Dzookeeper.skipACL=yes # for tests\n",
		}},
	{name: "running", dir: "standalone-3.7.2", cfg: zooCfg, procs: map[string][]string{
		"7":  {"/usr/bin/postgres", "conf/zoo.cfg"},
		"42": {"/usr/lib/jvm/bin/java", "-Xmx1g", "-Dzookeeper.extendedTypesEnabled=true", "-cp", "x", "org.apache.zookeeper.server.quorum.QuorumPeerMain", "conf/zoo.cfg"},
	}, files: map[string]string{"conf/java.env": "JVMFLAGS=-Dzookeeper.extendedTypesEnabled=false\n"}},
	{name: "empty", cfg: zooCfg + trio, files: map[string]string{"data/myid": "2\n"}},
	{name: "nothing", cfg: "tickTime=2000\n", sick: true},
	{name: "paddocks", dir: "leader", cfg: zooCfg + trio + "linearizableSync=false\n", files: map[string]string{"data/myid": "1\n"}, spoil: useWithPaddock},
}

// flip changes a byte of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x41
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// useWithPaddock opens the directory as a server does, and leaves it.
func useWithPaddock(t *testing.T) {
	t.Helper()
	s, err := storage.Open(storage.Options{DataDir: "data"})
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := persist.Start(s, false)
	if err == nil {
		_, err = s.WriteSnapshot(rec.Last, &persist.Source{Tree: rec.Tree})
	}
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// lay makes the patient's files in a directory of its own, which becomes the working directory.
func (p *patient) lay(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if p.dir != "" {
		if err := os.CopyFS("data/version-2", os.DirFS(filepath.Join(testdata, "../../storage/testdata/java", p.dir, "version-2"))); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("conf/zoo.cfg", p.cfg)
	for path, text := range p.files {
		write(path, text)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	write("proc/self/cmdline", "")
	for pid, args := range p.procs {
		write(filepath.Join("proc", pid, "cmdline"), strings.Join(args, "\x00")+"\x00")
		if err := os.Symlink(here, filepath.Join("proc", pid, "cwd")); err != nil {
			t.Fatal(err)
		}
	}
	if p.spoil != nil {
		p.spoil(t)
	}
}

// options let the doctor see a small world.
func (p *patient) options(t *testing.T) Options {
	o := Options{
		File: "conf/zoo.cfg", Proc: "proc",
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "zk2.example.org" {
				return []netip.Addr{netip.MustParseAddr("10.0.0.2")}, nil
			}
			return nil, errors.New("no such host")
		},
		Addresses: func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("10.0.0.4")}, nil },
		Ask: func(_ context.Context, addr string) (string, error) {
			if p.ask == "" {
				return "", errors.New("connection refused")
			}
			return p.ask, nil
		},
	}
	if p.setup != nil {
		p.setup(t, &o)
	}
	return o
}

func (p *patient) report(t *testing.T) (*Report, string) {
	t.Helper()
	r := Examine(t.Context(), p.options(t))
	var b strings.Builder
	var err error
	if p.json {
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.WriteText(&b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

func TestReports(t *testing.T) {
	for _, p := range patients {
		t.Run(p.name, func(t *testing.T) {
			p.lay(t)
			before := everything(t)
			r, got := p.report(t)
			if after := everything(t); after != before {
				t.Errorf("the doctor changed something:\n%s\nbefore\n%s", after, before)
			}
			if r.Healthy() == p.sick {
				t.Errorf("healthy is %t", r.Healthy())
			}
			if strings.Contains(got, "geheim") {
				t.Error("the report gives a secret away")
			}
			golden := filepath.Join(testdata, p.name+".txt")
			if *rewrite {
				if err := errors.Join(os.MkdirAll(testdata, 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s\nwant\n%s", got, want)
			}
		})
	}
}

// everything is a digest of all files here, with the moments of their last change.
func everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var sum [32]byte
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(content)
		}
		fmt.Fprintf(&b, "%s %v %d %x\n", path, info.Mode(), info.ModTime().UnixNano(), sum[:8])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBesideAPaddock examines a directory that a server holds.
func TestBesideAPaddock(t *testing.T) {
	p := patient{dir: "leader", cfg: zooCfg + trio, files: map[string]string{"data/myid": "1\n"}}
	p.lay(t)
	s, err := storage.Open(storage.Options{DataDir: "data"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, _, err := persist.Start(s, false); err != nil {
		t.Fatal(err)
	}
	if r, text := p.report(t); !r.Healthy() || !r.Data.Paddock || r.Data.LastZxid != "0x400000005" {
		t.Errorf("%s", text)
	}
}

// TestManyDamages: of many damaged places the first are told of, and how many there are.
func TestManyDamages(t *testing.T) {
	v := storage.Survey{Base: -1}
	for i := range 40 {
		v.Damage = append(v.Damage, fmt.Errorf("storage: log.1: %d: entry has checksum 0x1", i))
	}
	r := &Report{Data: Data{LogDir: "data/version-2"}}
	r.judgeHistory(&v, &config.Config{})
	if len(r.Must) != maxDamages || len(r.Should) != 1 || !strings.Contains(r.Should[0].What, "35 more") {
		t.Errorf("%+v\n%+v", r.Must, r.Should)
	}
}
