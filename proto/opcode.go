package proto

import (
	"maps"
	"slices"
	"strconv"
)

// OpCode names an operation, on the wire and as the type of a transaction.
type OpCode int32

// Operations. Source: ZooDefs.OpCode.
const (
	OpNotification    OpCode = 0
	OpCreate          OpCode = 1
	OpDelete          OpCode = 2
	OpExists          OpCode = 3
	OpGetData         OpCode = 4
	OpSetData         OpCode = 5
	OpGetACL          OpCode = 6
	OpSetACL          OpCode = 7
	OpGetChildren     OpCode = 8
	OpSync            OpCode = 9
	OpPing            OpCode = 11
	OpGetChildren2    OpCode = 12
	OpCheck           OpCode = 13
	OpMulti           OpCode = 14
	OpCreate2         OpCode = 15
	OpReconfig        OpCode = 16
	OpCheckWatches    OpCode = 17
	OpRemoveWatches   OpCode = 18
	OpCreateContainer OpCode = 19
	OpDeleteContainer OpCode = 20
	OpCreateTTL       OpCode = 21
	OpMultiRead       OpCode = 22
	OpAuth            OpCode = 100
	OpSetWatches      OpCode = 101
	OpSasl            OpCode = 102
	OpGetEphemerals   OpCode = 103
	OpGetAllChildren  OpCode = 104 // getAllChildrenNumber
	OpSetWatches2     OpCode = 105
	OpAddWatch        OpCode = 106
	OpWhoAmI          OpCode = 107
	OpCreateSession   OpCode = -10
	OpCloseSession    OpCode = -11
	OpError           OpCode = -1
)

var opNames = map[OpCode]string{
	OpNotification: "notification", OpCreate: "create", OpDelete: "delete", OpExists: "exists",
	OpGetData: "getData", OpSetData: "setData", OpGetACL: "getACL", OpSetACL: "setACL",
	OpGetChildren: "getChildren", OpSync: "sync", OpPing: "ping", OpGetChildren2: "getChildren2",
	OpCheck: "check", OpMulti: "multi", OpCreate2: "create2", OpReconfig: "reconfig",
	OpCheckWatches: "checkWatches", OpRemoveWatches: "removeWatches",
	OpCreateContainer: "createContainer", OpDeleteContainer: "deleteContainer",
	OpCreateTTL: "createTTL", OpMultiRead: "multiRead", OpAuth: "auth", OpSetWatches: "setWatches",
	OpSasl: "sasl", OpGetEphemerals: "getEphemerals", OpGetAllChildren: "getAllChildrenNumber",
	OpSetWatches2: "setWatches2", OpAddWatch: "addWatch", OpWhoAmI: "whoAmI",
	OpCreateSession: "createSession", OpCloseSession: "closeSession", OpError: "error",
}

func (o OpCode) String() string {
	if s, ok := opNames[o]; ok {
		return s
	}
	return "unknown " + strconv.Itoa(int(o))
}

// OpCodes returns every operation there is, in ascending order.
func OpCodes() []OpCode { return slices.Sorted(maps.Keys(opNames)) }

// Reserved xids. Source: ClientCnxn.
const (
	XidNotification int32 = -1
	XidPing         int32 = -2
	XidAuth         int32 = -4
	XidSetWatches   int32 = -8
)

// CreateFlags is the flags field of a create request.
type CreateFlags int32

// Create modes. Source: CreateMode.
const (
	Persistent              CreateFlags = 0
	Ephemeral               CreateFlags = 1
	PersistentSequential    CreateFlags = 2
	EphemeralSequential     CreateFlags = 3
	Container               CreateFlags = 4
	PersistentTTL           CreateFlags = 5
	PersistentSequentialTTL CreateFlags = 6
)

// Valid reports whether f is a mode ZooKeeper knows.
func (f CreateFlags) Valid() bool { return f >= Persistent && f <= PersistentSequentialTTL }

// IsEphemeral reports whether the znode goes with its session.
func (f CreateFlags) IsEphemeral() bool { return f == Ephemeral || f == EphemeralSequential }

// IsSequential reports whether the server appends a counter to the name.
func (f CreateFlags) IsSequential() bool {
	return f == PersistentSequential || f == EphemeralSequential || f == PersistentSequentialTTL
}

// IsTTL reports whether the znode has a time to live.
func (f CreateFlags) IsTTL() bool { return f == PersistentTTL || f == PersistentSequentialTTL }

// EventType is what happened to a watched path.
type EventType int32

// Event types. Source: Watcher.Event.EventType.
const (
	EventNone                EventType = -1
	EventNodeCreated         EventType = 1
	EventNodeDeleted         EventType = 2
	EventNodeDataChanged     EventType = 3
	EventNodeChildrenChanged EventType = 4
)

// StateSyncConnected is the only keeper state a server ever sends.
const StateSyncConnected int32 = 3
