package zab

import "time"

// Of two servers one cannot tell whether the other is dead or only out of reach.
// An oracle can, outside both: it lets at most one of them go on alone, and the
// safety of that is its own. It is asked only where there are two voters and
// no follower. Source: QuorumOracleMaj.

// Oracle tells what the oracle says now.
func (l *Leader) Oracle(now time.Duration, grants bool, out []Action) []Action {
	l.opts.Granted = grants
	return l.goOnAlone(now, out)
}

// alone reports whether this server is a quorum by the oracle's word: while it
// leads, if no voter is on the live stream; before, if none has come in time.
func (l *Leader) alone() bool {
	if !l.opts.Granted || len(l.members.Committed.Voters()) != 2 || l.members.Committed.Hierarchical() || l.phase != Broadcast && !l.lonely {
		return false
	}
	for _, f := range l.learners {
		if !f.info.Observer && (l.phase != Broadcast || f.state >= newLeaderTold) {
			return false
		}
	}
	return true
}

// goOnAlone decides what waited for a follower that has gone.
func (l *Leader) goOnAlone(now time.Duration, out []Action) []Action {
	if l.resigned || !l.alone() {
		return out
	}
	return l.confirm(l.advance(now, out))
}
