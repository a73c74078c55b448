package storage

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	crashMistakes = flag.Bool("crashpoint.mistakes", false, "make each mistake in this package and look whether crash points find it; make crashpoints-mistakes")
	crashMistake  = flag.String("crashpoint.mistake", "", "make only those with this in their names")
)

// TestCrashPointMistakes makes mistakes in this package, one at a time, and
// wants each to be found by what the others tests here share: crash points that find nothing
// are worth something only if they would. The sources stay as they are; the compiler is given others.
func TestCrashPointMistakes(t *testing.T) {
	if !*crashMistakes {
		t.Skip("takes minutes; see make crashpoints-mistakes")
	}
	var table strings.Builder
	found := 0
	for _, m := range mistakes {
		if !strings.Contains(m.name, *crashMistake) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			binary, err := m.build(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			how, where := m.look(t, binary)
			if how == "" {
				t.Errorf("not found")
				how = "NOT FOUND"
			} else {
				found++
			}
			fmt.Fprintf(&table, "%-66s %-22s %s\n", m.name, how, where)
		})
	}
	t.Logf("mistake, found by, first at\n%s%d found", &table, found)
}

// TestCrashMistakeTexts keeps the list from rotting: what a mistake replaces must be there, and once.
func TestCrashMistakeTexts(t *testing.T) {
	for _, m := range mistakes {
		for part := &m; part != nil; part = part.with {
			if _, err := part.wrong(); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
}

// mistake is a piece of this package's source and what to put in its place. Where another piece does the same work a
// second time, the mistake is not one without the other.
type mistake struct {
	name     string
	file     string
	from, to string
	with     *mistake // made as well; nil for most
}

// wrong returns the source of the file with the mistake in it.
func (m *mistake) wrong() (string, error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		return "", fmt.Errorf("%s has %d places like\n%s", m.file, n, m.from)
	}
	return strings.Replace(string(source), m.from, m.to, 1), nil
}

// build builds the tests of this package with the mistake in it.
func (m *mistake) build(dir string) (string, error) {
	replace := map[string]string{}
	for ; m != nil; m = m.with {
		text, err := m.wrong()
		if err != nil {
			return "", err
		}
		path, err := filepath.Abs(m.file)
		if err != nil {
			return "", err
		}
		replace[path] = filepath.Join(dir, "wrong_"+m.file)
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	list, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "storage.test")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with the mistake: %w\n%s", err, out)
	}
	return binary, nil
}

var firstCrash = regexp.MustCompile(`(?m)^.*_test\.go:\d+: (.*)$`)

// look runs the share of the ordinary tests first, then everything, and returns
// which found the mistake and at what point.
func (m *mistake) look(t *testing.T, binary string) (how, where string) {
	for _, run := range []struct {
		how  string
		args []string
	}{
		{"the ordinary tests", []string{"-test.run=^(TestCrashPoints|TestFailedOperations|TestCutAfterAKill)$"}},
		{"make crashpoints only", []string{"-test.run=^TestCrashPoints$/^[a-z]+$", "-crashpoint.full"}},
	} {
		args := append([]string{"-test.failfast"}, run.args...)
		out, err := exec.Command(binary, args...).CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if err == nil {
			continue
		}
		for _, line := range firstCrash.FindAllStringSubmatch(string(out), -1) {
			if !strings.HasPrefix(line[1], "crash points ") {
				return run.how, line[1]
			}
		}
		t.Fatalf("failed, and not by a crash point:\n%s", out)
	}
	return "", ""
}

// indexIsEnough leaves out the sync of a log ahead of its index, which a start comes to first where a killed process
// has left entries that no index tells of.
var indexIsEnough = &mistake{file: "index.go", from: "	if err := errors.Join(log.Sync(), log.Close()); err != nil {", to: "	if err := log.Close(); err != nil {"}

