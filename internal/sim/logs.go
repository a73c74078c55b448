package sim

import (
	"github.com/paddock-io/paddock/internal/persist"
	"github.com/paddock-io/paddock/internal/replica"
)

// snapshotShare is what quorum takes for a share of the newest snapshot; the trees
// are small here, so that it is more than all of it.
const snapshotShare = 20

// readLog looks into the logs for what a learner misses, beside the disk's other
// work.
func (s *Server) readLog(a replica.ReadLog) {
	s.at(s.w.cfg.disk/4+s.w.upTo(s.w.cfg.disk), func() {
		ev := replica.LogRead{Link: a.Link}
		var err error
		if ev.Txns, ev.Whole, err = persist.ReadLog(s.drive.store, a, snapshotShare, nil); err != nil {
			s.w.event(s, "cannot read its logs for a learner: "+err.Error())
		}
		s.step(ev)
	})
}
