package round

import (
	"os/exec"
	"slices"
	"testing"
)

// java is a name for a server; nothing starts it.
type java struct{}

func (java) String() string                              { return "java" }
func (java) Command(string, map[string]string) *exec.Cmd { panic("nothing is to be started") }

// TestParseMixes: letters say what each server is, and nothing else is taken.
func TestParseMixes(t *testing.T) {
	mixes, err := ParseMixes("jpp,pjpjJP")
	if err != nil || !slices.Equal(mixes, []Mix{"jpp", "pjpjJP"}) {
		t.Fatalf("got %v: %v", mixes, err)
	}
	m := mixes[1]
	others := m.others(java{})
	if m.voters() != 4 || m.observers() != 2 || len(others) != 3 || others[2] == nil || others[4] == nil || others[5] == nil {
		t.Errorf("%s has %d voters, %d observers, and Java servers %v", m, m.voters(), m.observers(), others)
	}
	for _, bad := range []string{"", "jpp,", "Pjp", "pPp", "PP", "jxp", "jpp ppj"} {
		if got, err := ParseMixes(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}
