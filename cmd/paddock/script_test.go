package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the commands paddock and java for the transcripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"paddock": main, "java": main, "awaitport": awaitPort})
}

// TestScripts runs the transcripts of testdata/script. In them, exits CODE COMMAND... runs a command that must end
// with that exit code, awaitport PORT waits until somebody listens there, $TAKEN is a port that somebody listens on, and $FREE one that was free a moment ago.
func TestScripts(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the transcripts, which run in parallel
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("TAKEN", port(taken.Addr()))
			env.Setenv("FREE", freePort(t))
			return nil
		},
	})
}

// awaitPort is the command awaitport.
func awaitPort() {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort("localhost", os.Args[1]))
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-deadline:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		case <-tick.C:
		}
	}
}

// freePort finds a port below the range from which systems take those of outgoing connections.
func freePort(t *testing.T) string {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", 12000+rand.IntN(20000)))
		if err == nil {
			defer l.Close()
			return port(l.Addr())
		}
	}
	t.Fatal("no free port")
	return ""
}

func port(a net.Addr) string { return strconv.Itoa(a.(*net.TCPAddr).Port) }

// exits implements the command of that name.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s exits with code %d, want %s", args[1], code, args[0])
	}
}
