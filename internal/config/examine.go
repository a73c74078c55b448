package config

import (
	"cmp"
	"slices"
	"strings"
)

// Examination is all that can be said of a configuration, whether or not a server starts with it.
type Examination struct {
	Config   *Config // as far as it could be read, never nil; it is for a server only without Problems
	Settings []Setting
	Warnings []Warning
	Problems []Problem
}

// Setting is a name that ZooKeeper would act on, or does not know, and where it was written.
type Setting struct {
	Name  string // as the table has it
	Value string // empty for what may be a secret
	File  string // empty for a flag
	Line  int
	Key   Key  // its row; the zero Key if it is unknown
	Known bool // ZooKeeper knows the name
	Inert bool // it asks for nothing beyond what Paddock does anyway
}

// Examine is Load for people who only want to know. It changes nothing on disk.
func Examine(path string, sysprops map[string]string) *Examination {
	l := load(path, sysprops)
	l.cfg.settings = l.settings
	x := &Examination{Config: l.cfg, Warnings: l.sorted()}
	if err, ok := l.err().(*Problems); ok {
		x.Problems = err.List
	}
	for _, s := range l.used() {
		x.Settings = append(x.Settings, s.public())
	}
	for _, name := range sortedKeys(l.props) {
		if s := l.props[name]; s.file != "" {
			if _, known := find(s.name); !known {
				x.Settings = append(x.Settings, s.public())
			}
		}
	}
	slices.SortStableFunc(x.Settings, func(a, b Setting) int {
		return cmp.Or(cmp.Compare(uint(a.Line-1), uint(b.Line-1)), cmp.Compare(a.Name, b.Name)) // flags come last
	})
	return x
}

func (s setting) public() Setting {
	key, known := find(s.name)
	p := Setting{Name: s.name, Value: s.value, File: s.file, Line: s.line, Key: key, Known: known, Inert: known && s.inert(key)}
	if secret(s.name) {
		p.Value = ""
	}
	return p
}

// secret reports whether a setting's value may be one, going by its name.
func secret(name string) bool {
	lower := strings.ToLower(name)
	return slices.ContainsFunc([]string{"password", "passwd", "superdigest", "secret"}, func(word string) bool { return strings.Contains(lower, word) })
}
