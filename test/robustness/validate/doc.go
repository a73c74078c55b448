// Package validate holds a history against what ZooKeeper promises.
//
//	linearizable  writes and reads behind a sync, per znode, by porcupine
//	order         zxids: one for each write, in the order of real time; reads behind
//	              a sync are not behind what was answered before
//	replay        every read shows what the changes up to its zxid have made
//	children      and so does every list of children
//	session       zxids never go back; requests take effect in order, also those
//	              that were never answered; a session sees its own writes
//	multi         all of it or nothing, at one zxid
//	sequence      numbers are unique, grow, and leave no gap
//	ephemeral     gone if and only if the session has ended, and that never before
//	              its timeout
//	watch         one-shot watches fire once, and before a later state is seen
//	persistent    persistent watches miss nothing and repeat nothing, in order
//	trees         all servers hold the same in the end
//
// All of them are asked of ensembles with Java members too, with one exception:
//
//	reads behind a sync  are plain reads for all rules if they are behind the times
//	                     and a Java leader may have answered the sync; Excuse says
//	                     when that can be, and why
//
// What package round looks at besides, when a round ends, has one more: digests that
// a Java server has noted since it got a leader's snapshot are not compared, see
// cluster.Server.DigestsInDoubt. That a server ends when its disk refuses is
// Paddock's promise, and only its servers get such disks.
//
// All but the first trust zxids to be an order and check that it is the one they
// claim to be; the first trusts only clocks. Each rule has a test that plants a
// violation.
package validate
