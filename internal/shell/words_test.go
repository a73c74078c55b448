package shell

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for line, want := range map[string][]string{
		"":                         nil,
		"ls /":                     {"ls", "/"},
		"  ls \t /  ":              {"ls", "/"},
		`create /a "two words"`:    {"create", "/a", "two words"},
		`create /a 'two  words' x`: {"create", "/a", "two  words", "x"},
		`set /a "it's"`:            {"set", "/a", "it's"},
		`set /a it's`:              {"set", "/a", "it's"},
		`set /a ""`:                {"set", "/a", ""},
		`set /a "b"c"d"`:           {"set", "/a", "b", `c"d"`},
		`set /a "open`:             {"set", "/a", "open"},
		`set /a "`:                 {"set", "/a"},
		"   ":                      {" "},
		`  "open`:                  {` "open`},
		`a "  `:                    {"a", " "},
		`"\"`:                      {`\`},
		"\u00a0x":                  {"\u00a0x"}, // no white space to Java
	} {
		if got := splitWords(line); !slices.Equal(got, want) {
			t.Errorf("splitWords(%q) = %q, want %q", line, got, want)
		}
	}
}

// grammar is what a word looks like in ZooKeeperMain.MyCommandOptions.
var grammar = regexp.MustCompile(`[ \t\n\v\f\r]*([^"'][^ \t\n\v\f\r]*|"[^"]*"|'[^']*')[ \t\n\v\f\r]*`)

func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"ls /", ` " 'a" b`, `''`, `a"b c"`, "  \v'", "\" \" \"", "\xff'\xc3", `" "x`, ` '  "`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var want []string
		for _, m := range grammar.FindAllStringSubmatch(line, -1) {
			word := m[1]
			if len(word) > 1 && strings.ContainsAny(word[:1], `"'`) {
				word = word[1 : len(word)-1]
			}
			want = append(want, word)
		}
		if got := splitWords(line); !slices.Equal(got, want) {
			t.Errorf("splitWords(%q) = %q, want %q", line, got, want)
		}
	})
}
