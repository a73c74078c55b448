package tree

import "testing"

func TestFreshDigest(t *testing.T) {
	if got := New().Digest(); got != 1371985504 {
		t.Errorf("digest of a fresh tree is %d, want 1371985504", got)
	}
}
