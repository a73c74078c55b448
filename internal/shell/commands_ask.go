package shell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/zk"
)

// askCommands are about the session and the ensemble.
var askCommands = []*command{
	{name: "whoami", literal: true, run: whoAmI},
	{name: "getEphemerals", usage: "path", run: ephemerals},
	{name: "getAllChildrenNumber", usage: "path", least: 2, run: allChildrenNumber},
	{
		name: "config", usage: "[-c] [-w] [-s]", run: showConfig,
		options: options{
			{"c", false, "client connection string"}, {"s", false, "stats"}, {"w", false, "watch"},
		},
	},
	{
		name: "reconfig", run: reconfig,
		usage: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
		options: options{
			{"add", true, "comma-separated list of config strings for new servers"},
			{"file", true, "path of config file to parse for membership"},
			{"members", true, "comma-separated list of config strings for non-incremental reconfig"},
			{"remove", true, "comma-separated list of server IDs to remove"},
			{"s", false, "stats"},
			{"v", true, "required current config version"},
		},
	},
}

// Source: WhoAmICommand.exec.
func whoAmI(sh *shell, _ *arguments) error {
	res, err := sh.session.do(zk.WhoAmIOp())
	if err != nil {
		return err
	}
	sh.println("Auth scheme: User")
	for _, id := range res.IDs {
		sh.println(id.Scheme + ": " + id.ID)
	}
	return nil
}

// ephemerals lists in sorted order, where ZooKeeper's is that of a hash table. Source: GetEphemeralsCommand.exec.
func ephemerals(sh *shell, args *arguments) error {
	prefix := "/"
	if len(args.words) > 1 {
		prefix = args.words[1]
	}
	if err := checkPath(prefix); err != nil {
		return err
	}
	res, err := sh.session.do(zk.EphemeralsOp(prefix))
	if e := (*zk.Error)(nil); errors.As(err, &e) {
		e.Path = "" // ZooKeeper's client does not tell
	}
	if err != nil {
		return err
	}
	slices.SortFunc(res.Children, compareJava)
	sh.println("[" + strings.Join(res.Children, ", ") + "]")
	return nil
}

// Source: GetAllChildrenNumberCommand.exec.
func allChildrenNumber(sh *shell, args *arguments) error {
	if err := checkPath(args.words[1]); err != nil {
		return err
	}
	res, err := sh.session.do(zk.AllChildrenNumberOp(args.words[1]))
	if err != nil {
		return err
	}
	sh.println(strconv.Itoa(res.Count))
	return nil
}

// Source: GetConfigCommand.exec.
func showConfig(sh *shell, args *arguments) error {
	res, err := sh.session.watch(zk.GetConfigOp(), args.has("w"))
	if err != nil {
		return err
	}
	text := "null"
	if res.Data != nil {
		text = formatText(res.Data)
	}
	if args.has("c") {
		text = clientConfig(text, sh.complain)
	}
	sh.println(text)
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// clientConfig returns a configuration's version and its servers' addresses for clients, which makes a
// connect string; of a server without one there is only the comma. Source: ConfigUtils.getClientConfigStr.
func clientConfig(text string, complain func(string)) string {
	properties, err := ensemble.ParseProperties(text)
	if err != nil {
		complain(err.Error())
		return ""
	}
	values := map[string]string{}
	var keys []string
	for _, p := range properties {
		if _, again := values[p.Key]; !again {
			keys = append(keys, p.Key)
		}
		values[p.Key] = strings.TrimSpace(p.Value)
	}
	var clients []string
	for _, key := range javaOrder(keys) {
		if !strings.HasPrefix(key, "server.") {
			continue
		}
		m, err := ensemble.ParseServer("0", values[key])
		if err != nil {
			complain(err.Error())
			continue
		}
		client := ""
		if m.HasClientAddr {
			client = m.ClientAddr.Host + ":" + strconv.Itoa(m.ClientAddr.Port)
		}
		clients = append(clients, client)
	}
	return values["version"] + " " + strings.Join(clients, ",")
}

// javaOrder returns keys in the order in which java.util.Properties lists them.
func javaOrder(keys []string) []string {
	size := uint32(16)
	for uint32(len(keys)) >= size-size/4 {
		size *= 2
	}
	bucket := func(s string) uint32 {
		var h uint32
		for i := range len(s) {
			h = 31*h + uint32(s[i])
		}
		return (h ^ h>>16) & (size - 1)
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b string) int { return int(bucket(a)) - int(bucket(b)) })
	return keys
}

// Source: ReconfigCommand.
func reconfig(sh *shell, args *arguments) error {
	change, version, err := parseReconfig(args)
	if err != nil {
		return err
	}
	res, err := sh.session.do(zk.ReconfigOp(change, version))
	if err != nil {
		return err
	}
	sh.println("Committed new configuration:\n" + formatText(res.Data))
	if args.has("s") {
		sh.print(formatStat(res.Stat))
	}
	return nil
}

// parseReconfig leaves the lists of servers to the server, as Java's does. Source: ReconfigCommand.parse.
func parseReconfig(args *arguments) (change zk.Reconfiguration, version zk.Zxid, err error) {
	whole, step := args.has("file") || args.has("members"), args.has("add") || args.has("remove")
	if !whole && !step {
		return change, 0, findCommand("reconfig").misuse()
	}
	version = zk.AnyConfig
	if args.has("v") {
		v, err := strconv.ParseInt(args.flags["v"], 16, 64)
		if err != nil {
			return change, 0, fail("-v must be followed by a long (configuration version)")
		}
		version = zk.Zxid(v)
	}
	switch {
	case whole && step:
		return change, 0, fail("Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)")
	case args.has("file") && args.has("members"):
		return change, 0, fail("Can't use -file and -members together (conflicting non-incremental modes)")
	case args.has("file"):
		text, err := readMembership(args.flags["file"])
		if err != nil {
			return change, 0, fail("Error processing " + args.flags["file"] + ": " + err.Error())
		}
		change.Members = []string{text}
	}
	for flag, list := range map[string]*[]string{"add": &change.Joining, "remove": &change.Leaving, "members": &change.Members} {
		if args.has(flag) {
			*list = []string{strings.ToLower(args.flags[flag])}
		}
	}
	return change, version, nil
}

// readMembership reads a file with lines server.N=... and returns them in the form of a configuration.
func readMembership(file string) (string, error) {
	st, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	if st.Size() > maxConfiguration {
		return "", fmt.Errorf(": longer than %d bytes", maxConfiguration)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	e, err := ensemble.Parse(string(text))
	if err != nil {
		return "", err
	}
	return e.Text(), nil
}
