// Package version says which program this is, in Paddock's words and in ZooKeeper's.
//
//	-ldflags -X (make dist) ─┐
//	                         ├─► Get() ─┬─► Banner   srvr, stat, envi, mntr
//	VCS stamp of go build ───┘          ├─► Compat   zkServer.sh version
//	                                    └─► String   paddock version
package version

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Compatible is the release of Apache ZooKeeper whose protocols, files and texts Paddock has.
const Compatible = "3.9.5"

// Number is Paddock's own version.
const Number = "0.1.0"

// Stamped by `make dist`; a plain go build leaves them to the VCS stamp of the binary.
var (
	stampedCommit string
	stampedTime   string // RFC 3339
)

// Info identifies a build.
type Info struct {
	Commit   string    // abbreviated; "devel" when unknown
	Modified bool      // built from a tree with changes that are not in Commit
	Built    time.Time // when Commit was made, which makes builds reproducible; 1970 when unknown
}

// Get returns what is known about this binary.
var Get = sync.OnceValue(func() Info {
	settings := map[string]string{}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			settings[s.Key] = s.Value
		}
	}
	return parse(cmp.Or(stampedCommit, settings["vcs.revision"]), cmp.Or(stampedTime, settings["vcs.time"]),
		settings["vcs.modified"] == "true")
})

// commitDigits are enough to find any commit and short enough for a banner.
const commitDigits = 12

func parse(commit, built string, modified bool) Info {
	info := Info{Commit: cmp.Or(commit, "devel"), Modified: modified, Built: time.Unix(0, 0).UTC()}
	info.Commit = info.Commit[:min(len(info.Commit), commitDigits)]
	if t, err := time.Parse(time.RFC3339, built); err == nil {
		info.Built = t.UTC()
	}
	return info
}

// Banner is what follows "Zookeeper version: " in answers to four-letter words. Monitoring splits it at the first
// dash and the comma, so Paddock's own version stands between the two.
// Java: Version.getFullVersion.
func (i Info) Banner() string {
	return fmt.Sprintf("%s-%s-paddock-%s, built on %s", Compatible, i.Commit, Number, i.date())
}

// Compat is what zkServer.sh version prints. Java: VersionInfoMain.
func (i Info) Compat() string {
	return fmt.Sprintf("Apache ZooKeeper, version %s %s", Compatible, i.date())
}

// String names Paddock first.
func (i Info) String() string {
	commit := i.Commit
	if i.Modified {
		commit += " with changes"
	}
	return fmt.Sprintf("paddock %s, commit %s, built on %s, compatible with ZooKeeper %s", Number, commit, i.date(), Compatible)
}

// date has the form of ZooKeeper since 3.7.
func (i Info) date() string { return i.Built.Format("2006-01-02 15:04") + " UTC" }
