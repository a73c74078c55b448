// Package differential sends one random stream of requests to a Java ZooKeeper and to Paddock and
// wants the same from both: replies, events, closed connections, and in the end the same tree.
//
//	seed ──Generate──► steps: connect, a burst on a connection, drop
//	                     │
//	         ┌───────────┴───────────┐
//	       side: Java             side: Paddock      one step at a time on both;
//	         │  frames               │  frames       then a ping on every connection,
//	      mapping                 mapping            so that all events are in
//	         └───────► compare ◄─────┘
//	                     │ a difference
//	                   rules    those that docs/differences.md explains
//	                     │ no rule knows it
//	                   shrink, report
//
// A stream has 400 requests, one of 41 has 4,000. In one stream of ten both servers are killed in the
// middle and started again, ensembles in one of 25. One stream of four meets enforced quotas; with
// ensembles, half of the streams have local sessions. One of 32 each skips ACLs or knows no times to live,
// and in ensembles checks ACLs eagerly. Of an ensemble, connections are spread over the leader and the
// followers, alike on both sides.
//
// A mapping numbers what a server is free in: session ids by the order in which sessions were opened,
// zxids from the start of the server, times by the transaction they belong to. Everything else is
// compared byte for byte. Lists that have no order in ZooKeeper are sorted: children, ephemerals,
// identities, and the events of one closeSession. Replies to auth may overtake others.
//
// Files: step.go what a stream is made of; generate*.go and model.go how it is drawn, by topic; client.go,
// side.go, collect.go, pair.go how servers are driven; mapping.go, frame.go what their frames become; compare.go,
// rules.go; words.go and finish.go what is compared at the end of a stream; shrink.go, report.go.
//
// That it finds mistakes is tried by making some in Paddock (make mistakes, mistakes_test.go). With seeds
// from 1 on, those with enforced quotas last, and a quarter of a minute to make the stream shorter:
//
//	mistake                                                    found after     steps left of
//	delete counts children before it compares versions          1,424 requests 4 of 107
//	create looks for the znode before it asks for permission      225          8 of 105
//	a failed multi says -2 for what came before the failure        12          3 of 105
//	a multi that does not decode spends no zxid                   157          2 of 105
//	a sequential znode has the czxid of what was before it         12          3 of 105
//	a cversion counts creations only                               29          6 of 105
//	a deletion does not move the pzxid of the parent               29          6 of 105
//	no data is read as empty data                                  71          6 of 105
//	a deletion does not tell who watches the parent                29          6 of 105
//	events carry zxid -1                                           12          3 of 105
//	a recursive watch hears of children, too                       91          10 of 105
//	setWatches does not tell that children have changed           511          14 of 111
//	removeWatches of all kinds leaves recursive ones            1,930          12 of 127
//	a connection that has ended leaves its watches behind         169          7 of 105
//	getChildren asks for no permission                          2,526          6 of 105
//	events are told to those who may not read                     121          7 of 105
//	getACL shows hashes to everybody                              277          14 of 105
//	one ephemeral outlives its session                             34          7 of 105
//	a session is taken up with any password                     2,305          3 of 112
//	a quota does not count the znode that has it                   47          4 of 105
//	setData is not held up by a hard limit                     16,698          218 of 419 (5 s)
//	a restart loses one transaction of sixteen                  3,042          not by itself
//	a createTTL in a multi upgrades no local session           15,330          102 of 107
//
// Not in the streams: sessions that expire and znodes that are reaped, whose moment depends on clocks;
// several connections that write at the same moment; reconfig beyond its refusal; SASL and TLS;
// what would stop a Java server (see docs/differences.md); and in ensembles, records that do not decode,
// /zookeeper/config, and sessions that move while their old connection is in use; with local sessions,
// createSession, and multis that do not decode.
package differential
