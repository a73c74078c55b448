package ensemble

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPropertyLines(t *testing.T) {
	props, err := ParseProperties("# head\n\na=1\nb=\\\n  2\n\r\nc 3\\\r\n\r\nd\\\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Property{{"a", "1", 3}, {"b", "2", 4}, {"c", "3", 7}, {"d", "", 9}}
	if len(props) != len(want) {
		t.Fatalf("got %v, want %v", props, want)
	}
	for i := range want {
		if props[i] != want[i] {
			t.Errorf("property %d = %v, want %v", i, props[i], want[i])
		}
	}
}

func TestPropertyErrorNamesLine(t *testing.T) {
	_, err := ParseProperties("a=1\n\nb=\\u12\n")
	if err == nil || !strings.HasPrefix(err.Error(), "line 3: b: malformed") {
		t.Errorf("got %v, want an error in line 3", err)
	}
}

func TestPropertiesTooLong(t *testing.T) {
	if _, err := ParseProperties(strings.Repeat("a", maxPropertiesText+1)); err == nil {
		t.Error("text beyond the limit was taken")
	}
}

func FuzzParseProperties(f *testing.F) {
	javaAnswers(f, "properties", func(text string, _ *[]string) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text string) {
		props, err := ParseProperties(text)
		if err != nil {
			return
		}
		line := 0
		for _, p := range props {
			if p.Line <= line || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+1 {
				t.Fatalf("%q: line %d after line %d", text, p.Line, line)
			}
			line = p.Line
		}
		// Written back with everything escaped that needs it, the same properties come out.
		if !utf8.ValidString(text) {
			return
		}
		var b strings.Builder
		escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "=", `\=`, ":", `\:`, "#", `\#`, "!", `\!`,
			"\t", `\t`, "\n", `\n`, "\r", `\r`, "\f", `\f`)
		for _, p := range props {
			b.WriteString(escape.Replace(p.Key) + "=" + escape.Replace(p.Value) + "\n")
		}
		again, err := ParseProperties(b.String())
		if err != nil || len(again) != len(props) {
			t.Fatalf("%q, written as %q: %v, %v", text, b.String(), again, err)
		}
		for i := range again {
			if again[i].Key != props[i].Key || again[i].Value != props[i].Value {
				t.Fatalf("%q, written as %q: %v is not %v", text, b.String(), again[i], props[i])
			}
		}
	})
}

func TestEscapeValue(t *testing.T) {
	for value, want := range map[string]string{
		`/a/b-c=d:e#f`:               `/a/b-c=d:e#f`,
		`C:\zoo`:                     `C:\\zoo`,
		" a ":                        `\ a `,
		"\u00fc\U0001F600\uFFFD\n\t": `\u00fc\ud83d\ude00\ufffd\u000a\u0009`,
		"\xff\xc3":                   "\xff\xc3",
		"":                           "",
	} {
		got := EscapeValue(value)
		if got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
		if p, err := ParseProperties("k=" + got + "\n"); err != nil || len(p) != 1 || p[0].Value != value {
			t.Errorf("%q is read as %+v, %v", value, p, err)
		}
	}
}
