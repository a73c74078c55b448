// Package node makes one server out of its parts: from a configuration to a
// running storage, quorum peer and client side, and back down in order.
//
//	config.Config --> storage.Open --> quorum.New (recovers the tree)
//	                                      |  tree, Proposer
//	                  admin.Words <-- server.New
//	                                      |  StateMachine
//	                                   Peer.Run
//
// Stopping goes from the outside in: no new clients, then the quorum's loop,
// then the log's last sync, then the files.
package node
