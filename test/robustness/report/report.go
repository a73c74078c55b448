package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/model"
	"github.com/paddock-io/paddock/test/robustness/nemesis"
	"github.com/paddock-io/paddock/test/robustness/validate"
)

// Run is what there is to report about.
type Run struct {
	History    *history.History
	Violations []validate.Violation
	Linear     validate.Linear
	Excused    int // see validate.Excuse
	Nemesis    []nemesis.Entry
	Logs       []string // files of the servers' output
	Again      string   // command that runs it again
}

// maxPictures bounds how many znodes are drawn.
const maxPictures = 20

// Write puts everything into dir.
func Write(dir string, r *Run) error {
	errs := []error{
		writeFile(dir, "violations.txt", Violations(r)),
		writeFile(dir, "timeline.txt", Timeline(r.Nemesis, r.History)),
	}
	f, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return err
	}
	errs = append(errs, r.History.Save(f), f.Close())
	drawn := 0
	for path, info := range r.Linear.Bad {
		if drawn++; drawn > maxPictures {
			break
		}
		info.AddAnnotations(annotations(r.Nemesis))
		name := strings.ReplaceAll(strings.Trim(path, "/"), "/", "-") + ".html"
		errs = append(errs, porcupine.VisualizePath(model.Znode, info, filepath.Join(dir, name)))
	}
	for _, log := range r.Logs {
		text, err := os.ReadFile(log)
		errs = append(errs, err, writeFile(dir, filepath.Base(filepath.Dir(log))+"-"+filepath.Base(log), string(text)))
	}
	return errors.Join(errs...)
}

func writeFile(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

// Violations lists what went wrong, and how to try again.
func Violations(r *Run) string {
	var b strings.Builder
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "%s\n", v)
	}
	fmt.Fprintf(&b, "run it again: %s\n", r.Again)
	return b.String()
}

// Tail returns the end of a file.
func Tail(path string, bytes int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-bytes):])
}

// annotations puts the nemesis beside the clients in a picture.
func annotations(log []nemesis.Entry) []porcupine.Annotation {
	var v []porcupine.Annotation
	for _, e := range log {
		v = append(v, porcupine.Annotation{
			Tag: "nemesis", Start: int64(e.At), End: int64(max(e.Until, e.At)),
			Description: e.Text, BackgroundColor: "#ffd9d9",
		})
	}
	return v
}
