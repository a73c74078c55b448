package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// Installation is where the programs of other projects are, as test/peers/install.sh leaves them.
type Installation struct {
	Dir       string   // what PADDOCK_PEERS names
	ZooKeeper string   // Java server and client: lib/*.jar, conf/
	Curator   string   // lib/*.jar; empty when absent
	Servers   []string // older Java servers, as ZooKeeper, in directories that end in the version
	Clients   []string // older Java clients: lib/*.jar, in a directory that ends in the version
	Kazoo     string   // a Python virtual environment; empty when absent
	CliMT     string   // the C client's shell
	suite     string   // a virtual environment with all that kazoo's tests need; empty when absent
}

// Dir returns the directory that install.sh fills: PADDOCK_PEERS or the cache directory's default.
func Dir() string {
	if dir := os.Getenv("PADDOCK_PEERS"); dir != "" {
		return dir
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(cache, "paddock-peers")
}

// Locate returns the installation, or an error that says what is missing and how to get it.
func Locate() (*Installation, error) {
	in := &Installation{Dir: Dir(), CliMT: "/usr/lib/zookeeper/bin/cli_mt"}
	in.ZooKeeper = newest(in.Dir, "zookeeper-*")
	in.Curator = newest(in.Dir, "curator-*")
	in.Kazoo = newest(in.Dir, "kazoo-*")
	in.Servers = complete(in.Dir, "java-server-*")
	in.Clients = complete(in.Dir, "java-client-*")
	in.suite = newest(in.Dir, "suite-kazoo-*")
	var missing []string
	if in.ZooKeeper == "" {
		missing = append(missing, "Java ZooKeeper")
	}
	if len(in.Servers) == 0 {
		missing = append(missing, "older Java servers")
	}
	if len(in.Clients) == 0 {
		missing = append(missing, "older Java clients")
	}
	if in.Curator == "" {
		missing = append(missing, "Curator")
	}
	if in.Kazoo == "" {
		missing = append(missing, "kazoo")
	}
	if _, err := os.Stat(in.CliMT); err != nil {
		missing = append(missing, "the C client")
	}
	if _, err := exec.LookPath("java"); err != nil {
		missing = append(missing, "java")
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no %s under %s: run test/peers/install.sh", strings.Join(missing, ", no "), in.Dir)
	}
	return in, nil
}

// newest returns the complete installation matching pattern whose version is highest, or "".
func newest(dir, pattern string) string {
	found := complete(dir, pattern)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// complete returns the complete installations matching pattern, the highest version last.
func complete(dir, pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, pattern, ".done"))
	sort.Slice(found, func(i, j int) bool { return versionLess(found[i], found[j]) })
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// versionLess compares by runs of digits as numbers, so that 3.9.10 follows 3.9.5.
func versionLess(a, b string) bool {
	digits := func(r rune) bool { return r < '0' || r > '9' }
	x, y := strings.FieldsFunc(a, digits), strings.FieldsFunc(b, digits)
	for i := 0; i < len(x) && i < len(y); i++ {
		if len(x[i]) != len(y[i]) {
			return len(x[i]) < len(y[i])
		}
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return len(x) < len(y)
}

// Require returns the installation. Without one the test is skipped, or fails where
// PADDOCK_REQUIRE_PEERS says that it must be there, as continuous integration does.
func Require(tb testing.TB) *Installation {
	tb.Helper()
	in, err := Locate()
	if err == nil {
		return in
	}
	if os.Getenv("PADDOCK_REQUIRE_PEERS") != "" {
		tb.Fatal(err)
	}
	tb.Skip(err)
	return nil
}

// Classpath returns what Java's server and client need. Programs that speak on their standard output
// put logback's client configuration in force with -Dlogback.configurationFile=logback-client.xml.
func (in *Installation) Classpath() string {
	return strings.Join([]string{
		filepath.Join(in.ZooKeeper, "conf"),
		filepath.Join(in.ZooKeeper, "lib", "*"),
	}, string(os.PathListSeparator))
}

// CuratorClasspath returns Classpath and Curator behind it, so that ZooKeeper's own newer jar wins.
func (in *Installation) CuratorClasspath() string {
	return in.Classpath() + string(os.PathListSeparator) + filepath.Join(in.Curator, "lib", "*")
}

// Python returns the interpreter that has kazoo.
func (in *Installation) Python() string { return filepath.Join(in.Kazoo, "bin", "python") }

// KazooSuitePython returns an interpreter that can run the tests of the same kazoo. Only install.sh --suites brings it.
func (in *Installation) KazooSuitePython() string { return filepath.Join(in.suite, "bin", "python") }

// jvmFlags keep a small JVM small and quick to start; none of them changes what it says on the wire.
var jvmFlags = []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"}

// JavaClient returns a command that runs a client program with its log on standard error.
// args are the main class (or a source file) and its arguments.
func (in *Installation) JavaClient(classpath string, args ...string) *exec.Cmd {
	all := append([]string{}, jvmFlags...)
	all = append(all, "-cp", classpath, "-Dlogback.configurationFile=logback-client.xml")
	return exec.Command("java", append(all, args...)...)
}
