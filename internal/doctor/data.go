package doctor

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/storage"
	"github.com/paddock-io/paddock/proto"
)

// looks is how often a directory is looked at while what is found may be the moment's: a running server was writing.
const looks = 3

// judgeData looks at the files.
func (r *Report) judgeData(o *Options, c *config.Config) {
	in := storage.Inspect(storage.Options{FS: o.FS, DataDir: c.DataDir, LogDir: c.DataLogDir})
	for n := range looks {
		before := len(r.Must)
		shoulds := len(r.Should)
		r.Data = Data{Dir: versionDir(c.DataDir), LogDir: versionDir(c.DataLogDir)}
		if r.look(in, c); len(r.Must) == before || r.Running == nil || n == looks-1 {
			return
		}
		r.Must, r.Should = r.Must[:before], r.Should[:shoulds]
	}
}

// look is judgeData once.
func (r *Report) look(in *storage.Inspector, c *config.Config) {
	d := &r.Data
	dir, err := in.Dir()
	switch {
	case err != nil:
		r.must(Finding{d.Dir, "the files cannot be looked at: " + err.Error(), "run this, and Paddock, as the user to whom they belong"})
		return
	case len(dir.Missing) > 0:
		r.missingDirs(dir, c)
		return
	case dir.Swapped != nil:
		r.must(Finding{d.LogDir, dir.Swapped.Error(), "move the files, or correct dataDir and dataLogDir"})
	}
	d.Snapshots, d.Logs = len(dir.Snapshots), len(dir.Logs)
	for _, f := range dir.Logs {
		d.LogBytes += f.Size
	}
	d.PaddocksFiles = len(dir.Paddocks)
	d.Paddock = d.PaddocksFiles > 0
	if d.Snapshots+d.Logs == 0 {
		r.empty(dir, c)
		return
	}
	survey, err := in.Survey()
	if err != nil {
		r.must(Finding{d.Dir, "the files cannot be read: " + err.Error(), "run this, and Paddock, as the user to whom they belong"})
		return
	}
	r.judgeHistory(survey, c)
	r.readSnapshot(in, survey, dir, c)
	r.countBehind(in, survey)
	if !c.Standalone {
		r.judgeEpochs(in, survey)
	}
}

// missingDirs says what it means that a directory is not there.
func (r *Report) missingDirs(dir storage.DirInfo, c *config.Config) {
	r.Data.Empty = true
	f := Finding{Where: strings.Join(dir.Missing, ", "), What: "not there: Paddock makes it and begins with nothing"}
	switch {
	case !c.DatadirAutocreate:
		f.What, f.Do = "not there, and datadir.autocreate is false", "make it, or correct dataDir and dataLogDir"
		r.must(f)
		return
	case c.Standalone:
		f.Do = "if this server has data, correct dataDir: a server alone gets it from nobody"
	default:
		f.Do = "nothing, if this server is new or is to get everything from the leader; otherwise correct dataDir"
	}
	r.should(f)
}

// empty says what it means that there are no files.
func (r *Report) empty(dir storage.DirInfo, c *config.Config) {
	r.Data.Empty = true
	if !c.DBAutocreate && !dir.Initialize {
		r.should(Finding{r.Data.Dir, "empty, and db.autocreate is false: this server votes only after it has got the leader's data",
			"nothing, unless the whole ensemble is new; then make an empty file named initialize in dataLogDir"})
		return
	}
	r.should(Finding{r.Data.Dir, "empty: the server begins with nothing", "nothing, if it is new or is to get everything from the leader"})
}

// maxDamages is how many damaged places are told of one by one: a bad disk may have
// hundreds in one log.
const maxDamages = 5

// judgeHistory says what is damaged or missing.
func (r *Report) judgeHistory(v *storage.Survey, c *config.Config) {
	r.Data.LastZxid = v.Last.String()
	if len(v.Damage)+len(v.Gaps) == 0 {
		return
	}
	do := "restore the directory from a copy; a server alone gets what is lost from nobody"
	if !c.Standalone {
		do = "let ZooKeeper go on with it, or move version-2 away so that this server gets everything from the leader; Paddock, too, would ask the others for what is lost"
	}
	harmless := v.Base >= 0 && len(v.Gaps) == 0 && !v.SetAside
	told := 0
	for _, err := range v.Damage {
		if none := (*storage.NoSnapshotError)(nil); errors.As(err, &none) && r.Data.Snapshots == 0 {
			r.logsOnly(c)
			continue
		}
		f := Finding{"", firstLine(err), do}
		if told++; told > maxDamages {
			continue
		}
		if harmless {
			f.Do = "nothing: an older snapshot and the logs behind it hold the same"
			r.should(f)
			continue
		}
		r.must(f)
	}
	if told > maxDamages {
		r.should(Finding{r.Data.LogDir, fmt.Sprintf("%d more places are damaged", told-maxDamages), "see the ones above"})
	}
	for i := range v.Gaps {
		r.must(Finding{r.Data.LogDir, "missing from the history: " + v.Gaps[i].String(), do})
	}
}

