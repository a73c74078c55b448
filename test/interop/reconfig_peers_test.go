package interop

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestReconfigObserverMasters changes roles in an ensemble whose observers are fed by followers: they hear of the change
// from those, an observer that becomes a voter follows the leader and feeds others, and a voter that becomes an
// observer is fed. Each server comes back by its own files.
func TestReconfigObserverMasters(t *testing.T) {
	for name, software := range whoFeedsWhom(t) {
		t.Run(name, func(t *testing.T) {
			ports, err := peers.FreePorts(1)
			if err != nil {
				t.Fatal(err)
			}
			shapes := make([]peers.Shape, len(software))
			for i, sw := range software {
				shapes[i] = peers.Shape{Software: sw, Observer: i >= 3, Host: fmt.Sprintf("127.0.0.%d", i+1)}
			}
			r := startReconfigurable(t, peers.Config{Settings: map[string]string{
				"observerMasterPort": strconv.Itoa(ports[0]), "observer.election.DelayMs": "50",
			}}, shapes...)
			r.fedByFollowers()
			load := r.load()
			voter := r.e.Server(1)
			if r.leader() == voter {
				voter = r.e.Server(2)
			}
			r.zkCli("reconfig -add " + r.as(4, "participant"))
			r.role(4, "follower")
			r.sameConfig(1, 2, 3, 4, 5)
			r.zkCli("reconfig -add " + r.as(voter.ID, "observer"))
			r.role(voter.ID, "observer")
			r.sameConfig(1, 2, 3, 4, 5)
			r.fedByFollowers()
			r.writeEverywhere("changed")
			for _, s := range r.e.Servers {
				s.Kill()
				r.writeEverywhere(fmt.Sprintf("without%d", s.ID))
				r.start(s.ID)
			}
			load.stop()
			load.check(1, 2, 3, 4, 5)
			r.sameConfig(1, 2, 3, 4, 5)
			r.agree()
			r.digestsMatch()
		})
	}
}

// TestReconfigSeveralAddresses gives each server in turn a second address, and takes the first one away again.
func TestReconfigSeveralAddresses(t *testing.T) {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	for name, software := range map[string][]peers.Software{
		"java leads": {paddock, paddock, java}, "paddock leads": {java, paddock, paddock},
	} {
		t.Run(name, func(t *testing.T) {
			shapes := make([]peers.Shape, len(software))
			for i, sw := range software {
				shapes[i] = peers.Shape{Software: sw, Host: fmt.Sprintf("127.0.0.%d", i+1)}
			}
			r := startReconfigurable(t, peers.Config{Properties: map[string]string{"zookeeper.multiAddress.enabled": "true"}}, shapes...)
			load := r.load()
			for id := 1; id <= 3; id++ {
				old := r.members[id-1].Host
				second := fmt.Sprintf("127.0.1.%d", id)
				for _, hosts := range []string{second + "|" + old, second} {
					r.members[id-1].Host = hosts
					r.zkCli("reconfig -add " + r.as(id, "participant"))
					r.awaitServing()
					r.sameConfig(1, 2, 3)
					r.writeEverywhere(fmt.Sprintf("server %d at %s", id, strings.ReplaceAll(hosts, "|", " and ")))
				}
			}
			for _, s := range r.e.Servers {
				s.Kill()
				r.writeEverywhere(fmt.Sprintf("without%d", s.ID))
				r.start(s.ID)
			}
			load.stop()
			load.check(1, 2, 3)
			r.agree()
			r.digestsMatch()
		})
	}
}

// startReconfigurable starts an ensemble whose members may change, all of which know each other.
func startReconfigurable(t *testing.T, like peers.Config, shapes ...peers.Shape) *reconfigured {
	t.Helper()
	settings, properties := map[string]string{"reconfigEnabled": "true"}, map[string]string{"zookeeper.skipACL": "yes"}
	for k, v := range like.Settings {
		settings[k] = v
	}
	for k, v := range like.Properties {
		properties[k] = v
	}
	e := peers.StartShaped(t, peers.Config{Settings: settings, Properties: properties}, shapes...)
	r := &reconfigured{t: t, members: e.Server(1).Members}
	r.witness = &witness{t: t, e: e, acked: map[string]string{}}
	return r
}

// as is a member's line in a role.
func (r *reconfigured) as(id int, role string) string {
	m := r.members[id-1]
	var addrs []string
	for host := range strings.SplitSeq(cmp.Or(m.Host, "127.0.0.1"), "|") {
		addrs = append(addrs, fmt.Sprintf("%s:%d:%d", host, m.QuorumPort, m.ElectionPort))
	}
	return fmt.Sprintf("server.%d=%s:%s;127.0.0.1:%d", id, strings.Join(addrs, "|"), role, m.ClientPort)
}
