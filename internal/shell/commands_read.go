package shell

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/zk"
)

var readCommands = []*command{
	{
		name: "ls", usage: "[-s] [-w] [-R] path", least: 2, run: list,
		options: options{{"?", false, "help"}, {"R", false, "recurse"}, {"s", false, "stat"}, {"w", false, "watch"}},
		old:     "'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.", rewrite: watchAlias,
	},
	{
		name: "get", usage: "[-s] [-w] [-b] [-x] path", least: 2, run: get, listed: true,
		options: options{
			{"b", false, "Output data in base64 format"},
			{"s", false, "Print znode stats additionally"},
			{"w", false, "Watch for changes on the znode"},
			{"x", false, "Output data in hexdump format"},
		},
		old: "'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.", rewrite: watchAlias,
	},
	{
		name: "stat", usage: "[-w] path", least: 2, run: stat,
		options: options{{"w", false, "watch"}},
		old:     "'stat path [watch]' has been deprecated. Please use 'stat [-w] path' instead.", rewrite: watchAlias,
	},
}

// watchAlias turns the old form "ls path watch" into "ls path -w". It replaces the third word of the
// line, so that with flags before the path it hits the path, in ZooKeeper too.
// Source: LsCommand.retainCompatibility.
func watchAlias(line []string) []string {
	line = slices.Clone(line)
	line[2] = "-w"
	return line
}

// Source: LsCommand.exec.
func list(sh *shell, args *arguments) error {
	path := args.words[1]
	if err := checkPath(path); err != nil {
		return err
	}
	if args.has("R") {
		return sh.session.walk(path, args.has("w"), func(path string) { sh.println(path) })
	}
	res, err := sh.session.watch(zk.ChildrenStatOp(path), args.has("w"))
	if err != nil {
		return err
	}
	slices.SortFunc(res.Children, compareJava)
	sh.println("[" + strings.Join(res.Children, ", ") + "]")
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// Source: GetCommand.exec.
func get(sh *shell, args *arguments) error {
	path := args.words[1]
	if err := checkPath(path); err != nil {
		return err
	}
	res, err := sh.session.watch(zk.GetOp(path), args.has("w"))
	if err != nil {
		return err
	}
	data := res.Data
	if data == nil {
		data = []byte("null")
	}
	switch {
	case args.has("x"):
		sh.println(formatHex(data))
	case args.has("b"):
		sh.println(base64.StdEncoding.EncodeToString(data))
	default:
		sh.println(formatText(data))
	}
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// Source: StatCommand.exec.
func stat(sh *shell, args *arguments) error {
	path := args.words[1]
	if err := checkPath(path); err != nil {
		return err
	}
	res, err := sh.session.watch(zk.ExistsOp(path), args.has("w"))
	if err != nil {
		return err
	}
	sh.print(formatStat(res.Stat))
	return nil
}

// walk visits the znodes at and below path: all children of a znode, sorted, before theirs. A znode that
// goes away meanwhile is left out. Source: ZKUtil.visitSubTreeDFS.
func (s *session) walk(path string, watch bool, visit func(path string)) error {
	if _, err := s.watch(zk.GetOp(path), watch); err != nil {
		return err
	}
	visit(path)
	// The paths to descend into, next last. Its size is bounded by the siblings on one way down.
	for stack := []string{path}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		res, err := s.watch(zk.ChildrenOp(at), watch)
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return err
		}
		slices.SortFunc(res.Children, compareJava)
		for _, name := range res.Children {
			visit(join(at, name))
		}
		for _, name := range slices.Backward(res.Children) {
			stack = append(stack, join(at, name))
		}
	}
	return nil
}
