package tree

import "github.com/paddock-io/paddock/proto"

// reapables are the containers and the znodes with a time to live, in an order
// that depends on nothing but the changes made so far. Places count from 0.
// Taking one out moves the last into its place, so that whoever goes through
// them from the last to the first passes each that is there all the time.
type reapables struct {
	list []nodeID
	at   map[nodeID]uint32 // places
}

func newReapables() reapables { return reapables{at: make(map[nodeID]uint32)} }

func (r *reapables) add(id nodeID) {
	r.at[id] = uint32(len(r.list))
	r.list = append(r.list, id)
}

func (r *reapables) remove(id nodeID) {
	i, last := r.at[id], r.list[len(r.list)-1]
	r.list[i] = last
	r.at[last] = i
	r.list = r.list[:len(r.list)-1]
	delete(r.at, id)
}

// ReapRule says which znodes may be deleted because nobody needs them.
type ReapRule struct {
	NowMs       int64 // wall clock, in milliseconds since 1970
	NeverUsedMs int64 // a container that never had a child may go after this many milliseconds; 0 means never
	TTLs        bool  // znodes with a time to live may go; false leaves them alone
}

// Allows reports whether a znode of this kind may go. A container may once its
// last child has gone, and one with a time to live when it has no children and
// was not written for that long. Source: ContainerManager.getCandidates.
func (r ReapRule) Allows(kind Kind, st *proto.StatPersisted, children int32) bool {
	if children > 0 {
		return false
	}
	age := r.NowMs - st.Mtime
	switch kind {
	case Container:
		return st.Cversion > 0 || r.NeverUsedMs != 0 && age > r.NeverUsedMs
	case TTL:
		ttl := TTLOf(st.EphemeralOwner)
		return r.TTLs && ttl != 0 && age > ttl
	}
	return false
}

// Reapables returns the number of containers and znodes with a time to live.
func (t *Tree) Reapables() int { return len(t.reapables.list) }

// NextReapable goes through the containers and znodes with a time to live,
// downward from the place below from, looking at no more than limit. It returns
// the path of the first that may go, "" if it met none, and where it got to;
// from there the next call goes on. A pass begins at Reapables and ends at 0;
// what is added meanwhile it leaves to the next.
func (t *Tree) NextReapable(from, limit int, rule ReapRule) (path string, at int) {
	from = min(from, len(t.reapables.list))
	end := max(from-limit, 0)
	for at = from; at > end; {
		at--
		id := t.reapables.list[at]
		n := t.at(id)
		if n.children > 0 {
			continue
		}
		st := n.persisted()
		if rule.Allows(t.KindOf(n.owner), &st, n.children) {
			return t.path(id), at
		}
	}
	return "", at
}
