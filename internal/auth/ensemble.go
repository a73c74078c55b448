package auth

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/paddock-io/paddock/proto"
)

// ensembleProvider gives no identity. It turns away clients that were led to
// the wrong ensemble; those that do not say which they want may stay. Source:
// EnsembleAuthenticationProvider.
type ensembleProvider struct{ names []string }

func (ensembleProvider) Scheme() string { return "ensemble" }

// maxShownName is how much of the name a client gave an error shows, in bytes.
const maxShownName = 100

func (p ensembleProvider) Authenticate(_ netip.Addr, data []byte) ([]proto.ID, error) {
	if len(data) == 0 || p.names == nil || slices.Contains(p.names, toValid(string(data))) {
		return nil, nil
	}
	return nil, fmt.Errorf("%w %q", ErrOtherEnsemble, data[:min(len(data), maxShownName)])
}
