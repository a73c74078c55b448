package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/config"
)

// The programs whose servers are told apart.
const (
	java    = "Java"
	paddock = "Paddock"
)

// process is a server found among the processes of this machine.
type process struct {
	pid     int
	program string
	props   map[string]string // of its command line
}

const maxCommandLine = 1 << 20 // bytes

// findServer looks for a server that was started with the configuration file or has a file of one of the directories
// open. What another user's processes have open is only shown to root.
func findServer(proc, zooCfg string, dirs []string) *process {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil // not Linux
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := filepath.Join(proc, e.Name())
		args := commandLine(dir)
		program := programOf(dir, args)
		if program == "" || !startedWith(dir, args, zooCfg) && !hasOpen(dir, dirs) {
			continue
		}
		p := &process{pid: pid, program: program, props: map[string]string{}}
		for _, arg := range args {
			if flag, ok := strings.CutPrefix(arg, "-D"); ok {
				name, value, _ := strings.Cut(flag, "=")
				p.props[name] = value
			}
		}
		return p
	}
	return nil
}

func commandLine(dir string) []string {
	f, err := os.Open(filepath.Join(dir, "cmdline"))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCommandLine))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}

// programOf tells whose server a command line starts, "" for none. A link named java may lead to Paddock.
func programOf(dir string, args []string) string {
	if len(args) == 0 {
		return ""
	}
	exe, _ := os.Readlink(filepath.Join(dir, "exe"))
	isPaddock := filepath.Base(args[0]) == "paddock" || filepath.Base(exe) == "paddock"
	javaServer := slices.ContainsFunc(args, func(a string) bool {
		return a == "org.apache.zookeeper.server.quorum.QuorumPeerMain" || a == "org.apache.zookeeper.server.ZooKeeperServerMain"
	})
	switch {
	case isPaddock && (javaServer || len(args) > 1 && args[1] == "server"):
		return paddock
	case javaServer:
		return java
	}
	return ""
}

// startedWith reports whether an argument is the path of the configuration file.
func startedWith(dir string, args []string, zooCfg string) bool {
	want, err := os.Stat(zooCfg)
	if err != nil {
		return false
	}
	for _, arg := range args[1:] {
		if filepath.Base(arg) != filepath.Base(zooCfg) {
			continue
		}
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(dir, "cwd", arg)
		}
		if info, err := os.Stat(arg); err == nil && os.SameFile(info, want) {
			return true
		}
	}
	return false
}

// hasOpen reports whether the process has a file in one of the directories open.
func hasOpen(dir string, dirs []string) bool {
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		file, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if err == nil && slices.Contains(dirs, filepath.Dir(file)) {
			return true
		}
	}
	return false
}

// askTime bounds a question to the server, and to the resolver.
const askTime = 2 * time.Second

// findRunning says who runs: process, which may be nil, and whoever answers on the client port.
func (r *Report) findRunning(ctx context.Context, o *Options, c *config.Config, process *process) {
	var running Running
	if process != nil {
		running.PID, running.Program = process.pid, process.program
	}
	if c.ClientPort > 0 {
		host := c.ClientPortAddress
		if host == "" || host == "0.0.0.0" || host == "::" {
			host = "127.0.0.1"
		}
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		addr := net.JoinHostPort(host, strconv.Itoa(c.ClientPort))
		if text, err := o.Ask(ctx, addr); err == nil {
			running.Address = addr
			running.Version, running.Mode = readSrvr(text)
		}
	}
	if running == (Running{}) {
		return
	}
	if running.Program == "" && strings.Contains(running.Version, "paddock") {
		running.Program = paddock
	}
	r.Running = &running
	if oldMinor(running.Version) {
		r.must(Finding{What: "the server that runs here has version " + running.Version + "; Paddock in one ensemble with it has not been tried",
			Do: "stop the whole ensemble and start it with Paddock on the same directories; or upgrade to ZooKeeper 3.5 or later first, and go on server by server"})
	}
}

// oldMinor reports whether a version is of ZooKeeper before 3.5, which speaks to other servers in other ways.
func oldMinor(version string) bool {
	return strings.HasPrefix(version, "3.4.") || strings.HasPrefix(version, "3.3.")
}

// readSrvr reads version and mode out of an answer to srvr. A server that does not serve says so in a sentence.
func readSrvr(text string) (version, mode string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if v, ok := strings.CutPrefix(line, "Zookeeper version: "); ok {
			version, _, _ = strings.Cut(v, ",")
			if short, _, ok := strings.Cut(version, "-"); ok && !strings.Contains(version, "paddock") {
				version = short
			}
		}
		if m, ok := strings.CutPrefix(line, "Mode: "); ok {
			mode = m
		}
	}
	if mode == "" && strings.Contains(text, "not currently serving requests") {
		mode = "serving nobody, as a server without a quorum"
	}
	return version, mode
}

// maxAnswer bounds what a server may say.
const maxAnswer = 16 << 10

// askServer sends srvr and returns what comes back.
func askServer(ctx context.Context, addr string) (string, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", addr, err)
	}
	defer nc.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := nc.SetDeadline(deadline); err != nil {
			return "", fmt.Errorf("ask %s: %w", addr, err)
		}
	}
	if _, err := nc.Write([]byte("srvr")); err != nil {
		return "", fmt.Errorf("ask %s: %w", addr, err)
	}
	b, err := io.ReadAll(io.LimitReader(nc, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", addr, err)
	}
	return string(b), nil
}
