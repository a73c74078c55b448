package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/tamper"
)

// exitDisk is the code of a server that cannot write. Source: ExitCode.
const exitDisk = 10

// diskPatience is how long a server may take to notice, if it has work.
const diskPatience = 3 * time.Second

// paddock returns an idle server that runs Paddock, or nil. Disks that refuse are
// for those alone: a Java server goes on, with whatever its log holds then.
func (n *Nemesis) paddock() *cluster.Server {
	for _, s := range n.idle() {
		if s.Paddock() {
			return s
		}
	}
	return nil
}

// badDisk waits for a server whose disk refuses to end with its code; one that
// is cut off has nothing to write, and does not. Healing starts it again.
func (n *Nemesis) badDisk(s *cluster.Server, repair func() error) func() {
	s.Allow(exitDisk)
	release := n.take(s)
	select {
	case <-s.Exited():
	case <-time.After(diskPatience):
	case <-n.ctx.Done():
	}
	return func() {
		if s.Running() {
			n.note("server %d has not noticed its disk", s.ID)
		} else {
			n.note("server %d has ended with %d", s.ID, s.ExitCode())
			n.mu.Lock()
			n.exits++
			n.mu.Unlock()
		}
		if err := repair(); err != nil {
			n.problem("%v", err)
		}
		cluster.Kill(s) // a limit stays with the process
		s.Allow()
		release()
		n.start(s)
	}
}

func diskFull(n *Nemesis) (string, func()) {
	s := n.paddock()
	if s == nil || !s.HasSmallDisk() {
		return "", nil
	}
	if err := s.Fill(); err != nil {
		n.problem("fill the disk of server %d: %v", s.ID, err)
		return "", nil
	}
	return ids([]*cluster.Server{s}), n.badDisk(s, s.Free)
}

func fileLimit(n *Nemesis) (string, func()) {
	s := n.paddock()
	if s == nil || !s.LimitFiles(0) {
		return "", nil
	}
	return ids([]*cluster.Server{s}), n.badDisk(s, func() error { return nil })
}

func syncFails(n *Nemesis) (string, func()) {
	s := n.paddock()
	if s == nil || !s.SetDisk(tamper.Disk{Fail: true}) {
		return "", nil
	}
	return ids([]*cluster.Server{s}), n.badDisk(s, func() error { return nil })
}

// slowDisk holds up every sync of one server, or of all.
func slowDisk(n *Nemesis) (string, func()) {
	servers := n.idle()
	if n.rng.IntN(3) > 0 && len(servers) > 0 {
		servers = servers[:1]
	}
	d := tamper.Disk{Delay: time.Duration(5<<n.rng.IntN(8)) * time.Millisecond} // 5 to 640 ms
	any := false
	for _, s := range servers {
		any = s.SetDisk(d) || any
	}
	if !any {
		return "", nil
	}
	return fmt.Sprintf("%v a sync, %s", d.Delay, ids(servers)), func() {
		for _, s := range servers {
			s.SetDisk(tamper.Disk{})
		}
	}
}

// clockShift sets wall clocks of some servers wrong, each by something else.
func clockShift(n *Nemesis) (string, func()) {
	servers := n.idle()
	if len(servers) == 0 {
		return "", nil
	}
	servers = servers[:1+n.rng.IntN(len(servers))]
	text := ""
	for _, s := range servers {
		d := time.Duration(1+n.rng.IntN(1<<(4*n.rng.IntN(8)))) * time.Second // up to eight years
		if n.rng.IntN(2) == 0 {
			d = -d
		}
		if !s.ShiftClock(d) {
			return "", nil
		}
		text += fmt.Sprintf("server %d by %v, ", s.ID, d)
	}
	return text, func() {
		for _, s := range servers {
			s.ShiftClock(0)
		}
	}
}

// rejoinPatience is how long a server with a new disk has the quorum's help.
const rejoinPatience = 20 * time.Second

// wipeDisk gives a server an empty disk. Invariant: no second one gets one
// before the first has served again, or a quorum's memory could be lost.
func wipeDisk(n *Nemesis) (string, func()) {
	if n.wiped != nil && n.wiped.Mode() == "" {
		return "", nil
	}
	s := n.someone()
	if s == nil {
		return "", nil
	}
	release := n.take(s)
	cluster.Kill(s)
	if err := s.Wipe(); err != nil {
		n.problem("wipe the disk of server %d: %v", s.ID, err)
	}
	n.wiped = s
	return ids([]*cluster.Server{s}), func() {
		n.start(s)
		if n.await(s) {
			n.wiped = nil
		}
		release()
	}
}

// wipeHolder leaves what was decided last on servers that are down, and wipes one
// of these: with the minority that has been paused meanwhile it would make a
// quorum that knows nothing of it, if it voted.
func wipeHolder(n *Nemesis) (string, func()) {
	voters, quorum := n.idleVoters()
	if len(voters) < 2*quorum-1 || n.wiped != nil && n.wiped.Mode() == "" {
		return "", nil
	}
	holders, behind := voters[:quorum], voters[quorum:]
	release := n.take(voters...)
	for _, s := range behind {
		s.Signal(stop)
	}
	n.hold(1300, 2500) // for an election too, if one of them led
	cluster.Kill(holders...)
	wiped := holders[0]
	if err := wiped.Wipe(); err != nil {
		n.problem("wipe the disk of server %d: %v", wiped.ID, err)
	}
	n.wiped = wiped
	for _, s := range behind {
		s.Signal(cont)
	}
	n.start(wiped)
	what := fmt.Sprintf("%s of %s, while %s were behind", ids(holders[:1]), ids(holders), ids(behind))
	return what, func() {
		n.start(holders[1:]...)
		if n.await(wiped) {
			n.wiped = nil
		}
		release()
	}
}

// await waits for a server to serve, for a while, and reports whether it does.
func (n *Nemesis) await(s *cluster.Server) bool {
	return n.awaitThat(func() bool { return s.Mode() != "" })
}

func (n *Nemesis) awaitThat(ok func() bool) bool {
	ctx, cancel := context.WithTimeout(n.ctx, rejoinPatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// staleDisk gives an observer the disk back that it had some time ago, as a
// backup would. A voter's promises would be lost with what it has written since.
func staleDisk(n *Nemesis) (string, func()) {
	for _, s := range n.idle() {
		if !s.Observer {
			continue
		}
		release := n.take(s)
		cluster.Kill(s)
		if err := s.Backup(); err != nil {
			n.problem("copy the disk of server %d: %v", s.ID, err)
		}
		n.start(s)
		n.await(s)
		return ids([]*cluster.Server{s}), func() {
			cluster.Kill(s)
			if err := s.Restore(); err != nil {
				n.problem("restore the disk of server %d: %v", s.ID, err)
			}
			release()
			n.start(s)
		}
	}
	return "", nil
}
