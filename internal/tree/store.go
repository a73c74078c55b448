package tree

import "strings"

// store keeps the znodes: fixed-size parts in slabs, names and data in an arena,
// and an index by path. A znode's own path is not stored; it is put together
// from the names on the way to the root.
type store struct {
	slabs []*[slabSize]znode
	free  nodeID // head of the list of unused znodes, linked by next
	fresh nodeID // the first znode never used
	count int
	index index
	text  arena
}

const (
	slabShift = 10
	slabSize  = 1 << slabShift

	rootID nodeID = 1
)

func newStore() store { return store{fresh: rootID, index: newIndex()} }

func (s *store) at(id nodeID) *znode { return &s.slabs[id>>slabShift][id%slabSize] }

func (s *store) name(n *znode) []byte { return s.text.bytes(n.text, int(n.nameLen)) }

// data returns the data of n, nil for null.
func (s *store) data(n *znode) []byte {
	if n.dataLen < 0 {
		return nil
	}
	return s.text.bytes(n.text, int(n.nameLen)+int(n.dataLen))[n.nameLen:]
}

// find returns the znode at path, 0 if there is none. "" and "/" are the root.
func (s *store) find(path string) nodeID {
	if path == "" || path == "/" {
		if s.count == 0 {
			return 0
		}
		return rootID
	}
	h := s.index.hash(path)
	sh := s.index.shard(h)
	if sh.used == 0 {
		return 0
	}
	mask := uint32(len(sh.slots) - 1)
	for i := uint32(h) & mask; sh.slots[i].node != 0; i = (i + 1) & mask {
		if e := sh.slots[i]; e.hash == uint32(h) && s.isAt(e.node, path) {
			return e.node
		}
	}
	return 0
}

// isAt reports whether path is that of the znode.
func (s *store) isAt(id nodeID, path string) bool {
	for id != rootID {
		n := s.at(id)
		at := len(path) - int(n.nameLen)
		if at < 1 || path[at-1] != '/' || path[at:] != string(s.name(n)) {
			return false
		}
		path, id = path[:at-1], n.parent
	}
	return path == ""
}

// appendPath appends the path of a znode to b, nothing for the root.
func (s *store) appendPath(b []byte, id nodeID) []byte {
	if id == rootID {
		return b
	}
	n := s.at(id)
	b = append(s.appendPath(b, n.parent), '/')
	return append(b, s.name(n)...)
}

func (s *store) path(id nodeID) string { return string(s.appendPath(nil, id)) }

// insert adds a znode, blank but for its text, as the newest child of parent,
// and leaves it to the caller to enter it in the index. path must not be there
// yet. The root is the first one added, its parent 0, and in no index.
func (s *store) insert(parent nodeID, path string, data []byte) (nodeID, *znode) {
	id := s.free
	if id != 0 {
		s.free = s.at(id).next
	} else {
		id = s.fresh
		if int(id>>slabShift) == len(s.slabs) {
			s.slabs = append(s.slabs, new([slabSize]znode))
		}
		s.fresh++
	}
	s.count++
	n := s.at(id)
	name := path[strings.LastIndexByte(path, '/')+1:]
	*n = znode{nameLen: uint32(len(name)), dataLen: -1}
	n.text = s.text.alloc(len(name) + len(data))
	copy(s.text.bytes(n.text, len(name)), name)
	if data != nil {
		n.dataLen = int32(len(data))
		copy(s.data(n), data)
	}
	if parent != 0 {
		s.link(parent, id)
	}
	return id, n
}

// setData replaces the data of n with a copy of data.
func (s *store) setData(n *znode, data []byte) {
	name := int(n.nameLen)
	if was := name + int(max(n.dataLen, 0)); !s.text.fits(was, name+len(data)) {
		text := s.text.alloc(name + len(data))
		copy(s.text.bytes(text, name), s.name(n))
		s.text.release(n.text)
		n.text = text
	}
	if n.dataLen = -1; data != nil {
		n.dataLen = int32(len(data))
		copy(s.data(n), data)
	}
}

// delete takes away a znode that has no children and is not the root.
func (s *store) delete(id nodeID, path string) {
	h := s.index.hash(path)
	s.index.shard(h).remove(uint32(h), id)
	s.unlink(id)
	n := s.at(id)
	s.text.release(n.text)
	*n = znode{next: s.free}
	s.free = id
	s.count--
}

func (s *store) link(parent, id nodeID) {
	p, n := s.at(parent), s.at(id)
	n.parent, n.next = parent, p.first
	if p.first != 0 {
		s.at(p.first).prev = id
	}
	p.first = id
	p.children++
}

func (s *store) unlink(id nodeID) {
	n := s.at(id)
	p := s.at(n.parent)
	if n.prev != 0 {
		s.at(n.prev).next = n.next
	} else {
		p.first = n.next
	}
	if n.next != 0 {
		s.at(n.next).prev = n.prev
	}
	p.children--
}

// after returns the znode that follows in the order parent, child, older
// sibling, within the subtree of top; 0 at its end.
func (s *store) after(id, top nodeID) nodeID {
	n := s.at(id)
	if n.first != 0 {
		return n.first
	}
	for id != top {
		if n.next != 0 {
			return n.next
		}
		if id = n.parent; id == 0 {
			break
		}
		n = s.at(id)
	}
	return 0
}
