package differential

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// The users that sign on. The servers know super by the digest of its password.
var users = []string{"bob:secret", "amy:x:y", "super:test", "eve", ":empty", "bob:other"}

// superUser is the one that may do everything; superDigest is what the servers are configured with.
const (
	superUser   = "super:test"
	superDigest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
)

// digestID is the identity of a user. Source: DigestAuthenticationProvider.generateDigest.
func digestID(user string) string {
	name, _, _ := strings.Cut(user, ":")
	sum := sha1.Sum([]byte(user))
	return name + ":" + base64.StdEncoding.EncodeToString(sum[:])
}

// known returns the path of a znode that probably exists below root; now and then a system path or
// one that was deleted.
func (g *generator) known() string {
	if g.oneIn(40) {
		return pick(g, system...)
	}
	if len(g.model.gone) > 0 && g.oneIn(15) {
		return pick(g, g.model.gone...)
	}
	if g.oneIn(10) {
		if path, ok := g.guarded(); ok {
			return path
		}
	}
	own := g.model.order[lasting-1:]
	return pick(g, own[g.IntN(2)*len(own)/2:]...) // the newer half more often
}

// guarded returns the path of a znode with an ACL of its own, if there is one.
func (g *generator) guarded() (path string, ok bool) {
	var all []string
	for _, path := range g.model.order {
		if g.model.nodes[path].acl != nil {
			all = append(all, path)
		}
	}
	if len(all) == 0 {
		return "", false
	}
	return pick(g, all...), true
}

// name returns a name of a child. There are few, so that requests meet.
func (g *generator) name() string { return pick(g, "a", "a", "b", "b", "c", "d", "e", "q") }

// fresh returns a path that could be created.
func (g *generator) fresh() string {
	above := g.known()
	for strings.Count(above, "/") > 5 {
		above = parent(above)
	}
	if above == "/" || strings.HasPrefix(above, "/zookeeper") && !g.oneIn(4) {
		above = root
	}
	return above + "/" + g.name()
}

// badPath returns a path that a server refuses, or takes for another than one might think.
func (g *generator) badPath() string {
	p := g.known()
	return pick(g,
		"", "a", "a/b", "//", "//b", p+"/", p+"//b", "/."+p, p+"/.", p+"/..", p+"/./x", p+"/../x", "/..",
		p+"/...", p+"/.a", p+"\x00", "\x00", p+"/\x01", p+"/\x1f", p+"/\x7f", p+"/\u0085", p+"/\u009f", p+"/\u00a0",
		p+"/\ue000", p+"/\uf8ff", p+"/\uf900", p+"/\ufff0", p+"/\uffff", p+"/\ufffd", p+"/\U0001f600",
		p+"/\xff\xfe", p+"/\xed\xa0\x80", p+"/\xc0\x80", p+"/\xe2\x82", p+"/ä", p+"/ ", p+"/"+strings.Repeat("l", 300))
}

// path returns one for a request on something that exists.
func (g *generator) path() string {
	switch g.IntN(25) {
	case 0:
		return g.badPath()
	case 1, 2:
		return g.fresh()
	}
	return g.known()
}

// unlessNull is nullable for the paths of watches that stay, which Paddock takes for empty if they are null.
func (g *generator) unlessNull(r golden.Record, s string) golden.Record {
	at, fails := len(r), g.fails
	if r = g.nullable(r, s); len(r) == at+4 && s != "" {
		g.fails = fails
		return r[:at].Ustring(s)
	}
	return r
}

// nullable appends a string, or once in a while null, or a length that cannot be.
func (g *generator) nullable(r golden.Record, s string) golden.Record {
	odd := g.IntN(250)
	if g.WellFormed {
		return r.Ustring(s)
	}
	switch odd {
	case 0:
		g.fails = true
		return r.Int(-1)
	case 1:
		g.fails = true
		return append(r.Int(pick[int32](g, -2, -1<<31, 1<<31-1, 0x200000, int32(len(s)+1))), s...)
	}
	return r.Ustring(s)
}

func (g *generator) data() []byte {
	switch g.IntN(10) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return bytes.Repeat([]byte("long"), g.IntN(400))
	case 3:
		return []byte{0, 0xff, 0x80}
	}
	return []byte(pick(g, "x", "some data", "0123456789", "a=1"))
}

// version returns one to expect: often the right one.
func (g *generator) version(right int32) int32 {
	switch g.IntN(10) {
	case 0:
		return pick[int32](g, right+1, right-1, -2, 1<<31-1, -1<<31)
	case 1, 2, 3, 4:
		return right
	}
	return -1
}

