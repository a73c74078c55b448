package config

import (
	"crypto"
	"slices"
	"strings"
	"testing"
)

// What Java 3.9.5 registers: each was tried by an ACL and an auth packet of every scheme.
func TestAuthSchemes(t *testing.T) {
	provider := func(n, class string) string {
		return "authProvider." + n + "=org.apache.zookeeper.server.auth." + class + "\n"
	}
	for name, tc := range map[string]struct {
		cfg      string
		flags    map[string]string
		want     string
		warnings []string
	}{
		"nothing said": {"", nil, "digest ip", nil},
		"all": {provider("1", "SASLAuthenticationProvider") + provider("x", "X509AuthenticationProvider") +
			provider("3", "EnsembleAuthenticationProvider") + provider("4", "KeyAuthenticationProvider"), nil, "digest ensemble ip key sasl x509", nil},
		"by a flag": {"", map[string]string{"zookeeper.authProvider.9": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}, "digest ip sasl", nil},
		"no digest": {"DigestAuthenticationProvider.enabled=false\n", nil, "ip", nil},
		"no digest by another word": {"DigestAuthenticationProvider.enabled=no\n", nil, "ip", []string{
			`$/zoo.cfg:5: DigestAuthenticationProvider.enabled: "no" counts as false; write true or false`,
		}},
		"no digest, yet its provider": {
			"DigestAuthenticationProvider.enabled=false\n" + provider("1", "DigestAuthenticationProvider") + provider("2", "IPAuthenticationProvider"),
			nil, "digest ip", nil,
		},
		"of others": {"authProvider.1=com.example.MyProvider\n" + provider("2", "NoProvider") + "authProvider.3=SASLAuthenticationProvider\n", nil, "digest ip", []string{
			"$/zoo.cfg:5: authProvider.1: com.example.MyProvider cannot be loaded, because Paddock runs no Java classes; its scheme is refused in ACLs and logins",
			"$/zoo.cfg:6: authProvider.2: org.apache.zookeeper.server.auth.NoProvider cannot be loaded, because Paddock runs no Java classes; its scheme is refused in ACLs and logins",
			"$/zoo.cfg:7: authProvider.3: SASLAuthenticationProvider cannot be loaded, because Paddock runs no Java classes; its scheme is refused in ACLs and logins",
		}},
		"a port for TLS": {"secureClientPort=2281\n", nil, "digest ip x509", []string{
			"$/zoo.cfg:5: secureClientPort: ignored, this version of Paddock does not serve TLS yet",
		}},
		"a port for TLS with another scheme": {"secureClientPort=2281\nssl.authProvider=mine\n", nil, "digest ip", []string{
			"$/zoo.cfg:5: secureClientPort, ssl.authProvider: ignored, this version of Paddock does not serve TLS yet",
		}},
		"a port for TLS with another x509": {"secureClientPort=2281\nauthProvider.x509=com.example.MyProvider\n", nil, "digest ip", []string{
			"$/zoo.cfg:5: secureClientPort: ignored, this version of Paddock does not serve TLS yet",
			"$/zoo.cfg:6: authProvider.x509: com.example.MyProvider cannot be loaded, because Paddock runs no Java classes; its scheme is refused in ACLs and logins",
		}},
	} {
		cfg, warnings, problems := newWorld(t).load(base+tc.cfg, tc.flags)
		if problems != nil || !slices.Equal(warnings, tc.warnings) {
			t.Errorf("%s: problems %q, warnings\n%s", name, problems, strings.Join(warnings, "\n"))
		} else if got := strings.Join(cfg.AuthSchemes, " "); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// The names and aliases that MessageDigest.getInstance took or refused on Java 17.
func TestDigestAlgorithms(t *testing.T) {
	for name, want := range map[string]crypto.Hash{
		"SHA1": crypto.SHA1, "sha": crypto.SHA1, "Sha-1": crypto.SHA1, "MD5": crypto.MD5, "SHA-224": crypto.SHA224, "sha256": crypto.SHA256,
		"SHA-384": crypto.SHA384, "SHA512": crypto.SHA512, "SHA512/224": crypto.SHA512_224, "SHA-512/256": crypto.SHA512_256,
		"sha3-512": crypto.SHA3_512, "SHA3-256": crypto.SHA3_256,
		"SHA3_256": 0, "SHA3256": 0, "SHAKE128": 0, " SHA1": 0, "": 0, "SHA-3": 0,
	} {
		got, ok := DigestAlgorithm(name)
		if got != want || ok != (want != 0) {
			t.Errorf("%q: %v, %v", name, got, ok)
		}
	}
	for name, h := range digestAlgorithms {
		if name != strings.ToUpper(name) || h == 0 {
			t.Errorf("%s can never be found", name)
		}
	}
}

func TestEnsembleNames(t *testing.T) {
	for cfg, want := range map[string][]string{
		"":                               nil,
		"ensembleAuthName=a":             {"a"},
		"ensembleAuthName= a ,b c,, d\t": {"a", "b c", "", "d"},
		"ensembleAuthName=":              {""},
	} {
		got, _, _ := newWorld(t).load(base+cfg, nil)
		if !slices.Equal(got.EnsembleNames, want) || (got.EnsembleNames == nil) != (want == nil) {
			t.Errorf("%q: %q", cfg, got.EnsembleNames)
		}
	}
}

// Java 3.9.5 stopped with exit code 2 and "Authentication scheme ... is not available." or "... must be configured." in
// the rows that say so, and served in the others; that nobody could come in is Paddock's own.
func TestEnforcedAuthentication(t *testing.T) {
	const (
		on     = "enforce.auth.enabled=true\n"
		sasl   = "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"
		must   = ": enforce.auth.enabled is true, enforce.auth.schemes must be configured"
		nobody = "this version of Paddock does not serve logins by sasl, so that no client could come in"
	)
	for _, tc := range []struct {
		cfg      string
		want     []string
		problems []string
	}{
		{"", nil, nil},
		{"enforce.auth.schemes=nope\n", nil, nil},
		{"enforce.auth.enabled=false\nenforce.auth.schemes=nope\n", nil, nil},
		{on, nil, []string{"$/zoo.cfg:5" + must}},
		{on + "enforce.auth.schemes=,,\n", nil, []string{"$/zoo.cfg:6" + must}},
		{on + "enforce.auth.schemes=\n", nil, []string{"$/zoo.cfg:6: Authentication scheme  is not available."}},
		{on + "enforce.auth.schemes=digest\n", []string{"digest"}, nil},
		{on + "enforce.auth.schemes= ip ,digest,\n", []string{"ip", "digest"}, nil},
		{on + "enforce.auth.schemes=digest,,ip\n", nil, []string{"$/zoo.cfg:6: Authentication scheme  is not available."}},
		{on + "enforce.auth.schemes=digest,nope\n", nil, []string{"$/zoo.cfg:6: Authentication scheme nope is not available."}},
		{on + "enforce.auth.schemes=super\n", nil, []string{"$/zoo.cfg:6: Authentication scheme super is not available."}},
		{on + "enforce.auth.schemes=sasl\n", nil, []string{"$/zoo.cfg:6: Authentication scheme sasl is not available."}},
		{on + sasl + "enforce.auth.schemes=digest,sasl\n", []string{"digest", "sasl"}, nil},
		{on + sasl + "enforce.auth.schemes=sasl\n", nil, []string{"$/zoo.cfg:7: enforce.auth.schemes: " + nobody}},
		{on + "DigestAuthenticationProvider.enabled=false\nenforce.auth.schemes=digest\n", nil, []string{"$/zoo.cfg:7: Authentication scheme digest is not available."}},
	} {
		cfg, warnings, problems := newWorld(t).load(base+tc.cfg, nil)
		if !slices.Equal(problems, tc.problems) || warnings != nil {
			t.Errorf("%q: problems\n%s\nwarnings %q", tc.cfg, strings.Join(problems, "\n"), warnings)
		} else if problems == nil && !slices.Equal(cfg.EnforceAuth, tc.want) {
			t.Errorf("%q: %q, want %q", tc.cfg, cfg.EnforceAuth, tc.want)
		}
	}

	cfg, warnings, problems := newWorld(t).load(base+on+sasl+"enforce.auth.schemes=sasl\n", map[string]string{UnservedProperty: "warn"})
	want := []string{"$/zoo.cfg:7: enforce.auth.schemes: ignored, this version of Paddock does not serve logins by sasl yet"}
	if problems != nil || cfg.EnforceAuth != nil || !slices.Equal(warnings, want) {
		t.Errorf("insisted on: %q, problems %q", warnings, problems)
	}
}
