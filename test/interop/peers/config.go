package peers

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Member is one server.N line of a zoo.cfg.
type Member struct {
	ID           int
	Host         string // of the quorum and election ports; empty is 127.0.0.1. Several, divided by '|', are addresses of one server
	QuorumPort   int
	ElectionPort int
	Observer     bool
	ClientPort   int // 0 leaves it out, and with it the member's client address in /zookeeper/config
}

// Config describes one server. Home and ClientPort must be set; a Config without Members is a
// standalone server.
type Config struct {
	Home       string // zoo.cfg, data/ and server.log live here; made if missing
	ID         int    // among Members
	ClientPort int
	Members    []Member          // as this server sees them; another may see other ports
	Settings   map[string]string // further zoo.cfg lines, and overrides of the defaults below
	Properties map[string]string // Java system properties
}

// defaults are short, so that a dead server is noticed within two and a half seconds.
var defaults = map[string]string{
	"tickTime":               "500",
	"initLimit":              "10",
	"syncLimit":              "5",
	"4lw.commands.whitelist": "*",
	"maxClientCnxns":         "0",
}

// DataDir is the server's dataDir; its files are in version-2 below it.
func (c Config) DataDir() string { return filepath.Join(c.Home, "data") }

// VersionDir is where the logs, snapshots and epoch files are.
func (c Config) VersionDir() string { return filepath.Join(c.DataDir(), "version-2") }

// cfgPath is the server's zoo.cfg.
func (c Config) cfgPath() string { return filepath.Join(c.Home, "zoo.cfg") }

// write lays out the home directory: zoo.cfg, data/, and data/myid for a member.
func (c Config) write() error {
	if err := os.MkdirAll(c.DataDir(), 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if len(c.Members) > 0 {
		myid := filepath.Join(c.DataDir(), "myid")
		if err := os.WriteFile(myid, []byte(strconv.Itoa(c.ID)+"\n"), 0o644); err != nil {
			return fmt.Errorf("write myid: %w", err)
		}
	}
	if err := os.WriteFile(c.cfgPath(), []byte(c.text()), 0o644); err != nil {
		return fmt.Errorf("write zoo.cfg: %w", err)
	}
	return nil
}

// text is the zoo.cfg.
func (c Config) text() string {
	lines := maps.Clone(defaults)
	lines["dataDir"] = c.DataDir()
	lines["clientPort"] = strconv.Itoa(c.ClientPort)
	lines["clientPortAddress"] = "127.0.0.1"
	maps.Copy(lines, c.Settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&b, "%s=%s\n", key, lines[key])
	}
	for _, m := range c.Members {
		role, client := "", ""
		if m.Observer {
			role = ":observer"
		}
		if m.ClientPort != 0 {
			client = fmt.Sprintf(";127.0.0.1:%d", m.ClientPort)
		}
		var addrs []string
		for host := range strings.SplitSeq(cmp.Or(m.Host, "127.0.0.1"), "|") {
			addrs = append(addrs, fmt.Sprintf("%s:%d:%d%s", host, m.QuorumPort, m.ElectionPort, role))
		}
		fmt.Fprintf(&b, "server.%d=%s%s\n", m.ID, strings.Join(addrs, "|"), client)
	}
	return b.String()
}
