package shell

import (
	"fmt"
	"strings"
)

// option is a flag of a command. Names are single characters, as all of zkCli's are but those of
// reconfig.
type option struct {
	name string
	arg  bool   // a value follows
	text string // for the usage
}

// options are the flags of a command, sorted by name as the usage lists them.
type options []option

func (o options) find(name string) *option {
	for i := range o {
		if o[i].name == name {
			return &o[i]
		}
	}
	return nil
}

// starts tells whether word is one of the flags, perhaps with more flags or a value behind it.
func (o options) starts(word string) bool {
	if len(word) < 2 || word[0] != '-' {
		return false
	}
	name, _, _ := strings.Cut(word[1:], "=")
	return o.find(name) != nil || name != "" && o.find(name[:1]) != nil
}

// list is what HelpFormatter.printOptions prints.
func (o options) list() string {
	heads := make([]string, len(o))
	width := 0
	for i, opt := range o {
		heads[i] = " -" + opt.name
		if opt.arg {
			heads[i] += " <arg>"
		}
		width = max(width, len(heads[i]))
	}
	var b strings.Builder
	for i, opt := range o {
		fmt.Fprintf(&b, "%-*s   %s\n", width, heads[i], opt.text)
	}
	return b.String()
}

// arguments is a command line taken apart.
type arguments struct {
	words []string          // the command's name and whatever is no flag
	flags map[string]string // given flags; of one given twice, the first value
	only  string            // of those that exclude each other, the one that was given
}

func (a *arguments) has(name string) bool {
	_, ok := a.flags[name]
	return ok
}

// flagParser goes through a command line word by word. Flags may stand anywhere, be written together
// (-sw), and carry a value as -v3, -v=3 or -v 3; all that follows -- is no flag. A value may begin
// with a dash unless it is itself a flag of the command.
// Source: commons-cli 1.5, DefaultParser.
type flagParser struct {
	options options
	group   string // letters of flags that exclude each other
	out     arguments
	pending *option // waits for its value
}

// parseFlags takes a command line apart. Its errors read as those of commons-cli do.
func parseFlags(o options, line []string) (*arguments, error) { return parseGroup(o, "", line) }

// parseGroup is parseFlags for flags of which some, by their letters, exclude each other.
func parseGroup(o options, group string, line []string) (*arguments, error) {
	p := &flagParser{options: o, group: group, out: arguments{flags: map[string]string{}}}
	for i, word := range line {
		if word == "--" {
			p.out.words = append(p.out.words, line[i+1:]...)
			break
		}
		if err := p.take(word); err != nil {
			return nil, err
		}
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	return &p.out, nil
}

func (p *flagParser) take(word string) error {
	switch {
	case p.pending != nil && !p.options.starts(word):
		p.value(stripQuotes(word))
		return nil
	case len(word) < 2 || word[0] != '-':
		p.out.words = append(p.out.words, word)
		return nil
	case strings.HasPrefix(word, "--"):
		return unrecognized(word)
	}
	if p.options.find(word[1:]) != nil {
		return p.flag(word[1:])
	}
	if name, value, found := strings.Cut(word[1:], "="); found {
		if o := p.options.find(name); len(name) != 1 || o == nil || !o.arg {
			return unrecognized(word)
		}
		if err := p.flag(name); err != nil {
			return err
		}
		p.value(value)
		return nil
	}
	return p.joined(word)
}

// joined takes flags written together; what follows one with a value is the value.
func (p *flagParser) joined(word string) error {
	for i := 1; i < len(word); i++ {
		if p.options.find(word[i:i+1]) == nil {
			return unrecognized(word)
		}
		if err := p.flag(word[i : i+1]); err != nil {
			return err
		}
		if p.pending != nil && i+1 < len(word) {
			p.value(word[i+1:])
			return nil
		}
	}
	return nil
}

func (p *flagParser) flag(name string) error {
	if err := p.complete(); err != nil {
		return err
	}
	o := p.options.find(name)
	if strings.Contains(p.group, name) {
		if p.out.only != "" && p.out.only != name {
			return fail("org.apache.commons.cli.AlreadySelectedException: The option '" + name +
				"' was specified but an option from this group has already been selected: '" + p.out.only + "'")
		}
		p.out.only = name
	}
	if o.arg {
		p.pending = o
		return nil
	}
	p.out.flags[name] = ""
	return nil
}

func (p *flagParser) value(v string) {
	if !p.out.has(p.pending.name) {
		p.out.flags[p.pending.name] = v
	}
	p.pending = nil
}

// complete fails if a flag still waits for its value.
func (p *flagParser) complete() error {
	if p.pending == nil {
		return nil
	}
	return fail("org.apache.commons.cli.MissingArgumentException: Missing argument for option: " + p.pending.name)
}

func unrecognized(word string) error {
	return fail("org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: " + word)
}

// stripQuotes removes a pair of double quotes around a value that has none inside.
// Source: commons-cli, Util.stripLeadingAndTrailingQuotes.
func stripQuotes(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' && !strings.Contains(s[1:len(s)-1], `"`) {
		return s[1 : len(s)-1]
	}
	return s
}
