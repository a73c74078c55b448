package history

import "time"

// Kind is what a record or a part of a multi is about.
type Kind string

// Kinds. Open, Close and End are about sessions: End says that the ensemble has
// been seen to have ended one.
const (
	Open     Kind = "open"
	Close    Kind = "close"
	End      Kind = "end"
	Create   Kind = "create"
	Set      Kind = "set"
	Delete   Kind = "delete"
	Check    Kind = "check"
	Multi    Kind = "multi"
	Get      Kind = "get"
	Exists   Kind = "exists"
	Children Kind = "children"
	Sync     Kind = "sync"
	AddWatch Kind = "addWatch"
)

// Outcome is what the client knows of a request.
type Outcome string

// Outcomes.
const (
	OK      Outcome = "ok"
	Failed  Outcome = "error"   // the ensemble answered with an error
	Unknown Outcome = "unknown" // no answer: it may have been executed or not
)

// Session is a session's number; 0 is none.
type Session int64

// Stat is the part of a znode's metadata that is checked.
type Stat struct {
	Czxid   int64   `json:"czxid"`
	Mzxid   int64   `json:"mzxid"`
	Pzxid   int64   `json:"pzxid"`
	Version int32   `json:"version"`
	Cvers   int32   `json:"cversion"`
	Owner   Session `json:"owner,omitempty"`
}

// Op is an operation with its result.
type Op struct {
	Kind      Kind   `json:"kind"`
	Path      string `json:"path,omitempty"`    // as asked for
	Name      string `json:"name,omitempty"`    // of what was created
	Data      string `json:"data,omitempty"`    // written or read
	Version   int32  `json:"version,omitempty"` // expected: of set, delete, check
	Ephemeral bool   `json:"ephemeral,omitempty"`
	Sequence  bool   `json:"sequence,omitempty"`
	Err       string `json:"err,omitempty"` // ZooKeeper's name of the error
	Stat      *Stat  `json:"stat,omitempty"`
}

// Record is one request of a session, or the begin or end of one.
type Record struct {
	Client  int           `json:"client"`
	Session Session       `json:"session"`
	Server  int           `json:"server,omitempty"`
	Submit  int           `json:"submit"` // order in which a client's requests were handed over
	Arrive  int           `json:"arrive"` // order in which a client was told the outcomes
	Call    time.Duration `json:"call"`   // since the history began, as Return
	Return  time.Duration `json:"return"`
	Op
	Latest   bool          `json:"latest,omitempty"` // a read behind a sync that succeeded
	Watch    bool          `json:"watch,omitempty"`
	Parts    []Op          `json:"parts,omitempty"` // of a multi
	Children []string      `json:"children,omitempty"`
	Timeout  time.Duration `json:"timeout,omitempty"` // of an Open: what was granted
	Outcome  Outcome       `json:"outcome"`
	Zxid     int64         `json:"zxid,omitempty"` // of the reply
}

// Writes reports whether the request changes something, if it is executed.
func (r *Record) Writes() bool {
	switch r.Kind {
	case Create, Set, Delete, Multi:
		return true
	}
	return false
}

// Reads reports whether the request tells of one znode's state.
func (r *Record) Reads() bool { return r.Kind == Get || r.Kind == Exists }

// Ops returns the operations of a request: a multi's parts, or the only one.
func (r *Record) Ops() []Op {
	if r.Kind == Multi {
		return r.Parts
	}
	return []Op{r.Op}
}

// Target returns the znode that the operation is about, "" if only the server
// knows, as of a sequential create without an answer.
func (o *Op) Target() string {
	switch {
	case o.Name != "":
		return o.Name
	case o.Sequence:
		return ""
	}
	return o.Path
}

// Node is a znode as a server holds it.
type Node struct {
	Path string `json:"path"`
	Data string `json:"data"`
	Stat Stat   `json:"stat"`
}

// Tree is what one server holds.
type Tree struct {
	Server int           `json:"server"`
	Zxid   int64         `json:"zxid"`
	Call   time.Duration `json:"call"` // when reading it began, after a sync, as Return
	Return time.Duration `json:"return"`
	Nodes  []Node        `json:"nodes"` // by path
}

// Wire is one frame that went over a connection, as far as it matters.
type Wire struct {
	Client  int           `json:"client"`
	Conn    int           `json:"conn"` // number of the connection
	Session Session       `json:"session"`
	At      time.Duration `json:"at"`
	Frame   Frame         `json:"frame"`
	Op      string        `json:"op,omitempty"` // of a reply: ZooKeeper's name of the operation
	Path    string        `json:"path,omitempty"`
	Watch   bool          `json:"watch,omitempty"` // the request asked for a one-shot watch
	Mode    int32         `json:"mode,omitempty"`  // of addWatch: 0 for one znode, 1 for all below it
	Type    int32         `json:"type,omitempty"`  // of an event
	Err     int32         `json:"err,omitempty"`
	Zxid    int64         `json:"zxid,omitempty"`
	Rearm   *Rearm        `json:"rearm,omitempty"` // of a setWatches that is sent
}

// Frame is what kind of frame it was.
type Frame string

// Frames. Rearmed is a setWatches on its way to the server, whose reply is a
// Reply. Expired answers a connection that asked for a session that is gone.
// Disorder is a reply that was not the next one's turn.
const (
	Welcome Frame = "welcome"
	Expired Frame = "expired"
	Reply   Frame = "reply"
	Event   Frame = "event"
	Rearmed Frame = "rearm"

	Disorder Frame = "disorder"
)

// Rearm lists the watches that a setWatches leaves again.
type Rearm struct {
	Relative  int64    `json:"relative"` // how far the client had got
	Data      []string `json:"data,omitempty"`
	Exist     []string `json:"exist,omitempty"`
	Child     []string `json:"child,omitempty"`
	Persist   []string `json:"persist,omitempty"`
	Recursive []string `json:"recursive,omitempty"`
}

// History is everything about one run.
type History struct {
	Seed    uint64
	Tick    time.Duration
	Records []Record
	Wire    []Wire
	Trees   []Tree
	Alive   []Session // those that had not ended when the trees were read
	Java    []int     // the Java servers
	JavaLed []Term    // their terms
}

// Term is a time for which one server led.
type Term struct {
	Epoch  int64 `json:"epoch"`
	Server int   `json:"server"`
}
