package node

import (
	"slices"

	"github.com/paddock-io/paddock/internal/auth"
	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/tree"
)

// aclRules says what ACLs mean, to the one who checks writes and the one who
// answers reads alike.
func aclRules(c *config.Config) tree.ACLRules {
	has := func(scheme string) bool { return slices.Contains(c.AuthSchemes, scheme) }
	return tree.ACLRules{
		Skip: c.SkipACL, NoDigest: !has("digest"), X509: has("x509"), SASL: has("sasl"), Key: has("key"),
		AnySASLUser: c.AnySASLUser, X509SuperUser: c.X509SuperUser,
	}
}

// authOptions says what clients may present in auth packets.
func authOptions(c *config.Config, t *tree.Tree) auth.Options {
	o := auth.Options{
		NoDigest: !slices.Contains(c.AuthSchemes, "digest"), Algorithm: c.DigestAlg, SuperDigest: c.SuperDigest.Reveal(),
		Ensemble: slices.Contains(c.AuthSchemes, "ensemble"), EnsembleNames: c.EnsembleNames,
	}
	if slices.Contains(c.AuthSchemes, "key") {
		o.Key = func() ([]byte, bool) { return dataOf(t, "/key") }
	}
	return o
}

// dataOf returns a copy of a znode's data; ok is false if it has none.
func dataOf(t *tree.Tree, path string) (data []byte, ok bool) {
	t.RLock()
	defer t.RUnlock()
	n, ok := t.Get(path)
	if !ok {
		return nil, false
	}
	data = n.Data()
	return slices.Clone(data), data != nil
}
