package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckDirs makes the directories of snapshots and logs, unless datadir.autocreate is false, and tries to write in
// them. The error is a *Problems; a Java server ends with exit code 3 for the same reasons.
// Java: FileTxnSnapLog's constructor.
func (c *Config) CheckDirs() error {
	var r report
	r.checkDir(c, "dataDir", "snap", c.DataDir)
	if c.DataLogDir != c.DataDir {
		r.checkDir(c, "dataLogDir", "data", c.DataLogDir)
	}
	return r.err()
}

func (r *report) checkDir(c *Config, key, kind, dir string) {
	s := c.settings.keys[key]
	versioned := filepath.Join(dir, "version-2")
	if _, err := os.Stat(versioned); errors.Is(err, fs.ErrNotExist) && !c.DatadirAutocreate {
		r.problem(s, "create it, or remove datadir.autocreate=false",
			"Missing %s directory %s, automatic data directory creation is disabled (zookeeper.datadir.autocreate is false)", kind, versioned)
		return
	}
	if err := os.MkdirAll(versioned, 0o755); err != nil {
		r.problem(s, "check "+key+" and the rights on the directory above", "Unable to create %s directory %s, %v", kind, versioned, reason(err))
		return
	}
	probe, err := os.CreateTemp(versioned, ".write-probe-*")
	if err != nil {
		r.problem(s, fmt.Sprintf("make it writable for user %d", os.Geteuid()), "Cannot write to %s directory %s, %v", kind, versioned, reason(err))
		return
	}
	probe.Close()
	os.Remove(probe.Name())
}

// reason strips the path, which the message has already.
func reason(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}
