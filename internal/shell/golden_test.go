package shell

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/node/nodetest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as in the recordings
	os.Exit(m.Run())
}

// outcome is what a run of the shell left behind, in the form of the golden files.
func outcome(addr, input string, args ...string) string {
	var out, errOut bytes.Buffer
	code := Main(append([]string{"-server", addr}, args...), strings.NewReader(input), &out, &errOut)
	var b strings.Builder
	for _, s := range []struct{ prefix, text string }{{"1 ", out.String()}, {"2 ", errOut.String()}} {
		lines := strings.SplitAfter(strings.ReplaceAll(s.text, addr, "HOST"), "\n")
		for _, line := range lines {
			if line == "" {
				continue
			}
			b.WriteString(s.prefix + line)
			if !strings.HasSuffix(line, "\n") {
				b.WriteString("\\ no newline\n")
			}
		}
	}
	fmt.Fprintf(&b, "exit %d\n", code)
	return b.String()
}

const greeting = "1 \n1 WATCHER::\n1 \n1 WatchedEvent state:SyncConnected type:None path:null zxid: -1\n"

// What differs from run to run. Dates must have Java's form to be taken for one.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^(1 [cm]time = )(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$`), "${1}DATE"},
	{regexp.MustCompile(`(?m)^(1 [cmp]Zxid = )0x[0-9a-f]+$`), "${1}ZXID"},
	{regexp.MustCompile(`(?m)^(1 ephemeralOwner = )0x[1-9a-f][0-9a-f]*$`), "${1}SESSION"},
	{regexp.MustCompile(`(?m)( zxid: )\d+$`), "${1}ZXID"},
	// The identities of a connection are in a hash table.
	{regexp.MustCompile(`1 digest: bob\n1 ip: 127\.0\.0\.1\n`), "1 ip: 127.0.0.1\n1 digest: bob\n"},
}

func normalise(s string) string {
	for _, c := range changing {
		s = c.what.ReplaceAllString(s, c.with)
	}
	return s
}

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "java", name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n")) // the note
	return string(text)
}

// TestOneShot runs the commands that Java's shell was recorded with, in the same order, each in a shell
// of its own. Java exits without printing that it is connected if it exits before it is.
func TestOneShot(t *testing.T) {
	addr := nodetest.Standalone(t)
	records := strings.Split(golden(t, "oneshot"), "$ ")[1:]
	if len(records) < 100 {
		t.Fatalf("only %d records", len(records))
	}
	for _, record := range records {
		line, want, _ := strings.Cut(record, "\n")
		words := splitWords(line)
		got := outcome(addr, "", words...)
		if strings.HasSuffix(want, "exit 0\n") && findCommand(words[0]).least == 2 && !strings.Contains(got, greeting) {
			t.Errorf("%s\nsays nothing of the connection:\n%s", line, got)
		}
		got, want = strings.Replace(got, greeting, "", 1), strings.Replace(want, greeting, "", 1)
		if got, want := normalise(got), normalise(want); got != want {
			t.Errorf("%s\ngot:\n%swant:\n%s", line, got, want)
		}
	}
}

// TestPiped types what was typed into Java's shell.
func TestPiped(t *testing.T) {
	scripts, err := filepath.Glob("testdata/java/piped-*.txt")
	if err != nil || len(scripts) < 9 {
		t.Fatalf("scripts %v, %v", scripts, err)
	}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".txt")
		t.Run(name, func(t *testing.T) {
			var more []string
			if name == "piped-ttl" {
				more = []string{"extendedTypesEnabled=true"}
			}
			addr := nodetest.Standalone(t, more...)
			input, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			got := normalise(outcome(addr, strings.ReplaceAll(string(input), "HOST", addr)))
			if want := normalise(golden(t, name)); got != want {
				t.Errorf("got:\n%s\nwant:\n%s\n%s", got, want, firstDifference(got, want))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}
