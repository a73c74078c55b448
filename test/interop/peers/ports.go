package peers

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The range from which FreePorts draws. It lies below Linux's range for outgoing connections
// (32768 and up), because a killed server must get its port back: a port handed out by listening on
// port 0 may meanwhile have become some client's local port.
const (
	lowestPort  = 12000
	highestPort = 32000
)

// FreePorts returns n distinct loopback ports on which nobody listens.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	held := make([]net.Listener, 0, n) // so that no port is found twice
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for tries := 0; len(ports) < n; tries++ {
		if tries > 100*n {
			return nil, fmt.Errorf("find %d free ports: only %d after %d tries", n, len(ports), tries)
		}
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, port)
	}
	return ports, nil
}

// AllFree says whether nobody listens on any of the n ports from first on.
func AllFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
