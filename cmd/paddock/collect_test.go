package main

import "testing"

func TestGrowth(t *testing.T) {
	for _, tc := range []struct {
		alive uint64
		want  int
	}{
		{0, 6400}, // there is always something, and a percentage of nothing says nothing
		{1 << 20, 6400},
		{32 << 20, 200},
		{64 << 20, 100}, // the default
		{128 << 20, 50},
		{1 << 30, leastGrowth},
		{1 << 40, leastGrowth},
	} {
		if got := growth(tc.alive); got != tc.want {
			t.Errorf("%d bytes alive: %d%%, want %d%%", tc.alive, got, tc.want)
		}
	}
}
