package interop

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// TestDoctor examines servers of both kinds while they run. That znodes with a time to live are allowed is said on the
// command line of Java's process only, where the doctor has to find it.
func TestDoctor(t *testing.T) {
	paddock := peers.RequirePaddock(t)
	for _, software := range []peers.Software{peers.RequireJava(t, "3.8.4"), paddock} {
		s := peers.StartServer(t, software, peers.Config{Properties: golden.Properties})
		fill(t, s, "", golden.FillFirst)
		s.Kill()
		startAgain(t, s)
		defines, program := []string{}, "Java, version 3.8.4, standalone, process "
		if software == peers.Software(paddock) {
			defines, program = []string{"-D", "zookeeper.extendedTypesEnabled=true"}, "Paddock, version 3.9.5-"
		}
		args := append([]string{"doctor", filepath.Join(s.Home, "zoo.cfg")}, defines...)
		out, err := exec.Command(paddock.Binary, args...).Output()
		text := strings.Join(strings.Fields(string(out)), " ")
		if err != nil || !strings.Contains(text, program) || !strings.Contains(text, "2 with a time to live") && !strings.Contains(text, "snapshot.0") {
			t.Errorf("of %v: %v\n%s", s, err, out)
		}
		if st, err := s.Status(t.Context()); err != nil || st.Mode != "standalone" {
			t.Errorf("%v afterwards: %+v, %v", s, st, err)
		}
		s.Kill()
		out, err = exec.Command(paddock.Binary, args[:2]...).Output()
		want := software != peers.Software(paddock) // Paddock took no snapshot, and what lies behind the last is only counted
		if failed := new(exec.ExitError); errors.As(err, &failed) != want || want && failed.ExitCode() != 1 || !strings.Contains(string(out), "nothing, as far as this user can see") {
			t.Errorf("of %v when it is dead, without its flags: %v\n%s", s, err, out)
		}
	}
}
