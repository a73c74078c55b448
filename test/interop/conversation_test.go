package interop

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// replyTimeout bounds the wait for anything a program says. It covers an election and a client's own
// patience of 30 seconds.
const replyTimeout = 60 * time.Second

// conversation is a running program that is typed to and read from. One goroutine uses it.
type conversation struct {
	t      *testing.T
	name   string
	stdin  io.WriteCloser
	chunks chan []byte   // what the program prints; closed at its end
	ended  chan error    // the result of Wait, once
	heard  []byte        // printed and not yet asked for
	said   *bytes.Buffer // everything, both ways, for failure messages
	stderr *bytes.Buffer // nil when it goes to the same place as standard output
}

// converse starts cmd. With shell, standard error is part of what is read, as on a terminal.
// The program is killed with the test if it has not ended by then.
func converse(t *testing.T, name string, cmd *exec.Cmd, shell bool) *conversation {
	t.Helper()
	c := &conversation{t: t, name: name, chunks: make(chan []byte, 16), ended: make(chan error, 1), said: &bytes.Buffer{}}
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	cmd.Stdout = in
	if shell {
		cmd.Stderr = in
	} else {
		c.stderr = &bytes.Buffer{}
		cmd.Stderr = c.stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	stop := make(chan struct{})
	go func() {
		err := cmd.Wait()
		in.Close()
		c.ended <- err
	}()
	go func() {
		defer close(c.chunks)
		for {
			b := make([]byte, 4096)
			n, err := out.Read(b)
			if n > 0 {
				select {
				case c.chunks <- b[:n]:
				case <-stop: // nobody listens any more; drain so that the program can end
				}
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		_ = cmd.Process.Kill()
		for range c.chunks {
		}
	})
	return c
}

// say types a line.
func (c *conversation) say(line string) {
	c.t.Helper()
	fmt.Fprintf(c.said, "\n>>> %s\n", line)
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		c.fail("say %q: %v", line, err)
	}
}

// until reads until the text since the last match holds re, takes it up to the end of the match, and
// returns the match and its groups.
func (c *conversation) until(re string) []string {
	c.t.Helper()
	found, err := c.search(re, replyTimeout)
	if err != nil {
		c.fail("%v", err)
	}
	return found
}

// search is until with a time limit and an error.
func (c *conversation) search(re string, limit time.Duration) ([]string, error) {
	r := regexp.MustCompile(re)
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		if at := r.FindSubmatchIndex(c.heard); at != nil {
			var found []string
			for _, group := range r.FindSubmatch(c.heard) {
				found = append(found, string(group))
			}
			c.heard = c.heard[at[1]:]
			return found, nil
		}
		select {
		case b, ok := <-c.chunks:
			if !ok {
				return nil, fmt.Errorf("ended without %q", re)
			}
			c.heard = append(c.heard, b...)
			c.said.Write(b)
		case <-late.C:
			return nil, fmt.Errorf("said nothing like %q within %v", re, limit)
		}
	}
}

// line expects the next line to match re as a whole and returns the groups.
func (c *conversation) line(re string) []string {
	c.t.Helper()
	text := c.until(`([^\n]*)\n`)[1]
	found := regexp.MustCompile("^(?:" + re + ")$").FindStringSubmatch(text)
	if found == nil {
		c.fail("said %q, expected %q", text, re)
	}
	return found
}

// end expects the program to end with status 0.
func (c *conversation) end() {
	c.t.Helper()
	for b := range c.chunks {
		c.said.Write(b)
	}
	if err := <-c.ended; err != nil {
		c.fail("ended with %v", err)
	}
}

// fail ends the test with everything that was said.
func (c *conversation) fail(format string, args ...any) {
	c.t.Helper()
	text := c.said.String()
	if c.stderr != nil {
		text += "\n--- standard error:\n" + c.stderr.String()
	}
	lines := strings.Split(text, "\n")
	c.t.Fatalf("%s %s\n%s", c.name, fmt.Sprintf(format, args...), strings.Join(lines[max(0, len(lines)-80):], "\n"))
}
