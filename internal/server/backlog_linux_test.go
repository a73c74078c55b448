package server

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestListenBacklog: as many connections may wait to be accepted as is configured, or else as the system allows.
func TestListenBacklog(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Skip(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for configured, want := range map[int]int{-1: most, 0: most, 7: 7} {
		w := newWorld(t, 0, func(o *Options) { o.Backlog = configured })
		for _, l := range w.srv.listeners {
			rc, err := l.(*net.TCPListener).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var info *unix.TCPInfo
			if cerr := rc.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); cerr != nil || err != nil {
				t.Fatal(cerr, err)
			}
			if got := int(info.Sacked); got != want { // which is the limit, of a socket that listens
				t.Errorf("%d configured: %d may wait, want %d", configured, got, want)
			}
		}
	}
}
