package doctor

import (
	"fmt"
	"io"
	"strings"
)

// width is where lines of many names are broken.
const width = 100

// WriteText prints the report for people.
func (r *Report) WriteText(w io.Writer) error {
	p := &printer{}
	p.line("%s: %s", r.File, r.Server)
	p.findings("Must change first", r.Must)
	p.findings("Worth a look", r.Should)
	r.printSettings(p)
	r.printRunning(p)
	r.printData(p)
	r.printMembers(p)
	r.printBack(p)
	p.line("")
	switch n := len(r.Must); n {
	case 0:
		p.line("Nothing must change.")
	case 1:
		p.line("One thing must change first.")
	default:
		p.line("%d things must change first.", n)
	}
	_, err := io.WriteString(w, p.b.String())
	return err
}

// printer collects the text.
type printer struct{ b strings.Builder }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.b, format+"\n", args...) }

func (p *printer) title(s string) { p.line("\n%s", s) }

func (p *printer) findings(title string, list []Finding) {
	if len(list) == 0 {
		return
	}
	p.title(title)
	for _, f := range list {
		what := f.What
		if f.Where != "" {
			what = f.Where + ": " + what
		}
		p.wrapped("  ", what)
		if f.Do != "" {
			p.wrapped("    -> ", f.Do)
		}
	}
}

// wrapped prints words, the first line behind lead, the others indented by as much.
func (p *printer) wrapped(lead, text string) {
	indent := strings.Repeat(" ", len(lead))
	line := lead
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > width {
			p.line("%s", line)
			line = indent
		} else if i > 0 {
			line += " "
		}
		line += word
	}
	p.line("%s", line)
}

func (r *Report) printSettings(p *printer) {
	s := &r.Settings
	groups := func(title string, list []Group) {
		if len(list) > 0 {
			p.title(title)
		}
		for _, g := range list {
			p.wrapped("  ", g.What+": "+strings.Join(g.Names, ", "))
		}
	}
	groups("Missing: Paddock does not serve it yet", s.Missing)
	groups("Without effect in Paddock, and no loss", s.Moot)
	if len(s.Unknown) > 0 {
		p.title("Unknown to ZooKeeper, too")
		p.wrapped("  ", assignments(s.Unknown))
	}
	if len(s.Carried) > 0 {
		p.title("Carries over")
		p.wrapped("  ", assignments(s.Carried))
	}
	if len(s.Sources) > 0 {
		p.wrapped("  ", "-D flags are those of: "+strings.Join(s.Sources, ", "))
	}
}

func assignments(list []Setting) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = s.Name
		if s.Value != "" {
			texts[i] += "=" + s.Value
		}
	}
	return strings.Join(texts, " ")
}

func (r *Report) printRunning(p *printer) {
	p.title("Running now")
	if r.Running == nil {
		p.line("  nothing, as far as this user can see")
		return
	}
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("%s", r.Running.Program)
	add("version %s", r.Running.Version)
	add("%s", r.Running.Mode)
	if r.Running.PID > 0 {
		parts = append(parts, fmt.Sprintf("process %d", r.Running.PID))
	}
	add("answers at %s", r.Running.Address)
	p.wrapped("  ", strings.Join(parts, ", "))
	p.line("    -> stop it before another program opens the directory")
}

func (r *Report) printData(p *printer) {
	d := &r.Data
	if d.Dir == "" {
		return
	}
	p.title("Data")
	row := func(name, format string, args ...any) {
		p.wrapped(fmt.Sprintf("  %-10s ", name), fmt.Sprintf(format, args...))
	}
	row("directory", "%s", d.Dir)
	if d.LogDir != d.Dir {
		row("logs", "%s", d.LogDir)
	}
	if d.Empty {
		row("files", "none")
		return
	}
	if d.Snapshot != "" {
		row("snapshot", "%s, %s, the newest of %d that reads; of %s", d.Snapshot, size(d.SnapshotBytes), d.Snapshots, d.Writer)
		row("holds", "%d znodes with %s of data, the largest %s; %d ephemerals, %d containers, %d with a time to live; %d sessions, %d ACLs",
			d.Znodes, size(d.DataBytes), size(int64(d.LargestBytes)), d.Ephemerals, d.Containers, d.TTLs, d.Sessions, d.ACLs)
	}
	if d.LastZxid != "" {
		row("logs", "%d, %s on disk; %d transactions behind the snapshot, the last %s", d.Logs, size(d.LogBytes), d.Behind, d.LastZxid)
	}
	if !r.Standalone {
		row("epochs", "accepted %d, current %d", d.AcceptedEpoch, d.CurrentEpoch)
	}
	if d.Snapshot != "" {
		row("memory", "about %s for the tree in Paddock", size(d.MemoryBytes))
	}
}

func (r *Report) printMembers(p *printer) {
	if len(r.Members) == 0 {
		return
	}
	p.title("Ensemble")
	for _, m := range r.Members {
		more := ""
		if len(m.Addresses) > 0 && (len(m.Addresses) > 1 || m.Addresses[0] != m.Host) {
			more = " = " + strings.Join(m.Addresses, ", ")
		}
		if m.Self {
			more += ", this server"
		}
		p.line("  server.%d %s %s%s", m.ID, m.Role, m.Host, more)
	}
}

// printBack is for the way from Paddock to ZooKeeper.
func (r *Report) printBack(p *printer) {
	if !r.Data.Paddock {
		return
	}
	p.title("Going back to ZooKeeper")
	p.wrapped("  ", fmt.Sprintf("Paddock has used this directory. ZooKeeper 3.5 and later opens it as it is, and passes over the %d files that only Paddock has (.paddock.*, index.*, damaged.*).",
		r.Data.PaddocksFiles))
	if strings.HasSuffix(r.Data.Snapshot, ".gz") || strings.HasSuffix(r.Data.Snapshot, ".snappy") {
		p.wrapped("  ", "Compressed snapshots are read by ZooKeeper 3.6 and later.")
	}
}

// size writes bytes for people.
func size(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return fmt.Sprintf("%.1f KiB", float64(n)/unit)
	case n < unit*unit*unit:
		return fmt.Sprintf("%.1f MiB", float64(n)/(unit*unit))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(unit*unit*unit))
}
