package shell

import (
	"testing"
)

// The texts are those of StatsTrack in ZooKeeper 3.9.5.
func TestQuotaText(t *testing.T) {
	for text, want := range map[string]string{
		"":                "count=-1,bytes=-1",
		"count=5":         "count=5,bytes=-1",
		"bytes=3,count=5": "count=5,bytes=3",
		"count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=2": "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=2",
		"count=,bytes=7;;x=1": "count=-1,bytes=7=;x=1",
	} {
		q, err := parseQuota([]byte(text))
		if err != nil || q.String() != want {
			t.Errorf("%q: %v, %v; want %q", text, q, err, want)
		}
	}
	if _, err := parseQuota([]byte("count=x")); err == nil || err.Error() != `For input string: "x"` {
		t.Errorf("count=x: %v", err)
	}
}

func TestQuotaWarnings(t *testing.T) {
	const count, bytes = "[Warning]: the count quota you create is less than the existing count:4\n", "[Warning]: the bytes quota you create is less than the existing bytes:8\n"
	for _, tc := range []struct {
		limits quota
		want   string
	}{
		{quota{}, ""},
		{quota{"count": 4, "bytes": 8, "countHardLimit": 4, "byteHardLimit": 8}, ""},
		{quota{"count": 3}, count},
		{quota{"countHardLimit": 3}, count},
		{quota{"byteHardLimit": 0}, bytes},
		{quota{"count": 0, "bytes": 7}, count + bytes},
	} {
		if got := tc.limits.warn(quota{"count": 4, "bytes": 8}); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.limits, got, tc.want)
		}
	}
}

func FuzzQuota(f *testing.F) {
	f.Add([]byte("count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=2"))
	f.Fuzz(func(t *testing.T, text []byte) {
		q, err := parseQuota(text)
		if err != nil {
			return
		}
		again, err := parseQuota([]byte(q.String()))
		if err != nil || again.get("count") != q.get("count") || again.get("bytes") != q.get("bytes") {
			t.Fatalf("%q became %q", q, again)
		}
	})
}
