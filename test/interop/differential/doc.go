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
// A stream has 400 requests, one of 41 has 4,000. In one stream of ten both servers are killed in the middle and started again, ensembles in one of 25.
// One stream of four meets enforced quotas; with ensembles, half of the streams have local sessions. Of an
// ensemble, connections are spread over the leader and the followers, alike on both sides.
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
// That it finds mistakes was tried by making some in Paddock. With seeds from 1 on and single servers:
//
//	mistake                                                    found after     steps left of
//	delete counts children before it compares versions         806 requests    3 of 148
//	a deletion does not tell who watches the parent            806             29 of 148 (15 s)
//	a cversion counts creations only                           406             4 of 113
//	events carry zxid -1                                       806             4 of 148
//	a failed multi says -2 for what came before the failure    806             3 of 148
//	a recursive watch hears of children, too                   806             7 of 148
//	a connection that has ended leaves its watches behind      406             18 of 113 (15 s)
//	a multi that does not decode spends no zxid                406             2 of 113
//
// Not in the streams: sessions that expire and znodes that are reaped, whose moment depends on clocks;
// several connections that write at the same moment; reconfig beyond its refusal; SASL and TLS;
// what would stop a Java server (see docs/differences.md); and in ensembles, records that do not decode,
// /zookeeper/config, and sessions that move while their old connection is in use; with local sessions,
// createSession, and multis that do not decode.
package differential
