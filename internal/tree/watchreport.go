package tree

import (
	"cmp"
	"slices"
)

// WatchCounts sums up one table.
type WatchCounts struct {
	// Watchers are those with a path in the table. One whose watches have all
	// fired counts until it is removed, as in Java: it is likely to be back.
	Watchers int
	Paths    int
	Watches  int // pairs of a watcher and a path; the kinds do not count
}

// Counts returns how many watchers, paths and watches there are in a table.
// Source: WatchManager.getWatchesSummary.
func (w *Watches) Counts(table WatchTable) WatchCounts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[table]
}

// PathWatchers is a path with everybody who watches it, by ascending id.
type PathWatchers struct {
	Path     string
	Watchers []WatcherID
}

// ByPath returns all watches in a table, sorted by path. What changes meanwhile
// may be in it or not; nothing waits for long.
func (w *Watches) ByPath(table WatchTable) []PathWatchers {
	all := w.copyTable(table)
	for _, pw := range all { // without the lock, which writes wait for
		slices.Sort(pw.Watchers)
	}
	slices.SortFunc(all, func(a, b PathWatchers) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// copyTable copies a table, a few paths at a time.
func (w *Watches) copyTable(table WatchTable) (all []PathWatchers) {
	var entries []watchEntry
	for first, more := nodeID(1), true; more; first += heldPaths {
		w.mu.Lock()
		for p := first; p < first+heldPaths && p <= w.paths.fresh; p++ {
			e := w.paths.at(p)
			entries = e.set.appendTo(entries[:0], kindsIn[table])
			if len(entries) == 0 {
				continue
			}
			ids := make([]WatcherID, len(entries))
			for i, e := range entries {
				ids[i] = e.id()
			}
			all = append(all, PathWatchers{e.path, ids})
		}
		more = first+heldPaths <= w.paths.fresh
		w.mu.Unlock()
	}
	return all
}

// WatcherPaths is a watcher with the paths it watches, sorted.
type WatcherPaths struct {
	Watcher WatcherID
	Paths   []string
}

// ByWatcher returns the watchers that WatchCounts counts in a table, by
// ascending id, with their watches.
func (w *Watches) ByWatcher(table WatchTable) []WatcherPaths {
	byPath := w.ByPath(table)
	paths := make(map[WatcherID][]string)
	for _, pw := range byPath {
		for _, id := range pw.Watchers {
			paths[id] = append(paths[id], pw.Path)
		}
	}
	w.mu.Lock()
	for id, r := range w.watchers {
		if _, ok := paths[id]; !ok && r.known[table] {
			paths[id] = nil
		}
	}
	w.mu.Unlock()
	all := make([]WatcherPaths, 0, len(paths))
	for id, list := range paths {
		all = append(all, WatcherPaths{id, list})
	}
	slices.SortFunc(all, func(a, b WatcherPaths) int { return cmp.Compare(a.Watcher, b.Watcher) })
	return all
}
