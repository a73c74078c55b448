package balance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
)

const (
	defaultPort = 2181
	maxServers  = 1024
	maxFile     = 1 << 20 // bytes of a list or a zoo.cfg
)

// ParseList reads servers, host:port or host, separated by commas and blanks; a
// # begins a comment.
func ParseList(text string) (list []string, err error) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r <= ' ' }) {
			addr, err := hostPort(word)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(list, addr) {
				list = append(list, addr)
			}
			if len(list) > maxServers {
				return nil, fmt.Errorf("more than %d servers", maxServers)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no server is named")
	}
	return list, nil
}

func hostPort(word string) (string, error) {
	host, port := word, strconv.Itoa(defaultPort)
	switch {
	case strings.HasPrefix(word, "[") && strings.HasSuffix(word, "]"):
		host = word[1 : len(word)-1]
	case strings.Contains(word, ":"):
		var err error
		if host, port, err = net.SplitHostPort(word); err != nil {
			return "", fmt.Errorf("server %q: %w (IPv6 addresses need brackets)", word, err)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" {
		return "", fmt.Errorf("server %q has not the form host:port", word)
	}
	return net.JoinHostPort(host, port), nil
}

// ReadList reads a file that ParseList understands.
func ReadList(path string) ([]string, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	list, err := ParseList(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return string(b), nil
}

// ReadZooCfg returns where the servers of a zoo.cfg, or of its dynamic
// configuration file, take clients: the client address of each server line, and
// where there is none the host of its peers with the clientPort of the file.
func ReadZooCfg(path string) ([]string, error) {
	props, err := readProperties(path)
	if err != nil {
		return nil, err
	}
	last := map[string]string{}
	for _, p := range props {
		last[strings.TrimSpace(p.Key)] = strings.TrimSpace(p.Value)
	}
	if dynamic := last["dynamicConfigFile"]; dynamic != "" {
		if !filepath.IsAbs(dynamic) {
			dynamic = filepath.Join(filepath.Dir(path), dynamic) // unlike a server, which takes its own directory
		}
		if props, err = readProperties(dynamic); err != nil {
			return nil, err
		}
	}
	props = slices.DeleteFunc(props, func(p ensemble.Property) bool { return !ensemble.IsMembershipKey(p.Key) })
	e, problems := ensemble.FromProperties(props)
	if len(problems) > 0 {
		return nil, fmt.Errorf("%s: %w", path, problems[0])
	}
	var list []string
	for _, m := range e.Members {
		addr, err := clientAddress(m, last["clientPort"])
		if err != nil {
			return nil, fmt.Errorf("%s: server.%d: %w", path, m.ID, err)
		}
		list = append(list, addr)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no server lines", path)
	}
	return ParseList(strings.Join(list, ","))
}

func readProperties(path string) ([]ensemble.Property, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	props, err := ensemble.ParseProperties(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return props, nil
}

func clientAddress(m ensemble.Member, clientPort string) (string, error) {
	addr := ensemble.Addr{Host: m.QuorumAddrs[0].Host}
	switch {
	case m.HasClientAddr:
		addr.Port = m.ClientAddr.Port
		if !m.ClientAddr.Wildcard() {
			addr.Host = m.ClientAddr.Host
		}
	case clientPort == "":
		return "", errors.New("no client port, neither in the line nor as clientPort")
	default:
		n, err := strconv.ParseUint(clientPort, 10, 16)
		if err != nil {
			return "", fmt.Errorf("clientPort %q is not a port", clientPort)
		}
		addr.Port = int(n)
	}
	return addr.String(), nil
}
