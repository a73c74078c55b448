package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/storage/vfs"
)

// Options say what to look at. Only File must be set.
type Options struct {
	File    string            // the zoo.cfg
	Defines map[string]string // system properties that win over all others
	Getenv  func(string) string

	FS        vfs.FS                                                 // nil is the operating system's
	Proc      string                                                 // where the kernel shows processes; empty means /proc
	Resolve   func(context.Context, string) ([]netip.Addr, error)    // nil asks the resolver
	Addresses func() ([]netip.Addr, error)                           // of this machine; nil asks the kernel
	Ask       func(ctx context.Context, addr string) (string, error) // the answer to srvr; nil dials
}

func (o *Options) fill() {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	o.Proc = cmp.Or(o.Proc, "/proc")
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.Addresses == nil {
		o.Addresses = ownAddresses
	}
	if o.Ask == nil {
		o.Ask = askServer
	}
}

// Examine looks at everything. It returns a report of whatever it finds; only a ctx that ends cuts it short.
func Examine(ctx context.Context, o Options) *Report {
	o.fill()
	r := &Report{File: o.File, Must: []Finding{}, Should: []Finding{}}
	env := readEnvironment(o.File, o.Getenv)
	props := env.properties()
	first := config.Examine(o.File, merged(props, o.Defines)).Config // which directories, to find the process
	process := findServer(o.Proc, o.File, []string{versionDir(first.DataDir), versionDir(first.DataLogDir)})
	if process != nil && process.program == java {
		props = process.props // what it was started with, whatever the files would say now
		env.sources = []string{fmt.Sprintf("the command line of process %d", process.pid)}
	}
	x := config.Examine(o.File, merged(props, o.Defines))
	r.Settings = Settings{Carried: []Setting{}, Missing: []Group{}, Moot: []Group{}, Unknown: []Setting{}, Sources: env.sources}
	r.Should = append(r.Should, env.findings...)
	r.identify(x.Config)
	r.judgeSettings(x)
	r.findRunning(ctx, &o, x.Config, process)
	if x.Config.DataDir != "" {
		r.judgeData(&o, x.Config)
	}
	r.judgeMembers(ctx, &o, x.Config)
	return r
}

func versionDir(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "version-2")
}

func merged(all ...map[string]string) map[string]string {
	into := map[string]string{}
	for _, m := range all {
		maps.Copy(into, m)
	}
	return into
}

// identify says which server this is.
func (r *Report) identify(c *config.Config) {
	r.Standalone = c.Standalone
	voters := len(c.Ensemble.Voters())
	observers := len(c.Ensemble.Members) - voters
	switch {
	case c.Standalone:
		r.Server = "a server alone"
	case c.MyID < 0:
		r.Server = fmt.Sprintf("a server whose id is not known; voters: %d, observers: %d", voters, observers)
	default:
		r.Server = fmt.Sprintf("server %d; voters: %d, observers: %d", c.MyID, voters, observers)
	}
}

// judgeSettings sorts settings by what becomes of them.
func (r *Report) judgeSettings(x *config.Examination) {
	for _, p := range x.Problems {
		r.must(Finding{where(p.File, p.Line), p.Text, p.Fix})
	}
	for _, w := range x.Warnings {
		switch {
		case w.Unserved == "":
			r.should(Finding{Where: where(w.File, w.Line), What: w.Text})
		case !harmless[w.Unserved]:
			r.must(Finding{where(w.File, w.Line), "Paddock does not serve " + w.Unserved + " yet",
				"do without it, and remove the settings that are listed under \"Missing\" below, or leave this server to ZooKeeper"})
		}
	}
	missing, moot := map[string][]string{}, map[string][]string{}
	for _, s := range x.Settings {
		shown := Setting{s.Name, s.Value, s.Line}
		switch status := s.Key.Status; {
		case !s.Known:
			r.Settings.Unknown = append(r.Settings.Unknown, shown)
		case status == config.Supported:
			r.Settings.Carried = append(r.Settings.Carried, shown)
		case status == config.NoOp:
			why := cmp.Or(s.Key.Feature, "part of what is missing or switched off")
			moot[why] = append(moot[why], s.Name)
		case s.Inert:
			moot["switched off"] = append(moot["switched off"], s.Name)
		default:
			missing[s.Key.Feature] = append(missing[s.Key.Feature], s.Name)
		}
	}
	r.Settings.Missing, r.Settings.Moot = groups(missing), groups(moot)
}

// harmless are features without which clients and the other servers get what they had. Whoever watches over the
// servers may miss them.
var harmless = map[string]bool{
	"the admin server": true, "the metrics endpoint": true, "the audit log": true, "per-path statistics": true,
	"tuning of learner synchronisation": true, "a switch for ZooKeeper's own tests": true,
}

func groups(of map[string][]string) []Group {
	all := []Group{}
	for _, what := range slices.Sorted(maps.Keys(of)) {
		all = append(all, Group{what, of[what]})
	}
	return all
}

func where(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
