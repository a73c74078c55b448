package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
)

// Software is a program that serves a zoo.cfg.
type Software interface {
	fmt.Stringer

	// Command returns the command that serves the configuration file in the foreground.
	// properties are Java's: name and value without the -D.
	Command(zooCfg string, properties map[string]string) *exec.Cmd
}

// Java is Apache ZooKeeper's own server.
type Java struct{ Installation *Installation }

// String is java for the installation's newest, and java-3.6.4 for an older one of that version.
func (j Java) String() string {
	if j.Installation.isNewest() {
		return "java"
	}
	return "java-" + j.Installation.Version()
}

// Command runs QuorumPeerMain, as zkServer.sh does.
func (j Java) Command(zooCfg string, properties map[string]string) *exec.Cmd {
	args := append([]string{}, jvmFlags...)
	args = append(args, "-Dzookeeper.admin.enableServer=false")
	args = append(args, defines(properties)...)
	args = append(args, "-cp", j.Installation.Classpath(),
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", zooCfg)
	return exec.Command("java", args...)
}

// Paddock is the server under test.
type Paddock struct{ Binary string }

func (Paddock) String() string { return "paddock" }

// Command runs `paddock server`. Properties travel the way zkServer.sh's users give them.
func (p Paddock) Command(zooCfg string, properties map[string]string) *exec.Cmd {
	cmd := exec.Command(p.Binary, "server", zooCfg)
	cmd.Env = append(os.Environ(), "SERVER_JVMFLAGS="+strings.Join(defines(properties), " "))
	return cmd
}

// defines returns properties as -D flags, sorted.
func defines(properties map[string]string) []string {
	flags := make([]string, 0, len(properties))
	for name, value := range properties {
		flags = append(flags, "-D"+name+"="+value)
	}
	sort.Strings(flags)
	return flags
}

// builtDir has the binary that this process built; empty when it built none.
var builtDir string

// RemoveBuilt removes the binary that RequirePaddock built, when all tests of the process are over.
func RemoveBuilt() {
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
}

var buildPaddock = sync.OnceValues(func() (string, error) {
	if binary := os.Getenv("PADDOCK_BIN"); binary != "" {
		return filepath.Abs(binary)
	}
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	if builtDir, err = os.MkdirTemp("", "paddock-bin-"); err != nil {
		return "", fmt.Errorf("make directory for the paddock binary: %w", err)
	}
	binary := filepath.Join(builtDir, "paddock")
	build := exec.Command("go", "build", "-o", binary, "./cmd/paddock")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/paddock: %w\n%s", err, out)
	}
	return binary, nil
})

// PaddockBinary returns the binary that PADDOCK_BIN names, or one built from cmd/paddock once in this process.
func PaddockBinary() (string, error) { return buildPaddock() }

// RequirePaddock returns the server under test, of PaddockBinary.
func RequirePaddock(tb testing.TB) Paddock {
	tb.Helper()
	binary, err := PaddockBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return Paddock{Binary: binary}
}

// RepositoryRoot returns the directory of Paddock's own go.mod, seen from any package of this module.
func RepositoryRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "..", ".."), nil
}
