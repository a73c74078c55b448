// Package security holds what a client must not get done, as tests against a
// real server over TCP: the matrix of operations, identities and permissions,
// and one test for each published weakness of ZooKeeper that concerns what
// Paddock serves.
package security
