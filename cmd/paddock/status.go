package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paddock-io/paddock/internal/ensemble"
)

func (a app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status { zoo.cfg | HOST:PORT... }",
		Short: "Say which part servers play: leader, follower, observer or standalone",
		Long: `Say which part servers play: leader, follower, observer or standalone.

With a configuration file, find the client port in it and print what zkServer.sh status prints. With addresses, print
one line for each. The exit code is 1 if one does not serve.`,
		Example: "  paddock status conf/zoo.cfg\n  paddock status zk1:2181 zk2:2181 zk3:2181",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, _, err := net.SplitHostPort(args[0]); err != nil && len(args) == 1 {
				return a.statusOfFile(cmd.Context(), args[0])
			}
			return a.statusOfServers(cmd.Context(), args)
		},
	}
}

// statusOfServers prints a line for each address.
func (a app) statusOfServers(ctx context.Context, addrs []string) error {
	width := 0
	for _, addr := range addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return &exitError{exitInvocation, fmt.Errorf("%s is not host:port", addr)}
		}
		width = max(width, len(addr))
	}
	var down bool
	for _, addr := range addrs {
		mode, err := askMode(ctx, addr)
		if err != nil {
			down = true
			fmt.Fprintf(a.err, "%-*s  %v\n", width, addr, err)
			continue
		}
		fmt.Fprintf(a.out, "%-*s  %s\n", width, addr, strings.TrimPrefix(mode, "Mode: "))
	}
	if down {
		return exit(exitFailed)
	}
	return nil
}

// askMode returns the line "Mode: leader" of a server's srvr.
func askMode(ctx context.Context, addr string) (string, error) {
	answer, err := ask(ctx, addr, "srvr")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(answer)) {
		if strings.HasPrefix(line, "Mode: ") {
			return strings.TrimSpace(line), nil
		}
	}
	if text := strings.TrimSpace(string(answer)); text != "" {
		return "", fmt.Errorf("%s", text) // not serving, in the server's own words
	}
	return "", fmt.Errorf("%s gave no answer to srvr", addr)
}

// statusOfFile is zkServer.sh status: where the texts of ZooKeeper's script go to the standard output, they do here.
func (a app) statusOfFile(ctx context.Context, path string) error {
	port, err := a.findClientPort(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Client port found: %s. Client address: %s. Client SSL: %t.\n", port.port, port.host, port.tls)
	if port.tls {
		fmt.Fprintln(a.err, "This version of Paddock does not ask over TLS.")
	} else {
		mode, err := askMode(ctx, net.JoinHostPort(port.host, port.port))
		if err == nil {
			fmt.Fprintln(a.out, mode)
			return nil
		}
		fmt.Fprintln(a.err, err)
	}
	fmt.Fprintln(a.out, "Error contacting service. It is probably not running.")
	return exit(exitFailed)
}

// clientPort is where a server takes clients.
type clientPort struct {
	host, port string
	tls        bool
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// findClientPort looks where zkServer.sh looks, in its order. The file need not be a valid configuration.
func (a app) findClientPort(path string) (clientPort, error) {
	static, err := readSettings(path)
	if err != nil {
		fmt.Fprintln(a.err, err)
	}
	host := static["clientPortAddress"]
	if host == "" {
		host = "localhost"
	}
	if digits.MatchString(static["clientPort"]) {
		return clientPort{host: host, port: static["clientPort"]}, nil
	}
	if found, ok := a.memberPort(static, host); ok {
		return found, nil
	}
	fmt.Fprintln(a.out, "Client port not found. Looking for secureClientPort in the static config.")
	if port := static["secureClientPort"]; port != "" {
		host := static["secureClientPortAddress"]
		if host == "" {
			host = "localhost"
		}
		return clientPort{host, port, true}, nil
	}
	fmt.Fprintln(a.out, "Unable to find either secure or unsecure client port in any configs. Terminating.")
	return clientPort{}, exit(exitFailed)
}

// memberPort looks for the client address behind the semicolon of this server's own server line.
func (a app) memberPort(static map[string]string, host string) (clientPort, bool) {
	id, _ := os.ReadFile(filepath.Join(static["dataDir"], "myid"))
	key := "server." + strings.TrimSpace(string(id))
	if !digits.MatchString(key[len("server."):]) {
		fmt.Fprintln(a.out, "myid could not be determined, will not able to locate clientPort in the server configs.")
		return clientPort{}, false
	}
	addr, found := clientAddress(static[key])
	if !found {
		fmt.Fprintln(a.out, "Client port not found in static config file. Looking in dynamic config file.")
		dynamic, err := readSettings(static["dynamicConfigFile"])
		if err != nil && static["dynamicConfigFile"] != "" {
			fmt.Fprintln(a.err, err)
		}
		addr, found = clientAddress(dynamic[key])
	}
	if !found {
		fmt.Fprintln(a.out, "Client port not found in the server configs")
		return clientPort{}, false
	}
	if h, port, err := net.SplitHostPort(addr); err == nil {
		return clientPort{host: h, port: port}, true
	}
	return clientPort{host: host, port: addr}, true
}

// clientAddress cuts [host:]port off a server line such as h:2888:3888:participant;[::1]:2181.
func clientAddress(serverLine string) (addr string, ok bool) {
	i := strings.LastIndexByte(serverLine, ';')
	if i < 0 {
		return "", false
	}
	addr = strings.TrimSpace(serverLine[i+1:])
	return addr, addr != ""
}

// readSettings reads a properties file as far as it can be read; the last of equal keys counts.
func readSettings(path string) (map[string]string, error) {
	settings := map[string]string{}
	text, err := os.ReadFile(path)
	if err != nil {
		return settings, err
	}
	props, _ := ensemble.ParseProperties(string(text)) // zkServer.sh start is the place to complain of bad lines
	for _, p := range props {
		settings[strings.TrimSpace(p.Key)] = strings.TrimSpace(p.Value)
	}
	return settings, nil
}
