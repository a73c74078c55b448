package zk

import "strconv"

// State is where a Conn stands.
type State int32

// States. The last three are final.
const (
	Connecting        State = iota // no server reached yet
	Connected                      // a server has confirmed the session
	ConnectedReadOnly              // on a server without a quorum; see Options.ReadOnly
	Disconnected                   // the connection broke; trying the next server
	Expired                        // the session is gone
	AuthFailed                     // a credential was refused
	Closed                         // Close or Detach was called
)

func (s State) String() string {
	switch s {
	case Connecting:
		return "CONNECTING"
	case Connected:
		return "CONNECTED"
	case ConnectedReadOnly:
		return "CONNECTEDREADONLY"
	case Disconnected:
		return "DISCONNECTED"
	case Expired:
		return "EXPIRED"
	case AuthFailed:
		return "AUTH_FAILED"
	case Closed:
		return "CLOSED"
	}
	return "State(" + strconv.Itoa(int(s)) + ")"
}

// stateBacklog is how many states a subscriber may lag behind.
const stateBacklog = 16

// Subscribe returns a channel of the state now and of every later one. It is
// closed after a final state and by stop. A subscriber that falls 16 states
// behind misses the oldest, never the newest.
func (c *Conn) Subscribe() (states <-chan State, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan State, stateBacklog)
	ch <- c.state
	if c.err != nil {
		close(ch)
		return ch, func() {}
	}
	c.subs[ch] = struct{}{}
	return ch, func() { c.unsubscribe(ch) }
}

func (c *Conn) unsubscribe(ch chan State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.subs[ch]; ok {
		delete(c.subs, ch)
		close(ch)
	}
}

// setState records s and tells the subscribers; c.mu is held.
func (c *Conn) setState(s State) {
	c.state = s
	for ch := range c.subs {
		if len(ch) == cap(ch) {
			select { // nobody else sends, so one slot is free afterwards
			case <-ch:
			default:
			}
		}
		ch <- s
	}
}

// told calls Options.OnState, outside the lock.
func (c *Conn) told(s State) {
	if c.opts.OnState != nil {
		c.opts.OnState(s)
	}
}
