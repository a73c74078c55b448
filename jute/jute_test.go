package jute

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Strings reads short and long lists in two ways, which must not differ.
func TestStringsBothWays(t *testing.T) {
	long := strings.Repeat("x", 0x80)
	for name, tc := range map[string][]string{
		"none": {}, "empty": {"", ""}, "short": {"a", "bc", "é"}, "long": {"a", long, "b"},
		"just short": {long[1:], "b"}, "malformed": {"a", "\xc3", "b"},
		"malformed, but not with the length ahead of it": {"\xa9" + long + strings.Repeat("x", 0x42)},
		"cut between two": {"\xc3", "\xa9"}, "cut at the end": {"a", "b\xc3"},
	} {
		b := AppendInt(AppendStrings(nil, tc), 7)
		want := make([]string, len(tc))
		for i, s := range tc {
			want[i] = strings.ToValidUTF8(s, "\ufffd")
		}
		d := NewDecoder(b)
		if got := d.Strings(); !slices.Equal(got, want) || got == nil || d.Int() != 7 || d.Err() != nil {
			t.Errorf("%s: %q instead of %q, %v", name, got, want, d.Err())
		}
		for cut := range b[4:] {
			d := NewDecoder(b[:len(b)-4-cut])
			if got := d.Strings(); cut > 0 && (got != nil || !errors.Is(d.Err(), ErrShort)) {
				t.Errorf("%s without %d bytes: %q, %v", name, cut, got, d.Err())
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	b := AppendInt(nil, -2)
	b = AppendLong(b, -1<<63)
	b = AppendBool(b, true)
	b = AppendString(b, "/a")
	b = AppendBuffer(b, nil)
	b = AppendBuffer(b, []byte{})
	b = AppendStrings(b, []string{"x", ""})
	b = AppendStrings(b, nil)
	d := NewDecoder(b)
	if got := d.Int(); got != -2 {
		t.Errorf("Int = %d", got)
	}
	if got := d.Long(); got != -1<<63 {
		t.Errorf("Long = %d", got)
	}
	if !d.Bool() {
		t.Error("Bool = false")
	}
	if got := d.String(); got != "/a" {
		t.Errorf("String = %q", got)
	}
	if got := d.Buffer(); got != nil {
		t.Errorf("null buffer = %v", got)
	}
	if got := d.Buffer(); got == nil || len(got) != 0 {
		t.Errorf("empty buffer = %v", got)
	}
	if got := d.Strings(); len(got) != 2 || got[0] != "x" || got[1] != "" {
		t.Errorf("Strings = %q", got)
	}
	if got := d.Strings(); got != nil {
		t.Errorf("null vector = %q", got)
	}
	if d.Err() != nil || d.Len() != 0 {
		t.Errorf("err %v, %d bytes left", d.Err(), d.Len())
	}
}

func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []byte
		read func(*Decoder)
		want error
	}{
		"short int":           {[]byte{0, 0, 0}, func(d *Decoder) { d.Int() }, ErrShort},
		"short buffer":        {[]byte{0, 0, 0, 2, 1}, func(d *Decoder) { d.Buffer() }, ErrShort},
		"huge buffer":         {[]byte{0x7f, 0xff, 0xff, 0xff, 1}, func(d *Decoder) { d.Buffer() }, ErrShort},
		"negative length":     {[]byte{0xff, 0xff, 0xff, 0xfe}, func(d *Decoder) { _ = d.String() }, ErrLength},
		"vector beyond input": {[]byte{0x40, 0, 0, 0}, func(d *Decoder) { d.Strings() }, ErrShort},
		"negative count":      {[]byte{0xff, 0xff, 0xff, 0xf0}, func(d *Decoder) { d.Strings() }, nil},
	} {
		d := NewDecoder(tc.in)
		tc.read(&d)
		if !errors.Is(d.Err(), tc.want) {
			t.Errorf("%s: err = %v, want %v", name, d.Err(), tc.want)
		}
	}
}

func TestMalformedUTF8ReadsAsReplacement(t *testing.T) {
	d := NewDecoder([]byte{0, 0, 0, 1, 0xff})
	if got := d.String(); got != "\uFFFD" {
		t.Errorf("got %q", got)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 'a', 'b'}, byte(3))
	f.Fuzz(func(t *testing.T, in []byte, kind byte) {
		d := NewDecoder(in)
		for d.Err() == nil && d.Len() > 0 {
			switch kind % 5 {
			case 0:
				d.Int()
			case 1:
				d.Long()
			case 2:
				d.Strings()
			case 3:
				p := d.Buffer()
				if len(p) > len(in) || !bytes.Contains(in, p) {
					t.Fatalf("buffer %x is not part of the input", p)
				}
			case 4:
				_ = d.String()
			}
			kind = kind*31 + 7
		}
	})
}

func TestMatch(t *testing.T) {
	d := NewDecoder([]byte{1, 2, 3, 4})
	for _, tc := range []struct {
		want    []byte
		matched bool
		left    int
	}{
		{[]byte{2}, false, 4}, {[]byte{1, 2, 4}, false, 4}, {[]byte{1, 2}, true, 2}, {[]byte{3, 4, 5}, false, 2}, {nil, true, 2}, {[]byte{3, 4}, true, 0}, {[]byte{1}, false, 0},
	} {
		if got := d.Match(tc.want); got != tc.matched || d.Len() != tc.left || d.Err() != nil {
			t.Errorf("%v: %t with %d left, %v", tc.want, got, d.Len(), d.Err())
		}
	}
	if d.Byte(); d.Match(nil) {
		t.Error("matched after an error")
	}
}

// Strings that share memory are what they would be alone, and stay so when others are
// read, however many were announced.
func TestShareStrings(t *testing.T) {
	list := []string{"/key1", "/key22", "", "é", "a\xffb", strings.Repeat("x", 1000)}
	for i := range 40 {
		list = append(list, "/some/path/"+strings.Repeat("y", i%7))
	}
	var b []byte
	for _, s := range list {
		b = AppendString(b, s)
	}
	inner := AppendString(AppendString(nil, "in"), "ner")
	b = AppendBuffer(b, inner)
	for _, n := range []int{-1, 0, 1, 2, 3, len(list), 1 << 30} {
		d := NewDecoder(b)
		d.ShareStrings(n)
		var got []string
		for range list {
			got = append(got, d.String())
		}
		record := d.Record()
		in, ner := record.String(), record.String()
		for i, want := range list {
			if want = strings.ToValidUTF8(want, "\ufffd"); got[i] != want {
				t.Errorf("announced %d: string %d is %q, not %q", n, i, got[i], want)
			}
		}
		if in+ner != "inner" || d.Err() != nil || record.Err() != nil {
			t.Errorf("announced %d: the record has %q and %q, %v, %v", n, in, ner, d.Err(), record.Err())
		}
	}
	twelve := bytes.Repeat(AppendString(nil, "/short/path"), 12)
	allocs := testing.AllocsPerRun(100, func() {
		d := NewDecoder(twelve)
		d.ShareStrings(12)
		for range 12 {
			sink = d.String()
		}
	})
	if allocs > 2 {
		t.Errorf("12 strings took %.0f allocations", allocs)
	}
}

var sink string
