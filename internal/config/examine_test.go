package config

import (
	"fmt"
	"slices"
	"testing"
)

// TestExamine looks at a configuration with which no server starts.
func TestExamine(t *testing.T) {
	w := newWorld(t)
	path := w.write("zoo.cfg", base+"sslQuorum=true\nadmin.serverPort=9\nnio.numSelectorThreads=4\nnovel=1\nssl.keyStore.password=geheim\nmaxSessionTimeout=soon\n")
	x := Examine(path, map[string]string{
		"zookeeper.DigestAuthenticationProvider.superDigest": "super:geheim", "java.awt.headless": "true", "zookeeper.audit.enable": "no",
	})
	if x.Config == nil || x.Config.DataDir != w.dir+"/data" {
		t.Errorf("config %v", x.Config)
	}
	var got []string
	for _, s := range x.Settings {
		got = append(got, fmt.Sprintf("%d %s=%s status %d known %t inert %t", s.Line, s.Name, s.Value, s.Key.Status, s.Known, s.Inert))
	}
	want := []string{
		"5 sslQuorum=true status 3 known true inert false",
		"6 admin.serverPort=9 status 2 known true inert false",
		"7 nio.numSelectorThreads=4 status 1 known true inert false",
		"8 novel=1 status 0 known false inert false",
		"9 ssl.keyStore.password= status 2 known true inert false",
		"10 maxSessionTimeout=soon status 0 known true inert false",
		"0 DigestAuthenticationProvider.superDigest= status 0 known true inert false",
		"0 audit.enable=no status 2 known true inert true",
	}
	if got = slices.DeleteFunc(got, func(s string) bool { return s[1] == ' ' && s[0] > '0' && s[0] < '5' }); !slices.Equal(got, want) {
		t.Errorf("settings\n%q\nwant\n%q", got, want)
	}
	if len(x.Problems) != 2 {
		t.Errorf("problems %v", x.Problems)
	}
	var unserved []string
	for _, warning := range x.Warnings {
		if warning.Unserved != "" {
			unserved = append(unserved, warning.Unserved)
		}
	}
	if !slices.Equal(unserved, []string{"the admin server", "TLS"}) {
		t.Errorf("not served: %q", unserved)
	}
	if x := Examine(w.dir+"/none", nil); x.Config == nil || len(x.Problems) != 1 {
		t.Errorf("of a missing file: %+v", x)
	}
}
