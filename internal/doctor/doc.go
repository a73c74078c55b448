// Package doctor looks at a server's configuration and data before another
// program takes them over, Paddock after Java or Java after Paddock.
//
//	zoo.cfg, dynamic file, myid ──► config.Examine ──┐
//	java.env, zookeeper-env.sh, flags of a running   ├─► Report ──► text or JSON
//	server ──► system properties                     │
//	version-2 ──► storage.Inspector ──► census ──────┤
//	/proc, srvr on the client port ──► who runs ─────┤
//	names and addresses of this machine ─────────────┘
//
// It changes nothing, takes no lock, and may run beside a running server; all it
// sends is srvr to this server's own client port, and questions to the resolver.
package doctor
