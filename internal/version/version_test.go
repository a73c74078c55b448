package version

import (
	"regexp"
	"strings"
	"testing"
)

func TestTexts(t *testing.T) {
	i := parse("0123456789abcdef0123456789abcdef01234567", "2026-02-11T09:15:30+01:00", true)
	for _, tc := range []struct{ name, got, want string }{
		{"banner", i.Banner(), "3.9.5-0123456789ab-paddock-" + Number + ", built on 2026-02-11 08:15 UTC"},
		{"compat", i.Compat(), "Apache ZooKeeper, version 3.9.5 2026-02-11 08:15 UTC"},
		{"own", i.String(), "paddock " + Number + ", commit 0123456789ab with changes, built on 2026-02-11 08:15 UTC, compatible with ZooKeeper 3.9.5"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, tc.got, tc.want)
		}
	}
}

// An unstamped binary has a banner that monitoring still takes apart.
func TestUnstamped(t *testing.T) {
	got := "Zookeeper version: " + parse("", "", false).Banner()
	for _, pattern := range []string{
		`^Zookeeper version: (\d+)\.(\d+)\.(\d+)-`,                                          // zktop
		`^Zookeeper version: ([A-Za-z0-9\.\-]+), built on (\d{4}-\d\d-\d\d \d\d:\d\d UTC)$`, // go-zookeeper, date as since 3.7
	} {
		if !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%q does not match %s", got, pattern)
		}
	}
	if !strings.Contains(got, "-devel-") {
		t.Errorf("%q names a commit", got)
	}
}
