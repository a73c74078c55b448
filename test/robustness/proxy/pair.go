package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// chunk is what one read gave. Invariant: the last chunk of a way has end set.
type chunk struct {
	bytes []byte
	due   time.Time
	end   bool // the sender has closed its side
}

const (
	chunkBytes  = 8 << 10
	chunkQueue  = 64 // chunks under way; behind them the sender's socket fills up
	dialTimeout = 2 * time.Second
)

// pair is one connection: the dialler's socket and ours to the target. Four
// goroutines serve it, two for each way.
type pair struct {
	link     *Link
	in, out  net.Conn
	done     chan struct{} // closed by reset
	once     sync.Once
	finished sync.WaitGroup
	halfOpen atomic.Bool // the dialler's end is gone and the target has not heard of it
}

// abandon resets the dialler's end and leaves the target's open. What the target
// goes on to send is lost.
func (p *pair) abandon() {
	p.halfOpen.Store(true)
	abort(p.in)
}

// reset ends both connections at once, with RST where the system lets us.
func (p *pair) reset() {
	p.once.Do(func() {
		close(p.done)
		for _, nc := range []net.Conn{p.in, p.out} {
			abort(nc)
		}
	})
}

func (p *pair) isReset() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func abort(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	if nc != nil {
		nc.Close()
	}
}

// run carries bytes until both ways have ended.
func (p *pair) run() {
	p.carry(p.in, p.out, p.link.there)
	p.carry(p.out, p.in, p.link.back)
	p.finished.Wait()
	p.reset()
}

// carry starts the goroutines of one way.
func (p *pair) carry(from, to net.Conn, w *way) {
	queue := make(chan chunk, chunkQueue)
	p.finished.Go(func() { p.read(from, w, queue) })
	p.finished.Go(func() { p.write(to, w, queue) })
}

func (p *pair) read(from net.Conn, w *way, queue chan<- chunk) {
	defer close(queue)
	var due time.Time
	for {
		b := make([]byte, chunkBytes)
		n, err := from.Read(b)
		// Invariant: chunks are due in the order in which they came.
		if at := time.Now().Add(w.latency()); at.After(due) {
			due = at
		}
		select {
		case queue <- chunk{b[:n], due, err != nil}:
		case <-p.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// write passes chunks on when they are due and nothing stalls them.
func (p *pair) write(to net.Conn, w *way, queue <-chan chunk) {
	for c := range queue {
		if !pause(time.Until(c.due), p.done) || !w.flowing(p.done) {
			return
		}
		if p.halfOpen.Load() {
			continue
		}
		if p.isReset() {
			return // or the end of one connection, which we made, would be told as one that its peer made
		}
		allowed := p.link.spend(len(c.bytes))
		if _, err := to.Write(c.bytes[:allowed]); (err != nil || allowed < len(c.bytes)) && !p.halfOpen.Load() {
			p.reset()
			return
		}
		if cond, _ := w.now(); cond.Rate > 0 && !pause(time.Duration(len(c.bytes))*time.Second/time.Duration(cond.Rate), p.done) {
			return
		}
		if tcp, ok := to.(*net.TCPConn); ok && c.end {
			tcp.CloseWrite()
		}
	}
}
