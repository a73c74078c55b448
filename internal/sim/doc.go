// Package sim runs a whole ensemble in one goroutine: a simulated clock, network
// and disks, and the servers' real code between them. One seed is one history,
// event for event, so that what goes wrong once can be looked at again.
//
//	            World: virtual time, an event heap, one random generator
//	              │
//	   ┌──────────┼────────────────────────────────┐
//	clients    network                           Server (3 to 7, observers beside)
//	 ops       links with the bytes of             replica: election, zab, prep
//	 watches   package wire, votes; delay,         tree, watch table
//	 sessions  cut, partition one way or both      persist, storage on a vfs.Mem:
//	   │                                            crash, torn and lost writes, errors
//	   └── history ──► checks, while it runs and at the end
//
// What is simulated is what production has around these packages: the loop and
// its batches (quorum), the disk goroutine, connections with their lanes
// (server). Everything that decides, encodes, stores or recovers is the shipped
// code.
//
// A run has two phases. In the first, faults are drawn from the classes that the
// seed has switched on, and whatever is served must be right. Then faults end,
// and the ensemble must come back by itself, serve, and agree.
//
// checks.go lists what must hold. Nothing here may depend on the order of a map,
// on the wall clock, or on more than one goroutine at a time.
package sim
