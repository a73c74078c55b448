package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"
)

// wordTimeout bounds a whole conversation. Java: FourLetterWordMain.DEFAULT_SOCKET_TIMEOUT.
const wordTimeout = 5 * time.Second

// maxAnswer bounds what is read of an answer. wchc of a million watches stays below.
const maxAnswer = 256 << 20

func (a app) wordCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "4lw HOST PORT WORD [secure]",
		Short:   "Send a four-letter word to a server and print the answer",
		Example: "  paddock 4lw localhost 2181 srvr",
		Args:    cobra.RangeArgs(3, 4),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := askArgs(cmd.Context(), args)
			a.out.Write(answer)
			return err
		},
	}
}

// askArgs asks what the command line of FourLetterWordMain says: host, port, word, and true for TLS.
func askArgs(ctx context.Context, args []string) ([]byte, error) {
	if len(args) == 4 && args[3] == "true" {
		return nil, &exitError{exitInvocation, fmt.Errorf("this version of Paddock does not ask over TLS")}
	}
	answer, err := ask(ctx, net.JoinHostPort(args[0], args[1]), args[2])
	if err != nil {
		return answer, failed(err)
	}
	return answer, nil
}

// ask sends a four-letter word and returns the whole answer, also what came before an error.
func ask(ctx context.Context, addr, word string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wordTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", addr, word, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, word); err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", addr, word, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read answer of %s to %s: %w", addr, word, err)
	}
	return answer, nil
}
