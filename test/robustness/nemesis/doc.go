// Package nemesis does bad things to an ensemble, one or two at a time.
//
//	draw a fault ──► begin ──► hold ──► heal ──► rest ──► ...
//	                   └─► sometimes another one before the first is healed
//
// What it does, to whom and for how long is drawn from a seed; each run leaves
// out some kinds of faults, so that the others have the stage for themselves.
// None of them takes back what a quorum has on disk, so none excuses the
// ensemble from its promises.
package nemesis
