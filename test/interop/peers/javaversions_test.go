package peers

import (
	"strings"
	"testing"
)

// TestJavaVersions starts every Java server that install.sh brings, and asks which it is.
func TestJavaVersions(t *testing.T) {
	in := Require(t)
	for _, version := range in.Versions() {
		t.Run(version, func(t *testing.T) {
			java := RequireJava(t, version)
			s := StartServer(t, java, Config{})
			st, err := s.Status(t.Context())
			if err != nil || !strings.HasPrefix(st.Version, version+"-") || st.Mode != "standalone" {
				t.Errorf("%v: status %+v, %v", java, st, err)
			}
		})
	}
	if got := (Java{in}).String(); got != "java" {
		t.Errorf("the newest is called %q, want java", got)
	}
	if got := RequireJava(t, "3.6.4").String(); got != "java-3.6.4" {
		t.Errorf("3.6.4 is called %q", got)
	}
	if _, err := in.At("3.3.0"); err == nil || !strings.Contains(err.Error(), "install.sh") {
		t.Errorf("a version that is not there: %v", err)
	}
}
