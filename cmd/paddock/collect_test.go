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

// TestRest: memory is given back once a server that has used some is at rest, and not again and again.
func TestRest(t *testing.T) {
	var r rest
	allocated, given := uint64(0), ""
	for _, mib := range []uint64{1, 0, 8, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} {
		allocated += mib << 20
		if r.look(allocated) {
			given += "x"
		} else {
			given += "-"
		}
	}
	if want := "----x--------------x------------------"; given != want { // 30 seconds later, and of 2 MiB not
		t.Errorf("%s, want %s", given, want)
	}
}
