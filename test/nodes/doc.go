// Package nodes runs whole servers and clients in one process, on a network and
// file systems in memory and on the clock of a testing/synctest bubble, and
// checks what their clients were promised.
//
//	zk.Conn, recipes --\                                /-- vfs.Mem, CrashClone
//	                    memnet: delay, partition, cut --  node.Node: loop, disk, links, election port, server
//
// It covers what a simulation of the core cannot: the goroutines, queues,
// timeouts and sockets around it, and their end. Minutes of the clock pass in
// moments, and a bubble does not end before each of its goroutines has: a test
// that leaves one behind fails. Which goroutine runs first is up to Go's
// scheduler, so a failure may need more than one run to come again; what a test
// draws itself, it draws from a seed that it prints.
package nodes
