package shell

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// lineSource is where lines come from.
type lineSource interface {
	// read returns the next line without its end, or io.EOF.
	read(prompt string) (string, error)
	// edits tells whether lines are edited on a terminal.
	edits() bool
	// show prints text while a line is being read, above it; it reports false if none is.
	show(text string) bool
}

// openLines edits lines if both ends are terminals, and just reads them otherwise.
func openLines(sh *shell, in io.Reader, out io.Writer) lineSource {
	if isTerminal(in) && isTerminal(out) {
		return newTerminal(sh.complete)
	}
	return newPlainLines(in)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// maxLine bounds a line: a znode's data and then some.
const maxLine = 16 << 20

// plainLines reads lines without a prompt. They end in \n, \r or both, as in Java's BufferedReader; the
// empty line between the two of \r\n is skipped like every other.
type plainLines struct{ scanner *bufio.Scanner }

func newPlainLines(in io.Reader) plainLines {
	p := plainLines{bufio.NewScanner(in)}
	p.scanner.Buffer(nil, maxLine)
	p.scanner.Split(splitLines)
	return p
}

func splitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexAny(data, "\r\n"); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func (p plainLines) read(string) (string, error) {
	if p.scanner.Scan() {
		return p.scanner.Text(), nil
	}
	if err := p.scanner.Err(); err != nil {
		return "", fmt.Errorf("%w (lines may have up to %d bytes)", err, maxLine)
	}
	return "", io.EOF
}

func (plainLines) edits() bool      { return false }
func (plainLines) show(string) bool { return false }
