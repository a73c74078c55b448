package balance

import (
	"net"
	"sync"
	"time"
)

// lastWords is how long one side may go on when the other has said its last. A
// client that asks by a four-letter word ends its side first.
const lastWords = 10 * time.Second

// pipe is a client's connection and the one that was made for it.
type pipe struct {
	client, server net.Conn
}

// run carries bytes both ways until both sides have ended, or one has failed.
func (p *pipe) run() {
	var other sync.WaitGroup
	other.Go(func() { p.carry(p.client, p.server) })
	p.carry(p.server, p.client)
	other.Wait()
	p.close()
}

// carry takes bytes from src to dst until src ends.
func (p *pipe) carry(dst, src net.Conn) {
	if err := copyAll(dst, src); err != nil {
		p.close()
		return
	}
	if half, ok := dst.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		p.close()
		return
	}
	dst.SetReadDeadline(time.Now().Add(lastWords)) // for the other direction
}

// close ends both connections at once. It may be called again.
func (p *pipe) close() {
	p.client.Close()
	p.server.Close()
}
