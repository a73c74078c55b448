package doctor

// Report is what was found. The JSON names are part of the command's interface.
type Report struct {
	File       string `json:"file"`       // the zoo.cfg
	Server     string `json:"server"`     // which server of what
	Standalone bool   `json:"standalone"` // it is alone

	Must   []Finding `json:"must"`   // what must change before the other program may start
	Should []Finding `json:"should"` // what is worth a look

	Settings Settings `json:"settings"`
	Running  *Running `json:"running,omitempty"` // nil when nothing of a running server was found
	Data     Data     `json:"data"`
	Members  []Member `json:"members,omitempty"`
}

// Healthy reports whether nothing must change.
func (r *Report) Healthy() bool { return len(r.Must) == 0 }

func (r *Report) must(f Finding)   { r.Must = append(r.Must, f) }
func (r *Report) should(f Finding) { r.Should = append(r.Should, f) }

// Finding is one thing and what to do about it.
type Finding struct {
	Where string `json:"where,omitempty"` // file, perhaps with a line
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

// Settings says what becomes of each setting.
type Settings struct {
	Carried []Setting `json:"carried"` // they mean the same
	Missing []Group   `json:"missing"` // of features that are not served
	Moot    []Group   `json:"moot"`    // they mean nothing to Paddock
	Unknown []Setting `json:"unknown"` // ZooKeeper does not know them either
	Sources []string  `json:"sources"` // where system properties came from, besides zoo.cfg
}

// Setting is a name and its value; that of what may be a secret is not shown.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Line  int    `json:"line,omitempty"` // of zoo.cfg; 0 for a flag
}

// Group is what belongs together.
type Group struct {
	What  string   `json:"what"`
	Names []string `json:"names"`
}

// Running is a server that uses the data directory or answers on the client port.
type Running struct {
	PID     int    `json:"pid,omitempty"`     // 0 if only the port answers
	Program string `json:"program,omitempty"` // Java or Paddock, as far as the process tells
	Version string `json:"version,omitempty"` // as srvr says
	Mode    string `json:"mode,omitempty"`
	Address string `json:"address,omitempty"` // that answered
}

// Data is the state of the data directory.
type Data struct {
	Dir     string `json:"dir"`              // with version-2
	LogDir  string `json:"logDir"`           // the same, mostly
	Empty   bool   `json:"empty"`            // no snapshot and no log
	Writer  string `json:"writer,omitempty"` // what kind of server wrote the newest snapshot, as far as it shows
	Paddock bool   `json:"paddock"`          // Paddock has used it

	Snapshot      string `json:"snapshot,omitempty"` // base name of the newest that reads
	SnapshotBytes int64  `json:"snapshotBytes"`
	Snapshots     int    `json:"snapshots"`
	Logs          int    `json:"logs"`
	LogBytes      int64  `json:"logBytes"` // of all files, with the zeros behind the last transaction
	Behind        int    `json:"behind"`   // transactions behind the snapshot
	LastZxid      string `json:"lastZxid,omitempty"`
	AcceptedEpoch int64  `json:"acceptedEpoch"`
	CurrentEpoch  int64  `json:"currentEpoch"`

	Znodes        int    `json:"znodes"`
	DataBytes     int64  `json:"dataBytes"` // of all znodes
	Ephemerals    int    `json:"ephemerals"`
	Containers    int    `json:"containers"`
	TTLs          int    `json:"ttls"`
	Sessions      int    `json:"sessions"`
	ACLs          int    `json:"acls"`
	LargestZnode  string `json:"largestZnode,omitempty"`
	LargestBytes  int    `json:"largestBytes"`
	MemoryBytes   int64  `json:"memoryBytes"` // that Paddock's tree of it will take, estimated
	PaddocksFiles int    `json:"paddocksFiles"`
}

// Member is a server line, as far as this machine can judge it.
type Member struct {
	ID        int64    `json:"id"`
	Role      string   `json:"role"`
	Host      string   `json:"host"`
	Addresses []string `json:"addresses,omitempty"` // what the name leads to
	Self      bool     `json:"self"`
}
