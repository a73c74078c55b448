package auth

import (
	"crypto"
	_ "crypto/md5" // the algorithms by which crypto.Hash.New finds them
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// digestProvider takes any credentials: what they prove is that the client
// knows them. Source: DigestAuthenticationProvider.
type digestProvider struct {
	algorithm crypto.Hash
	super     string
}

func (digestProvider) Scheme() string { return "digest" }

func (p digestProvider) Authenticate(_ netip.Addr, data []byte) ([]proto.ID, error) {
	if data == nil { // Java fails on a null buffer
		return nil, ErrRefused
	}
	id := Digest(p.algorithm, string(data))
	ids := []proto.ID{{Scheme: "digest", ID: id}}
	if p.super != "" && subtle.ConstantTimeCompare([]byte(id), []byte(p.super)) == 1 {
		ids = []proto.ID{{Scheme: "super", ID: ""}, ids[0]}
	}
	return ids, nil
}

// Digest returns the id of the digest scheme for credentials "user:password":
// the user, a colon and the Base64 of the hash of the whole text. The algorithm
// is one of MD5, SHA-1, SHA-2 and SHA-3; 0 means SHA-1. Credentials without a
// colon are all user. Source: DigestAuthenticationProvider.generateDigest.
func Digest(algorithm crypto.Hash, credentials string) string {
	if algorithm == 0 {
		algorithm = crypto.SHA1
	}
	// Java decodes the bytes to characters and encodes those again, so that
	// malformed bytes are hashed as U+FFFD.
	text := toValid(credentials)
	h := algorithm.New()
	h.Write([]byte(text))
	user, _, _ := strings.Cut(text, ":")
	return user + ":" + base64.StdEncoding.EncodeToString(h.Sum(nil))
}
