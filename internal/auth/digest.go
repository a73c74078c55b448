package auth

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/netip"
	"strings"

	"github.com/paddock-io/paddock/proto"
)

// digestProvider takes any credentials: what they prove is that the client
// knows them. Source: DigestAuthenticationProvider.
type digestProvider struct{ super string }

func (digestProvider) Scheme() string { return "digest" }

func (p digestProvider) Authenticate(_ netip.Addr, data []byte) ([]proto.ID, error) {
	if data == nil { // Java fails on a null buffer
		return nil, ErrRefused
	}
	id := Digest(string(data))
	ids := []proto.ID{{Scheme: "digest", ID: id}}
	if p.super != "" && subtle.ConstantTimeCompare([]byte(id), []byte(p.super)) == 1 {
		ids = []proto.ID{{Scheme: "super", ID: ""}, ids[0]}
	}
	return ids, nil
}

// Digest returns the id of the digest scheme for credentials "user:password":
// the user, a colon and the Base64 of the SHA-1 of the whole text. Credentials
// without a colon are all user. Source: DigestAuthenticationProvider.generateDigest.
func Digest(credentials string) string {
	// Java decodes the bytes to characters and encodes those again, so that
	// malformed bytes are hashed as U+FFFD.
	text := toValid(credentials)
	sum := sha1.Sum([]byte(text))
	user, _, _ := strings.Cut(text, ":")
	return user + ":" + base64.StdEncoding.EncodeToString(sum[:])
}
