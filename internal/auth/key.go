package auth

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/paddock-io/paddock/proto"
)

// keyProvider takes multiples of the number that the znode /key holds, and
// anything while there is no such znode. It is ZooKeeper's example of a provider
// that looks into the tree, and gives everybody the same identity. Source:
// KeyAuthenticationProvider.
type keyProvider struct {
	key func() (data []byte, ok bool)
}

func (keyProvider) Scheme() string { return "key" }

func (p keyProvider) Authenticate(_ netip.Addr, data []byte) ([]proto.ID, error) {
	if data == nil { // Java fails on a null buffer
		return nil, ErrRefused
	}
	if key, ok := p.key(); ok {
		want, err := strconv.ParseInt(string(key), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: /key holds no number", ErrRefused)
		}
		got, err := strconv.ParseInt(string(data), 10, 32)
		if err != nil || want != 0 && got%want != 0 {
			return nil, ErrRefused
		}
	}
	return []proto.ID{{Scheme: "key", ID: ""}}, nil
}
