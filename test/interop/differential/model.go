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
	created           int     // children, ever
	owner             int     // session of an ephemeral, or -1
	acl               []grant // nil for the open one
}

// grant is an entry of an ACL.
type grant struct {
	perms int32
	to    string // an id of scheme digest, or anybody
}

// anybody is whom a grant means that every connection of a stream has.
const anybody = ""

// Permissions. Source: ZooDefs.Perms.
const (
	permRead   = 1
	permWrite  = 2
	permCreate = 4
	permDelete = 8
	permAdmin  = 16
)

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

// creatable says whether a creation ought to succeed.
func (m *model) creatable(path string) bool {
	return m.nodes[path] == nil && m.mayHaveChildren(parent(path))
}

// mayHaveChildren says whether a znode is there and no ephemeral.
func (m *model) mayHaveChildren(path string) bool {
	node := m.nodes[path]
	return node != nil && node.owner < 0
}

// create notes a creation that ought to succeed.
func (m *model) create(path string, owner int) *guess {
	if above := m.nodes[parent(path)]; above != nil && path != "/" {
		above.created++
	}
	node := &guess{owner: owner}
	m.nodes[path] = node
	m.order = append(m.order, path)
	return node
}

// sequential returns the path that a sequential creation would give.
func (m *model) sequential(prefix string) string {
	node, _ := m.look(parent(prefix))
	return fmt.Sprintf("%s%010d", prefix, node.created)
}

// look returns the guess for a path, a new one that nobody keeps if there is none.
func (m *model) look(path string) (node *guess, known bool) {
	if node = m.nodes[path]; node == nil {
		return &guess{owner: -1}, false
	}
	return node, true
}

// removable says whether a deletion ought to succeed.
func (m *model) removable(path string) bool {
	return m.nodes[path] != nil && slices.Index(m.order, path) >= lasting &&
		!slices.ContainsFunc(m.order, func(other string) bool { return strings.HasPrefix(other, path+"/") })
}

// clone copies the model, for a multi that may fail.
func (m *model) clone() *model {
	c := &model{nodes: make(map[string]*guess, len(m.nodes)), order: slices.Clone(m.order), gone: slices.Clone(m.gone)}
	for path, node := range m.nodes {
		same := *node
		c.nodes[path] = &same
	}
	return c
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
