package config

import (
	"slices"
	"testing"
)

// TestServerIDs: with extended types a session must not look like a time to live.
func TestServerIDs(t *testing.T) {
	const (
		tooLarge = "$/zoo.cfg:7: extendedTypesEnabled is true but Server ID is too large. Cannot be larger than 254"
		tooOld   = "$/zoo.cfg:8: emulate353TTLNodes is true but Server ID is too large. Cannot be larger than 127," +
			" or its ephemerals would be taken for znodes with a time to live"
	)
	for _, tc := range []struct {
		name, id, settings string
		want               []string
	}{
		{"off", "255", "", nil},
		{"false", "255", "extendedTypesEnabled=false\n", nil},
		{"largest", "254", "extendedTypesEnabled=true\n", nil},
		{"too large", "255", "extendedTypesEnabled=true\n", []string{tooLarge}},
		{"emulation, largest", "127", "extendedTypesEnabled=true\nemulate353TTLNodes=true\n", nil},
		{"emulation, too large", "128", "extendedTypesEnabled=true\nemulate353TTLNodes=true\n", []string{tooOld}},
		{"emulation, far too large", "255", "extendedTypesEnabled=true\nemulate353TTLNodes=true\n", []string{tooLarge}},
	} {
		w := newWorld(t)
		w.write("data/myid", tc.id+"\n")
		servers := "server.1=127.0.0.1:2881:3881\nserver." + tc.id + "=127.0.0.1:2882:3882\n"
		if _, _, problems := w.load(base+servers+tc.settings, nil); !slices.Equal(problems, tc.want) {
			t.Errorf("%s: problems %q, want %q", tc.name, problems, tc.want)
		}
	}
	// Alone, a server's sessions are those of server 1.
	w := newWorld(t)
	w.write("data/myid", "255\n")
	if _, _, problems := w.load(base+"extendedTypesEnabled=true\n", nil); problems != nil {
		t.Errorf("standalone: %q", problems)
	}
}

func TestZnodeTypes(t *testing.T) {
	w := newWorld(t)
	cfg, warnings, problems := w.load(base+"emulate353TTLNodes=true\nznode.container.maxPerMinute=5\n", map[string]string{
		"zookeeper.znode.container.maxPerMinute": "6", "znode.container.checkIntervalMs": "0", "znode.container.maxNeverUsedIntervalMs": "-1",
	})
	if problems != nil || len(warnings) < 3 {
		t.Fatalf("problems %q, warnings %q", problems, warnings)
	}
	if cfg.Emulate353TTL || cfg.ContainerMaxPerMinute != 10000 || cfg.ContainerCheckInterval.Milliseconds() != 1 || cfg.ContainerMaxNeverUsed != 0 {
		t.Errorf("%v %d %v %v", cfg.Emulate353TTL, cfg.ContainerMaxPerMinute, cfg.ContainerCheckInterval, cfg.ContainerMaxNeverUsed)
	}
}
