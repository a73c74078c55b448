package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// Where the membership may change, it lies in files beside zoo.cfg:
//
//	zoo.cfg                    names the dynamic file of the membership in force
//	zoo.cfg.dynamic.100000003  its server, group and weight lines; the version is in the name
//	zoo.cfg.dynamic.next       the membership that was proposed and is not in force yet, with its version
//	zoo.cfg.bak                zoo.cfg as it was when it had the server lines itself
//
// Each is written under another name, synced and renamed, so that every crash leaves the old file or the new one.
// Java: QuorumPeerConfig.writeDynamicConfig, editStaticConfig, backupOldConfig.

// MemberFiles writes them. The zero value writes nothing.
type MemberFiles struct{ Static string } // zoo.cfg

func (f MemberFiles) next() string { return f.Static + ".dynamic.next" }

// SaveProposed makes a membership durable that was proposed. One that is no newer than what is in force is none: the
// file goes.
func (f MemberFiles) SaveProposed(e ensemble.Ensemble, inForce int64) error {
	if f.Static == "" {
		return nil
	}
	if e.Version <= inForce {
		return f.forget()
	}
	return replaceFile(f.next(), f.Static, strings.Join(sortedLines(e, true), "\n"))
}

// SaveCommitted makes the membership in force durable, for server self, and forgets what was proposed unless that is
// lastSeen and newer.
func (f MemberFiles) SaveCommitted(e ensemble.Ensemble, self, lastSeen int64) error {
	if f.Static == "" {
		return nil
	}
	static, err := os.ReadFile(f.Static)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(f.Static + ".dynamic." + strconv.FormatInt(e.Version, 16))
	if err != nil {
		return err
	}
	if err := replaceFile(path, f.Static, strings.Join(sortedLines(e, false), "\n")); err != nil {
		return err
	}
	m, _ := e.Member(self)
	if err := replaceFile(f.Static, f.Static, pointTo(string(static), path, m.HasClientAddr && !m.ClientFromStatic)); err != nil {
		return err
	}
	if lastSeen > e.Version {
		return nil
	}
	return f.forget()
}

// pointTo is zoo.cfg with the membership in a dynamic file. The client port goes too if the file has it.
func pointTo(static, dynamic string, client bool) string {
	text := ensemble.WithoutProperties(static, func(key string) bool {
		return ensemble.IsMembershipKey(key) || key == "dynamicConfigFile" || key == "peerType" ||
			client && (key == "clientPort" || key == "clientPortAddress")
	})
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "dynamicConfigFile=" + ensemble.EscapeValue(filepath.ToSlash(dynamic)) + "\n"
}

func (f MemberFiles) forget() error {
	if err := os.Remove(f.next()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return syncDir(filepath.Dir(f.next()))
}

// BackUp keeps a copy of a zoo.cfg that has the server lines itself: the first membership that comes into force takes
// them out. It also replaces the file by itself, so that one which cannot be replaced is noticed before anything depends on
// it: a file that is mounted alone, for example.
func (c *Config) BackUp() error {
	if c.File == "" || !c.ReconfigEnabled || c.Standalone || c.DynamicConfigFile != "" {
		return nil
	}
	text, err := os.ReadFile(c.File)
	if err == nil {
		err = replaceFile(c.File+".bak", c.File, string(text))
	}
	if err == nil {
		err = replaceFile(c.File, c.File, string(text))
	}
	if err != nil {
		return fmt.Errorf("with reconfigEnabled=true the server must be able to copy and replace its configuration: %w", err)
	}
	return nil
}

// sortedLines are a membership's lines as ZooKeeper writes them to files.
func sortedLines(e ensemble.Ensemble, version bool) []string {
	lines := strings.Split(e.Text(), "\n")
	if !version {
		lines = lines[:len(lines)-1]
	}
	slices.Sort(lines)
	return lines
}

// replaceFile puts text in the place of the file at path, durably, and lets those read it who may read the file like:
// it may hold secrets. If path is a link, it stays one and what it leads to is replaced; Java replaces the link.
func replaceFile(path, like, text string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	mode := info.Mode().Perm()
	if !keepOwner(f, info) {
		mode = forAnyGroup(mode)
	}
	if err = f.Chmod(mode); err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// forAnyGroup is mode for a file whose group is another one: it may do what others may, too.
func forAnyGroup(mode fs.FileMode) fs.FileMode { return mode & (mode<<3 | 0o707) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lastSeen reads the membership that had been proposed when this server ended. Java: QuorumPeerConfig.parse.
func (l *loader) lastSeen() {
	if !l.cfg.ReconfigEnabled || l.cfg.File == "" {
		return
	}
	path := MemberFiles{l.cfg.File}.next()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		l.cfg.LastSeen, err = ensemble.Parse(string(text))
	}
	if err != nil {
		l.problem(setting{file: path}, "it is the membership that was being changed to; put it right from another server's file",
			"the proposed membership cannot be read, %v", reason(err))
	}
}
