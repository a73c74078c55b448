package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/paddock-io/paddock/zk"
)

// shell is one run of the program. One goroutine owns it.
type shell struct {
	*screen
	start   start
	host    string   // connect string of the latest connect
	session *session // nil before the first
	mute    atomic.Bool

	history []string // lines by their number; the last is the one under way
	count   int      // lines done, and so the number of the one under way
	code    int      // of the latest command

	watchMode zk.AddWatchMode // of the latest addWatch that named one
	done      bool            // quit
}

// Main is zkCli.sh: args are its arguments, in is what is typed. It returns the exit code: 0, or 1 if the
// last command failed, or 127 if there is no such command, or 2 if the arguments are of no use.
//
// If in and out are terminals, lines can be edited and completed.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	sh := &shell{screen: newScreen(out, errOut), watchMode: zk.WatchPersistentRecursive}
	defer sh.flush()
	var err error
	if sh.start, err = parseStart(args, sh.complain); err != nil {
		sh.complain(err.Error())
		return exitInvocation
	}
	sh.heading("Connecting to " + sh.start.server)
	if err := sh.connect(sh.start.server); err != nil {
		sh.complain(err.Error())
		return exitFailed
	}
	defer func() { sh.session.leave() }()
	if sh.start.command != nil {
		defer sh.pumping()()
		sh.run(sh.start.command)
		return sh.code
	}
	sh.heading("Welcome to ZooKeeper!")
	sh.converse(in, out)
	return sh.code
}

// pumping prints notices in the background until the returned function is called.
func (sh *shell) pumping() (stop func()) {
	var wg sync.WaitGroup
	quit := make(chan struct{})
	wg.Go(func() { sh.pump(quit) })
	return func() {
		close(quit)
		wg.Wait()
	}
}

// converse reads and runs lines until quit or the end of the input.
func (sh *shell) converse(in io.Reader, out io.Writer) {
	lines := openLines(sh, in, out)
	sh.heading("JLine support is " + map[bool]string{true: "enabled", false: "disabled"}[lines.edits()])
	sh.screen.show = lines.show
	defer sh.pumping()()
	for !sh.done {
		sh.flush()
		line, err := lines.read(sh.prompt())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				sh.complain("read the next command: " + err.Error())
				sh.code = exitFailed
			}
			return
		}
		sh.execute(line)
	}
}

func (sh *shell) prompt() string {
	return fmt.Sprintf("[zk: %s(%s) %d] ", sh.host, sh.session.state(), sh.count)
}

// execute runs one line. Source: ZooKeeperMain.executeLine.
func (sh *shell) execute(line string) {
	if line == "" {
		return
	}
	sh.history = append(sh.history[:sh.count], line)
	sh.run(splitWords(line))
	sh.count++
}

// run runs one command and remembers its exit code. Source: ZooKeeperMain.processCmd.
func (sh *shell) run(words []string) {
	code := exitOK
	if err := explain(sh.dispatch(words)); err != nil {
		code = exitFailed
		if f := (*failure)(nil); errors.As(err, &f) {
			code = f.code
		}
		sh.complain(err.Error())
	}
	if !sh.done { // quit leaves with the code of the command before it
		sh.code = code
	}
	sh.flush()
}

// dispatch finds a command and runs it. Source: ZooKeeperMain.processZKCmd.
func (sh *shell) dispatch(words []string) error {
	if len(words) == 0 {
		sh.usage()
		return fail("No command entered")
	}
	c := findCommand(words[0])
	if c == nil {
		sh.usage()
		return &failure{"Command not found: Command not found " + words[0], exitUnknown}
	}
	if c.local != nil {
		if err := c.local(sh, words); err != nil || sh.done {
			return err
		}
	}
	if !sh.session.alive() {
		sh.println("Not connected")
		return nil
	}
	if c.run == nil {
		return nil
	}
	args, err := c.parse(sh, words)
	if err != nil {
		return err
	}
	return c.run(sh, args)
}

// usage prints what help prints. Source: ZooKeeperMain.usage.
func (sh *shell) usage() {
	sh.complain("ZooKeeper -server host:port -client-configuration properties-file cmd args")
	for _, c := range table {
		if !c.hidden {
			sh.complain("\t" + c.name + " " + c.usage)
		}
	}
}

// connect replaces the session.
func (sh *shell) connect(servers string) error {
	sh.session.close()
	sh.host = servers
	var err error
	sh.session, err = openSession(servers, sh.start.session, sh.screen, &sh.mute)
	if err != nil || !sh.start.wait {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), sh.start.session.timeout)
	defer cancel()
	if err := sh.session.conn.WaitConnected(ctx); err != nil {
		sh.session.close()
		return fmt.Errorf("no server of %s answered within %v: %w", servers, sh.start.session.timeout, zk.ErrConnectionLoss)
	}
	return nil
}
