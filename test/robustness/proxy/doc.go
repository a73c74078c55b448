// Package proxy is a TCP link between two processes that can be made to
// misbehave: the network of the robustness tests, on loopback.
//
//	dialler ──► accept ─┬─ reader ─► queue of chunks ─► writer ─┬─► target
//	                    │              due at ...       valve   │
//	                    └◄─ writer ◄── queue of chunks ◄─ reader┘
//
// A Link is one ordered pair of processes: everything that the first dials at
// the second passes through it. Each way has its own Condition, which may
// change at any time and holds for connections that exist as for those to come.
//
//   - Delay and jitter keep the order of bytes, as TCP does.
//   - A stall is a black hole: bytes, and the end of the stream, wait until it is
//     over, as TCP would send them again, and both ends see an open connection. A
//     connection that is dialled meanwhile is one whose greeting is lost.
//   - Cut resets what there is and whatever is dialled.
//   - BreakAfter resets a connection in the middle of whatever it carries.
//   - Abandon resets the dialler's end of each connection alone.
package proxy
