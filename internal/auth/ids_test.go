package auth

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

func TestOrderLikeJava(t *testing.T) {
	text, err := os.ReadFile("testdata/java_order.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(s string) bool { return strings.HasPrefix(s, "#") })
	parse := func(s string) (list []proto.ID) {
		for field := range strings.FieldsSeq(s) {
			scheme, id, _ := strings.Cut(field, ":")
			list = append(list, proto.ID{Scheme: scheme, ID: id})
		}
		return list
	}
	for i := 0; i+1 < len(lines); i += 2 {
		added, want := parse(lines[i]), parse(lines[i+1])
		if got := Add(nil, added...); !slices.Equal(got, want) {
			t.Errorf("%d added at once:\n got %v\nwant %v", len(added), got, want)
		}
		var got []proto.ID
		for _, id := range added {
			got = Add(got, id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d added one by one:\n got %v\nwant %v", len(added), got, want)
		}
	}
	if len(lines) < 100 {
		t.Errorf("%d lines", len(lines))
	}
}

// The lists are shared with requests in flight, so that one that was handed out
// must never change.
func TestAddLeavesTheOldListAlone(t *testing.T) {
	old := make([]proto.ID, 0, 8)
	old = append(old, IP(netip.MustParseAddr("10.0.0.7")))
	before := slices.Clone(old)
	first := Add(old, proto.ID{Scheme: "digest", ID: "a:h"})
	kept := slices.Clone(first)
	second := Add(first, proto.ID{Scheme: "sasl", ID: "b"}, proto.ID{Scheme: "x509", ID: "CN=c"})
	if !slices.Equal(old, before) || !slices.Equal(first, kept) || len(second) != 4 {
		t.Errorf("%v, %v, %v", old, first, second)
	}
	if old[:cap(old)][1] != (proto.ID{}) {
		t.Error("written behind the old list")
	}
}
