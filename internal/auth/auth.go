package auth

import (
	"crypto"
	"errors"
	"fmt"
	"net/netip"

	"github.com/paddock-io/paddock/proto"
)

// Failures of Authenticate. A client sees the first two as error -115 and the
// end of its connection. The third ends the connection without an answer, so
// that the client tries another server instead of giving up.
var (
	ErrUnknownScheme = errors.New("auth: unknown scheme")
	ErrRefused       = errors.New("auth: credentials refused")
	ErrOtherEnsemble = errors.New("auth: the client wants another ensemble")
)

// Provider is one scheme that clients may name in an auth packet. Its methods
// are called by many connections at the same time.
type Provider interface {
	Scheme() string
	// Authenticate returns the identities that data, as presented from remote,
	// proves, which may be none. data is the client's and must not be kept. An
	// error is ErrRefused or ErrOtherEnsemble, or wraps one of them.
	Authenticate(remote netip.Addr, data []byte) ([]proto.ID, error)
}

// Options says which schemes there are. The zero value gives digest without a
// super user, and ip.
type Options struct {
	NoDigest    bool
	Algorithm   crypto.Hash // of digest; 0 means SHA-1
	SuperDigest string      // "super:hash" as Digest makes it; empty means that there is no super user

	// Ensemble adds the scheme ensemble: clients say which ensemble they want,
	// and it has to be one of EnsembleNames, unless those are nil.
	Ensemble      bool
	EnsembleNames []string

	// Key adds the scheme key. It returns the data of the znode /key, and
	// whether there are any; connections call it at the same time.
	Key func() (data []byte, ok bool)

	Providers []Provider // further schemes; one named like a built-in scheme replaces it
}

// Authenticator knows every scheme of a server. It is immutable after New and
// may be used by all connections at once.
type Authenticator struct {
	providers []Provider // a handful: a search beats a map
}

// New returns an Authenticator.
func New(o Options) *Authenticator {
	a := &Authenticator{providers: append([]Provider(nil), o.Providers...)}
	a.add(ipProvider{})
	if !o.NoDigest {
		a.add(digestProvider{algorithm: o.Algorithm, super: o.SuperDigest})
	}
	if o.Ensemble {
		a.add(ensembleProvider{names: o.EnsembleNames})
	}
	if o.Key != nil {
		a.add(keyProvider{key: o.Key})
	}
	return a
}

func (a *Authenticator) add(p Provider) {
	if a.find(p.Scheme()) == nil {
		a.providers = append(a.providers, p)
	}
}

// Authenticate returns the identities that an auth packet of the given scheme
// adds to its connection. Errors wrap one of those above and do not contain
// the credentials.
func (a *Authenticator) Authenticate(remote netip.Addr, scheme string, data []byte) ([]proto.ID, error) {
	p := a.find(scheme)
	if p == nil {
		return nil, fmt.Errorf("%w %q", ErrUnknownScheme, scheme)
	}
	return p.Authenticate(remote, data)
}

// Known reports whether clients may name the scheme in an auth packet.
func (a *Authenticator) Known(scheme string) bool { return a.find(scheme) != nil }

func (a *Authenticator) find(scheme string) Provider {
	for _, p := range a.providers {
		if p.Scheme() == scheme {
			return p
		}
	}
	return nil
}
