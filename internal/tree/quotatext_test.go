package tree

import (
	"strings"
	"testing"
)

// quotaTexts are texts with what Java 3.9.5's StatsTrack reads from them, and
// prints after one more znode of ten bytes. It throws where there is no print.
var quotaTexts = []struct {
	text  string
	want  Quota
	after string
}{
	{"", Quota{-1, -1, -1, -1}, "count=0,bytes=9"},
	{"count=1,bytes=2", Quota{1, 2, -1, -1}, "count=2,bytes=12"},
	{"count=-1,bytes=-1", Quota{-1, -1, -1, -1}, "count=0,bytes=9"},
	{"bytes=2,count=1", Quota{1, 2, -1, -1}, "count=2,bytes=12"},
	{"count=1", Quota{1, -1, -1, -1}, "count=2,bytes=9"},
	{"bytes=7", Quota{-1, 7, -1, -1}, "count=0,bytes=17"},
	{"count=+5,bytes=007", Quota{5, 7, -1, -1}, "count=6,bytes=17"},
	{"count=1,bytes=2=;byteHardLimit=9;countHardLimit=8", Quota{1, 2, 8, 9}, "count=2,bytes=12=;byteHardLimit=9;countHardLimit=8"},
	{"count=1,bytes=2=;countHardLimit=8;byteHardLimit=9", Quota{1, 2, 8, 9}, "count=2,bytes=12=;byteHardLimit=9;countHardLimit=8"},
	{"count=1;bytes=2", Quota{1, 2, -1, -1}, "count=2,bytes=12"},
	{"count=1,,;bytes=2", Quota{1, 2, -1, -1}, "count=2,bytes=12"},
	{"count=1,bytes=2,;", Quota{1, 2, -1, -1}, "count=2,bytes=12"},
	{"count==3,bytes=2", Quota{-1, 2, -1, -1}, "count=0,bytes=12"},
	{"count=3=4,bytes=2", Quota{3, 2, -1, -1}, "count=4,bytes=12"},
	{"count=1,count=2,bytes=3", Quota{2, 3, -1, -1}, "count=3,bytes=13"},
	{"zz=5,count=1,aa=3,bytes=2,B=4,zz=6", Quota{1, 2, -1, -1}, "count=2,bytes=12=;B=4;aa=3;zz=6"},
	{"=5", Quota{-1, -1, -1, -1}, "count=0,bytes=9=;=5"},
	{"count=9223372036854775807,bytes=2", Quota{9223372036854775807, 2, -1, -1}, "count=-9223372036854775808,bytes=12"},
	{",", Quota{-1, -1, -1, -1}, "count=0,bytes=9"},
	{";;", Quota{-1, -1, -1, -1}, "count=0,bytes=9"},
	{"count=1,bytes=2=,junk==7", Quota{1, 2, -1, -1}, "count=2,bytes=12=;junk=-1"},
	{"Count=4,bytes=1", Quota{-1, 1, -1, -1}, "count=0,bytes=11=;Count=4"},

	{",count=1,bytes=2", Quota{1, 2, -1, -1}, ""},
	{"count=,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"count==,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"=", Quota{-1, -1, -1, -1}, ""},
	{"count", Quota{-1, -1, -1, -1}, ""},
	{"count=x,bytes=1", Quota{-1, 1, -1, -1}, ""},
	{"count= 1,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"count=1 ,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"count=1\n,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"count=9223372036854775808,bytes=2", Quota{-1, 2, -1, -1}, ""},
	{"junk", Quota{-1, -1, -1, -1}, ""},
	{"count=1,bytes=2,\xff=3", Quota{1, 2, -1, -1}, ""},                                    // Java replaces the byte
	{"count=1,bytes=2," + strings.Repeat("a=1,", maxUsageText/4), Quota{1, 2, -1, -1}, ""}, // Java adds to it
}

func TestQuotaText(t *testing.T) {
	for _, tc := range quotaTexts {
		if got := parseQuota([]byte(tc.text)); got != tc.want {
			t.Errorf("%.60q: %v, want %v", tc.text, got, tc.want)
		}
		after, ok := addUsage([]byte("before "), []byte(tc.text), 1, 10)
		if got := strings.TrimPrefix(string(after), "before "); got != tc.after || ok != (tc.after != "") {
			t.Errorf("%.60q: becomes %q, %v, want %q", tc.text, got, ok, tc.after)
		}
	}
	if _, ok := addUsage(nil, nil, 1, 1); ok {
		t.Error("null can be added to; Java's server ends")
	}
	long := []byte("count=1" + strings.Repeat(";", maxUsageText-len("count=1")))
	if got := parseUsage(long); got.Count != 1 {
		t.Errorf("usage of %d bytes: %v", len(long), got)
	}
	if got := parseUsage(append(long, ';')); got != noQuota {
		t.Errorf("usage of %d bytes: %v", len(long)+1, got)
	}
	if got := parseQuota(nil); got != noQuota {
		t.Errorf("null: %v", got)
	}
}

// FuzzQuotaText: what is written can be read, and says what it must.
func FuzzQuotaText(f *testing.F) {
	for _, tc := range quotaTexts {
		f.Add([]byte(tc.text), int64(1), int64(10))
	}
	f.Fuzz(func(t *testing.T, text []byte, count, size int64) {
		before := parseQuota(text)
		after, ok := addUsage(nil, text, count, size)
		if !ok || text == nil {
			return
		}
		want := Quota{before.Count + count, before.Bytes + size, before.CountHard, before.BytesHard}
		if got := parseQuota(after); got != want {
			t.Fatalf("%q becomes %q: %v, want %v", text, after, got, want)
		}
		if again, ok := addUsage(nil, after, 0, 0); string(again) != string(after) && len(after) <= maxUsageText {
			t.Fatalf("%q is written again as %q, %v", after, again, ok)
		}
	})
}
