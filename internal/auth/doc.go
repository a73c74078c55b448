// Package auth turns what a client presents into identities.
//
//	accept ------------------ ip:10.0.0.7 ----------.
//	auth packet "digest" ---- digest:bob:hash ------+--> identities of the connection
//	  ... equal to superDigest - super: ------------'
//
// The schemes of this package are those a client can choose by an auth packet:
// digest and ip. The scheme world needs no credential, auth only abbreviates
// the connection's identities in an ACL, and super is given, never asked for.
// Whether an identity satisfies an ACL is decided in package tree.
//
// Source: org.apache.zookeeper.server.auth.
package auth
