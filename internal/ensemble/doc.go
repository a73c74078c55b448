// Package ensemble says who takes part in a ZooKeeper ensemble: the servers, their addresses and roles, and which
// sets of them form a quorum.
//
// An Ensemble is a value. It is made once, from the text every server agrees on, and replaced as a whole when a
// reconfiguration commits; nothing in this package changes one in place, so it may be shared between goroutines.
//
//	server.1=a:2888:3888:participant;0.0.0.0:2181 ┐
//	server.2=b:2888:3888:participant;0.0.0.0:2181 │            ┌─ Voters, Member, Role
//	server.3=c:2888:3888:observer;0.0.0.0:2181    ├─ Parse ──► Ensemble ─┼─ Quorum(who acked?)
//	group.1=1:2                (hierarchical)     │     ◄── Text  └─ Equal, Weight
//	weight.1=3                 (hierarchical)     │
//	version=100000003          (hex zxid)         ┘
//
// The text is the content of /zookeeper/config, the data of NEWLEADER and the tail of a vote notification, and it is
// written in the grammar of java.util.Properties, which is why ParseProperties lives here: internal/config reads
// zoo.cfg with it too.
//
// The package is pure: no files, no names resolved, no clock, no logging.
package ensemble
