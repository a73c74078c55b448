package up

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// row is what the table shows of one server.
type row struct {
	ID       int
	Role     string // leader, follower, standalone, or what is the matter
	Address  string
	Zxid     string
	Sessions string // clients connected to this server
	P99      string
	Serving  bool
}

// pollTimeout bounds one question to a server.
const pollTimeout = 400 * time.Millisecond

// poll asks every server at once.
func poll(children []*child) []row {
	rows := make([]row, len(children))
	var wg sync.WaitGroup
	for i, c := range children {
		wg.Go(func() { rows[i] = c.ask() })
	}
	wg.Wait()
	return rows
}

func (c *child) ask() row {
	r := row{ID: c.id, Address: c.address(), Zxid: "-", Sessions: "-", P99: "-"}
	if up, how := c.running(); !up {
		r.Role = how
		return r
	}
	srvr, err := fourLetters(c.address(), "srvr")
	mode, ok := field(srvr, "Mode: ")
	switch {
	case err != nil:
		r.Role = "starting"
		return r
	case !ok:
		r.Role = "looking"
		return r
	}
	r.Role, r.Serving = mode, true
	r.Zxid, _ = field(srvr, "Zxid: ")
	mntr, err := fourLetters(c.address(), "mntr")
	if err != nil {
		return r
	}
	if v, ok := field(mntr, "zk_num_alive_connections\t"); ok {
		if n, err := strconv.Atoi(v); err == nil {
			r.Sessions = strconv.Itoa(max(n-1, 0)) // without the connection that asks
		}
	}
	if v, ok := field(mntr, "zk_p99_latency\t"); ok {
		r.P99 = v + " ms"
	}
	return r
}

// field returns the rest of the first line that starts with prefix.
func field(text, prefix string) (string, bool) {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// fourLetters sends a four-letter word and returns the answer.
func fourLetters(addr, word string) (string, error) {
	nc, err := net.DialTimeout("tcp", addr, pollTimeout)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(pollTimeout)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(nc, word); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(nc, 1<<20))
	return string(b), err
}
