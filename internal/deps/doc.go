// Package deps holds the project's rules about its own sources, as tests: who may import whom, what the pure floor
// must not touch, how tests must not wait. A rule that a test holds needs no reviewer.
//
//	6  cmd/paddock  bench/...  test/...
//	5  internal/node (and nodetest)  up  shell  zk/zktest
//	4  internal/admin  bench  zk/recipe
//	3  internal/server  quorum  sim  zk
//	2  internal/replica                            │
//	1  internal/prep  election  zab │ storage auth │ pure: jute to replica,
//	0  jute  proto  internal/tree  ensemble        │ without storage, auth, config
//	   internal/config  logging  version
//
// Imports point down. Packages of one floor do not know each other, except where the table says so. A new package
// gets its line in floors_test.go with the commit that adds it.
package deps
