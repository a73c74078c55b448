// Package cluster runs an ensemble of real server processes whose every link
// goes through a proxy.
//
//	client k ──► link k>i ──► server i: client port
//	server i ──► link i>j ──► server j: quorum port
//	         ──► link i>j ──► server j: election port
//
// Each server's zoo.cfg has its own line with the addresses it binds, and the
// lines of the others with the addresses of its own links to them.
package cluster
