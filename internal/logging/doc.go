// Package logging prints slog records the way ZooKeeper's logback pattern does, so that alerts and log shippers made
// for ZooKeeper find what they look for.
//
//	slog.Record ─► Handler ─► 2026-07-17 20:37:04,123 [myid:1] - INFO  [quorum:loop@177] - leading epoch=5
//	                          time, local              level    package:file@line   message, attributes
//
// Java prints the thread where this prints the package; the rest of the line has the same fields at the same places.
// A record is one line whatever it contains.
package logging
