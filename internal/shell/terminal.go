package shell

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reeflective/readline"

	"github.com/paddock-io/paddock/zk"
)

// terminal lets lines be edited, found again and completed. Ctrl-C and Ctrl-D leave the shell.
type terminal struct {
	editor *readline.Shell

	mu      sync.Mutex // held by show while it prints
	prompt  string
	editing bool
}

// newTerminal edits lines on the process's terminal. complete returns what the last word before the
// cursor may become.
func newTerminal(complete func(before string) []string) *terminal {
	t := &terminal{editor: readline.NewShell()}
	t.editor.Config.Set("show-all-if-ambiguous", true) // list the candidates at the first tab
	t.editor.Prompt.Primary(func() string { return t.prompt })
	t.editor.Completer = func(line []rune, cursor int) readline.Completions {
		words := complete(string(line[:cursor]))
		return readline.CompleteValues(words...)
	}
	return t
}

func (t *terminal) read(prompt string) (string, error) {
	t.edit(true, prompt)
	line, err := t.editor.Readline()
	t.edit(false, prompt)
	if errors.Is(err, readline.ErrInterrupt) {
		err = io.EOF
	}
	return line, err
}

func (t *terminal) edit(on bool, prompt string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.editing, t.prompt = on, prompt
}

func (t *terminal) edits() bool { return true }

// show puts text above the line being edited. The terminal is in raw mode then.
func (t *terminal) show(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.editing {
		return false
	}
	t.editor.PrintTransientf("%s", strings.ReplaceAll(text, "\n", "\r\n"))
	return true
}

// completionPatience is how long the answer to a press of the tab key may take.
const completionPatience = 2 * time.Second

// complete returns the commands or, for a word that begins with a slash, the paths that the last word
// before the cursor may become. Source: JLineZNodeCompleter.
func (sh *shell) complete(before string) []string {
	word := before[strings.LastIndexAny(before, whiteSpace)+1:]
	if !strings.HasPrefix(word, "/") {
		var names []string
		for _, c := range table {
			if strings.HasPrefix(c.name, word) {
				names = append(names, c.name)
			}
		}
		return names
	}
	if !sh.session.alive() {
		return nil
	}
	dir, prefix := word[:strings.LastIndexByte(word, '/')], word[strings.LastIndexByte(word, '/')+1:]
	if dir == "" {
		dir = "/"
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	res, err := sh.session.conn.Do(ctx, zk.ChildrenOp(dir))
	if err != nil {
		return nil
	}
	var paths []string
	for _, name := range res.Children {
		if strings.HasPrefix(name, prefix) {
			paths = append(paths, join(dir, name))
		}
	}
	slices.Sort(paths)
	return paths
}
