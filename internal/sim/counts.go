package sim

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Counts tell whether a run has seen what it is for.
type Counts struct {
	Histories int           // lived through to the end
	SimTime   time.Duration // simulated
	Events    int

	Terms, Elections, Decided, Applies, Sessions, Moves, Acked, Lost, Reads, Syncs, Expiries, Refused, Locals, Reaped int
	Diffs, LogDiffs, Truncs, Snaps, Mastered, Rollovers, Snapshots, ReadOnlys, VotesHeld                              int
	Watches, WatchEvents, Fired, Followed, Replays                                                                    int
	Checked, Undecided                                                                                                int // operations given to porcupine; keys it gave up on
	Asked, Changes, Activated, HandOvers, LeadersRemoved, Hopeless                                                    int // of the membership
	Supposed                                                                                                          int // power failures thought through, of one server
	Together                                                                                                          int // what slow readers of links read with what had come before

	// Faults.
	Kills, PowerCuts, MidCuts, Wipes, Exits, Pauses, Cuts, Partitions, OneWays, Isolations, Desertions                int
	SlowDisks, IOErrors, FullDisks, ShortWrites, ClockJumps, ClientPauses, StaleDisks, Damages, Heals, Repairs, Plots int
}

// Add adds what another run has seen.
func (c *Counts) Add(o *Counts) {
	to, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(o).Elem()
	for i := range to.NumField() {
		to.Field(i).SetInt(to.Field(i).Int() + from.Field(i).Int())
	}
}

func (c Counts) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			fmt.Fprintf(&b, " %s=%v", v.Type().Field(i).Name, v.Field(i).Interface())
		}
	}
	return strings.TrimPrefix(b.String(), " ")
}