// acl appends an ACL vector, and returns what it says, for the model. valid says whether a server takes it.
func (g *generator) acl(r golden.Record) (_ golden.Record, acl []grant, valid bool) {
	switch {
	case !g.oneIn(3):
		return r.ACL(golden.Open), nil, true
	case g.oneIn(40) && !g.WellFormed:
		return r.Int(pick[int32](g, -1, -1, -5, 1<<31-1)), nil, false
	}
	acl = []grant{}
	n, usable := g.IntN(4), 0
	if g.oneIn(2) { // something that leaves the znode usable
		usable = 1
	}
	valid = n+usable > 0
	if r = r.Int(int32(n + usable)); usable > 0 {
		perms := pick[int32](g, 31, 1, 1|4, 1|8, 1|2|4|8)
		r = r.Int(perms).Ustring("world").Ustring("anyone")
		acl = append(acl, grant{perms, anybody})
	}
	for range n {
		perms := pick[int32](g, 31, 31, 1, 2, 4, 8, 16, 0, -1, 3, 99)
		var to []string
		var ok bool
		r, to, ok = g.identity(r.Int(perms))
		for _, who := range to {
			acl = append(acl, grant{perms, who})
		}
		valid = valid && ok
	}
	return r, acl, valid
}

// identity appends the scheme and id of an entry, says whom they mean, and whether they are valid.
func (g *generator) identity(r golden.Record) (_ golden.Record, to []string, valid bool) {
	if g.oneIn(40) && !g.inMulti && !g.WellFormed {
		return g.brokenID(r), nil, false
	}
	switch g.IntN(12) {
	case 0, 1:
		return r.Ustring("world").Ustring("anyone"), []string{anybody}, true
	case 2, 3, 4:
		id := digestID(pick(g, users...))
		return r.Ustring("digest").Ustring(id), []string{id}, true
	case 5, 6:
		ids := g.identities()
		return r.Ustring("auth").Ustring(pick(g, "", "", "ignored")), ids, len(ids) > 0
	case 7:
		return r.Ustring("ip").Ustring(pick(g, "127.0.0.1", "127.0.0.0/8", "0.0.0.0/0", "127.0.0.1/32")), []string{anybody}, true
	case 8:
		return r.Ustring("ip").Ustring(pick(g, "10.0.0.1", "::1", "fe80::/10")), nil, true
	case 9, 10:
		return r.Ustring("digest").Ustring(pick(g, "u:h", ":h")), nil, true
	}
	return g.badID(r), nil, false
}

// identities returns the ids by digest of the connection that acts.
func (g *generator) identities() []string {
	var ids []string
	for _, user := range g.conns[g.burstConn].users {
		ids = append(ids, digestID(user))
	}
	return ids
}

// may says whether the connection that acts has a permission.
func (g *generator) may(perm int32, path string) bool {
	node, known := g.model.look(path)
	return known && (node.acl == nil || slices.Contains(g.conns[g.burstConn].users, superUser) ||
		slices.ContainsFunc(node.acl, func(a grant) bool {
			return a.perms&perm != 0 && (a.to == anybody || slices.Contains(g.identities(), a.to))
		}))
}

// badID appends the identity of an entry that most servers refuse.
func (g *generator) badID(r golden.Record) golden.Record {
	switch g.IntN(5) {
	case 0:
		return r.Ustring("world").Ustring(pick(g, "", "Anyone", "someone"))
	case 1:
		return r.Ustring("digest").Ustring(pick(g, "", "u", "u:", "bob:", "a:b:c", ":", "::", "a::", "a:b:"))
	case 2:
		return r.Ustring("ip").Ustring(pick(g, "", "1.2.3", "1.2.3.256", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4/8/9",
			"::1/129", "1::2::3", "01.2.3.4", "+1.2.3.4", "1.2.3.4 ", "::ffff:1.2.3.4", "fe80::1%lo", ":", "1:2:3:4:5:6:7:8/64", "/8"))
	case 3:
		return r.Ustring(pick(g, "", "sasl", "x509", "super", "unknown", "World", "key", "ensemble")).Ustring(pick(g, "", "u", "CN=a"))
	}
	return r.Ustring("auth").Ustring("x")
}

// brokenID appends an identity with a null or malformed part.
func (g *generator) brokenID(r golden.Record) golden.Record {
	switch g.IntN(4) {
	case 0:
		return r.Int(-1).Ustring("anyone")
	case 1:
		return r.Ustring(pick(g, "world", "digest", "ip", "auth")).Int(-1)
	case 2:
		return r.Ustring("digest").Ustring("u\xff:h\t")
	}
	return r.Int(-1).Int(-1)
}