// mistakes are of all kinds: syncs left out, orders turned round, things that stay which must go.
var mistakes = []mistake{{
	name: "an epoch file is renamed before it is synced", file: "store.go",
	from: "	if err == nil {\n		err = f.Sync()\n	}\n	if err = errors.Join(err, f.Close()); err != nil {\n		return err\n	}\n	if err := s.fs.Rename(path+tmpSuffix, path); err != nil {\n		return err\n	}\n",
	to:   "	if err != nil {\n		return err\n	}\n	if err := s.fs.Rename(path+tmpSuffix, path); err != nil {\n		return err\n	}\n	if err := errors.Join(f.Sync(), f.Close()); err != nil {\n		return err\n	}\n",
}, {
	name: "an epoch file is never synced", file: "store.go",
	from: "	if err == nil {\n		err = f.Sync()\n	}\n	if err = errors.Join(err, f.Close())", to: "	if err = errors.Join(err, f.Close())",
}, {
	name: "the name of an epoch file is never synced", file: "store.go",
	from: "		return err\n	}\n	return s.fs.SyncDir(dir)\n", to: "		return err\n	}\n	return nil\n",
}, {
	name: "an epoch file is written in place", file: "store.go",
	from: "	f, err := s.fs.Create(path + tmpSuffix)\n	if err != nil {\n		return err\n	}\n	_, err = f.WriteAt(b, 0)\n	if err == nil {\n		err = f.Sync()\n	}\n	if err = errors.Join(err, f.Close()); err != nil {\n		return err\n	}\n	if err := s.fs.Rename(path+tmpSuffix, path); err != nil {\n		return err\n	}\n",
	to:   "	f, err := s.fs.Create(path)\n	if err != nil {\n		return err\n	}\n	_, err = f.WriteAt(b, 0)\n	if err == nil {\n		err = f.Sync()\n	}\n	if err = errors.Join(err, f.Close()); err != nil {\n		return err\n	}\n",
}, {
	name: "a start catches up the current epoch before the accepted one", file: "epochs.go",
	from: "	if !f.hasAccepted || e.Accepted != f.accepted {\n		if err := s.saveEpoch(acceptedName, e.Accepted); err != nil {\n			return Epochs{}, err\n		}\n	}\n	if !f.hasCurrent || e.Current != f.current {\n		if err := s.saveEpoch(currentName, e.Current); err != nil {\n			return Epochs{}, err\n		}\n	}\n",
	to:   "	if !f.hasCurrent || e.Current != f.current {\n		if err := s.saveEpoch(currentName, e.Current); err != nil {\n			return Epochs{}, err\n		}\n	}\n	if !f.hasAccepted || e.Accepted != f.accepted {\n		if err := s.saveEpoch(acceptedName, e.Accepted); err != nil {\n			return Epochs{}, err\n		}\n	}\n",
}, {
	name: "a follower notes an epoch before it has its history", file: "crashwork_test.go",
	from: "	if err := w.flush(); err != nil {\n		return err\n	}\n	return w.enter(e)\n", to: "	if err := w.enter(e); err != nil {\n		return err\n	}\n	return w.flush()\n",
}, {
	name: "a leader's snapshot is saved before the log behind it is cut", file: "crashwork_test.go",
	from: "	if err := w.s.DiscardAbove(z); err != nil {\n		return err\n	}\n	source := &txnSource{stateSource: stateSource{smallState(0, 20)}, txns: func() []txn { return theirs }}\n	if _, err := w.s.WriteSnapshot(z, source); err != nil {\n		return err\n	}\n",
	to:   "	source := &txnSource{stateSource: stateSource{smallState(0, 20)}, txns: func() []txn { return theirs }}\n	if _, err := w.s.WriteSnapshot(z, source); err != nil {\n		return err\n	}\n	if err := w.s.DiscardAbove(z); err != nil {\n		return err\n	}\n",
}, {
	name: "a batch is not synced", file: "log_writer.go",
	from: "	err := w.f.Sync()\n", to: "	err := error(nil)\n",
}, {
	name: "the name of a new log is not synced", file: "log_writer.go",
	from: "	if fresh {\n		if err := w.s.syncDir", to: "	if fresh && w.pos > 0 {\n		if err := w.s.syncDir",
}, {
	name: "a failed write of the log is forgotten", file: "log_writer.go",
	from: "		w.err = &FatalError{Part: PartLog, File: file, Err: err}\n	}\n	return w.err\n", to: "		return &FatalError{Part: PartLog, File: file, Err: err}\n	}\n	return w.err\n",
}, {
	name: "the note of the log being written is cleared with each batch", file: "log_writer.go",
	from: "	if err := w.write(w.buf, batch); err != nil {\n", to: "	if err := errors.Join(clearWriting(w.s.fs, w.s.logDir), w.write(w.buf, batch)); err != nil {\n",
}, {
	name: "a snapshot is renamed before it is synced", file: "snap_writer.go",
	from: "	if err == nil {\n		err = f.Sync()\n	}\n	err = errors.Join(err, f.Close())\n	if src, ok",
	to:   "	if err == nil {\n		err = s.fs.Rename(tmp, path)\n	}\n	if err == nil {\n		err = f.Sync()\n	}\n	tmp = path\n	err = errors.Join(err, f.Close())\n	if src, ok",
}, {
	name: "the name of a snapshot is not synced", file: "snap_writer.go",
	from: "	if err := s.fs.SyncDir(s.snapDir); err != nil {\n		return 0, fatal(err)", to: "	if err := error(nil); err != nil {\n		return 0, fatal(err)",
}, {
	name: "a snapshot is written in place", file: "snap_writer.go",
	from: "	tmp := path + tmpSuffix\n", to: "	tmp := path\n",
}, {
	name: "TRUNC removes logs from the oldest on", file: "truncate.go",
	from: "	for i := len(c.files) - 1; i >= 0; i-- {\n", to: "	for i := range c.files {\n",
}, {
	name: "TRUNC does not sync the removal of logs", file: "truncate.go",
	from: "			err = s.fs.SyncDir(s.logDir)\n", to: "",
}, {
	name: "TRUNC does not sync the removal of snapshots", file: "truncate.go",
	from: "	if len(dirty) > 0 {\n", to: "	if len(dirty) > 1<<20 {\n",
}, {
	name: "TRUNC leaves snapshots with what was cut", file: "truncate.go",
	from: "		if f.zxid > z {\n			dirty = append(dirty, f.name)\n			continue\n		}\n", to: "		if f.zxid > z {\n			continue\n		}\n",
}, {
	name: "TRUNC leaves fuzzy snapshots with what was cut", file: "truncate.go",
	from: "		if end.zxid <= z {\n", to: "		if f.zxid <= z {\n",
}, {
	name: "TRUNC cuts a log and does not sync it", file: "recover.go",
	from: "		err = f.Truncate(size)\n	}\n	if err == nil {\n		err = f.Sync()\n	}\n", to: "		err = f.Truncate(size)\n	}\n",
}, {
	name: "purge goes by the newest snapshot in place of the oldest it keeps", file: "purge.go",
	from: "	needed := from(logs, oldest)\n", to: "	needed := from(logs, snaps[len(snaps)-1].zxid)\n",
}, {
	name: "purge removes a log that the oldest snapshot is replayed from", file: "purge.go",
	from: "range logs[:len(logs)-len(needed)] {", to: "range logs[:min(len(logs)-len(needed)+2, max(len(logs)-1, 0))] {",
}, {
	name: "a start trusts names that a killed process has not synced", file: "recover.go",
	from: "	if err := s.settle(); err != nil {\n		return rec, err\n	}\n", to: "",
}, {
	name: "a start trusts a log that a killed process has not synced", file: "recover.go",
	from: "	default:\n		err = s.cut(path, end.end)\n", to: "	case end.size > end.end:\n		err = s.cut(path, end.end)\n",
	with: indexIsEnough,
}, {
	name: "a start cuts a log before what stays is synced", file: "recover.go",
	from: "	err = f.Sync()\n	if err == nil {\n		err = f.Truncate(size)", to: "	if err == nil {\n		err = f.Truncate(size)",
	with: indexIsEnough,
}, {
	name: "a directory of our own is not synced in its parents", file: "store.go",
	from: "		err = s.makeParents(filepath.Dir(dir))\n", to: "		err = nil\n",
}, {
	name: "remains of a batch stay in the log", file: "recover.go",
	from: "	case end.name == \"\":\n", to: "	case end.name == \"\" || end.torn:\n",
}}
