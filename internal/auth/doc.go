// Package auth turns what a client presents into identities.
//
//	accept ------------------ ip:10.0.0.7 ----------.
//	auth packet "digest" ---- digest:bob:hash ------+--> identities of the connection
//	  ... equal to superDigest - super: ------------'
//
// The schemes of this package are those a client can choose by an auth packet:
// digest and ip, and where they are configured ensemble and key. The scheme
// world needs no credential, auth only abbreviates the connection's identities
// in an ACL, super is given, never asked for, and x509 and sasl have ways of
// their own. Whether an identity satisfies an ACL is decided in package tree.
//
// Source: org.apache.zookeeper.server.auth.
package auth
