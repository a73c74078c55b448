package zk

import (
	"errors"
	"fmt"

	"github.com/paddock-io/paddock/proto"
)

// Code is an error number of the protocol. A Code is itself an error, so that
// errors.Is(err, zk.ErrNoNode) finds it inside an [Error].
type Code = proto.ErrCode

// Errors that requests end with, wrapped in an [Error].
const (
	// ErrConnectionLoss: the connection broke while the request was under way.
	// Nobody knows whether it was executed.
	ErrConnectionLoss = proto.ErrConnectionLoss
	// ErrSessionExpired: the session is gone, with its ephemeral znodes and
	// watches; the Conn is of no further use.
	ErrSessionExpired = proto.ErrSessionExpired
	// ErrAuthFailed: a server refused a credential; the Conn is of no further use.
	ErrAuthFailed = proto.ErrAuthFailed

	ErrNoNode                  = proto.ErrNoNode
	ErrNodeExists              = proto.ErrNodeExists
	ErrBadVersion              = proto.ErrBadVersion
	ErrNotEmpty                = proto.ErrNotEmpty
	ErrNoChildrenForEphemerals = proto.ErrNoChildrenForEphemerals
	ErrNoAuth                  = proto.ErrNoAuth
	ErrInvalidACL              = proto.ErrInvalidACL
	ErrBadArguments            = proto.ErrBadArguments
	ErrMarshalling             = proto.ErrMarshalling
	ErrUnimplemented           = proto.ErrUnimplemented
	ErrNotReadOnly             = proto.ErrNotReadOnly
	ErrQuotaExceeded           = proto.ErrQuotaExceeded
	ErrThrottledOp             = proto.ErrThrottledOp
	// ErrRuntimeInconsistency: an operation of a multi was not tried, since an
	// earlier one failed.
	ErrRuntimeInconsistency = proto.ErrRuntimeInconsistency
	// ErrNoWatcher: CheckWatches or RemoveWatches found no such watch.
	ErrNoWatcher = proto.ErrNoWatcher
	// ErrReconfigDisabled: the servers do not allow Reconfig.
	ErrReconfigDisabled = proto.ErrReconfigDisabled
	// ErrReconfigInProgress: an earlier Reconfig has not ended.
	ErrReconfigInProgress = proto.ErrReconfigInProgress
	// ErrNewConfigNoQuorum: too few servers of the wanted configuration are
	// connected and up to date.
	ErrNewConfigNoQuorum = proto.ErrNewConfigNoQuorum
	// ErrEphemeralOnLocalSession: a local session cannot own an ephemeral znode.
	ErrEphemeralOnLocalSession = proto.ErrEphemeralOnLocalSession
	// ErrSessionMoved: the session has been taken over through another server.
	ErrSessionMoved = proto.ErrSessionMoved
	// ErrSessionClosedRequireSasl: the server wants every client to
	// authenticate, and this connection has not; it closes it.
	ErrSessionClosedRequireSasl = proto.ErrSessionClosedRequireSasl

	// The rest of the protocol's numbers. Servers do not send them, or only when
	// something is badly wrong.
	ErrSystem            = proto.ErrSystem
	ErrDataInconsistency = proto.ErrDataInconsistency
	ErrOperationTimeout  = proto.ErrOperationTimeout
	ErrUnknownSession    = proto.ErrUnknownSession
	ErrAPI               = proto.ErrAPI
	ErrInvalidCallback   = proto.ErrInvalidCallback
	ErrRequestTimeout    = proto.ErrRequestTimeout
)

var (
	// ErrClosed: Close or Detach was called.
	ErrClosed = errors.New("zk: connection is closed")
	// ErrBusy: as many requests are under way as Options.MaxInFlight allows.
	// Only Conn.Go returns it; other calls wait.
	ErrBusy = errors.New("zk: too many requests in flight")
	// ErrTooLarge: the request exceeds Options.MaxFrame.
	ErrTooLarge = errors.New("zk: request is too large")
)

// Error tells which request failed and why. errors.Is and errors.As see
// through it.
type Error struct {
	Op   string // the operation's name in the protocol: "create", "getData"
	Path string // as the caller wrote it; empty if the operation has none
	Err  error  // a Code, ErrClosed, ErrBusy, ErrTooLarge, or the context's error
	// Sent is true if the request was handed to a connection. With an error
	// that is no server's answer, nobody knows whether it was executed.
	Sent bool
}

func (e *Error) Error() string {
	what := e.Op
	if e.Path != "" {
		what += " " + e.Path
	}
	if code, ok := e.Err.(Code); ok {
		return fmt.Sprintf("zk: %s: %s", what, code.Name())
	}
	return fmt.Sprintf("zk: %s: %v", what, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Code returns the protocol's error number, or 0 if the error is not one of
// the protocol's.
func (e *Error) Code() Code {
	c, _ := e.Err.(Code)
	return c
}

// SafeToRetry reports whether err says for certain that the request had no
// effect and that the session lives on: it was never sent, or the server was
// too busy to try it. After any other error, ErrConnectionLoss above all, find
// out what happened before repeating a write.
func SafeToRetry(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Err {
	case ErrThrottledOp:
		return true
	case ErrSessionExpired, ErrAuthFailed, ErrClosed, ErrTooLarge:
		return false
	}
	return !e.Sent
}
