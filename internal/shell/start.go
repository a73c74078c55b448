package shell

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// start is what the arguments of the program say.
type start struct {
	server  string // connect string
	wait    bool   // for a connection, before anything else
	session sessionOptions
	command []string // nil: lines are read
}

// parseStart reads the arguments. Options that it does not know are skipped, and one without its value
// is complained about but no more, as ZooKeeper does. Its errors end the program.
// Source: ZooKeeperMain.MyCommandOptions.parseOptions.
func parseStart(args []string, complain func(string)) (start, error) {
	s := start{server: "localhost:2181", session: sessionOptions{timeout: 30 * time.Second}}
	values := map[string]string{"-server": s.server, "-timeout": "30000", "-client-configuration": ""}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") {
			s.command = args[i:]
			break
		}
		if _, ok := values[arg]; ok {
			if i++; i == len(args) {
				complain("Error: no argument found for option " + arg)
				break
			}
			values[arg] = args[i]
		}
		switch arg {
		case "-waitforconnection":
			s.wait = true
		case "-r":
			s.session.readOnly = true
		}
	}
	s.server = values["-server"]
	ms, err := strconv.ParseInt(values["-timeout"], 10, 32)
	if err != nil || ms <= 0 {
		return s, fmt.Errorf("-timeout %s: not a number of milliseconds", values["-timeout"])
	}
	s.session.timeout = time.Duration(ms) * time.Millisecond
	if file := values["-client-configuration"]; file != "" {
		return s, s.session.configure(file, complain)
	}
	return s, nil
}

// maxConfiguration bounds the size of a client configuration, in bytes.
const maxConfiguration = 1 << 20

// configure reads the file of -client-configuration. What would make the connection another one than the
// file asks for is an error, and the rest of what is not served is named.
func (o *sessionOptions) configure(file string, complain func(string)) error {
	if st, err := os.Stat(file); err != nil {
		return fmt.Errorf("client configuration: %w", err)
	} else if st.Size() > maxConfiguration {
		return fmt.Errorf("client configuration %s: longer than %d bytes", file, maxConfiguration)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("client configuration: %w", err)
	}
	properties, err := ensemble.ParseProperties(string(text))
	if err != nil {
		return fmt.Errorf("client configuration %s: %w", file, err)
	}
	for _, p := range properties {
		switch {
		case p.Key == "jute.maxbuffer":
			n, err := strconv.ParseInt(strings.TrimSpace(p.Value), 0, 32)
			if err != nil || n <= 0 {
				return fmt.Errorf("client configuration %s, line %d: jute.maxbuffer %q is not a number of bytes", file, p.Line, p.Value)
			}
			o.maxFrame = int(n)
		case p.Key == "zookeeper.client.secure" && strings.EqualFold(strings.TrimSpace(p.Value), "true"):
			return fmt.Errorf("client configuration %s, line %d: TLS is not served by this version of Paddock's shell", file, p.Line)
		default:
			complain(fmt.Sprintf("client configuration %s, line %d: %s has no effect in this version of Paddock's shell", file, p.Line, p.Key))
		}
	}
	return nil
}
