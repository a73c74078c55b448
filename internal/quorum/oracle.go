package quorum

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/paddock-io/paddock/internal/replica"
)

// watchOracle tells the loop what the oracle's file says, twice a tick. One that
// cannot be read grants nothing.
func (p *Peer) watchOracle() {
	ticker := time.NewTicker(p.opts.Tick / 2)
	defer ticker.Stop()
	granted := false
	for {
		grants, err := askOracle(p.opts.OraclePath)
		if grants != granted {
			granted = grants
			p.log.Warn("the oracle has spoken", "mayGoOnAlone", grants, "err", err)
			p.inbox.put(replica.Oracle{Grants: grants})
		}
		select {
		case <-ticker.C:
		case <-p.netCtx.Done():
			return
		}
	}
}

// askOracle reads the first byte of a file. Source: QuorumOracleMaj.askOracle.
func askOracle(path string) (bool, error) {
	if info, err := os.Stat(path); err != nil {
		return false, err
	} else if !info.Mode().IsRegular() { // opening a pipe could take for ever
		return false, errors.New(path + " is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var b [1]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return false, err
	}
	return b[0] == '1', nil
}
