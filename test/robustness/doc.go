// Package robustness runs real server processes, does bad things to them, and
// checks what their clients were promised.
//
//	traffic:  sessions that write all the time and note each answer
//	nemesis:  kill -9 of the leader and of followers in turn, and restarts
//	validate: afterwards every server holds every acknowledged write, and
//	          nothing that nobody asked for
package robustness
