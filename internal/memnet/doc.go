// Package memnet is a network in memory, for tests that run whole servers and
// clients in one process: under testing/synctest it has the bubble's clock, so
// that minutes of it pass in moments.
//
//	            Network: names, listeners, faults
//	Host "s1" --Dial--> pipe: two streams --Accept-- Host "s2" --Listen
//	                     |
//	                     Write -> buffer -> in flight (delay, block, cut) -> arrived -> Read
//
// A connection behaves as one of TCP does as far as servers and clients can
// tell: a bounded buffer in each direction, bytes in order, deadlines, the end
// of the stream, a reset for who writes to an end that is closed, and for the
// other side of one that is closed with bytes unread. A dial to a port on which
// nobody listens is refused; one through a blocked direction hangs. What is
// blocked is not lost: like a segment that TCP sends again, it arrives when the
// direction is open again.
//
// Whatever waits here waits on channels, conditions and timers alone, and locks
// are held for moments: a bubble's clock can advance. A Network belongs to the
// bubble in which New was called.
package memnet
