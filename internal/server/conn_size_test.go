package server

import (
	"testing"
	"unsafe"
)

// TestSizeOfConn: there is one for every client, however silent. Above the limit it
// would take the allocator's next size.
func TestSizeOfConn(t *testing.T) {
	const limit = 416
	if got := unsafe.Sizeof(conn{}); got > limit {
		t.Errorf("a connection takes %d bytes, more than %d", got, limit)
	}
}
