// Package walkthrough does what ZooKeeper's tutorial tells a newcomer to do, with the scripts of make dist and the
// shell's eyes: what they print, on which stream, with which exit code.
//
//	make dist ─► zookeeper-1/{bin,conf,data} ─ zkServer.sh start ─► process 1
//	             zookeeper-2/                ─ zkServer.sh start ─► process 2 ...
//	                                         ─ zkServer.sh status ─► Mode: leader
//
// The tests run real processes on loopback ports and end them by the pids that the scripts wrote down.
package walkthrough
