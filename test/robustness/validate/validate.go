package validate

import (
	"fmt"
	"sort"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/model"
)

// Violation is a promise that was not kept.
type Violation struct {
	Rule string
	Path string // of a znode, if it is about one
	Text string
}

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// maxViolations bounds what one rule reports: one fault shows in many places.
const maxViolations = 10

// checker holds a history and what follows from it, and collects violations.
type checker struct {
	h        *history.History
	sessions map[history.Session]*model.Session
	changes  map[string][]change          // by path, by zxid
	all      []change                     // of all paths, by zxid
	deletes  map[string]bool              // paths that a delete without an answer is about
	creates  map[string]bool              // the same of creates
	owners   map[string][]history.Session // who may have made a path ephemeral
	rule     string
	found    []Violation
	count    int // of the present rule
}

func (c *checker) violate(path, format string, args ...any) {
	if c.count++; c.count <= maxViolations {
		c.found = append(c.found, Violation{c.rule, path, fmt.Sprintf(format, args...)})
	}
}

// rules are those that trust zxids, by name.
var rules = []struct {
	name  string
	check func(*checker)
}{
	{"order", (*checker).order},
	{"replay", (*checker).replay},
	{"children", (*checker).children},
	{"session", (*checker).session},
	{"multi", (*checker).multi},
	{"sequence", (*checker).sequence},
	{"ephemeral", (*checker).ephemeral},
	{"watch", (*checker).watch},
	{"persistent", (*checker).persistent},
	{"trees", (*checker).trees},
}

// Check applies every rule but linearizability.
func Check(h *history.History) []Violation {
	c := &checker{h: h, sessions: model.Sessions(h)}
	c.collect()
	for _, r := range rules {
		c.rule, c.count = r.name, 0
		r.check(c)
		if c.count > maxViolations {
			c.found = append(c.found, Violation{Rule: r.name, Text: fmt.Sprintf("... and %d more", c.count-maxViolations)})
		}
	}
	return c.found
}

// describe names a record for a report.
func describe(r *history.Record) string {
	text := fmt.Sprintf("%s %s %q by client %d (session %#x, request %d, server %d, %v to %v, zxid %#x)", r.Kind, r.Target(), r.Data,
		r.Client, int64(r.Session), r.Submit, r.Server, r.Call.Round(time.Microsecond), r.Return.Round(time.Microsecond), r.Zxid)
	if r.Outcome != history.OK {
		text += " " + string(r.Outcome) + " " + r.Err
	}
	return text
}

// bySubmission returns each session's records, in the order of submission.
func (c *checker) bySubmission() map[history.Session][]*history.Record {
	sessions := map[history.Session][]*history.Record{}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		sessions[r.Session] = append(sessions[r.Session], r)
	}
	for _, records := range sessions {
		sort.Slice(records, func(i, j int) bool { return records[i].Submit < records[j].Submit })
	}
	return sessions
}
