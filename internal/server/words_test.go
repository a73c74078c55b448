package server

import (
	"fmt"
	"io"
	"sync/atomic"
	"testing"
)

func TestWords(t *testing.T) {
	set := func(o *Options) {
		o.Whitelist = []string{"ruok"}
		o.Words = func(word string, out io.Writer) { fmt.Fprintf(out, "<%s>", word) }
	}
	w := newWorld(t, 0, set)
	all := newWorld(t, 0, func(o *Options) { set(o); o.Whitelist = []string{"*"} })
	down := newWorld(t, 0, set)
	down.do(func() { down.srv.StopServing("test") })
	for _, tc := range []struct {
		w          *world
		send, want string
	}{
		{w, "ruok", "<ruok>"},
		{w, "ruok\n", "<ruok>"},
		{w, "srvr", "<srvr>"},
		{w, "mntr", "mntr is not executed because it is not in the whitelist.\n"},
		{w, "\xff\xf4\xff\xfd", "telnet close is not executed because it is not in the whitelist.\n"},
		{w, "nope", ""},
		{w, "RUOK", ""},
		{all, "mntr", "<mntr>"},
		{all, "stmk12345678", "<stmk12345678>"},
		{all, "stmk12345678\n", "<stmk12345678>"},
		{all, "stmk1234567", ""},
		{all, "stmk", ""},
		{w, "stmk12345678", "stmk is not executed because it is not in the whitelist.\n"},
		{all, "gtmk12345678", "<gtmk>"},
		{down, "ruok", "<ruok>"},
		{down, "srvr", "<srvr>"},
	} {
		c := tc.w.dial()
		c.sendRaw([]byte(tc.send))
		got, err := io.ReadAll(c.nc)
		if string(got) != tc.want || err != nil {
			t.Errorf("%q: %q, %v, want %q", tc.send, got, err, tc.want)
		}
	}
	for _, word := range words {
		c := all.dial()
		c.sendRaw([]byte(word))
		if got, _ := io.ReadAll(c.nc); string(got) != "<"+word+">" && word != "stmk" {
			t.Errorf("%q: %q", word, got)
		}
	}
}

// TestWordsCount: a word is a packet received, and its answer as many packets
// sent as Java writes it in.
func TestWordsCount(t *testing.T) {
	var size atomic.Int64
	w := newWorld(t, 0, func(o *Options) {
		o.Whitelist = []string{"mntr"}
		o.Words = func(_ string, out io.Writer) {
			for range size.Load() {
				out.Write([]byte("x"))
			}
		}
	})
	var want int64
	for i, tc := range []struct {
		word    string
		size    int
		packets int64
	}{
		{"mntr", 0, 0},
		{"mntr", 1, 1},
		{"mntr", 8 << 10, 1},
		{"mntr", 8<<10 + 1, 2},
		{"mntr", 24 << 10, 3},
		{"ruok", 0, 1}, // it is refused
	} {
		size.Store(int64(tc.size))
		c := w.dial()
		c.sendRaw([]byte(tc.word))
		io.ReadAll(c.nc)
		want += tc.packets
		if s := w.srv.Stats(); s.PacketsReceived != int64(i+1) || s.PacketsSent != want {
			t.Errorf("%s of %d bytes: %d received, %d sent in all, want %d", tc.word, tc.size, s.PacketsReceived, s.PacketsSent, want)
		}
	}
}

// Words are for the first four bytes of a connection only.
func TestWordAfterHandshake(t *testing.T) {
	c := newWorld(t, 0, func(o *Options) { o.Whitelist = []string{"*"} }).connect()
	c.sendRaw([]byte("ruok"))
	c.ended()
}
