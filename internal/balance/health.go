package balance

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/paddock-io/paddock/internal/proxyproto"
	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// health is what a check has found.
type health uint8

const (
	down     health = iota // not to be reached, or not serving
	readOnly               // serves reads to clients that ask for it
	serving                // has a leader, or is alone
)

func (h health) String() string { return [...]string{"down", "read-only", "serving"}[h] }

// checker asks one server how it is.
type checker struct {
	addr     string
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	patience time.Duration // for one question
	header   []byte        // what every connection begins with; empty for nothing
	// readOnly asks by a connect request that a read-only server answers too.
	readOnly bool
}

// recheck is how soon a server that has failed a check is asked again, before
// that counts: a connection may be lost by chance.
const recheck = 100 * time.Millisecond

// check asks, and asks again if the answer is bad; why is nil only with serving and readOnly.
func (c *checker) check(ctx context.Context) (h health, why error) {
	if h, why = c.ask(ctx); h != down {
		return h, nil
	}
	timer := time.NewTimer(recheck)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return down, ctx.Err()
	}
	return c.ask(ctx)
}

// ask asks by srvr, the one word that ZooKeeper allows unless it is told
// otherwise. Where it is not allowed, a connect request tells.
func (c *checker) ask(ctx context.Context) (health, error) {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	answer, err := c.talk(ctx, []byte("srvr"), func(r io.Reader) ([]byte, error) {
		b, err := io.ReadAll(io.LimitReader(r, maxAnswer))
		if len(b) > 0 {
			err = nil // what came may say enough, even if a reset came behind it
		}
		return b, err
	})
	if err != nil {
		return down, fmt.Errorf("srvr: %w", err)
	}
	h, err := judge(string(answer))
	if errors.Is(err, errNotAllowed) {
		return c.knock(ctx)
	}
	return h, err
}

// maxAnswer is more than any answer to srvr has.
const maxAnswer = 8 << 10

// talk connects, sends what and has read read.
func (c *checker) talk(ctx context.Context, what []byte, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	nc, err := c.dial(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	if _, err = nc.Write(append(c.header[:len(c.header):len(c.header)], what...)); err != nil {
		return nil, err
	}
	b, err := read(nc)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return b, err
}

var (
	errNotAllowed = errors.New("srvr is not in the whitelist")
	errNotServing = errors.New("not serving")
)

// judge reads an answer to srvr. Source: StatCommand, NopCommand and
// AbstractFourLetterCommand.ZK_NOT_SERVING.
func judge(answer string) (health, error) {
	switch {
	case strings.HasPrefix(answer, "This ZooKeeper instance is not currently serving requests"):
		return down, errNotServing
	case strings.Contains(answer, "is not executed because it is not in the whitelist"):
		return down, errNotAllowed
	}
	for line := range strings.Lines(answer) {
		mode, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "Mode: ")
		switch {
		case !ok:
			continue
		case mode == "read-only":
			return readOnly, nil
		case mode == "leader", mode == "follower", mode == "observer", mode == "standalone":
			return serving, nil
		}
		return down, fmt.Errorf("mode %.40q is unknown", mode)
	}
	return down, fmt.Errorf("srvr says %.40q", answer)
}

// checkSession is a session that no server has given: its first byte is that of
// a server 0, its time that of 1970. Who asks for it is told that it has expired,
// by the leader, and nothing is written.
const checkSession proto.SessionID = 1

// maxWelcome is more than any answer to a connect request has.
const maxWelcome = 256

// knock asks by a connect request. A server that does not serve closes the
// connection; one that serves says that there is no such session.
func (c *checker) knock(ctx context.Context) (health, error) {
	passwd := proto.Password(checkSession) // else the answer would come without a look at the leader
	req := proto.ConnectRequest{SessionID: checkSession, Passwd: passwd[:], Timeout: 10_000, ReadOnly: c.readOnly, HasReadOnly: true}
	frame := req.Append(make([]byte, 4, 64))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	answer, err := c.talk(ctx, frame, readWelcome)
	if errors.Is(err, io.EOF) {
		return down, errNotServing
	}
	if err != nil {
		return down, fmt.Errorf("connect request: %w", err)
	}
	var resp proto.ConnectResponse
	d := jute.NewDecoder(answer)
	if resp.Decode(&d); d.Err() != nil {
		return down, fmt.Errorf("connect response: %w", d.Err())
	}
	if resp.ReadOnly {
		return readOnly, nil
	}
	return serving, nil
}

func readWelcome(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxWelcome {
		return nil, fmt.Errorf("%d bytes announced", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// headerFor returns what the connections to servers begin with: version 0 is
// nothing.
func headerFor(version int, h proxyproto.Header) []byte {
	switch version {
	case 1:
		return h.AppendV1(nil)
	case 2:
		return h.AppendV2(nil)
	}
	return nil
}
