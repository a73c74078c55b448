// Package balance is a TCP front for clients that know one address of an
// ensemble: it hands each connection to one of the servers that serve.
//
//	            accept, 1                    2 for each connection
//	client ──► key of the client ─► table ─► dial ─► [PROXY header] ══ bytes both ways ══ server
//	                                  ▲
//	check, 1 for each server ─► srvr, or a connect request ─► healthy servers
//	signals, main              ─► list of servers
//
// The front speaks no ZooKeeper but for its checks: a session is the client's
// and the ensemble's affair, and goes on when the client connects anew.
//
//   - Which server: table, a Maglev table of the healthy servers. A key, the
//     client's address with or without its port, leads to the same server while the
//     set of servers is the same, and few keys lead elsewhere when it changes.
//     Several fronts of one list agree without speaking to each other.
//   - A server that serves no more gets no new connections at once, and those it
//     has are closed after a grace, so that their clients move. The same happens
//     to a server that is taken off the list.
//   - A server that comes back gets new connections; nobody's is broken for it.
//   - The end: no new connections, time for the others to end, then they are closed.
//   - A connection on which nothing happens holds two sockets and no buffer.
package balance
