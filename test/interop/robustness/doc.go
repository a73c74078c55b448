// Package robustness runs the rounds of test/robustness with ensembles that Java's
// servers are members of. All it has of its own is how one of those is started.
//
//	make robustness MIX=jpp               ten minutes
//	make robustness MIX=jjp,jpjppPJ SECONDS=60 SEED=7
package robustness
