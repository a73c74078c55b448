package differential

import (
	"fmt"
	"slices"
	"strings"
)

// model is what a generator believes the tree to be.
type model struct {
	nodes map[string]*guess
	order []string // the keys of nodes, so that drawing does not depend on the map
	gone  []string // deleted, the last few
}

// guess is what it believes of a znode.
type guess struct {
	version, aversion int32
	created           int // children, ever
	owner             int // session of an ephemeral, or -1
}

// system are the paths that are always there. They and root come first in a model, and stay.
var system = []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}

const lasting = 5

func newModel() *model {
	m := &model{nodes: map[string]*guess{}}
	for _, path := range system {
		m.create(path, -1)
	}
	return m
}

// parent returns the path above one that has a slash.
func parent(path string) string {
	at := strings.LastIndexByte(path, '/')
	if at <= 0 {
		return "/"
	}
	return path[:at]
}

// create notes a creation that ought to succeed.
func (m *model) create(path string, owner int) {
	if m.nodes[path] != nil {
		return
	}
	if above := m.nodes[parent(path)]; above != nil {
		if above.owner >= 0 {
			return
		}
		above.created++
	} else if path != "/" {
		return
	}
	m.nodes[path] = &guess{owner: owner}
	m.order = append(m.order, path)
}

// sequential returns the name that a sequential creation would give, and notes it.
func (m *model) sequential(prefix string, owner int) {
	if above := m.nodes[parent(prefix)]; above != nil {
		m.create(fmt.Sprintf("%s%010d", prefix, above.created), owner)
	}
}

// look returns the guess for a path, a new one that nobody keeps if there is none.
func (m *model) look(path string) (node *guess, known bool) {
	if node = m.nodes[path]; node == nil {
		return &guess{owner: -1}, false
	}
	return node, true
}

// remove notes a deletion that ought to succeed.
func (m *model) remove(path string) {
	if m.nodes[path] == nil || slices.Index(m.order, path) < lasting {
		return
	}
	for _, other := range m.order {
		if strings.HasPrefix(other, path+"/") {
			return
		}
	}
	m.forget(path)
}

func (m *model) forget(path string) {
	delete(m.nodes, path)
	m.order = slices.DeleteFunc(m.order, func(p string) bool { return p == path })
	m.gone = append(m.gone, path)
	if len(m.gone) > 20 {
		m.gone = m.gone[1:]
	}
}

// endSession notes that a session's ephemerals have gone.
func (m *model) endSession(session int) {
	for _, path := range slices.Clone(m.order) {
		if m.nodes[path].owner == session {
			m.forget(path)
		}
	}
}
