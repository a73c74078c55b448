package golden

import (
	"strings"
	"testing"
)

// A session that creates a node and asks for its stat, as two servers might put it.
const (
	one = `# connect
> 0000002d000000000000000000000000000027100000000000000000000000100000000000000000000000000000000000
< 00000025000000000000271001000021d2eb00000000001017 5f7e62585806e14d7933ec611c84ff00
# exists
> 0000000e000000010000000300000002 2f6100
< 000000540000000100000000000000050000000000000000000000050000000000000005000001a204089abc000001a204089abc00000000000000000000000001000021d2eb000000000000000000000000000000000005
# listener closes
`
)

func transcriptOf(text string, replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(strings.ReplaceAll(strings.ReplaceAll(text, "17 5f", "175f"), "02 2f", "022f"))
}

func TestCompare(t *testing.T) {
	want := transcriptOf(one)
	for name, tc := range map[string]struct {
		got  string
		same bool
	}{
		"itself":                 {want, true},
		"another session id":     {transcriptOf(one, "01000021d2eb0000", "02000021d2eb0001"), true},
		"another time":           {transcriptOf(one, "000001a204089abc", "000001a204089fff"), true},
		"another epoch":          {transcriptOf(one, "00000000000000050000", "00000007000000050000"), true},
		"another zxid":           {transcriptOf(one, "0000000000000005", "0000000000000006"), false},
		"no time":                {transcriptOf(one, "000001a204089abc", "0000000000000000"), false},
		"owner is not the owner": {transcriptOf(one, "00000001000021d2eb0000", "00000001000021d2eb0001"), false},
		"another timeout":        {transcriptOf(one, "000000000000271001", "000000000000271101"), false},
		"no close":               {strings.ReplaceAll(want, "# listener closes\n", ""), false},
	} {
		if err := Compare(want, tc.got); (err == nil) != tc.same {
			t.Errorf("%s: Compare = %v, want same %v", name, err, tc.same)
		}
	}
}
