package peers

import (
	"context"
	"strings"
	"testing"
)

func TestVersionLess(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"zookeeper-3.9.5", "zookeeper-3.9.10", true},
		{"zookeeper-3.9.10", "zookeeper-3.9.5", false},
		{"zookeeper-3.9", "zookeeper-3.9.1", true},
		{"zookeeper-3.9.5", "zookeeper-3.9.5", false},
	} {
		if got := versionLess(tc.a, tc.b); got != tc.want {
			t.Errorf("versionLess(%q, %q) = %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	text := "Zookeeper version: 3.9.5-abc, built on today\nLatency min/avg/max: 0/0.0/0\nZxid: 0x100000002\nMode: leader\nNode count: 5\n"
	got, err := parseStatus(text)
	want := Status{Version: "3.9.5-abc", Mode: "leader", Zxid: 0x100000002, Nodes: 5}
	if err != nil || got != want {
		t.Errorf("parseStatus = %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseStatus("This ZooKeeper instance is not currently serving requests\n"); err == nil {
		t.Error("a server without quorum passed for serving")
	}
}

// TestJavaStandalone shows that the machinery itself works: start, ask, kill -9, start again, stop.
func TestJavaStandalone(t *testing.T) {
	s := StartJava(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), StartTimeout)
	defer cancel()
	st, err := s.Status(ctx)
	if err != nil || st.Mode != "standalone" || !strings.HasPrefix(st.Version, s.Software.(Java).Installation.Version()) {
		t.Fatalf("status %+v, %v", st, err)
	}
	s.Kill()
	if s.Alive() {
		t.Fatal("alive after SIGKILL")
	}
	if _, err := s.Status(ctx); err == nil {
		t.Fatal("a dead server answered")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AwaitServing(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestAwaitServingReportsTheEnd(t *testing.T) {
	in := Require(t)
	ports, err := FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(Java{in}, Config{Home: t.TempDir(), ClientPort: ports[0], Settings: map[string]string{"tickTime": "soon"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), StartTimeout)
	defer cancel()
	if _, err := s.AwaitServing(ctx); err == nil || !strings.Contains(err.Error(), "soon") {
		t.Fatalf("AwaitServing of a server that cannot start: %v", err)
	}
}
