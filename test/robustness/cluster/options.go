package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options describe an ensemble. The zero value of a field is the plainest choice.
type Options struct {
	Voters    int
	Observers int        // with the ids behind those of the voters
	Clients   int        // clients with links of their own to each server
	Rng       *rand.Rand // for the links' jitter; needed with Proxies
	Proxies   bool       // links go through proxies; otherwise they are direct
	Tamper    bool       // slow and failing syncs and clocks, where the system can
	SmallDisk bool       // data lies on a file system of diskBytes, where the system can
	NoCreate  bool       // db.autocreate=false: a server without data does not vote
	Tick      time.Duration
	Extra     []string         // lines of zoo.cfg behind the others; the last of equal names counts
	Own       []string         // lines behind those for servers that run Paddock
	Others    map[int]Software // by id, what servers run that do not run Paddock
}

// diskBytes is how much a small disk holds.
const diskBytes = 64 << 20

// size returns how many servers there are.
func (o *Options) size() int { return o.Voters + o.Observers }

// config returns the text of server s's zoo.cfg.
func (c *Cluster) config(s *Server) string {
	var b strings.Builder
	fmt.Fprintf(&b, "dataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\n", s.Data(), port(s.Client))
	fmt.Fprintf(&b, "tickTime=%d\ninitLimit=20\nsyncLimit=5\n", c.opts.Tick.Milliseconds())
	b.WriteString("snapCount=2000\npreAllocSize=64\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n")
	if c.opts.NoCreate {
		b.WriteString("db.autocreate=false\n")
	}
	if s.Observer {
		b.WriteString("peerType=observer\n")
	}
	for _, other := range c.Servers {
		quorum, election := other.quorum, other.election
		if p, ok := c.peers[way{s.ID, other.ID}]; ok {
			quorum, election = p.quorum.Addr(), p.election.Addr()
		}
		fmt.Fprintf(&b, "server.%d=127.0.0.1:%s:%s", other.ID, port(quorum), port(election))
		if other.Observer {
			b.WriteString(":observer")
		}
		b.WriteByte('\n')
	}
	lines := c.opts.Extra
	if s.Paddock() {
		lines = slices.Concat(lines, c.opts.Own)
	}
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// write makes the files of a server that has never run.
func (c *Cluster) write(s *Server) error {
	if err := os.MkdirAll(s.Data(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "zoo.cfg"), []byte(c.config(s)), 0o600); err != nil {
		return err
	}
	return c.introduceDisk(s, true)
}

// introduceDisk writes what an operator puts on an empty disk. Only a first
// disk may vote before it has been filled by the others.
func (c *Cluster) introduceDisk(s *Server, first bool) error {
	files := map[string]string{"myid": strconv.Itoa(s.ID) + "\n"}
	if first && c.opts.NoCreate {
		files["initialize"] = ""
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Data(), name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// freeAddrs returns n free addresses of loopback. Their ports lie below those
// that the system gives to outgoing connections, or one of these might have the
// port of a server that is down for a moment.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for tries := 0; len(addrs) < n; tries++ {
		if tries > 100*n {
			return nil, fmt.Errorf("find %d free ports between 12000 and 32000: only %d are", n, len(addrs))
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000)))
		if err != nil {
			continue
		}
		defer ln.Close()
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs, nil
}
