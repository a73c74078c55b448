package shell

import (
	"fmt"
	"unicode/utf16"
)

// checkPath refuses what cannot be a path, in the words of ZooKeeper's client, before anything is
// sent. Positions count UTF-16 units. Source: PathUtils.validatePath.
func checkPath(path string) error {
	switch {
	case path == "":
		return fail("Path length must be > 0")
	case path[0] != '/':
		return fail("Path must start with / character")
	case path == "/":
		return nil
	case path[len(path)-1] == '/':
		return fail("Path must not end with / character")
	}
	units := utf16.Encode([]rune(path))
	for i := 1; i < len(units); i++ {
		if reason := badUnit(units, i); reason != "" {
			return fail(fmt.Sprintf("Invalid path string \"%s\" caused by %s @%d", path, reason, i))
		}
	}
	return nil
}

// badUnit says what is wrong with a path at position i, or nothing.
func badUnit(units []uint16, i int) string {
	c, before := units[i], units[i-1]
	ends := i+1 == len(units) || units[i+1] == '/'
	switch {
	case c == 0:
		return "null character not allowed"
	case c == '/' && before == '/':
		return "empty node name specified"
	case c == '.' && ends && (before == '/' || before == '.' && units[i-2] == '/'):
		return "relative paths not allowed"
	case c <= 0x1f, c >= 0x7f && c <= 0x9f, c >= 0xd800 && c <= 0xf8ff, c >= 0xfff0:
		return "invalid character"
	}
	return ""
}

// join returns the path of a child.
func join(parent, child string) string {
	if parent == "/" {
		return "/" + child
	}
	return parent + "/" + child
}
