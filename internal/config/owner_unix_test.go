//go:build unix

package config

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Who may read a file may read what takes its place.
func TestReplaceKeepsOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zoo.cfg")
	must(t, os.WriteFile(path, []byte("old"), 0o640))
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 4711, 4712
	} else if groups, err := os.Getgroups(); err == nil && len(groups) > 0 {
		gid = groups[len(groups)-1]
	}
	must(t, os.Chown(path, uid, gid))
	must(t, replaceFile(path, path, "new"))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if int(st.Uid) != uid || int(st.Gid) != gid || info.Mode().Perm() != 0o640 || read(t, path) != "new" {
		t.Errorf("%d:%d %v, want %d:%d", st.Uid, st.Gid, info.Mode(), uid, gid)
	}
}
