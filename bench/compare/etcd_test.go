package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEtcdSystem(t *testing.T) {
	s := etcdSystem("/x/etcd", "etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8\nGo OS/Arch: linux/amd64\n")
	if s.name != "etcd 3.6.16" || s.version != "built with go1.26.8" {
		t.Errorf("%q, %q", s.name, s.version)
	}
}

// TestEtcdHasItsWorksOnly: the longest ones once.
func TestEtcdHasItsWorksOnly(t *testing.T) {
	for round, want := range []string{
		"F13,warm up,F1,F2,F3,F4,F5,F17,F18-hot,F19,F11-empty,F6,F7,F8,F11-loaded",
		"F13,warm up,F1,F2,F3,F4,F5,F17,F18-hot,F19,F11-empty",
	} {
		var names []string
		for _, st := range stages {
			for _, w := range (system{etcd: true}).of(st, round).works {
				names = append(names, w.name)
			}
			if all := (system{}).of(st, round); len(all.works) != len(st.works) {
				t.Errorf("others lack works of stage %s", st.name)
			}
		}
		if got := strings.Join(names, ","); got != want {
			t.Errorf("round %d has %s, want %s", round, got, want)
		}
	}
}

func TestEtcdHasLessTime(t *testing.T) {
	o := options{seconds: 8, warmup: 30 * time.Second}
	if got := (system{etcd: true}).options(o); got.seconds != 4 || got.warmup != 3*time.Second {
		t.Errorf("%d s, %v", got.seconds, got.warmup)
	}
	if got := (system{}).options(o); got != o {
		t.Errorf("others: %+v", got)
	}
}

func TestEtcdConfig(t *testing.T) {
	e, err := newEnsemble(system{config: etcdConfig}, "", t.TempDir()+"/servers", "")
	if err != nil {
		t.Fatal(err)
	}
	if text := etcdConfig(e, e.servers[1], ""); strings.Contains(text, "snapshot") {
		t.Errorf("without snapCount:\n%s", text)
	}
	text := etcdConfig(e, e.servers[1], "snapCount=2000\n")
	for _, want := range []string{
		"name: '2'\n", "snapshot-count: 2000\n", "listen-client-urls: http://" + e.servers[1].client + "\n",
		"initial-cluster: 1=http://" + e.servers[0].peer + ",2=http://" + e.servers[1].peer + ",3=http://",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// TestEtcdAnswers: what the gateway says, and what it means.
func TestEtcdAnswers(t *testing.T) {
	status, code := "", http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(code)
		switch r.URL.Path {
		case "/v3/kv/range":
			io.WriteString(w, `{"header":{"revision":"1"}}`)
		case "/v3/maintenance/status":
			io.WriteString(w, status)
		}
	}))
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	for text, want := range map[string]string{
		`{"header":{"member_id":"7"},"leader":"7"}`: "leader", `{"header":{"member_id":"7"},"leader":"8"}`: "follower", "": "",
	} {
		if status = text; etcdMode(addr) != want {
			t.Errorf("%s is %q, want %q", text, etcdMode(addr), want)
		}
	}
	if err := etcdProbe(t.Context(), addr); err != nil {
		t.Error(err)
	}
	if code = http.StatusServiceUnavailable; etcdProbe(t.Context(), addr) == nil {
		t.Error("a server that does not serve: accepted")
	}
}

// TestTableWithEtcd: it is shown and not judged, and a goal is not left out of the
// count where it alone has a value.
func TestTableWithEtcd(t *testing.T) {
	r := newResults(3)
	for i, v := range []float64{100, 400, 50} {
		r.put(i, "F1 per second", v)
	}
	r.put(2, "F7 per second", 7)
	got := table(options{znodes: 1000}, []system{{name: "Java"}, {name: "Paddock"}, {name: "etcd"}}, r)
	for _, want := range []string{
		"| unit | Java | Paddock | etcd | ratio | goal | reached |\n|---|---|---|---|---|---|---|---|---|\n",
		"| per second | 100 | 400 | 50.0 | 4.00 x | >= 4 x | yes |\n", "| - | - | 7.00 | - | >= 8 x | not measured |\n", "1 of 2 goals reached.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing: %s in\n%s", want, got)
		}
	}
}
