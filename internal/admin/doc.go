// Package admin tells operators and their tools how a server is doing. So far it
// answers ZooKeeper's four-letter words, in ZooKeeper's layout to the letter,
// because monitoring has parsed these texts for a decade.
//
//	client port --> server: reads the word, checks the whitelist
//	                   |
//	                   v
//	                 Words --+-- Server: role, counters, connections
//	                   |     +-- Peer:   status, membership, session expiry, tree
//	                   v     +-- Store, operating system
//	                 text
//
// Every answer is made of values that were copied out under a lock held shortly;
// none is held while text is written, since the reader may be slow. An answer
// that is long, such as a dump of a million watches, is therefore not one
// consistent picture of the server.
//
// What is not measured is left out of mntr rather than shown as zero.
package admin
