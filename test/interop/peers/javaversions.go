package peers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// Directories of servers below Installation.Dir; the version follows.
const (
	newestServer = "zookeeper-"
	olderServer  = "java-server-"
)

// Version returns the Java server's version, such as 3.9.5.
func (in *Installation) Version() string { return versionOf(in.ZooKeeper) }

func (in *Installation) isNewest() bool {
	return strings.HasPrefix(filepath.Base(in.ZooKeeper), newestServer)
}

// versionOf returns the version in the name of a server's directory.
func versionOf(dir string) string {
	base := filepath.Base(dir)
	return strings.TrimPrefix(strings.TrimPrefix(base, newestServer), olderServer)
}

// Versions returns the versions of the Java servers that are installed, the newest last.
func (in *Installation) Versions() []string {
	var versions []string
	for _, dir := range in.Servers {
		versions = append(versions, versionOf(dir))
	}
	return append(versions, in.Version())
}

// At returns the installation with the Java server (and the classes of its tools) of another version. Curator and
// the clients are those of in; programs in test/interop/clients are written for the newest.
func (in *Installation) At(version string) (*Installation, error) {
	if version == in.Version() {
		return in, nil
	}
	for _, dir := range in.Servers {
		if versionOf(dir) == version {
			at := *in
			at.ZooKeeper = dir
			return &at, nil
		}
	}
	return nil, fmt.Errorf("no Java server %s under %s (there are %s): run test/peers/install.sh",
		version, in.Dir, strings.Join(in.Versions(), ", "))
}

// RequireJava returns the Java server of a version, such as 3.6.4; install.sh lists those there are. It skips or
// fails the test as Require does.
func RequireJava(tb testing.TB, version string) Java {
	tb.Helper()
	at, err := Require(tb).At(version)
	if err != nil {
		tb.Fatal(err)
	}
	return Java{at}
}
