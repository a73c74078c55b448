// Package history records what clients of an ensemble asked and were told.
//
//	traffic ──► Record: one request or session, with its outcome
//	tap     ──► Wire:   one frame of one connection, as it went over the wire
//	final   ──► Tree:   what one server holds when all is over
//
// Records say what a user of the client saw. The tap stands below the client and
// sees what the client would hide: a notification for a watch that nobody has
// left any more, for example.
package history
