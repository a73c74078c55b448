package config

import (
	"crypto"
	"slices"
	"strings"
)

// providerPackage is where ZooKeeper's own authentication providers are.
const providerPackage = "org.apache.zookeeper.server.auth."

// providers are the schemes of ZooKeeper's own authentication providers, by class without package.
var providers = map[string]string{
	"DigestAuthenticationProvider":   "digest",
	"IPAuthenticationProvider":       "ip",
	"SASLAuthenticationProvider":     "sasl",
	"X509AuthenticationProvider":     "x509",
	"EnsembleAuthenticationProvider": "ensemble",
	"KeyAuthenticationProvider":      "key",
}

const providerPrefix = "zookeeper.authProvider."

// authentication reads which schemes there are and how they work.
func (l *loader) authentication() {
	c := l.cfg
	c.AuthSchemes = l.schemes()
	c.SuperDigest = Secret{l.props["zookeeper.DigestAuthenticationProvider.superDigest"].value}
	c.DigestAlg = crypto.SHA1
	if s, ok := l.props["zookeeper.DigestAuthenticationProvider.digestAlg"]; ok {
		if c.DigestAlg, ok = DigestAlgorithm(s.value); !ok {
			l.problem(s, "choose SHA1, SHA-256, SHA-512 or SHA3-256, the same on all servers: with another one no stored ACL matches",
				"don't support this ACL digest algorithm: %s in the current environment", s.value)
		}
	}
	if s, ok := l.props["zookeeper.ensembleAuthName"]; ok {
		for name := range strings.SplitSeq(s.value, ",") {
			c.EnsembleNames = append(c.EnsembleNames, javaTrim(name))
		}
	}
	c.AnySASLUser = l.props["zookeeper.letAnySaslUserDoX"].value
	c.X509SuperUser = l.props["zookeeper.X509AuthenticationProvider.superUser"].value
	c.EnforceAuth = l.enforced()
}

// enforced returns the schemes of which clients must have an identity. Java: AuthenticationHelper.initConfigurations.
func (l *loader) enforced() []string {
	if !l.propBool("zookeeper.enforce.auth.enabled", false) {
		return nil
	}
	at := l.props["zookeeper.enforce.auth.enabled"]
	list, ok := l.props["zookeeper.enforce.auth.schemes"]
	if ok {
		at = list
	}
	var schemes []string
	if trimmed := strings.TrimRight(list.value, ","); ok && (trimmed != "" || list.value == "") {
		for scheme := range strings.SplitSeq(trimmed, ",") { // String.split drops empty parts at the end
			schemes = append(schemes, javaTrim(scheme))
		}
	}
	if len(schemes) == 0 {
		l.problem(at, "name at least one scheme, for example enforce.auth.schemes=digest", "enforce.auth.enabled is true, enforce.auth.schemes must be configured")
		return nil
	}
	missing := false
	for _, scheme := range schemes {
		if !slices.Contains(l.cfg.AuthSchemes, scheme) {
			l.problem(at, "name schemes of this server: "+strings.Join(l.cfg.AuthSchemes, ", "), "Authentication scheme %s is not available.", scheme)
			missing = true
		}
	}
	if !missing && !slices.ContainsFunc(schemes, func(s string) bool { return slices.Contains(presented, s) }) {
		return l.nobody(at, schemes)
	}
	return schemes
}

// presented are the schemes of which a client can have an identity in this version of Paddock: sasl and x509 need
// logins and ports that it does not have yet, and ensemble gives none.
var presented = []string{"digest", "ip", "key"}

// nobody refuses to enforce schemes by which no client can come in.
func (l *loader) nobody(at setting, schemes []string) []string {
	if l.lenient() {
		l.warn(at, "%s: ignored, this version of Paddock does not serve logins by %s yet", at.name, strings.Join(schemes, ", "))
		return nil
	}
	l.problem(at, "add digest, run this server with ZooKeeper until Paddock serves it, or insist with -D"+UnservedProperty+"=warn",
		"%s: this version of Paddock does not serve logins by %s, so that no client could come in", at.name, strings.Join(schemes, ", "))
	return nil
}

// schemes returns the names of the schemes, sorted. Java: ProviderRegistry.initialize, QuorumPeerConfig.configureSSLAuth.
func (l *loader) schemes() []string {
	found := []string{"ip"}
	if l.propBool("zookeeper.DigestAuthenticationProvider.enabled", true) {
		found = append(found, "digest")
	}
	for _, name := range sortedKeys(l.props) {
		if !strings.HasPrefix(name, providerPrefix) {
			continue
		}
		s := l.props[name]
		class, own := strings.CutPrefix(s.value, providerPackage)
		if scheme := providers[class]; own && scheme != "" {
			found = append(found, scheme)
			continue
		}
		l.warn(s, "%s: %s cannot be loaded, because Paddock runs no Java classes; its scheme is refused in ACLs and logins", s.name, s.value)
	}
	// With a port for TLS, Java adds the provider for it unless another scheme is named.
	ssl := l.props["zookeeper.ssl.authProvider"].value
	_, secure := l.keys["secureClientPort"]
	if _, named := l.props[providerPrefix+"x509"]; secure && !named && (ssl == "" || ssl == "x509") {
		found = append(found, "x509")
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// digestAlgorithms are those of Java's default providers that are still worth having, without MD2. An alias of SHA-2 leaves
// the first hyphen out.
var digestAlgorithms = map[string]crypto.Hash{
	"MD5": crypto.MD5, "SHA": crypto.SHA1, "SHA1": crypto.SHA1, "SHA-1": crypto.SHA1,
	"SHA224": crypto.SHA224, "SHA-224": crypto.SHA224, "SHA256": crypto.SHA256, "SHA-256": crypto.SHA256,
	"SHA384": crypto.SHA384, "SHA-384": crypto.SHA384, "SHA512": crypto.SHA512, "SHA-512": crypto.SHA512,
	"SHA512/224": crypto.SHA512_224, "SHA-512/224": crypto.SHA512_224,
	"SHA512/256": crypto.SHA512_256, "SHA-512/256": crypto.SHA512_256,
	"SHA3-224": crypto.SHA3_224, "SHA3-256": crypto.SHA3_256, "SHA3-384": crypto.SHA3_384, "SHA3-512": crypto.SHA3_512,
}

// DigestAlgorithm returns the hash function that Java's MessageDigest knows by name, in any case.
func DigestAlgorithm(name string) (crypto.Hash, bool) {
	h, ok := digestAlgorithms[strings.ToUpper(name)]
	return h, ok
}
