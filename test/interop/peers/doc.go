// Package peers finds other people's ZooKeeper programs on this machine and runs servers, Java's and
// Paddock's alike, as real processes on loopback ports with data in a directory of the caller.
//
//	                      Ensemble
//	                     /   |    \
//	                Server Server Server      one process each: start, kill -9, stop, pause
//	                   |     |      |
//	Software:        Java  Paddock  Java      how a zoo.cfg becomes a command line
//	                   |     |
//	Installation: jars, python, cli_mt        what test/peers/install.sh laid out
//
// A Server is used by one goroutine at a time. Nothing here knows a wire format beyond the
// four-letter words, whose text is what every monitoring script reads.
package peers
