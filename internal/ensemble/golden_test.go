package ensemble

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// javaAnswers reads testdata/<name>.golden, made by testdata/Golden.java: one JSON array of input and answer a line.
func javaAnswers[T any](t testing.TB, name string, check func(input string, answer *T)) {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, n := bufio.NewScanner(f), 0
	for ; lines.Scan(); n++ {
		var input string
		var answer *T
		if err := json.Unmarshal(lines.Bytes(), &[]any{&input, &answer}); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		check(input, answer)
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%d answers, %v", n, err)
	}
}

func TestPropertiesAsJava(t *testing.T) {
	javaAnswers(t, "properties", func(text string, want *[]string) {
		props, err := ParseProperties(text)
		if want == nil {
			if err == nil {
				t.Errorf("ParseProperties(%q) = %v, Java throws", text, props)
			}
			return
		}
		if err != nil {
			t.Errorf("ParseProperties(%q): %v, Java reads %q", text, err, *want)
			return
		}
		var got []string
		for _, p := range lastOfEach(props) {
			got = append(got, p.Key+"\x00"+p.Value)
		}
		var java []string
		for i := 0; i < len(*want); i += 2 {
			java = append(java, (*want)[i]+"\x00"+(*want)[i+1])
		}
		slices.Sort(got)
		slices.Sort(java)
		if !slices.Equal(got, java) {
			t.Errorf("ParseProperties(%q) = %q, Java reads %q", text, got, java)
		}
	})
}

// TestConfigTextAsJava reads every text as QuorumPeerConfig.parseDynamicConfig does, standaloneEnabled as by default.
func TestConfigTextAsJava(t *testing.T) {
	javaAnswers(t, "config", func(text string, want *string) {
		e, err := Parse(text)
		if err == nil {
			err = e.CheckRoles(true)
		}
		switch {
		case want == nil && err == nil:
			t.Errorf("Parse(%q) = %q, Java refuses it", text, e.Text())
		case want != nil && err != nil:
			t.Errorf("Parse(%q): %v, Java reads %q", text, err, *want)
		case want != nil && e.Text() != *want:
			t.Errorf("Parse(%q).Text() = %q, Java writes %q", text, e.Text(), *want)
		}
	})
}
