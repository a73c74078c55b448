package persist

import (
	"fmt"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/replica"
)

// MemberFiles are the files with the membership, which lie beside the
// configuration and not in the data directory. What the methods have returned for
// must be durable.
type MemberFiles interface {
	// SaveProposed keeps a membership that was proposed. One whose version is not
	// above that of the one in force takes an earlier proposal back.
	SaveProposed(e ensemble.Ensemble, inForce int64) error
	// SaveCommitted keeps the membership in force, and forgets what was proposed
	// unless lastSeen, its version, is higher.
	SaveCommitted(e ensemble.Ensemble, self, lastSeen int64) error
}

// Members is what Disk needs to keep the membership. Being in line with the log's
// entries, a proposed membership is durable before its proposal is
// acknowledged.
type Members struct {
	Files MemberFiles // nil if the membership never changes
	Self  int64
	Pair  ensemble.Pair // as on disk
}

func (m *Members) save(op Op) error {
	var err error
	switch op := op.(type) {
	case replica.SeeConfig:
		if m.Pair.See(op.Config) && m.Files != nil {
			err = m.Files.SaveProposed(op.Config, m.Pair.Committed.Version)
		}
	case replica.CommitConfig:
		if m.Pair.Commit(op.Config) && m.Files != nil {
			err = m.Files.SaveCommitted(op.Config, m.Self, m.Pair.LastSeen.Version)
		}
	}
	if err != nil {
		return fmt.Errorf("save the membership: %w", err)
	}
	return nil
}
