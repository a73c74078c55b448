package cluster

import (
	"io"
	"net"
	"strings"
	"time"
)

// Word asks a server one of the four-letter words; "" means no answer.
func (s *Server) Word(word string) string {
	nc, err := net.DialTimeout("tcp", s.Client, time.Second)
	if err != nil {
		return ""
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(nc, word)
	b, _ := io.ReadAll(nc)
	return string(b)
}

// Mode asks a server what it is: leader, follower, observer, or "" if it does
// not serve.
func (s *Server) Mode() string {
	_, after, ok := strings.Cut(s.Word("srvr"), "Mode: ")
	if !ok {
		return ""
	}
	mode, _, _ := strings.Cut(after, "\n")
	return mode
}

// Number returns one of the numbers that mntr tells, without its prefix zk_.
func (s *Server) Number(name string) string {
	for line := range strings.Lines(s.Word("mntr")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && key == "zk_"+name {
			return value
		}
	}
	return ""
}
