package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/paddock-io/paddock/internal/config"
)

func TestDocumentIsUpToDate(t *testing.T) {
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	want, err := update(doc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(doc, want) {
		t.Errorf("%s is not what internal/config says; run: cd docs/gen && go run .", document)
	}
}

func TestNothingIsDescribedInVain(t *testing.T) {
	status := map[string]config.Status{}
	for _, k := range config.Keys() {
		status[k.Name] = k.Status
	}
	for name := range supported {
		if s, known := status[name]; !known || s != config.Supported {
			t.Errorf("supported.go describes %s, which internal/config does not use", name)
		}
	}
}
