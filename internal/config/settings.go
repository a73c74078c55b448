package config

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
)

// setting is one value and where it was written.
type setting struct {
	name  string // as ZooKeeper reads it
	value string
	file  string // empty for a flag
	line  int
}

// settings is what was written, sorted by who reads it in ZooKeeper.
type settings struct {
	keys    map[string]setting // of zoo.cfg's own parser
	props   map[string]setting // system properties under their full names
	members []ensemble.Property
}

// maxFileBytes bounds the files read here. A zoo.cfg has a few kilobytes.
const maxFileBytes = 1 << 20

// readProperties reads a properties file as java.util.Properties.load(InputStream) does, which takes bytes for
// ISO-8859-1, and trims keys and values as QuorumPeerConfig does.
func (r *report) readProperties(path string) []ensemble.Property {
	file := setting{file: path}
	raw, err := readFile(path)
	if err != nil {
		if os.IsNotExist(err) {
			r.problem(file, "give the path of an existing configuration file", "%s file is missing", path)
		} else {
			r.problem(file, "make it a readable file of less than a megabyte", "Error processing %s, %v", path, err)
		}
		return nil
	}
	text, ascii := fromLatin1(raw)
	props, err := ensemble.ParseProperties(text)
	if err != nil {
		r.badLines(path, err)
	}
	for i := range props {
		p := &props[i]
		p.Key, p.Value = javaTrim(p.Key), javaTrim(p.Value)
		if !ascii && strings.IndexFunc(p.Key+p.Value, func(c rune) bool { return c > '~' }) >= 0 {
			r.warn(setting{file: path, line: p.Line}, "letters outside ASCII are read as ISO-8859-1, as Java does; write them as \\uXXXX")
		}
	}
	return props
}

func (r *report) badLines(path string, err error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		r.problem(setting{file: path}, "shorten the file", "Error processing %s, %v", path, err)
		return
	}
	for _, err := range joined.Unwrap() {
		if bad, ok := err.(*ensemble.PropertyError); ok {
			r.problem(setting{file: path, line: bad.Property.Line}, "mend the escape or double the backslash", "%v", bad.Err)
		}
	}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(raw) > maxFileBytes {
		err = io.ErrShortBuffer
	}
	return raw, err
}

// fromLatin1 turns each byte into the character of that number.
func fromLatin1(raw []byte) (text string, ascii bool) {
	if !slices.ContainsFunc(raw, func(b byte) bool { return b > '~' }) {
		return string(raw), true
	}
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes), false
}

// javaTrim is String.trim: everything up to the space goes.
func javaTrim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// collect sorts flags and lines into settings. A line overwrites a flag, as System.setProperty does, and the last of
// equal lines wins. Java: QuorumPeerConfig.parseProperties.
func (r *report) collect(path string, lines []ensemble.Property, flags map[string]string) settings {
	s := settings{keys: map[string]setting{}, props: map[string]setting{}}
	for _, name := range sortedKeys(flags) {
		r.flag(s, name, flags[name])
	}
	renamed := map[string]setting{}
	for _, p := range lines {
		if ensemble.IsMembershipKey(p.Key) {
			s.members = append(s.members, p)
			continue
		}
		read := setting{p.Key, p.Value, path, p.Line}
		if name := r.rename(read); name != p.Key {
			read.name = name
			renamed[name] = read
			continue
		}
		r.line(s, read)
	}
	for _, name := range sortedKeys(renamed) { // the right spelling wins, wherever it stands
		if _, ok := s.keys[name]; !ok && s.props["zookeeper."+name].file == "" {
			r.line(s, renamed[name])
		}
	}
	return s
}

func sortedKeys[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rename returns the name ZooKeeper reads for a spelling that does nothing in ZooKeeper's zoo.cfg, with a warning,
// or the name itself.
func (r *report) rename(s setting) string {
	name := s.name
	if bare, ok := strings.CutPrefix(name, "zookeeper."); ok {
		if _, known := find(bare); known || aliases[bare] != "" {
			name = bare
		}
	}
	if real, ok := aliases[name]; ok {
		name = real
	}
	if name != s.name {
		r.warn(s, "%s is taken for %s; ZooKeeper ignores this spelling in zoo.cfg", s.name, name)
	}
	return name
}

// line stores one line of zoo.cfg.
func (r *report) line(s settings, read setting) {
	key, known := find(read.name)
	into, name := s.props, "zookeeper."+read.name
	switch {
	case known && key.Place == InFile:
		into, name = s.keys, read.name
	case known && key.Place == FlagRaw:
		r.warn(read, "%s has no effect in zoo.cfg; pass -D%s=... in SERVER_JVMFLAGS", read.name, read.name)
	case !known:
		r.unknown(read, read.name)
	}
	if earlier, ok := into[name]; ok && earlier.file != "" {
		r.warn(read, "%s was already set in line %d; the last one counts", read.name, earlier.line)
	}
	into[name] = read
}

// flag stores one -D flag. What neither ZooKeeper nor Paddock reads is kept without a word, since a command line
// carries properties of Java and of others.
func (r *report) flag(s settings, full, value string) {
	name, prefixed := strings.CutPrefix(full, "zookeeper.")
	read := setting{name: name, value: value}
	key, known := find(name)
	real := aliases[name]
	switch {
	case !prefixed && known && key.Place == Either && name != "fsync.warningthresholdms" && key.Status != NoOp:
		r.warn(read, "-D%s has no effect; ZooKeeper reads -Dzookeeper.%s", name, name)
	case prefixed && real != "":
		r.warn(read, "-D%s is taken for -Dzookeeper.%s; ZooKeeper ignores this spelling", full, real)
		read.name, full = real, "zookeeper."+real
	case prefixed && known && key.Place == InFile && name != "multiAddress.enabled":
		r.warn(read, "-D%s has no effect; write %s=... in zoo.cfg", full, name)
	case prefixed && known && key.Place == FlagRaw:
		r.warn(read, "-D%s has no effect; ZooKeeper reads -D%s", full, name)
	case prefixed && !known:
		r.unknown(read, "-D"+full)
	}
	s.props[full] = read
}

func (r *report) unknown(s setting, shown string) {
	if meant := suggest(s.name); meant != "" {
		r.warn(s, "%s is not a name ZooKeeper knows; did you mean %s?", shown, meant)
		return
	}
	r.warn(s, "%s is not a name ZooKeeper knows; it has no effect", shown)
}
