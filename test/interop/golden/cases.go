package golden

// Case is one file of client frames. It wants a fresh standalone server of its own, so that every zxid is
// known, with tickTime 500 and Properties.
type Case struct {
	Name string
	Run  func(t *Transcript, addr string)
}

// Properties are the Java system properties of the server: what containers and nodes with a time to live
// need.
var Properties = map[string]string{"zookeeper.extendedTypesEnabled": "true"}

// Cases are all there are.
var Cases = []Case{
	{"fresh", freshCase},
	{"handshake", handshakeCase},
	{"handshake_legacy", legacyCase},
	{"handshake_refused", refusedCase},
	{"handshake_reconnect", reconnectCase},
	{"create", createCase},
	{"create_errors", createErrorsCase},
	{"create_extended", createExtendedCase},
	{"delete", deleteCase},
	{"read", readCase},
	{"set", setCase},
	{"acl", aclCase},
	{"sync_ping", syncPingCase},
	{"multi", multiCase},
	{"multi_extended", multiExtendedCase},
	{"multi_errors", multiErrorsCase},
	{"multi_read", multiReadCase},
	{"auth", authCase},
	{"auth_failed", authFailedCase},
	{"who_am_i", whoAmICase},
	{"watches", watchesCase},
	{"set_watches", setWatchesCase},
	{"set_watches2", setWatches2Case},
	{"persistent_watches", persistentWatchesCase},
	{"remove_watches", removeWatchesCase},
	{"watch_kinds", watchKindsCase},
	{"watch_paths", watchPathsCase},
	{"watch_recursive", recursiveWatchCase},
	{"watch_acl", watchACLCase},
	{"watch_close", watchCloseCase},
	{"set_watches_matrix", setWatchesMatrixCase},
	{"other_reads", otherReadsCase},
	{"reconfig_disabled", reconfigCase},
	{"unknown_opcode", unknownOpcodeCase},
	{"illegal_check", illegalCheckCase},
	{"short_request", shortRequestCase},
}
