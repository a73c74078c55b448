// Package suites runs other people's test suites of ZooKeeper clients, unmodified, first with Java's server
// and then with Paddock, and says which tests pass with the one and not with the other.
//
//	              Suite.Run(Java)     -> Results -+
//	cmd/suites ---                                +-> Compare -> Comparison
//	              Suite.Run(Paddock)  -> Results -+
//
//	Kazoo        pytest over Debian's python3-kazoo; its harness starts `java ... QuorumPeerMain zoo.cfg`,
//	             and a link named java, first in PATH, makes that Paddock
//	GoZooKeeper  the tests of github.com/go-zookeeper/zk; its harness starts
//	             `zkServer.sh start-foreground zoo.cfg` in a directory that it is told
//
// A suite's own harness starts and ends its servers. What it leaves running ends with its process group.
package suites
