package differential

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
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
	own := g.model.order[lasting-1:]
	return pick(g, own[g.IntN(2)*len(own)/2:]...) // the newer half more often
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

// nullable appends a string, or once in a while null, or a length that cannot be.
func (g *generator) nullable(r golden.Record, s string) golden.Record {
	odd := g.IntN(250)
	if g.WellFormed {
		return r.Ustring(s)
	}
	switch odd {
	case 0:
		return r.Int(-1)
	case 1:
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

// acl appends an ACL vector.
func (g *generator) acl(r golden.Record) golden.Record {
	switch {
	case !g.oneIn(4):
		return r.ACL(golden.Open)
	case g.oneIn(40) && !g.WellFormed:
		return r.Int(pick[int32](g, -1, -1, -5, 1<<31-1))
	}
	n := g.IntN(4)
	if g.oneIn(2) { // something that leaves the znode usable
		r = r.Int(int32(n + 1)).Int(pick[int32](g, 31, 1, 1|4, 1|8, 1|2|4|8)).Ustring("world").Ustring("anyone")
	} else {
		r = r.Int(int32(n))
	}
	for range n {
		r = g.aclEntry(r)
	}
	return r
}

// aclEntry appends one entry, valid or not.
func (g *generator) aclEntry(r golden.Record) golden.Record {
	r = r.Int(pick[int32](g, 31, 31, 1, 2, 4, 8, 16, 0, -1, 3, 99))
	if g.oneIn(30) && !g.inMulti && !g.WellFormed {
		return g.brokenID(r)
	}
	digest := func() string { return digestID(pick(g, users...)) }
	switch g.IntN(8) {
	case 0, 1:
		return r.Ustring("world").Ustring("anyone")
	case 2, 3:
		return r.Ustring("digest").Ustring(digest())
	case 4:
		return r.Ustring("auth").Ustring(pick(g, "", "", "ignored"))
	case 5:
		return r.Ustring("ip").Ustring(pick(g, "127.0.0.1", "127.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "::1", "fe80::/10", "127.0.0.1/32"))
	case 6:
		return r.Ustring("digest").Ustring(pick(g, "u:h", ":h", "bob:"))
	}
	return g.badID(r)
}

// badID appends the identity of an entry that most servers refuse.
func (g *generator) badID(r golden.Record) golden.Record {
	switch g.IntN(5) {
	case 0:
		return r.Ustring("world").Ustring(pick(g, "", "Anyone", "someone"))
	case 1:
		return r.Ustring("digest").Ustring(pick(g, "", "u", "u:", "a:b:c", ":", "::", "a::", "a:b:"))
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
