package suites

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// Suite is somebody's tests.
type Suite interface {
	Name() string

	// Run runs the tests named in only, or all of them when it is nil, against servers of the given kind and
	// returns how they ended. dir is the caller's, empty, and holds whatever the run leaves behind; the
	// output of tests and servers goes to log. An error means that the suite could not be run.
	Run(ctx context.Context, server Server, only []string, dir string, log io.Writer) (Results, error)
}

// Server is what harnesses need to start servers of one kind.
type Server struct {
	Name      string // java or paddock
	JavaDir   string // goes first in PATH and has a program named java; empty leaves PATH alone
	Classpath string // for that program
	ScriptDir string // has zkServer.sh
	Version   string // of ZooKeeper, such as 3.9.5
}

// zkServer is the least script that starts a Java server the way ZooKeeper's own does.
const zkServer = `#!/bin/sh
[ "$1" = start-foreground ] || { echo "only start-foreground is here" >&2; exit 1; }
exec java $SERVER_JVMFLAGS -cp '%s' org.apache.zookeeper.server.quorum.QuorumPeerMain "$2"
`

// JavaServer lays out in dir what is needed to start Apache ZooKeeper.
func JavaServer(in *peers.Installation, dir string) (Server, error) {
	script := filepath.Join(dir, "zkServer.sh")
	if err := os.WriteFile(script, fmt.Appendf(nil, zkServer, in.Classpath()), 0o755); err != nil {
		return Server{}, err
	}
	return Server{Name: "java", Classpath: in.Classpath(), ScriptDir: dir, Version: in.Version()}, nil
}

// PaddockServer lays out in dir what is needed to start Paddock: the binary with its scripts, as `make dist` does,
// and a link named java.
func PaddockServer(in *peers.Installation, dir string) (Server, error) {
	binary, err := peers.PaddockBinary()
	if err != nil {
		return Server{}, err
	}
	root, err := peers.RepositoryRoot()
	if err != nil {
		return Server{}, err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "packaging", "bin"))); err != nil {
		return Server{}, err
	}
	for _, name := range []string{"paddock", "java"} {
		if err := os.Symlink(binary, filepath.Join(dir, name)); err != nil {
			return Server{}, err
		}
	}
	return Server{Name: "paddock", JavaDir: dir, Classpath: in.Classpath(), ScriptDir: dir, Version: in.Version()}, nil
}

// environment returns this process's environment with the server's java in front, and more.
func (s Server) environment(more ...string) []string {
	env := os.Environ()
	if s.JavaDir != "" {
		env = append(env, "PATH="+s.JavaDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	return append(env, more...)
}

// runGroup runs cmd in a process group of its own, and ends with it whatever cmd has started and left behind.
// A cmd that fails is no error as long as it ran; ctx ends it.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for what is left and holds the output open
	if err := cmd.Start(); err != nil {
		return err
	}
	killGroup := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			killGroup()
		case <-done:
		}
	}()
	err := cmd.Wait()
	close(done)
	killGroup()
	var status *exec.ExitError
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.As(err, &status) || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}
