package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Word sends a four-letter word to the client port at addr and returns the answer.
func Word(ctx context.Context, addr, word string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	deadline, _ := ctx.Deadline()
	_ = nc.SetDeadline(deadline)
	if _, err := io.WriteString(nc, word); err != nil {
		return "", fmt.Errorf("send %s to %s: %w", word, addr, err)
	}
	answer, err := io.ReadAll(io.LimitReader(nc, 16<<20))
	if err != nil {
		return "", fmt.Errorf("answer to %s from %s: %w", word, addr, err)
	}
	return string(answer), nil
}

// Status is what srvr says.
type Status struct {
	Version string // of the server, up to the comma
	Mode    string // standalone, leader, follower, observer
	Zxid    uint64
	Nodes   int
}

// parseStatus reads the text of srvr.
func parseStatus(text string) (Status, error) {
	var st Status
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		var err error
		switch key {
		case "Zookeeper version":
			st.Version, _, _ = strings.Cut(value, ",")
		case "Mode":
			st.Mode = value
		case "Zxid":
			st.Zxid, err = strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
		case "Node count":
			st.Nodes, err = strconv.Atoi(value)
		}
		if err != nil {
			return Status{}, fmt.Errorf("srvr line %q: %w", line, err)
		}
	}
	if st.Mode == "" {
		return Status{}, fmt.Errorf("not serving: %q", strings.TrimSpace(text))
	}
	return st, nil
}

// errNoSession is HasSession's answer for a server that is up but has no such client.
var errNoSession = errors.New("no connection of that session")

// hasSession says, by the word cons, whether the server at addr has the session's connection.
func hasSession(ctx context.Context, addr, session string) error {
	text, err := Word(ctx, addr, "cons")
	if err != nil {
		return err
	}
	if !strings.Contains(text, "sid="+session+",") {
		return errNoSession
	}
	return nil
}
