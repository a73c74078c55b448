package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Recorder collects a history from many goroutines.
type Recorder struct {
	began time.Time
	mu    sync.Mutex
	h     History
	conns int
}

// NewRecorder begins a history.
func NewRecorder(seed uint64, tick time.Duration) *Recorder {
	return &Recorder{began: time.Now(), h: History{Seed: seed, Tick: tick}}
}

// Now returns the time since the history began, by the monotonic clock.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// Add adds a record.
func (r *Recorder) Add(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Records = append(r.h.Records, rec)
}

// AddTree adds what a server holds at the end.
func (r *Recorder) AddTree(t Tree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Trees = append(r.h.Trees, t)
}

// SetAlive says which sessions had not ended when the trees were read.
func (r *Recorder) SetAlive(sessions []Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Alive = sessions
}

// SetJava says which servers are Java's, and which epochs had one of them for their
// leader.
func (r *Recorder) SetJava(servers []int, terms []Term) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Java, r.h.JavaLed = servers, terms
}

func (r *Recorder) addWire(w Wire) {
	w.At = r.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Wire = append(r.h.Wire, w)
}

// connection numbers a new connection.
func (r *Recorder) connection() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns++
	return r.conns
}

// History returns what has been recorded until now. What open connections still
// carry, a ping's answer say, is not added to it.
func (r *Recorder) History() *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.h // records are only appended: nobody writes to what these slices hold
	return &h
}

// line is one line of a history file; one of its fields is set.
type line struct {
	Begin *begin  `json:"begin,omitempty"`
	Rec   *Record `json:"record,omitempty"`
	Wire  *Wire   `json:"wire,omitempty"`
	Tree  *Tree   `json:"tree,omitempty"`
}

type begin struct {
	Seed  uint64        `json:"seed"`
	Tick  time.Duration `json:"tick"`
	Alive []Session     `json:"alive"`
	Java  []int         `json:"java,omitempty"`
	Led   []Term        `json:"javaLed,omitempty"`
}

// Save writes the history as JSON lines.
func (h *History) Save(w io.Writer) error {
	bw := bufio.NewWriter(w)
	enc := json.NewEncoder(bw)
	err := enc.Encode(line{Begin: &begin{h.Seed, h.Tick, h.Alive, h.Java, h.JavaLed}})
	for i := range h.Records {
		err = errors.Join(err, enc.Encode(line{Rec: &h.Records[i]}))
	}
	for i := range h.Wire {
		err = errors.Join(err, enc.Encode(line{Wire: &h.Wire[i]}))
	}
	for i := range h.Trees {
		err = errors.Join(err, enc.Encode(line{Tree: &h.Trees[i]}))
	}
	if err = errors.Join(err, bw.Flush()); err != nil {
		return fmt.Errorf("save the history: %w", err)
	}
	return nil
}

// Load reads what Save has written.
func Load(r io.Reader) (*History, error) {
	h := new(History)
	dec := json.NewDecoder(bufio.NewReader(r))
	for {
		var l line
		err := dec.Decode(&l)
		switch {
		case errors.Is(err, io.EOF):
			return h, nil
		case err != nil:
			return nil, fmt.Errorf("load a history: %w", err)
		case l.Begin != nil:
			h.Seed, h.Tick, h.Alive, h.Java, h.JavaLed = l.Begin.Seed, l.Begin.Tick, l.Begin.Alive, l.Begin.Java, l.Begin.Led
		case l.Rec != nil:
			h.Records = append(h.Records, *l.Rec)
		case l.Wire != nil:
			h.Wire = append(h.Wire, *l.Wire)
		case l.Tree != nil:
			h.Trees = append(h.Trees, *l.Tree)
		}
	}
}
