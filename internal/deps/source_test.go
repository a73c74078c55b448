package deps

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// source is one parsed Go file.
type source struct {
	name    string // path from the root of the module
	dir     string // of name, "." for the root
	test    bool
	imports []string
	file    *ast.File
	set     *token.FileSet
}

var load = sync.OnceValues(func() ([]*source, error) { return parseTree(filepath.Join("..", "..")) })

// sources returns all Go files of the module.
func sources(t *testing.T) []*source {
	t.Helper()
	files, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d Go files found: the test does not see the module", len(files))
	}
	return files
}

// parseTree parses the files of the module at root. Modules inside it are not part of it.
func parseTree(root string) (files []*source, err error) {
	set := token.NewFileSet()
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == root {
				return nil
			}
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if err == nil || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := parse(set, filepath.ToSlash(relative), string(text))
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func parse(set *token.FileSet, name, text string) (*source, error) {
	file, err := parser.ParseFile(set, name, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	f := &source{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), file: file, set: set}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// calls returns where the file uses the name of a package of the standard library, under whatever local name.
func (f *source) calls(pkg, name string) (at []string) {
	local := ""
	for _, spec := range f.file.Imports {
		if spec.Path.Value == strconv.Quote(pkg) {
			local = path.Base(pkg)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	ast.Inspect(f.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
			if id, ok := sel.X.(*ast.Ident); ok && id.Name == local {
				at = append(at, f.set.Position(sel.Pos()).String())
			}
		}
		return true
	})
	return at
}

// goStatements returns where the file starts goroutines.
func (f *source) goStatements() (at []string) {
	ast.Inspect(f.file, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			at = append(at, f.set.Position(g.Pos()).String())
		}
		return true
	})
	return at
}

// TestRulesBite plants each mistake and expects exactly the complaint that it deserves.
func TestRulesBite(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"internal/zab/x.go", `package zab; import "math/rand/v2"`, "math/rand/v2: random choices"},
		{"internal/zab/x.go", `package zab; import "sync"`, "sync: one goroutine"},
		{"internal/zab/x.go", `package zab; import clock "time"; var a = clock.Now()`, "uses time.Now"},
		{"internal/zab/x.go", `package zab; func f() { go f() }`, "starts a goroutine"},
		{"internal/zab/x.go", `package zab; import "go.uber.org/zap"`, "standard library only"},
		{"internal/zab/x.go", `package zab; import "` + module + `/internal/election"`, "imports point down"},
		{"internal/zab/x.go", `package zab; import "` + module + `/internal/server"`, "imports point down"},
		{"internal/new/x.go", `package fresh`, "has no floor"},
		{"zk/x.go", `package zk; import "` + module + `/internal/tree"`, "must not bring a server along"},
		{"internal/tree/x.go", `package tree; import "sync"; import "time"; const d = time.Second`, ""},
		{"internal/zab/x.go", `package zab; import "` + module + `/internal/ensemble"; import "` + module + `/proto"`, ""},
	} {
		f, err := parse(token.NewFileSet(), tc.name, tc.text)
		if err != nil {
			t.Fatal(err)
		}
		complaints := floorRules(f)
		if strings.HasPrefix(tc.name, "internal/zab/") || strings.HasPrefix(tc.name, "internal/tree/") {
			complaints = append(complaints, pureRules(f)...)
		}
		got := strings.Join(complaints, "\n")
		if tc.want == "" && got != "" || len(complaints) > 1 || !strings.Contains(got, tc.want) {
			t.Errorf("%s\n got %q\nwant %q", tc.text, got, tc.want)
		}
	}
	f, err := parse(token.NewFileSet(), "zk/x_test.go", `package zk; import "time"; func f() { time.Sleep(1) }`)
	if err != nil || len(f.calls("time", "Sleep")) != 1 {
		t.Errorf("a sleep in a test goes unnoticed: %v", err)
	}
}
