package zk

import (
	"context"
	"io"
	"time"
)

// How long a Conn on a read-only server waits before it asks another server
// whether it takes writes; each time twice as long as before.
// Source: ClientCnxn.SendThread.minPingRwTimeout and maxPingRwTimeout.
const (
	minSeekPause = 100 * time.Millisecond
	maxSeekPause = time.Minute
)

// seekTimeout bounds one question. Source: ClientCnxn.SendThread.pingRwServer.
const seekTimeout = time.Second

// quorumFound ends a link to a read-only server: another takes writes.
type quorumFound struct{ server }

func (q *quorumFound) Error() string { return "found " + q.addr + ", which takes writes" }

func (l *link) state() State {
	if l.readOnly {
		return ConnectedReadOnly
	}
	return Connected
}

// seekQuorum asks one server after another whether it takes writes, and ends
// the link when one does.
func (c *Conn) seekQuorum(ctx context.Context, end context.CancelCauseFunc) {
	for pause := minSeekPause; ; pause = min(2*pause, maxSeekPause) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		to, _, err := c.servers.next(ctx)
		if err == nil && c.takesWrites(ctx, to.addr) {
			end(&quorumFound{to})
			return
		}
	}
}

// takesWrites asks a server by the four-letter word isro.
func (c *Conn) takesWrites(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, seekTimeout)
	defer cancel()
	nc, err := c.opts.Dial(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	defer nc.Close()
	if _, err := io.WriteString(nc, "isro"); err != nil {
		return false
	}
	var answer [2]byte
	_, err = io.ReadFull(nc, answer[:])
	return err == nil && string(answer[:]) == "rw"
}
