package shell

import (
	"slices"
	"strings"
)

// command is one line of the table: everything that is the same for all commands is decided by it.
type command struct {
	name  string
	usage string // the arguments, for help

	options options
	group   string // letters of options that exclude each other
	choose  string // one of the group must be there: how the complaint names them
	listed  bool   // its own usage lists the options
	literal bool   // arguments are not looked at, so nothing can be wrong with them
	hidden  bool   // ZooKeeper 3.9 does not know it, so help does not tell

	least int // words it needs, its name included
	most  int // words it takes; 0 is any number

	// old is the form of earlier releases with a third word, which is met with a line that says so.
	// rewrite turns such a line into today's.
	old     string
	rewrite func(line []string) []string

	local func(sh *shell, line []string) error   // runs with or without a session
	run   func(sh *shell, args *arguments) error // runs after local, and only within a session
}

// table holds all commands in the order of help. It is complete before main and never changes.
var table []*command

func init() { // not an initializer, since redo refers back to the table
	table = slices.Concat(localCommands, readCommands, writeCommands, aclCommands, watchCommands, quotaCommands, askCommands)
	slices.SortFunc(table, func(a, b *command) int { return strings.Compare(a.name, b.name) })
}

func findCommand(name string) *command {
	i, found := slices.BinarySearchFunc(table, name, func(c *command, name string) int { return strings.Compare(c.name, name) })
	if !found {
		return nil
	}
	return table[i]
}

// misuse is what a command answers to too few words. Source: CliCommand.getUsageStr.
func (c *command) misuse() error {
	text := c.name + " " + c.usage
	if c.listed {
		text += "\n" + c.options.list()
	}
	return fail(text)
}

// parse takes a line apart. Source: the parse methods of org.apache.zookeeper.cli.
func (c *command) parse(sh *shell, line []string) (*arguments, error) {
	if c.literal {
		return &arguments{words: line}, nil
	}
	args, err := parseGroup(c.options, c.group, line)
	if err != nil {
		return nil, err
	}
	if c.choose != "" && args.only == "" {
		return nil, fail("org.apache.commons.cli.MissingOptionException: Missing required option: " + c.choose)
	}
	if args.has("?") {
		sh.print("usage: " + c.name + " [options] path\n" + c.options.list())
	}
	if len(args.words) < c.least || c.most > 0 && len(args.words) > c.most {
		return nil, c.misuse()
	}
	if c.old != "" && len(args.words) > 2 {
		sh.complain(c.old)
		return parseFlags(c.options, c.rewrite(line))
	}
	return args, nil
}
