package config

import (
	"maps"
	"slices"
	"testing"
)

func TestTable(t *testing.T) {
	for _, k := range Keys() {
		if unserved := k.Status == NotYet || k.Status == Refused; k.Status != NoOp && unserved != (k.Feature != "") {
			t.Errorf("%s: status %d with feature %q", k.Name, k.Status, k.Feature)
		}
		if found, ok := find(k.Name); !ok || found.Name != k.Name {
			t.Errorf("find(%q) = %q, %v", k.Name, found.Name, ok)
		}
	}
	for alias, real := range aliases {
		if _, ok := find(alias); ok {
			t.Errorf("alias %s is a name of its own", alias)
		}
		if _, ok := find(real); !ok {
			t.Errorf("alias %s leads to %s, which is not in the table", alias, real)
		}
	}
	for _, family := range families {
		if k, ok := find(family + "x.y"); !ok || k.Name != family {
			t.Errorf("find(%sx.y) = %q, %v", family, k.Name, ok)
		}
	}
}

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"datadir": "dataDir", "dataDirr": "dataDir", "clienPort": "clientPort", "maxClientCnxn": "maxClientCnxns",
		"autopurge.purgeinterval": "autopurge.purgeInterval", "4lw.command.whitelist": "4lw.commands.whitelist",
		"forcesync": "forceSync", "x": "", "": "", "somethingElseEntirely": "",
	} {
		if got := suggest(name); got != want {
			t.Errorf("suggest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"", "", 5, 0}, {"a", "", 5, 1}, {"", "abc", 5, 3}, {"kitten", "sitting", 9, 3}, {"ab", "ba", 9, 2}, {"abc", "xyz", 2, 2}, {"abc", "abcdef", 3, 3},
	} {
		if got := distance(tc.a, tc.b, tc.limit); got != tc.want {
			t.Errorf("distance(%q, %q, %d) = %d, want %d", tc.a, tc.b, tc.limit, got, tc.want)
		}
	}
}

func TestDecodeInt(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "10": 10, "-10": -10, "+10": 10, "010": 8, "0x10": 16, "-0X1f": -31, "#ff": 255, "9223372036854775807": 1<<63 - 1} {
		if got, err := decodeInt(text); err != nil || got != want {
			t.Errorf("decodeInt(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "0x", "#", "1_000", "0b1", "0o7", "08", "--1", "0x-1", "1 ", "9223372036854775808"} {
		if got, err := decodeInt(text); err == nil {
			t.Errorf("decodeInt(%q) = %d", text, got)
		}
	}
}

func TestParseJVMFlags(t *testing.T) {
	for _, tc := range []struct {
		flags   string
		props   map[string]string
		ignored []string
	}{
		{"", map[string]string{}, nil},
		{"-Xmx512m -Dzookeeper.snapCount=5  -XX:+UseG1GC", map[string]string{"zookeeper.snapCount": "5"}, []string{"-Xmx512m", "-XX:+UseG1GC"}},
		{"-Da=1\t-Da=2\n-Db", map[string]string{"a": "2", "b": ""}, nil},
		{`-Da="x y" '-Db=p q' -Dc=don\'t -D"d"=e -Df=""`, map[string]string{"a": "x y", "b": "p q", "c": "don't", "d": "e", "f": ""}, nil},
		{"-Da=b=c -D -D=x -cp dir", map[string]string{"a": "b=c"}, []string{"-D", "-D=x", "-cp", "dir"}},
		{`-Da="open quote`, map[string]string{"a": "open quote"}, nil},
		{`-Da='\n' -Db="\""\`, map[string]string{"a": `\n`, "b": `"\`}, nil},
		{"-Dzookeeper.DigestAuthenticationProvider.superDigest=super:xyz=", map[string]string{"zookeeper.DigestAuthenticationProvider.superDigest": "super:xyz="}, nil},
	} {
		props, ignored := ParseJVMFlags(tc.flags)
		if !maps.Equal(props, tc.props) || !slices.Equal(ignored, tc.ignored) {
			t.Errorf("ParseJVMFlags(%q) = %q, %q, want %q, %q", tc.flags, props, ignored, tc.props, tc.ignored)
		}
	}
}
