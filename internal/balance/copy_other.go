//go:build !unix

package balance

import (
	"io"
	"net"
)

// copyAll copies from src to dst until src ends.
func copyAll(dst, src net.Conn) error {
	_, err := io.Copy(dst, src)
	return err
}
