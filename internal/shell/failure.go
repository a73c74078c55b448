package shell

import (
	"errors"

	"github.com/paddock-io/paddock/zk"
)

// Exit codes of a command. Source: CliException, CommandNotFoundException, ExitCode.
const (
	exitOK         = 0
	exitFailed     = 1
	exitInvocation = 2
	exitUnknown    = 127 // no such command
)

// failure ends a command with a message on the error stream. The shell goes on.
type failure struct {
	message string
	code    int
}

func (f *failure) Error() string { return f.message }

func fail(message string) error { return &failure{message, exitFailed} }

// phrases are what zkCli says, with the path behind it, instead of the name of an error.
// Source: CliWrapperException.getMessage.
var phrases = map[zk.Code]string{
	zk.ErrNoNode:                  "Node does not exist: ",
	zk.ErrNoChildrenForEphemerals: "Ephemerals cannot have children: ",
	zk.ErrNodeExists:              "Node already exists: ",
	zk.ErrNotEmpty:                "Node not empty: ",
	zk.ErrNotReadOnly:             "Not a read-only call: ",
	zk.ErrInvalidACL:              "Acl is not valid : ",
	zk.ErrNoAuth:                  "Insufficient permission : ",
	zk.ErrBadArguments:            "Arguments are not valid : ",
	zk.ErrBadVersion:              "version No is not valid : ",
	zk.ErrQuotaExceeded:           "Quota has exceeded : ",
}

// sentences are what zkCli says of an error that concerns no path.
var sentences = map[zk.Code]string{
	zk.ErrReconfigInProgress: "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
	zk.ErrNewConfigNoQuorum: "No quorum of new config is connected and up-to-date with the leader of last commmitted config - " +
		"try invoking reconfiguration after new servers are connected and synced",
}

// explain makes the failure of a request what zkCli prints.
func explain(err error) error {
	var e *zk.Error
	if err == nil || !errors.As(err, &e) {
		return err
	}
	if sentence, ok := sentences[e.Code()]; ok {
		return fail(sentence)
	}
	if phrase, ok := phrases[e.Code()]; ok {
		return fail(phrase + e.Path)
	}
	return fail(keeperMessage(e))
}

// keeperMessage is the text of Java's KeeperException.
func keeperMessage(e *zk.Error) string {
	if e.Code() == 0 {
		return e.Error()
	}
	if e.Path == "" {
		return e.Code().Error()
	}
	return e.Code().Error() + " for " + e.Path
}
