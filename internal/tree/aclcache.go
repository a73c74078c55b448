package tree

import "github.com/paddock-io/paddock/proto"

// openACLID stands for world:anyone:31 without an entry in the table. Source:
// ReferenceCountedACLCache.OPEN_UNSAFE_ACL_ID.
const openACLID int64 = -1

// aclSlot is an index into the ACL table. Slot 0 is the open ACL.
type aclSlot uint32

type aclEntry struct {
	id   int64 // in snapshots; never used again by this tree
	acl  []proto.ACL
	key  string // the encoded list, as in byKey
	refs int
}

// aclTable holds every distinct ACL once and counts the znodes that use it.
// Ids are those of snapshots: they start at 1 and are never used twice.
// Source: ReferenceCountedACLCache.
type aclTable struct {
	entries []aclEntry
	free    []aclSlot
	byKey   map[string]aclSlot
	lastID  int64
	buf     []byte // for the key of a lookup
}

func newACLTable() aclTable {
	return aclTable{
		entries: []aclEntry{{id: openACLID, acl: proto.OpenACL, refs: 1}},
		byKey:   make(map[string]aclSlot),
	}
}

func (a *aclTable) list(s aclSlot) []proto.ACL { return a.entries[s].acl }

func (a *aclTable) id(s aclSlot) int64 { return a.entries[s].id }

// intern returns the slot of acl and counts one use of it. Nil is the open
// ACL. The table keeps acl.
func (a *aclTable) intern(acl []proto.ACL) aclSlot {
	if acl == nil {
		return 0
	}
	a.buf = a.buf[:0]
	for i := range acl {
		a.buf = acl[i].Append(a.buf)
	}
	if s, ok := a.byKey[string(a.buf)]; ok {
		a.entries[s].refs++
		return s
	}
	a.lastID++
	s := a.put(a.lastID, string(a.buf), acl)
	a.entries[s].refs = 1
	return s
}

// put adds an entry without a use.
func (a *aclTable) put(id int64, key string, acl []proto.ACL) aclSlot {
	e := aclEntry{id: id, acl: acl, key: key}
	var s aclSlot
	if n := len(a.free); n > 0 {
		s, a.free = a.free[n-1], a.free[:n-1]
		a.entries[s] = e
	} else {
		s = aclSlot(len(a.entries))
		a.entries = append(a.entries, e)
	}
	a.byKey[key] = s
	return s
}

// release takes back one use and forgets an ACL that has none left.
func (a *aclTable) release(s aclSlot) {
	if s == 0 {
		return
	}
	e := &a.entries[s]
	if e.refs--; e.refs > 0 {
		return
	}
	// Two ids may share a key in a snapshot; the key belongs to the last.
	if a.byKey[e.key] == s {
		delete(a.byKey, e.key)
	}
	*e = aclEntry{}
	a.free = append(a.free, s)
}

// size returns the number of interned ACLs, without the open one.
func (a *aclTable) size() int { return len(a.entries) - 1 - len(a.free) }

// use counts one more use of s.
func (a *aclTable) use(s aclSlot) { a.entries[s].refs++ }

// purge forgets the ACLs without a use.
func (a *aclTable) purge() {
	for s := range a.entries {
		if e := &a.entries[s]; e.id != 0 && e.refs == 0 {
			e.refs = 1
			a.release(aclSlot(s))
		}
	}
}
