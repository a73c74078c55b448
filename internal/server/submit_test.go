package server

import (
	"bytes"
	"testing"
)

// TestRecordsAreApart: the records of a burst lie in one piece of memory, and who
// appends to one of them does not write into the next.
func TestRecordsAreApart(t *testing.T) {
	c := &conn{reader: newReader()}
	c.sock.in = &buffer{b: make([]byte, 4000)} // what has come behind them
	var own, want [][]byte
	for i := range 40 {
		record := bytes.Repeat([]byte{byte(i)}, 50+i)
		own, want = append(own, c.ownRecord(record)), append(want, bytes.Clone(record))
		clear(record) // the input is used for something else
	}
	if c.shared == nil || len(c.shared.records) == 0 {
		t.Fatal("they do not share memory, so this shows nothing")
	}
	for _, b := range own {
		_ = append(b, 0xff)
	}
	for i, b := range own {
		if !bytes.Equal(b, want[i]) {
			t.Errorf("record %d is %x, want %x", i, b, want[i])
		}
	}
}
