package tamper

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childVariable makes the test's binary the program that is tampered with.
const childVariable = "PADDOCK_TAMPER_CHILD"

func TestMain(m *testing.M) {
	Main()
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	os.Exit(m.Run())
}

// child answers each line on its input: for "time" by its wall clock, in
// seconds, and how long its monotonic one says it has run; for "sync" by what
// became of it.
func child(dir string) {
	began := time.Now()
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "time":
			fmt.Println(time.Now().Unix(), int64(time.Since(began).Seconds()))
		case "sync":
			fmt.Fprintln(f, "data")
			fmt.Println(f.Sync())
		}
	}
}

// subject is a child process, and ask a conversation with it.
type subject struct {
	*Process
	ask func(string) string
}

func start(t *testing.T) *subject {
	t.Helper()
	cmd := exec.Command(static(t))
	cmd.Env = append(os.Environ(), childVariable+"="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd)
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
		p.Wait()
	})
	answers := bufio.NewReader(out)
	return &subject{p, func(question string) string {
		t.Helper()
		io.WriteString(in, question+"\n")
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", question, err)
		}
		return strings.TrimSpace(answer)
	}}
}

// static builds this test's binary without C, as the servers are built.
func static(t *testing.T) string {
	bin := filepath.Join(t.TempDir(), "child")
	cmd := exec.Command("go", "test", "-c", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the child: %v\n%s", err, out)
	}
	return bin
}

func TestClock(t *testing.T) {
	s := start(t)
	for _, shift := range []time.Duration{0, 48 * time.Hour, -10 * 365 * 24 * time.Hour, 0} {
		if err := s.ShiftClock(shift); err != nil {
			t.Fatal(err)
		}
		wall, ran, _ := strings.Cut(s.ask("time"), " ")
		seconds, _ := strconv.ParseInt(wall, 10, 64)
		if off := time.Until(time.Unix(seconds, 0)) - shift; off.Abs() > time.Minute {
			t.Errorf("shifted by %v, the clock is %v from there", shift, off)
		}
		if n, err := strconv.Atoi(ran); err != nil || n < 0 || n > 60 {
			t.Errorf("shifted by %v, it has run for %q seconds", shift, ran)
		}
	}
}

func TestDisk(t *testing.T) {
	s := start(t)
	if got := s.ask("sync"); got != "<nil>" {
		t.Errorf("a sync that nobody minds: %s", got)
	}
	const delay = 50 * time.Millisecond
	s.SetDisk(Disk{Delay: delay})
	began := time.Now()
	if got := s.ask("sync"); got != "<nil>" || time.Since(began) < delay {
		t.Errorf("a slow sync: %s after %v", got, time.Since(began))
	}
	s.SetDisk(Disk{Fail: true})
	if got := s.ask("sync"); !strings.Contains(got, "input/output error") {
		t.Errorf("a sync that fails: %s", got)
	}
	s.SetDisk(Disk{})
	if got := s.ask("sync"); got != "<nil>" {
		t.Errorf("a sync afterwards: %s", got)
	}
}
