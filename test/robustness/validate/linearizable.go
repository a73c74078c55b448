package validate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/model"
)

// Linear is the outcome of the search for linearizations.
type Linear struct {
	Paths     int // histories of znodes that were checked
	Undecided int // of them, those whose search took too long
	Ops       int
	Bad       map[string]porcupine.LinearizationInfo // by path: for a picture
}

// Linearizable looks for an order of each znode's operations that explains them,
// for at most a time for each.
func Linearizable(h *history.History, patience time.Duration) (Linear, []Violation) {
	result := Linear{Bad: map[string]porcupine.LinearizationInfo{}}
	var found []Violation
	all := model.Operations(h)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		ops := all[path]
		result.Paths++
		result.Ops += len(ops)
		switch porcupine.CheckOperationsTimeout(model.Znode, ops, patience) {
		case porcupine.Unknown:
			result.Undecided++
		case porcupine.Illegal:
			_, info := porcupine.CheckOperationsVerbose(model.Znode, ops, patience)
			result.Bad[path] = info
			found = append(found, Violation{"linearizable", path, fmt.Sprintf("%d operations on %s have no order that explains them", len(ops), path)})
		}
	}
	return result, found
}
