// Package robustness runs ensembles of real server processes, does bad things to
// them, and checks what their clients were promised.
//
//	round      an ensemble from its birth to its end
//	cluster    processes, their files, and a proxy for every link
//	proxy      a TCP link that delays, stalls one way, cuts, throttles, breaks
//	tamper     slow and failing syncs and a wrong clock, for a static binary
//	traffic    clients that ask for all kinds of things in sessions of all kinds
//	nemesis    faults drawn from a seed
//	history    every request with its times and outcome, every frame on the wire
//	model      what a znode is, for porcupine
//	validate   the promises, as rules about histories
//	report     what is written down when one is broken
//
// A run is a number of rounds. Each has a fresh ensemble, a seed from which its
// shape, faults and requests are drawn, and ends with all faults healed: then
// all servers must serve and hold the same, with every acknowledged write.
//
//	make robustness                    ten minutes of rounds with fresh seeds
//	make robustness SECONDS=60 SEED=7  from this seed on
//	make robustness MIX=jpp,jjp        with Java members; see test/interop/robustness
//	go test ./test/robustness          thirty seconds
//
// The same seed makes the same choices; what the processes make of them depends
// on the machine. A history that was kept is checked again by
//
//	go test ./test/robustness -run TestHistory -robustness.history=history.jsonl
package robustness
