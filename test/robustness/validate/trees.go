package validate

import "github.com/paddock-io/paddock/test/robustness/history"

// trees: in the end all servers hold the same, to the last version.
func (c *checker) trees() {
	if len(c.h.Trees) == 0 {
		return
	}
	first := &c.h.Trees[0]
	want := nodesOf(first)
	for i := range c.h.Trees[1:] {
		t := &c.h.Trees[i+1]
		got := nodesOf(t)
		for path, n := range want {
			if other, ok := got[path]; !ok {
				c.violate(path, "server %d holds %s, server %d does not", first.Server, path, t.Server)
			} else if other != n {
				c.violate(path, "servers %d and %d differ about %s: %+v and %+v", first.Server, t.Server, path, n, other)
			}
		}
		for path := range got {
			if _, ok := want[path]; !ok {
				c.violate(path, "server %d holds %s, server %d does not", t.Server, path, first.Server)
			}
		}
	}
}

func nodesOf(t *history.Tree) map[string]history.Node {
	nodes := map[string]history.Node{}
	for _, n := range t.Nodes {
		nodes[n.Path] = n
	}
	return nodes
}
