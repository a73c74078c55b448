// Package config reads what an operator wrote, a zoo.cfg and -D flags, into one typed Config.
//
//	zoo.cfg ─┐  ensemble.ParseProperties            ┌► server.N, group.N, weight.N ─► ensemble.Ensemble
//	         ├────────────────────────► settings ───┼► keys of zoo.cfg  (tickTime)  ─► strict values  ┐
//	-Dk=v  ──┘  (ParseJVMFlags)      file over flag └► properties       (snapCount) ─► lenient values ┴► *Config
//	dynamicConfigFile, dataDir/myid ────────────────►
//
// Names, defaults and rules are ZooKeeper 3.9's. A line zoo.cfg's parser does not know becomes the system property
// zookeeper.<key>, over one given as a flag, and every property ZooKeeper knows is in the table of keys.go with what
// Paddock makes of it: used, without meaning here, or not served yet. What is not served yet is named in a warning,
// and refused where ignoring it would quietly weaken security.
//
// Nothing stops at the first mistake: the error of Load is a *Problems with file, line and advice for each. The
// package logs nothing, reads no environment, resolves no names, and never prints a secret.
package config
