// Package up runs a whole ensemble on one computer with nothing to configure:
// one child process a server, the data in one directory, a table of what each
// server does until somebody presses Ctrl-C.
//
//	up ── layout: DIR/server-N/{zoo.cfg, data/myid, server.log}
//	 │
//	 ├── child 1 ── paddock server DIR/server-1/zoo.cfg
//	 ├── child 2 ...
//	 │
//	 └── poll: srvr and mntr of every client port, twice a second ──► table or lines
package up
