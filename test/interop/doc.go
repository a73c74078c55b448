// Package interop holds the tests in which other people's programs meet Paddock: clients in four
// languages, and servers in one ensemble. It is a module of its own, so that nothing it needs weighs on
// the module that users import.
//
//	clientport_test  the questions once recorded, asked again; the answers compared with Java's
//	clients_test     each client program of clients/ against a three-server ensemble that loses the
//	                 server the client is on
//	suites_test      a part of the suites of suites/
//	shells_test      the same with the shells cli_mt and zkCli.sh, typed to
//	mixed_test       one ensemble of Java and Paddock servers
//	directories_test data directories of every Java version, there and back
//	javatools_test   Java's tools for files read Paddock's
//	migration_test   a Java ensemble becomes Paddock's and Java's again, server by server, under load
//	differential/    one random stream of requests to Java and to Paddock
//	robustness/      ensembles of Java and Paddock servers under faults; the rounds are those of test/robustness
//	peers/           finds those programs, runs servers
//	golden/          those questions, as programs, and the comparison
//	suites/          test suites of other projects, run with Java and with Paddock
//	cmd/capture      records testdata from a real Java server
//	cmd/suites       runs those suites and compares
//
// The programs come from test/peers/install.sh. Without them the tests skip, or fail when
// PADDOCK_REQUIRE_PEERS is set. PADDOCK_BIN names the binary under test; without it cmd/paddock is built.
// PADDOCK_INTEROP_JAVA=1 runs every client test against a Java ensemble first, which shows that a
// test asks for nothing but ZooKeeper; with mixed it runs them against ensembles of Java and Paddock together.
package interop
