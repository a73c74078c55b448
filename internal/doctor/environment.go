package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/config"
)

// environment is what ZooKeeper's scripts put into a JVM's command line: variables, from the environment and from
// files beside zoo.cfg that the scripts source. Such a file is a shell script. It is read, not run: plain assignments
// count, and anything else is named.
type environment struct {
	vars     map[string]string
	sources  []string // of system properties
	findings []Finding
}

// flagVariables hold -D flags; later ones win, as zkServer.sh orders them. JAVA_OPTS is Debian's.
var flagVariables = []string{"JAVA_OPTS", "SERVER_JVMFLAGS", "JVMFLAGS"}

// scripts beside zoo.cfg, in the order in which they are sourced. environment is Debian's.
var scripts = []string{"environment", "zookeeper-env.sh", "java.env"}

const maxScript = 1 << 20 // bytes

func readEnvironment(zooCfg string, getenv func(string) string) *environment {
	e := &environment{vars: map[string]string{}, sources: []string{}}
	for _, name := range append([]string{"ZOOKEEPER_PREFIX", "ZOOCFGDIR", "ZOO_LOG_DIR"}, flagVariables...) {
		if value := getenv(name); value != "" {
			e.vars[name] = value
		}
	}
	for _, name := range flagVariables {
		if e.vars[name] != "" {
			e.sources = append(e.sources, name+" of this environment")
		}
	}
	dir := filepath.Dir(zooCfg)
	if _, ok := e.vars["ZOOCFGDIR"]; !ok {
		e.vars["ZOOCFGDIR"] = dir
	}
	for _, name := range scripts {
		e.source(filepath.Join(dir, name))
	}
	return e
}

// source reads a script, if it is there.
func (e *environment) source(path string) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		e.findings = append(e.findings, Finding{path, "it cannot be read: " + err.Error(), "run this as the server's user"})
		return
	}
	defer f.Close()
	before := maps.Clone(e.vars)
	var program []string // lines that would have to be run
	lines := bufio.NewScanner(io.LimitReader(f, maxScript))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		first := n
		for strings.HasSuffix(text, `\`) && lines.Scan() { // a line that goes on
			n++
			text = strings.TrimSuffix(text, `\`) + strings.TrimSpace(lines.Text())
		}
		if !e.assign(text) {
			program = append(program, strconv.Itoa(first))
		}
	}
	if len(program) > 0 {
		e.findings = append(e.findings, Finding{path, "this program does not run scripts, and takes plain assignments only; passed over: line " + strings.Join(program, ", "),
			"if that changes JVMFLAGS or SERVER_JVMFLAGS, pass what it sets with -D"})
	}
	for _, name := range flagVariables {
		if e.vars[name] != before[name] {
			e.sources = append(e.sources, fmt.Sprintf("%s in %s", name, path))
		}
	}
}

// assign takes one line. It reports false for what is neither empty nor [export] NAME=value.
func (e *environment) assign(line string) bool {
	if line == "" || strings.HasPrefix(line, "#") {
		return true
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return isName(line) // export NAME
	}
	if !isName(name) || strings.Contains(value, "$(") || strings.Contains(value, "`") {
		return false
	}
	e.vars[name] = e.expand(value)
	return true
}

func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}

// expand is the value of an assignment: without the quotes that enclose it, a comment behind it, and with variables.
func (e *environment) expand(value string) string {
	switch {
	case strings.HasPrefix(value, "'"):
		inside, _, _ := strings.Cut(value[1:], "'")
		return inside
	case strings.HasPrefix(value, `"`):
		value = unquote(value[1:])
	default:
		value, _, _ = strings.Cut(value, " ") // the shell would run what follows
	}
	return os.Expand(value, func(name string) string {
		name, _, _ = strings.Cut(name, ":") // of ${NAME:-default}, which is rare, the default is lost
		return e.vars[name]
	})
}

// unquote reads up to the closing quote.
func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// properties are the -D flags of all variables.
func (e *environment) properties() map[string]string {
	props := map[string]string{}
	for _, name := range flagVariables {
		flags, _ := config.ParseJVMFlags(e.vars[name])
		maps.Copy(props, flags)
	}
	return props
}
