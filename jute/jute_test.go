package jute

import (
	"bytes"
	"errors"
	"testing"
)

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
