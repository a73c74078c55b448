package admin

import (
	"bufio"
	"fmt"

	"github.com/paddock-io/paddock/internal/tree"
)

// ZooKeeper's words about watches tell of one table only, that of data and
// exists watches, and so do these. Source: WatchCommand,
// DataTree.dumpWatchesSummary, WatchManager.dumpWatches.

// wchs: how many watches there are.
func (w *Words) wchs(b *bufio.Writer) {
	n := w.src.Peer.Tree().Watches().Counts(tree.DataWatches)
	fmt.Fprintf(b, "%d connections watching %d paths\nTotal watches:%d\n", n.Watchers, n.Paths, n.Watches)
}

// wchc: the watches of every session. A connection that has just ended may
// still be in the table, but has no session any more.
func (w *Words) wchc(b *bufio.Writer) {
	for _, watcher := range w.src.Peer.Tree().Watches().ByWatcher(tree.DataWatches) {
		id, ok := w.src.Server.SessionOf(watcher.Watcher)
		if !ok {
			continue
		}
		b.WriteString(hex(id) + "\n")
		for _, path := range watcher.Paths {
			if _, err := b.WriteString("\t" + path + "\n"); err != nil {
				return
			}
		}
	}
	b.WriteString("\n")
}

// wchp: who watches each path.
func (w *Words) wchp(b *bufio.Writer) {
	for _, watched := range w.src.Peer.Tree().Watches().ByPath(tree.DataWatches) {
		heading := watched.Path + "\n"
		for _, watcher := range watched.Watchers {
			id, ok := w.src.Server.SessionOf(watcher)
			if !ok {
				continue
			}
			if _, err := b.WriteString(heading + "\t" + hex(id) + "\n"); err != nil {
				return
			}
			heading = ""
		}
	}
	b.WriteString("\n")
}
