package up

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Limits of the ensemble: an even number only adds a server that may not fail,
// and ids and ports run out of meaning far below these.
const (
	maxServers  = 15
	quorumStep  = 700  // client port 2181, quorum port 2881
	electStep   = 1700 // election port 3881
	portRetries = 200  // how far to look for a free port
)

// serverFiles is where one server lives.
type serverFiles struct {
	id       int
	dir      string
	client   int
	quorum   int
	election int
}

func (s serverFiles) config() string  { return filepath.Join(s.dir, "zoo.cfg") }
func (s serverFiles) log() string     { return filepath.Join(s.dir, "server.log") }
func (s serverFiles) address() string { return "127.0.0.1:" + strconv.Itoa(s.client) }

// plan chooses ports for n servers and checks that they are free. The client
// ports are those asked for; the others move on to the next free ones.
func plan(dir string, n, base int) ([]serverFiles, error) {
	if n < 1 || n > maxServers {
		return nil, fmt.Errorf("-n %d: choose 1 to %d servers; 3 survive the loss of one, 5 of two", n, maxServers)
	}
	if base < 1 || base+n-1 > 65535 {
		return nil, fmt.Errorf("--base-port %d: the %d client ports must lie between 1 and 65535", base, n)
	}
	taken := map[int]bool{}
	servers := make([]serverFiles, n)
	var busy []string
	for i := range servers {
		s := &servers[i]
		*s = serverFiles{id: i + 1, dir: filepath.Join(dir, serverDir(i+1)), client: base + i}
		taken[s.client] = true
		if !free(s.client) {
			busy = append(busy, strconv.Itoa(s.client))
		}
	}
	if len(busy) > 0 {
		return nil, fmt.Errorf("client port %s is taken by another program; stop it, or choose other ports with --base-port", strings.Join(busy, ", "))
	}
	for i := range servers {
		var err error
		if servers[i].quorum, err = nextFree(base+quorumStep+i, taken); err != nil {
			return nil, err
		}
		if servers[i].election, err = nextFree(base+electStep+i, taken); err != nil {
			return nil, err
		}
	}
	return servers, nil
}

func serverDir(id int) string { return "server-" + strconv.Itoa(id) }

// free reports whether a TCP port can be bound on loopback.
func free(port int) bool {
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	ln.Close()
	return true
}

func nextFree(from int, taken map[int]bool) (int, error) {
	from = max(from%65536, 1024)
	for p := from; p < from+portRetries && p < 65536; p++ {
		if !taken[p] && free(p) {
			taken[p] = true
			return p, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d on; choose other ports with --base-port", from)
}

// write lays out the servers' files. Data of an earlier run stays; a directory
// laid out for another number of servers is refused, because the servers would
// not agree on who they are.
func write(dir string, servers []serverFiles) error {
	old := 0
	for i := range maxServers {
		if _, err := os.Stat(filepath.Join(dir, serverDir(i+1), "data", "myid")); err == nil {
			old++
		}
	}
	if old > 0 && old != len(servers) {
		return fmt.Errorf("%s holds an ensemble of %d servers, not of %d; use -n %d, or another directory with --data", dir, old, len(servers), old)
	}
	var members strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&members, "server.%d=127.0.0.1:%d:%d\n", s.id, s.quorum, s.election)
	}
	if len(servers) == 1 {
		members.Reset() // one server alone
	}
	for _, s := range servers {
		if err := s.write(members.String()); err != nil {
			return err
		}
	}
	return nil
}

func (s serverFiles) write(members string) error {
	data := filepath.Join(s.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	myid := filepath.Join(data, "myid")
	if _, err := os.Stat(myid); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(myid, fmt.Appendf(nil, "%d\n", s.id), 0o600); err != nil {
			return err
		}
	}
	text := fmt.Sprintf(`# Written by paddock up at every start.
tickTime=1000
initLimit=10
syncLimit=5
dataDir=%s
clientPort=%d
clientPortAddress=127.0.0.1
maxClientCnxns=0
autopurge.snapRetainCount=3
autopurge.purgeInterval=1
4lw.commands.whitelist=*
%s`, escape(data), s.client, members)
	return os.WriteFile(s.config(), []byte(text), 0o600)
}

// escape writes a path as a value of a properties file.
func escape(path string) string { return strings.ReplaceAll(path, `\`, `\\`) }
