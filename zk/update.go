package zk

import (
	"errors"
	"fmt"
	"time"
)

// errLeaves ends a link because the list of servers has changed.
var errLeaves = errors.New("list of servers has changed, going to another one")

// leavePatience is how long a Conn that leaves its server waits for answers.
const leavePatience = time.Second

// UpdateServers replaces the servers of the Conn by those of a connect string,
// and keeps the clients of an ensemble evenly spread when each of them is told
// so: a Conn whose server is not in the list goes to another one, and when the
// list has grown, one whose server stays in it goes to a new one with a chance
// that leaves every server its share. When it has not grown, nobody leaves a
// server that stays. The session goes on, as after the loss of a connection, but
// requests under way are answered first, for up to a second; persistent watches
// report a gap.
//
// A server is the same if host and port are written alike, or if it is written
// as the address that the Conn is connected to. The connect string may have the
// Conn's chroot or none. Source: ZooKeeper.updateServerList.
func (c *Conn) UpdateServers(servers string) error {
	list, root, err := parseServers(servers)
	if err != nil {
		return err
	}
	if root != "" && root != c.root {
		return fmt.Errorf("zk: connect string %q: the chroot of a session cannot change", servers)
	}
	return c.updateServers(list)
}

func (c *Conn) updateServers(list []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.gone(); err != nil {
		return err
	}
	var current *server
	if l := c.link; l != nil && l.leaving == nil {
		current = &l.to
	}
	if c.servers.update(list, current) && current != nil {
		c.leave(c.link)
	}
	return nil
}

// leave ends l when what is under way has been answered, or after a while; c.mu
// is held. Requests from now on wait for the next connection.
func (c *Conn) leave(l *link) {
	l.leaving = time.AfterFunc(leavePatience, func() { l.nc.Close() })
	if l.mayLeave() {
		l.nc.Close()
	}
}

// mayLeave reports whether a link that is to be left has had all its answers;
// Conn.mu is held.
func (l *link) mayLeave() bool {
	return l.leaving != nil && l.pending.n == 0 && l.auths.n == 0
}

// whyEnded returns the reason for the end of a link whose loops have ended with err.
func (c *Conn) whyEnded(l *link, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.leaving != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, errAuthRefused) {
		return errLeaves
	}
	return err
}
