// Package proxyproto reads and writes the header by which a TCP balancer tells
// a server whom it speaks for: versions 1 and 2 of the PROXY protocol.
//
//	balancer ── PROXY TCP4 192.0.2.7 192.0.2.1 50000 2181\r\n ── the client's bytes ──► server
//
// Append writes, on the balancer's side; Read reads on the server's, and takes
// no byte behind the header. Whoever may write one can claim any address, so a
// server reads headers from balancers that it has been told of, and from nobody
// else.
package proxyproto
