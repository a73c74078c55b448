// Package recipe builds coordination between processes from znodes.
//
//	/locks/printer                                       Lock's directory
//	  _c_3f1c...-lock-0000000007   ◄── Held              first in line holds it
//	  _c_a90b...-lock-0000000008   ── watches ...07      each waits for the one before it
//	  _c_77de...-lock-0000000011   ── watches ...08
//
// The znodes are ephemeral, so that a dead process does not block the others,
// and are named as Apache Curator names those of its InterProcessMutex: Go and
// Java programs may stand in one line.
package recipe
