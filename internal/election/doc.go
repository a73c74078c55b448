// Package election is ZooKeeper's fast leader election as a state machine: no sockets, no clock, no randomness.
//
//	Start, Receive, Tick,                                    Send{peer, notification}
//	PeerUnreachable ──────► Election: round, proposal, ────► Decided{state, vote}
//	                        ballots of this round,
//	                        ballots of established servers
//
//	          Start: round+1, propose myself
//	               │
//	               ▼   better vote, later round: adopt, tell everybody
//	┌────────► Looking ◄──┐
//	│              │      └─── silence: tell everybody again, after 200, 400, 800 ms ... 60 s
//	│              │ a quorum votes as I do, and nobody's answer is open (or 200 ms have passed), or
//	│              │ a quorum follows somebody who says that it leads
//	│              ▼
//	│   Following, Leading, Observing: answer those who still look
//	└───────── Start, when the role has ended
//
// Votes are ordered by (epoch, zxid, id) of the server they name. The algorithm, its wire form and the rules for
// whom to answer are those of FastLeaderElection in ZooKeeper 3.5 to 3.9, so that a Java server cannot tell the
// difference. Election makes progress likely; it does not make anything safe. Safety is Zab's: a would-be leader
// needs a quorum of followers and a fresh epoch before it may order a transaction.
//
// # Deciding early
//
// A Java server that sees a quorum for its vote waits until 200 ms pass without a better one, because the vote of
// somebody better may be on its way. Here the wait ends at once when nothing can be on its way: every voter that
// counts has voted alike in this round, except those whose address has refused a connection since the election began.
// A server of which nothing is known (its machine is silent, the network is slow) is waited for. So a dead process
// costs nothing, and a dead machine costs 200 ms.
//
// Could that make two leaders? No more than in Java. Votes are only ever revised upwards, and whoever decides has
// seen a quorum for its vote; but any member of that quorum can still revise, within Java's wait or without it. What
// early deciders give up is the chance to hear of a better server that refused them a moment ago and starts now:
//
//   - They lead or follow, and tell everybody who looks; the newcomer finds a quorum and its leader, and joins.
//   - Java peers still in their 200 ms may hear the newcomer and revise. If they and the newcomer are a quorum, it
//     wins; those who decided early have a leader without followers, or follow one that looks again. Zab alone
//     would notice at initLimit. Deserted notices at the peers' next notification: it reports that the decision
//     has lost its quorum, or that the elected leader looks for another, and the owner starts a new election.
//   - A leader that decided early waits for its followers up to initLimit, and a follower retries the connection;
//     Java's 200 ms is well inside both, so peers that decide later lose nothing. Owners that write a learner must
//     let it retry for longer than that.
//   - A peer that still looks, because the last notification to it was lost, asks again and is answered with the
//     decision. Java counts that answer like a vote of its own round.
//
// The classic walk-through stays as it is: of five fresh servers started one after the other, the third completes a
// quorum while 4 and 5 refuse, and wins.
//
// # Where it differs from Java, unseen by peers
//
//   - Java repeats its notification after a silence; here the pause is counted from the last notification sent, so
//     a chatty peer cannot postpone the repetition. Each is at least 200 ms after the one before.
//   - The 200 ms are counted from the moment the quorum was complete, not from the last message of any kind.
//   - A server without a vote that asks a looking server gets its proposal; Java answers with the vote of its
//     previous term, which may name a dead leader. The same answer is not repeated within half the smallest
//     interval, and those who do not look get none, so that two servers that each take the other for a stranger do
//     not answer each other for ever.
package election
