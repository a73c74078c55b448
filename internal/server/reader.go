package server

import "sync"

// reader is what a readLoop keeps from request to request. A connection at rest has
// none, and the poller has one for all pings that it answers. The methods are conn's.
type reader struct {
	sock       sock
	burst      *tally   // count
	count      tally    // of this burst
	shared     *sharing // what writes of this burst share; nil if there is nothing
	sync       *entry   // the newest sync of this burst, if it has not come before the quorum
	direct     int64    // requests of this burst that were answered at once
	held       held
	ticket     *ticket // linked by throttle, the rest is readLoop's; nil while it was not needed
	treeLocked bool    // the tree's RLock is held
	crowded    bool    // the lane is full
	gone       bool    // the client has left while a request of it waited for the throttle
	announced  bool    // the length of the frame that is arriving has been looked at
}

var readers = sync.Pool{New: func() any { return newReader() }}

func newReader() *reader {
	r := new(reader)
	r.burst, r.sock.ready = &r.count, r.sock.readReady
	return r
}

// beginReading gets c its reader, with what has been read already.
func (c *conn) beginReading(in *buffer) {
	r := readers.Get().(*reader)
	r.sock.nc, r.sock.rc, r.sock.in, r.sock.size = c.nc, c.rc, in, readBufferSize
	if c.period == nil {
		r.sock.size = greetSize
	}
	c.reader = r
}

// endReading takes it away.
func (c *conn) endReading() {
	c.reader.recycle()
	c.reader = nil
}

// recycle gives back a reader that no connection has any more.
func (r *reader) recycle() {
	*r = reader{burst: &r.count, sock: sock{ready: r.sock.ready}}
	readers.Put(r)
}
