package shell

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

var testOptions = options{{"b", false, ""}, {"s", false, ""}, {"v", true, ""}, {"w", false, ""}}

func TestParseFlags(t *testing.T) {
	type flags = map[string]string
	for line, want := range map[string]struct {
		words string
		flags flags
	}{
		"c /a":         {"c /a", flags{}},
		"c -s /a -w":   {"c /a", flags{"s": "", "w": ""}},
		"c -sw /a":     {"c /a", flags{"s": "", "w": ""}},
		"c -v 3 /a":    {"c /a", flags{"v": "3"}},
		"c -v3 /a":     {"c /a", flags{"v": "3"}},
		"c -v=3 /a":    {"c /a", flags{"v": "3"}},
		"c -sv3 /a":    {"c /a", flags{"s": "", "v": "3"}},
		"c -sv 3 /a":   {"c /a", flags{"s": "", "v": "3"}},
		"c -v -1 /a":   {"c /a", flags{"v": "-1"}},
		"c -v -x /a":   {"c /a", flags{"v": "-x"}},
		"c -v 1 -v 2":  {"c", flags{"v": "1"}},
		`c -v "7" /a`:  {"c /a", flags{"v": "7"}},
		"c -- -s /a":   {"c -s /a", flags{}},
		"c -v 1 -- -s": {"c -s", flags{"v": "1"}},
		"c - /a":       {"c - /a", flags{}},
		"c -v - /a":    {"c /a", flags{"v": "-"}},
		"c -v --x /a":  {"c /a", flags{"v": "--x"}},
	} {
		got, err := parseFlags(testOptions, strings.Split(line, " "))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if words := strings.Join(got.words, " "); words != want.words || !maps.Equal(got.flags, want.flags) {
			t.Errorf("%s: %q %q, want %q %q", line, words, got.flags, want.words, want.flags)
		}
	}
}

func TestParseFlagsErrors(t *testing.T) {
	const unrecognized, missing = "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: ",
		"org.apache.commons.cli.MissingArgumentException: Missing argument for option: v"
	for line, want := range map[string]string{
		"c -z":     unrecognized + "-z",
		"c -sz":    unrecognized + "-sz",
		"c -5":     unrecognized + "-5",
		"c --long": unrecognized + "--long",
		"c -s=3":   unrecognized + "-s=3",
		"c -sv=3x": unrecognized + "-sv=3x",
		"c -v":     missing,
		"c -v -s":  missing,
		"c -v -sw": missing,
		"c -sv":    missing,
		"c -v --":  missing,
	} {
		if _, err := parseFlags(testOptions, strings.Split(line, " ")); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// FuzzParse gives lines to every command of the table.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"-s /a", "-v -1 -- x", "-sv=3", "/a b c d", "-?", "-", "--", "-v --"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, c := range table {
			sh := &shell{screen: newScreen(new(strings.Builder), new(strings.Builder))}
			words := append([]string{c.name}, splitWords(line)...)
			args, err := c.parse(sh, slices.Clone(words))
			if err != nil {
				continue
			}
			if c.literal {
				continue
			}
			if args.words[0] != c.name {
				t.Errorf("%q: words %q do not begin with the name", words, args.words)
			}
			for name := range args.flags {
				if c.options.find(name) == nil {
					t.Errorf("%q: flag %q is not one of the command's", words, name)
				}
			}
		}
	})
}
