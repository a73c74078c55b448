// Package repair gets back from other servers what a damaged server lacks, as a
// state machine without I/O and without a clock.
//
//	storage.Survey ──► New ──► Ask{peer, Question} ──► one connection each ──► Answer of that peer
//	                    ▲                                                          │
//	                    └────────────────── Answered, Failed ──────────────────────┘
//	                    └──► Fill{entries}: all is there, the log can be mended
//
// A server with a Machine does not vote, lead or serve. It asks every other
// server at once and again after a pause, damaged ones included: two of them
// heal each other if no transaction is lost on both. What it accepts is what had
// been here: transactions named by zxid, length and checksum, and stretches
// between two such transactions, on which all histories that have both agree.
// So after mending it holds what it held before, and may vote as before.
//
// A leader's snapshot may come first, which ends the repair from outside.
//
// Lookup questions travel on a connection of their own to the other server's
// quorum port, as one packet of a type that Java does not know and one packet
// back; see packet.go.
package repair
