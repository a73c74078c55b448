package nemesis

import (
	"fmt"
	"syscall"
	"time"

	"github.com/paddock-io/paddock/test/robustness/cluster"
	"github.com/paddock-io/paddock/test/robustness/tamper"
)

const (
	stop = syscall.SIGSTOP
	cont = syscall.SIGCONT
)

// kill ends processes; healing starts them again.
func (n *Nemesis) kill(servers ...*cluster.Server) (string, func()) {
	if len(servers) == 0 || servers[0] == nil {
		return "", nil
	}
	release := n.take(servers...)
	cluster.Kill(servers...)
	return ids(servers), func() {
		release()
		n.start(servers...)
	}
}

func (n *Nemesis) start(servers ...*cluster.Server) {
	for _, s := range servers {
		if err := s.Start(); err != nil {
			n.problem("%v", err)
		}
	}
}

func killOne(n *Nemesis) (string, func())      { return n.kill(n.someone()) }
func killLeader(n *Nemesis) (string, func())   { return n.kill(n.leader()) }
func killMajority(n *Nemesis) (string, func()) { return n.kill(n.majority()...) }
func killAll(n *Nemesis) (string, func())      { return n.kill(n.idle()...) }

// killSlow kills all servers while their disks are slow, so that much of what
// they work on is not written yet.
func killSlow(n *Nemesis) (string, func()) {
	d := tamper.Disk{Delay: time.Duration(100+n.rng.IntN(600)) * time.Millisecond}
	for _, s := range n.idle() {
		if !s.SetDisk(d) {
			return "", nil
		}
	}
	n.hold(500, 1500)
	what, heal := n.kill(n.idle()...)
	return fmt.Sprintf("%v a sync, %s", d.Delay, what), heal
}

// pause stops processes, which keep their memory and connections.
func (n *Nemesis) pause(servers ...*cluster.Server) (string, func()) {
	if len(servers) == 0 || servers[0] == nil {
		return "", nil
	}
	release := n.take(servers...)
	for _, s := range servers {
		s.Signal(stop)
	}
	return ids(servers), func() {
		for _, s := range servers {
			s.Signal(cont)
		}
		release()
	}
}

func pauseOne(n *Nemesis) (string, func())      { return n.pause(n.someone()) }
func pauseLeader(n *Nemesis) (string, func())   { return n.pause(n.leader()) }
func pauseMajority(n *Nemesis) (string, func()) { return n.pause(n.majority()...) }
