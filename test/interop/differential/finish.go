package differential

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// finish ends all sessions of a stream, compares what both servers hold, znode by znode, and removes it.
func (p *pair) finish() *Difference {
	if d := p.compareWords(); d != nil {
		return d
	}
	for n := range p.java.sessions[p.java.first:] {
		if d := p.endSession(n); d != nil {
			return d
		}
	}
	steps := []Step{
		{Conn: supervisor, Connect: &Connect{Session: newSession, TimeoutMs: 600_000}},
		{Conn: supervisor, Requests: []Request{
			{Xid: 1, Op: golden.OpAuth, Body: golden.Record{}.Int(0).Ustring("digest").Buffer([]byte(superUser))},
		}},
	}
	for i := range steps {
		if d := p.step(&steps[i]); d != nil {
			return d
		}
	}
	for _, top := range []string{"/", quotaRoot, root} {
		found, d := p.walk(top)
		if d != nil {
			return d
		}
		if top != "/" {
			if d := p.removeAll(found); d != nil {
				return d
			}
		}
	}
	return p.step(&Step{Conn: supervisor, Lone: true, Requests: []Request{{Xid: 2, Op: golden.OpCloseSession}}})
}

// endSession closes the nth session of the stream, unless it is closed: by a connection of its own if
// there is one.
func (p *pair) endSession(n int) *Difference {
	at := p.java.first + n
	if p.java.sessions[at].closed {
		return nil
	}
	conn := slices.IndexFunc(p.java.conns[:slots], func(c *client) bool { return c != nil && c.session == at })
	for server := 0; conn < 0 && server < len(p.java.addrs); server++ { // a local session is known to one of them
		if d := p.step(&Step{Conn: server, Connect: &Connect{Session: n, TimeoutMs: 600_000}}); d != nil {
			return d
		}
		if p.java.conns[server] != nil {
			conn = server
		}
	}
	if conn < 0 {
		return nil
	}
	return p.step(&Step{Conn: conn, Lone: true, Requests: []Request{{Xid: 1, Op: golden.OpCloseSession}}})
}

// walk reads every znode from top down on both servers and returns the paths, parents first. From the
// root it does not go down into what the other walks see.
func (p *pair) walk(top string) ([]string, *Difference) {
	var found []string
	for level := []string{top}; len(level) > 0; {
		var next []string
		for part := range slices.Chunk(level, 50) {
			out, d := p.ask(&Step{Conn: supervisor, Requests: readAll(part)})
			if d != nil {
				return nil, d
			}
			for _, f := range out[supervisor] {
				if f.kind != reply || f.err != 0 || f.request%3 != 0 {
					continue
				}
				path := part[f.request/3]
				found = append(found, path)
				for _, name := range names(f.body) {
					child := path + "/" + name
					if path == "/" {
						child = "/" + name
					}
					if child != root && child != quotaRoot && !(child == "/zookeeper/config" && len(p.java.addrs) > 1) {
						next = append(next, child)
					}
				}
			}
		}
		level = next
	}
	return found, nil
}

// readAll asks for children, data and ACL of each path.
func readAll(paths []string) []Request {
	var all []Request
	for i, path := range paths {
		xid := int32(10 * i)
		all = append(all,
			Request{Xid: xid, Op: golden.OpGetChildren2, Body: golden.Watched(path, false)},
			Request{Xid: xid + 1, Op: golden.OpGetData, Body: golden.Watched(path, false)},
			Request{Xid: xid + 2, Op: golden.OpGetACL, Body: golden.Record{}.Ustring(path)})
	}
	return all
}

// names reads the vector at the start of a getChildren2's body.
func names(body string) []string {
	r := &golden.Message{R: bytes.NewReader([]byte(body))}
	var all []string
	for n := r.Int(); n > 0 && r.Err == nil; n-- {
		all = append(all, string(r.Buffer()))
	}
	return all
}

// removeAll deletes the paths, the deepest first.
func (p *pair) removeAll(paths []string) *Difference {
	slices.SortFunc(paths, func(a, b string) int { return cmp.Compare(b, a) })
	for part := range slices.Chunk(paths, 50) {
		var all []Request
		for i, path := range part {
			all = append(all, Request{Xid: int32(i), Op: golden.OpDelete, Body: golden.Record{}.Ustring(path).Int(-1)})
		}
		if d := p.step(&Step{Conn: supervisor, Requests: all}); d != nil {
			return d
		}
	}
	return nil
}
