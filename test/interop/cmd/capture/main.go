package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// capture is one run of the command.
type capture struct {
	peers *peers.Installation
	root  string // the repository
	work  string // scratch
	only  string // the one case of part client, or directory of part versions, to capture; empty means all
}

// parts are the kinds of testdata, in the order in which they are captured.
var parts = []struct {
	name string
	run  func(*capture) error
}{
	{"client", captureClient},
	{"words", captureWords},
	{"programs", capturePrograms},
	{"files", captureFiles},
	{"versions", captureVersions},
	{"quorum", captureQuorum},
}

func main() {
	root := flag.String("root", "../..", "the repository whose testdata directories are written")
	only := flag.String("only", "", "comma-separated parts; empty means all")
	name := flag.String("case", "", "the one case of part client, or directory of part versions, to capture; empty means all")
	flag.Parse()
	if err := run(*root, *only, *name); err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

func run(root, only, name string) error {
	in, err := peers.Locate()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "paddock-capture-")
	if err != nil {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	defer os.RemoveAll(work)
	c := &capture{peers: in, root: root, work: work, only: name}
	for _, p := range parts {
		if only != "" && !slices.Contains(strings.Split(only, ","), p.name) {
			continue
		}
		fmt.Println("capturing", p.name)
		if err := p.run(c); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// path is a file of the repository.
func (c *capture) path(elem ...string) string {
	return filepath.Join(append([]string{c.root}, elem...)...)
}

// noteFile writes the NOTE beside captured data: what it is, of which version, by which command.
func (c *capture) noteFile(dir, only, what string) error {
	text := fmt.Sprintf("%s\n\nJava ZooKeeper %s. Captured in test/interop by\n\n    go run ./cmd/capture -only %s\n\n"+
		"The format of .frames files is described in test/interop/cmd/capture/doc.go.\n", what, c.peers.Version(), only)
	return golden.Save(c.path(dir, "NOTE"), []byte(text))
}
