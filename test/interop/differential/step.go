package differential

import "github.com/paddock-io/paddock/test/interop/golden"

// Step is what happens next, to both servers: one connection opens, sends a burst, or goes away.
type Step struct {
	Conn     int       // the connection's slot
	Connect  *Connect  // open the slot with a handshake, and send the burst, if any, right behind it
	Drop     bool      // close the socket; the session lives on
	Restart  bool      // kill the servers and start them again; Conn does not matter
	Requests []Request // a burst, sent in one piece
	// Lone sends the request and waits for its reply before it looks whether the connection still
	// stands. It is for a request that may end the connection, whose reply a burst could overtake.
	Lone bool
}

// Request is one frame after the handshake.
type Request struct {
	Xid  int32
	Op   int32
	Body golden.Record
	// Relative, when HasRelative says so, is how far behind the server's newest zxid the first field
	// of a setWatches shall be.
	HasRelative bool
	Relative    int64
	Raw         []byte // sent instead of all this: the frame with its length, or a part of it
}

// Connect is a handshake. Sessions are counted from 0 in the order in which they were opened.
type Connect struct {
	Session   int // one of the constants below, or the session to resume
	Password  password
	TimeoutMs int32
	Ahead     bool // claim to have seen a zxid that does not exist yet
	Legacy    bool // without the trailing read-only byte
	ReadOnly  bool
	Cut       int // how many bytes the record lacks at its end; more than it has, if negative
}

// What Connect.Session says besides the number of a session.
const (
	newSession     = -1
	unknownSession = -2
)

// password is which one a handshake shows.
type password uint8

const (
	rightPassword password = iota
	wrongPassword
	shortPassword
	nullPassword
)
