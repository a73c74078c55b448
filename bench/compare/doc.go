// Command compare measures Paddock beside Apache ZooKeeper: the same load
// program, the same machine, the same durability, in turns A B A B, and prints
// the medians and their ratio as one table.
//
//	go run ./bench/compare -rounds 3 -seconds 10
//
// It needs the jars that test/peers/install.sh brings; see docs/benchmarks.md.
package main