// logsOnly says what it means that there are logs and no snapshot, as in the directory of a young 3.4. Neither Paddock
// nor ZooKeeper from 3.5 on believes it unasked, because a lost snapshot looks the same.
func (r *Report) logsOnly(c *config.Config) {
	f := Finding{r.Data.LogDir, "there are logs and no snapshot, as ZooKeeper 3.4 leaves it before its first one",
		"if the logs begin with the first transaction ever, set snapshot.trust.empty=true for the first start"}
	if c.SnapshotTrustEmpty {
		f.Do = "remove snapshot.trust.empty after the first start; until then a lost snapshot would go unnoticed"
		r.should(f)
		return
	}
	r.must(f)
}

// firstLine cuts the hint off a message of storage, which names a command for people whose server did not start.
func firstLine(err error) string {
	text, _, _ := strings.Cut(err.Error(), "; for a report run:")
	text, _, _ = strings.Cut(text, "\n")
	return strings.TrimPrefix(text, "storage: ")
}

// readSnapshot counts what the newest good snapshot holds.
func (r *Report) readSnapshot(in *storage.Inspector, v *storage.Survey, dir storage.DirInfo, c *config.Config) {
	if v.Snapshot == "" {
		return // what that means has been said
	}
	d := &r.Data
	d.Snapshot = v.Snapshot
	for _, f := range dir.Snapshots {
		if filepath.Base(f.Path) == v.Snapshot {
			d.SnapshotBytes = f.Size
		}
	}
	count := &census{data: d, schemes: map[string]int{}}
	if err := in.Snapshot(v.Snapshot, count); err != nil {
		r.must(Finding{"", firstLine(err), "look again; the file read well a moment before"})
		return
	}
	d.Writer = count.writer()
	d.MemoryBytes = d.DataBytes + int64(d.Znodes)*znodeBytes
	r.judgeContent(count, c)
}

// judgeContent compares what is stored with what the configuration lets it mean.
func (r *Report) judgeContent(count *census, c *config.Config) {
	d := count.data
	if d.TTLs > 0 && !c.ExtendedTypes {
		r.must(Finding{d.Dir, fmt.Sprintf("%d znodes with a time to live, and extendedTypesEnabled is not true: they would stay for ever, or go as ephemerals under ZooKeeper", d.TTLs),
			"set extendedTypesEnabled=true on all servers, as the server that wrote them had it"})
	}
	if d.LargestBytes > c.JuteMaxBuffer {
		r.must(Finding{d.Dir, fmt.Sprintf("%s has %s of data, more than jute.maxbuffer lets a client write", d.LargestZnode, size(int64(d.LargestBytes))),
			"set -Djute.maxbuffer as the server that wrote it had it; clients need it, too"})
	}
	known := append([]string{"world", "auth"}, c.AuthSchemes...)
	for _, scheme := range slices.Sorted(maps.Keys(count.schemes)) {
		if lists := count.schemes[scheme]; !slices.Contains(known, scheme) {
			r.should(Finding{d.Dir, fmt.Sprintf("%d ACLs name identities of scheme %s, which nobody can have here", lists, scheme),
				"configure its provider as before, if this version of Paddock has it; otherwise only what other entries of those ACLs allow remains"})
		}
	}
}

// countBehind counts the transactions behind the snapshot, and reads each.
func (r *Report) countBehind(in *storage.Inspector, v *storage.Survey) {
	var unread error
	err := in.ReadLog(max(v.Base, 0)+1, func(e storage.Entry) error {
		if e.Zxid > v.Last {
			return errEnough // what a running server writes meanwhile
		}
		r.Data.Behind++
		if _, err := proto.DecodeTxn(e.Payload); err != nil && unread == nil {
			unread = fmt.Errorf("transaction %s: %w", e.Zxid, err)
		}
		return nil
	})
	if unread != nil {
		r.must(Finding{r.Data.LogDir, "a transaction that Paddock does not understand: " + unread.Error(), "report it; meanwhile let this server begin with an empty version-2"})
	}
	if err != nil && !errors.Is(err, errEnough) && len(v.Damage)+len(v.Gaps) == 0 {
		r.must(Finding{"", firstLine(err), "look again"})
	}
}

var errEnough = errors.New("enough")

// judgeEpochs looks at the two promises.
func (r *Report) judgeEpochs(in *storage.Inspector, v *storage.Survey) {
	e, lost := in.Epochs(v.Last)
	r.Data.AcceptedEpoch, r.Data.CurrentEpoch = e.Accepted, e.Current
	for _, err := range lost.Damage {
		r.must(Finding{"", firstLine(err), "move version-2 away so that this server gets everything from the leader"})
	}
}
