package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestMainRefusesNonsense(t *testing.T) {
	for name, args := range map[string][]string{
		"share":    {"-reads", "1.5", "-servers", "127.0.0.1:1"},
		"write":    {"-write", "eat", "-servers", "127.0.0.1:1"},
		"argument": {"fast"},
		"flag":     {"-nope"},
		"sessions": {"-sessions", "-1", "-servers", "127.0.0.1:1"},
		"root":     {"-root", "x", "-servers", "127.0.0.1:1"},
	} {
		var out, errOut bytes.Buffer
		if code := Main(context.Background(), args, &out, &errOut); code == 0 {
			t.Errorf("%s: accepted", name)
		}
		if errOut.Len() == 0 {
			t.Errorf("%s: no message", name)
		}
	}
}

func TestReportForms(t *testing.T) {
	r := Report{Sessions: 2, Outstanding: 3, Write: "set", Seconds: 1, PerSecond: 10, All: Latency{Count: 10}, WriteLatency: &Latency{Count: 10}}
	var text, js bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "2 sessions x 3 outstanding") {
		t.Errorf("%v\n%s", err, &text)
	}
	var back Report
	if err := r.WriteJSON(&js); err != nil || json.Unmarshal(js.Bytes(), &back) != nil || back.PerSecond != 10 {
		t.Errorf("%v\n%s", err, &js)
	}
}
