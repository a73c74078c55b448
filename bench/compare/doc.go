// Command compare measures Paddock beside Apache ZooKeeper: the same load
// program, the same machine, the same zoo.cfg and durability, in turns A B A B.
// It prints the medians, their spread and their ratio as one table, and writes
// them to a file with what there is to know about the machine.
//
//	rounds ─► systems ─► stages: a fresh ensemble each ─► works ─► values by key
//	                                                               │
//	rows: a key, its text, its unit, its goal ─────────────────────┴─► table
//
//	go run ./bench/compare                 every figure, under an hour
//	go run ./bench/compare -quick          the main six, three minutes
//	go run ./bench/compare -growth         how cost grows with size, with plots
//	go run ./bench/compare -only F1,F16    some works
//	go run ./bench/compare -alone          without Java, for figures before and after a change
//
// Where a work has a meaning for etcd, that is a third column, which no goal
// looks at; -etcd=false leaves it out.
//
// It needs the jars that test/peers/install.sh brings; see docs/benchmarks.md.
// A work is a function in one of the works_*.go files and an entry in stages.go;
// what it puts under a key is shown by the row of that key in rows.go.
package main
