package server

import (
	"bufio"
	"slices"
	"time"
)

// words are the commands that may come instead of a connect request, as the
// first four bytes. Source: FourLetterCommands.
var words = []string{
	"conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr",
	"ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs",
}

// A telnet client that is interrupted sends this; Java answers it by name.
const (
	telnetClose     = "\xff\xf4\xff\xfd"
	telnetCloseName = "telnet close"
)

// wordTimeout is how long a client may take to read an answer.
const wordTimeout = 10 * time.Second

// wordIn returns the four-letter word that b starts with.
func wordIn(b []byte) (string, bool) {
	if i, ok := slices.BinarySearch(words, string(b[:4])); ok {
		return words[i], true
	}
	return telnetCloseName, string(b[:4]) == telnetClose
}

func (s *Server) wordAllowed(word string) bool {
	return word == "srvr" || slices.Contains(s.opts.Whitelist, word) || slices.Contains(s.opts.Whitelist, "*")
}

// maskSize is the length of the mask that stmk sets, right behind it.
const maskSize = 8

// answerWord prints the answer to a word, with what has arrived behind it. A
// stmk whose mask has not arrived gets none. Source:
// NIOServerCnxn.checkFourLetterWord.
func (c *conn) answerWord(word string, behind []byte) error {
	c.mu.Lock()
	c.word = true
	c.received++
	c.mu.Unlock()
	c.burst.received++
	c.srv.counters.add(c.burst)
	if err := c.nc.SetWriteDeadline(time.Now().Add(wordTimeout)); err != nil {
		return err
	}
	w := bufio.NewWriterSize(wordWriter{c}, wordPacket)
	switch {
	case !c.srv.wordAllowed(word):
		w.WriteString(word + " is not executed because it is not in the whitelist.\n")
	case word == "stmk" && len(behind) < maskSize:
	case word == "stmk" && c.srv.opts.Words != nil:
		c.srv.opts.Words(word+string(behind[:maskSize]), w)
	case c.srv.opts.Words != nil:
		c.srv.opts.Words(word, w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return errWord
}

// wordPacket is how much of an answer counts as one packet. Source:
// NIOServerCnxn.SendBufferWriter, and the buffer before it.
const wordPacket = 8 << 10

// wordWriter counts what is written as packets.
type wordWriter struct{ c *conn }

func (w wordWriter) Write(p []byte) (int, error) {
	n, err := w.c.nc.Write(p)
	if err == nil {
		w.c.mu.Lock()
		w.c.sent++
		w.c.mu.Unlock()
		w.c.srv.counters.sent.Add(1)
	}
	return n, err
}
