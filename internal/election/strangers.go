package election

import (
	"time"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/proto"
)

// answer is what a server without a vote was told, and when.
type answer struct {
	to   proto.PeerID
	note proto.Notification
	at   time.Duration
}

// maxStrangers bounds the answers remembered. More strangers than that are answered without limit.
const maxStrangers = 32

// answerStranger tells an observer or a joiner what this server knows, under its present round. Java:
// Messenger.WorkerReceiver.run, for a sender that is not a valid voter.
func (e *Election) answerStranger(now time.Duration, from proto.PeerID, n proto.Notification, out []Action) []Action {
	if n.State != Looking {
		return out
	}
	a := answer{from, e.note(e.Vote()), now}
	if !e.remember(a) {
		return out
	}
	return append(out, Send{from, a.note})
}

// remember records a and reports whether it is news: not what the same server was told a moment ago.
func (e *Election) remember(a answer) bool {
	for i := range e.strangers {
		if s := &e.strangers[i]; s.to == a.to {
			news := s.note != a.note || a.at-s.at >= e.opts.MinInterval/2
			if news {
				*s = a
			}
			return news
		}
	}
	if len(e.strangers) == maxStrangers {
		e.strangers = append(e.strangers[:0], e.strangers[1:]...)
	}
	e.strangers = append(e.strangers, a)
	return true
}

// tellStrangers passes a decision on to those who asked while there was none, so that an observer need not wait for
// its next notification. Java leaves it to that.
func (e *Election) tellStrangers(now time.Duration, out []Action) []Action {
	for i := range e.strangers {
		if s := &e.strangers[i]; now-s.at <= 2*e.opts.MinInterval {
			*s = answer{s.to, e.note(e.vote), now}
			out = append(out, Send{s.to, s.note})
		}
	}
	return out
}

// configText remembers what peers attach to their notifications.
type configText struct {
	read  string // the latest that differed from our own, whether it parsed or not
	newer ensemble.Ensemble
	found bool
}

// Notice keeps the newest configuration that peers have committed and this server, which looks, has not. It comes
// before Receive, which may decide by that very vote, and by what the older configuration says. A text that does not
// parse does not spoil the vote that came with it.
func (e *Election) Notice(from proto.PeerID, n proto.Notification) {
	c := &e.configText
	if from == e.opts.Self || !e.started || e.state != Looking || n.Config == "" || n.Config == e.text || n.Config == c.read {
		return
	}
	c.read = n.Config
	ens, err := ensemble.Parse(n.Config)
	if err == nil && ens.Version > e.configs[0].Version && (!c.found || ens.Version > c.newer.Version) {
		c.newer, c.found = ens, true
	}
}

// NewerConfig returns the newest configuration that a peer has committed and this server has not, as learned while
// looking; ok is false if there is none. An owner that lets memberships change should adopt it with Reconfigure, and
// Start if the members differ. Java: Messenger.WorkerReceiver.run, QuorumPeer.processReconfig.
func (e *Election) NewerConfig() (ens ensemble.Ensemble, ok bool) { return e.newer, e.found }
