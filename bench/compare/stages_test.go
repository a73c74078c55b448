package main

import (
	"errors"
	"flag"
	"strings"
	"testing"
)

func TestSelected(t *testing.T) {
	for _, tc := range []struct {
		only, name string
		want       bool
	}{
		{"", "F1", true}, {"F1", "F1", true}, {"F1", "F11-empty", false}, {"F11", "F11-empty", true}, {"F11-empty", "F11-loaded", false},
		{"F2,F16", "F16-sync", true}, {"F15", "F9", true}, {"F2,F3", "F1", false},
	} {
		if got := selected(tc.only, tc.name); got != tc.want {
			t.Errorf("selected(%q, %q) = %v", tc.only, tc.name, got)
		}
	}
}

func TestWanted(t *testing.T) {
	for only, want := range map[string]string{
		"": "empty warm snapshots loaded", "F4": "warm", "F13,F8": "empty loaded", theSix: "warm loaded", "F11": "warm loaded", "F15": "empty",
	} {
		var got []string
		for _, st := range stages {
			if st.wanted(only) {
				got = append(got, st.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q wants stages %v, want %s", only, got, want)
		}
	}
}

func TestCheckOnly(t *testing.T) {
	for _, only := range []string{"", theSix, "F15,F16", "F16-sync"} {
		if err := checkOnly(only); err != nil {
			t.Errorf("%q: %v", only, err)
		}
	}
	for _, only := range []string{"F20", "F1,", "f1", "F1,F99"} {
		if err := checkOnly(only); err == nil {
			t.Errorf("%q: accepted", only)
		}
	}
}

// TestEveryFigureHasAWorkAndARow: F1 to F19 are all there.
func TestEveryFigureHasAWorkAndARow(t *testing.T) {
	shown := map[string]bool{}
	for _, w := range rows {
		shown[w.id] = true
	}
	for _, id := range strings.Fields("F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13 F14 F15 F16 F17 F18 F19") {
		if err := checkOnly(id); err != nil {
			t.Error(err)
		}
		if !shown[id] {
			t.Errorf("%s has no row", id)
		}
	}
}

// TestFlags: a flag that would do nothing is refused.
func TestFlags(t *testing.T) {
	for line, ok := range map[string]bool{
		"":                                true,
		"-only F1 -rounds 1 -alone":       true,
		"-quick":                          true,
		"-quick -alone -paddock x":        true,
		"-quick -etcd=false":              true,
		"-growth -znodes 1000 -seconds 2": true,
		"-quick -rounds 2":                false,
		"-quick -only F1":                 false,
		"-quick -growth":                  false,
		"-growth -only F1":                false,
		"-growth -rounds 3":               false,
		"-growth -alone":                  false,
		"-alone -etcd":                    false,
		"-alone -heap 4g":                 false,
		"-rounds":                         false,
		"-rounds 0":                       false,
		"-seconds 0":                      false,
		"-heap foo":                       false,
		"F1":                              false,
	} {
		_, err := parseFlags(strings.Fields(line))
		if (err == nil) != ok || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
