package tree

// ValidatePath reports whether path may name a znode in create, setData, setACL
// and check. Source: PathUtils.validatePath, which looks at UTF-16 units: a
// character above U+FFFF is a pair of surrogates there and so not allowed.
func ValidatePath(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	start := 1 // of the component
	for i, c := range path {
		switch {
		case c == '/' && i > 0:
			if !validComponent(path[start:i]) {
				return false
			}
			start = i + 1
		case badRune(c):
			return false
		}
	}
	return validComponent(path[start:])
}

func validComponent(s string) bool { return s != "" && s != "." && s != ".." }

// badRune holds for control characters, surrogates, the private use area and
// the specials, among them U+FFFD, which stands for malformed UTF-8.
func badRune(c rune) bool {
	return c <= 0x1f || c >= 0x7f && c <= 0x9f || c >= 0xd800 && c <= 0xf8ff || c >= 0xfff0
}
