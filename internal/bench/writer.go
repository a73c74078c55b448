package bench

import (
	"net"
	"sync"
)

// sureOfSockets is what the two ends of a connection hold without anybody
// reading, in bytes. Source: tcp(7), the defaults of tcp_wmem and tcp_rmem.
const sureOfSockets = 128 << 10

// writer writes a closed loop's requests. As long as a full window fits into the
// sockets, it just does. Otherwise a goroutine does it: a server that is busy
// writing may read nothing meanwhile, and would wait for this end to read.
type writer struct {
	nc    net.Conn
	queue chan []byte // nil without a goroutine
	wg    *sync.WaitGroup
}

func newWriter(nc net.Conn, cfg *Config) writer {
	w := writer{nc: nc}
	if cfg.Outstanding*cfg.requestSize() <= sureOfSockets {
		return w
	}
	w.queue, w.wg = make(chan []byte, cfg.Outstanding), new(sync.WaitGroup) // no more batches than requests in flight
	w.wg.Go(func() {
		for b := range w.queue {
			if _, err := nc.Write(b); err != nil {
				nc.Close() // whoever reads notices
			}
		}
	})
	return w
}

// write writes b, or sees to it; b is not kept.
func (w writer) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if w.queue != nil {
		w.queue <- append([]byte(nil), b...)
		return nil
	}
	_, err := w.nc.Write(b)
	return err
}

// close ends the goroutine. Requests that nobody waits for any more are not
// written.
func (w writer) close(failed bool) {
	if failed {
		w.nc.Close()
	}
	if w.queue != nil {
		close(w.queue)
		w.wg.Wait()
	}
}
