//go:build !unix

package config

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do where modes do not tell of groups.
func keepOwner(*os.File, fs.FileInfo) bool { return true }
