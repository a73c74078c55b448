package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// snapComparer tells in what two snapshots differ. Java: SnapshotComparer.
type snapComparer struct {
	out                io.Writer
	bytes, nodes       int64 // differences that are larger are told
	debug, interactive bool
}

func (a app) snapCompareCommand() *cobra.Command {
	c := &snapComparer{out: a.out}
	var left, right string
	cmd := &cobra.Command{
		Use:     "compare -l LEFT -r RIGHT -b BYTES -n NODES",
		Short:   "Compare the sizes of two snapshots' trees, as zkSnapshotComparer.sh does",
		Example: "  paddock snap compare -l snapshot.100000000 -r snapshot.200000000 -b 1024 -n 10",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.interactive {
				return &exitError{exitInvocation, errors.New("there is no interactive mode here: leave -i out, and all depths are compared")}
			}
			if err := c.run(left, right); err != nil {
				return failed(err)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&left, "left", "l", "", "the left snapshot file")
	f.StringVarP(&right, "right", "r", "", "the right snapshot file")
	f.Int64VarP(&c.bytes, "bytes", "b", 0, "tell of znodes whose sizes, with what is below them, differ by more bytes")
	f.Int64VarP(&c.nodes, "nodes", "n", 0, "tell of znodes whose descendants differ by more in number")
	f.BoolVarP(&c.debug, "debug", "d", false, "tell what is compared and left out")
	f.BoolVarP(&c.interactive, "interactive", "i", false, "ZooKeeper's interactive mode, which is refused")
	for _, name := range []string{"left", "right", "bytes", "nodes"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (c *snapComparer) run(left, right string) error {
	fmt.Fprintln(c.out, "Successfully parsed options!")
	var depths [2][][]*snapNode
	var texts [2]string
	for i, file := range []string{left, right} {
		begun := time.Now()
		t, err := readSnapTree(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "Deserialized snapshot in %s in %f seconds\n", filepath.Base(file), time.Since(begun).Seconds())
		depths[i] = byDepth(t.nodes[""])
		texts[i] = fmt.Sprintf("Node count: %d\nTotal size: %d\nMax depth: %d\n", len(t.nodes), t.nodes[""].bytes, len(depths[i]))
		for d, nodes := range depths[i] {
			texts[i] += fmt.Sprintf("Count of nodes at depth %d: %d\n", d, len(nodes))
		}
	}
	fmt.Fprintf(c.out, "%s\n%s\nPrinting analysis for nodes difference larger than %d bytes or node count difference larger than %d.\n",
		texts[0], texts[1], c.bytes, c.nodes)
	for d := range max(len(depths[0]), len(depths[1])) {
		fmt.Fprintf(c.out, "Analysis for depth %d\n", d)
		c.line(at(depths[0], d), at(depths[1], d))
	}
	fmt.Fprintln(c.out, "All layers compared.")
	return nil
}

func at(depths [][]*snapNode, d int) []*snapNode {
	if d >= len(depths) {
		return nil
	}
	return depths[d]
}

// byDepth are a tree's znodes by their distance from the root, sorted by path.
func byDepth(root *snapNode) (depths [][]*snapNode) {
	for level := []*snapNode{root}; len(level) > 0; {
		depths = append(depths, level)
		var below []*snapNode
		for _, n := range level {
			below = append(below, n.children...)
		}
		slices.SortFunc(below, func(a, b *snapNode) int { return strings.Compare(a.path, b.path) })
		level = below
	}
	return depths
}

// line compares the znodes of one depth.
func (c *snapComparer) line(left, right []*snapNode) {
	for len(left) > 0 || len(right) > 0 {
		order := 0
		if len(left) > 0 && len(right) > 0 {
			order = strings.Compare(left[0].path, right[0].path)
			if c.debug {
				fmt.Fprintf(c.out, "Comparing %s to %s\n%s\n", left[0].path, right[0].path, [...]string{"left is less", "same", "right is less"}[order+1])
			}
		}
		switch {
		case len(right) == 0 || order < 0:
			c.only(left[0], "left")
			left = left[1:]
		case len(left) == 0 || order > 0:
			c.only(right[0], "right")
			right = right[1:]
		default:
			c.both(left[0], right[0])
			left, right = left[1:], right[1:]
		}
	}
}

func (c *snapComparer) only(n *snapNode, side string) {
	switch {
	case n.bytes > c.bytes || n.count > c.nodes:
		fmt.Fprintf(c.out, "Node %s found only in %s tree. Descendant size: %d. Descendant count: %d\n", n.path, side, n.bytes, n.count)
	case c.debug:
		fmt.Fprintf(c.out, "Filtered %s node %s of size %d\n", side, n.path, n.bytes)
	}
}

func (c *snapComparer) both(l, r *snapNode) {
	size, count := r.bytes-l.bytes, r.count-l.count
	switch {
	case max(size, -size) > c.bytes || max(count, -count) > c.nodes:
		fmt.Fprintf(c.out, "Node %s found in both trees. Delta: %d bytes, %d descendants\n", l.path, size, count)
	case c.debug:
		fmt.Fprintf(c.out, "Filtered node %s of left size %d, right size %d\n", l.path, l.bytes, r.bytes)
	}
}
