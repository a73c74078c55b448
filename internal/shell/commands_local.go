package shell

import (
	"fmt"
	"strconv"

	"github.com/paddock-io/paddock/internal/version"
)

// localCommands concern the shell itself and its session. Like all commands they end with "Not
// connected" if there is no session, after they have done their work.
// Source: ZooKeeperMain.processZKCmd.
var localCommands = []*command{
	{name: "connect", usage: "host:port", local: connect},
	{name: "history", local: history},
	{name: "redo", usage: "cmdno", local: redo},
	{name: "printwatches", usage: "on|off", local: printWatches},
	{name: "quit", local: quit},
	{name: "exit", local: quit, hidden: true},
	{name: "close", literal: true, run: closeSession},
	{name: "version", most: 1, run: printVersion},
	{name: "sync", usage: "path", least: 2, run: syncPath},
}

func connect(sh *shell, line []string) error {
	servers := sh.host
	if len(line) >= 2 {
		servers = line[1]
	}
	err := sh.connect(servers)
	sh.settle()
	return err
}

// historyLines is how many lines history shows before its own.
const historyLines = 10

func history(sh *shell, _ []string) error {
	for i := max(0, sh.count-historyLines); i <= sh.count; i++ {
		text := "null" // a one-shot command has no history
		if i < len(sh.history) {
			text = sh.history[i]
		}
		sh.println(fmt.Sprintf("%d - %s", i, text))
	}
	return nil
}

// redo runs a line again and takes its place in the history. Whether that line fails or not, redo does
// not, as in ZooKeeper.
func redo(sh *shell, line []string) error {
	if len(line) < 2 {
		return nil
	}
	i, err := strconv.ParseInt(line[1], 0, 32)
	if err != nil {
		return fail("redo needs the number of a command, not " + strconv.Quote(line[1]))
	}
	if i < 0 || int(i) >= sh.count {
		return fail("Command index out of range")
	}
	words := splitWords(sh.history[i])
	if len(words) > 0 && words[0] == "redo" {
		return fail("No redoing redos")
	}
	sh.history[sh.count] = sh.history[i]
	sh.run(words)
	return nil
}

func printWatches(sh *shell, line []string) error {
	if len(line) == 1 {
		sh.println("printwatches is " + map[bool]string{false: "on", true: "off"}[sh.mute.Load()])
		return nil
	}
	sh.mute.Store(line[1] != "on")
	return nil
}

func quit(sh *shell, _ []string) error {
	sh.session.close()
	sh.settle()
	sh.done = true
	return nil
}

func closeSession(sh *shell, _ *arguments) error {
	sh.session.close()
	sh.settle()
	return nil
}

func printVersion(sh *shell, _ *arguments) error {
	sh.println("ZooKeeper CLI version: " + version.Get().Banner())
	return nil
}

func syncPath(sh *shell, args *arguments) error {
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	code, err := sh.session.sync(args.words[1])
	if err != nil {
		return err
	}
	if code != 0 {
		sh.println(fmt.Sprintf("Sync has failed. rc=%d", int32(code)))
		return nil
	}
	sh.println("Sync is OK")
	return nil
}
