// Package proto holds ZooKeeper's records: what clients and servers say to each
// other, what servers say among themselves, and the transactions that are
// logged. It knows bytes and names; it does no I/O.
//
//	client  -- ConnectRequest --------------------> server   session.go
//	        <- ConnectResponse --------------------
//	        -- RequestHeader + request record ----->          request.go
//	        <- ReplyHeader + reply record ----------          reply.go
//	        <- ReplyHeader{xid -1} + WatcherEvent --
//
//	learner -- QuorumPacket{FOLLOWERINFO ...} ----> leader   quorum.go
//	peer    -- initial message, Notification -----> peer     election.go
//	log, PROPOSAL, INFORM: TxnHeader + record [+ TxnDigest]  txn.go
//
// Every record has Append, which writes it behind a byte slice, and Decode,
// which reads it from a jute.Decoder whose first error sticks. Decoded byte
// slices alias the input. Field order and opcodes are those of zookeeper.jute
// and org.apache.zookeeper.ZooDefs, ZooKeeper 3.9.
package proto
