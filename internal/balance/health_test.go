package balance

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

const notAllowed = "srvr is not executed because it is not in the whitelist."

func TestJudge(t *testing.T) {
	for answer, want := range map[string]struct {
		health health
		err    error // nil: any, if health is down
	}{
		"Zookeeper version: 3.9.5\nLatency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: follower\nNode count: 5\n": {serving, nil},
		"Mode: leader\r\n": {serving, nil},
		"Mode: observer":   {serving, nil},
		"x\nMode: standalone\nNode count: 5\nProposal sizes last/min/max: -1/-1/-1\n": {serving, nil},
		"Mode: read-only\n": {readOnly, nil},
		"This ZooKeeper instance is not currently serving requests\n": {down, errNotServing},
		notAllowed:                         {down, errNotAllowed},
		"":                                 {down, nil},
		"Mode: \n":                         {down, nil},
		"Mode: leaderish\n":                {down, nil},
		"XMode: leader\n":                  {down, nil},
		"HTTP/1.1 400 Bad Request\r\n\r\n": {down, nil},
		"\x00\x00\x00\x25":                 {down, nil},
		strings.Repeat("Mode:", 1000):      {down, nil},
	} {
		h, err := judge(answer)
		if h != want.health || (err == nil) != (h != down) || want.err != nil && !errors.Is(err, want.err) {
			t.Errorf("%.60q: %v, %v", answer, h, err)
		}
	}
}

// scripted is a checker whose server answers connection by connection, each
// given what it was asked.
func scripted(t *testing.T, readOnly bool, answers ...func(nc net.Conn, asked []byte)) *checker {
	return &checker{addr: "s:1", patience: time.Second, readOnly: readOnly, dial: func(context.Context, string, string) (net.Conn, error) {
		if len(answers) == 0 {
			return nil, errors.New("refused")
		}
		answer := answers[0]
		answers = answers[1:]
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			asked := make([]byte, 100)
			n, err := far.Read(asked)
			if err != nil {
				return
			}
			answer(far, asked[:n])
		}()
		return near, nil
	}}
}

func says(text string) func(net.Conn, []byte) {
	return func(nc net.Conn, _ []byte) { io.WriteString(nc, text) }
}

func silent(nc net.Conn, _ []byte) { io.Copy(io.Discard, nc) }

// welcomes answers a connect request for a session that there is not, as every
// server does that serves, and checks the request.
func welcomes(t *testing.T, readOnlyServer bool) func(net.Conn, []byte) {
	return func(nc net.Conn, asked []byte) {
		var req proto.ConnectRequest
		d := jute.NewDecoder(asked[4:])
		req.Decode(&d)
		if want := proto.Password(req.SessionID); d.Err() != nil || req.SessionID == 0 || string(req.Passwd) != string(want[:]) {
			t.Errorf("asked with %+v, %v: this makes a session, or asks no leader", req, d.Err())
		}
		if readOnlyServer && !req.ReadOnly {
			return // closes the connection
		}
		resp := proto.ConnectResponse{Passwd: make([]byte, 16), ReadOnly: readOnlyServer, HasReadOnly: true}
		frame := resp.Append(make([]byte, 4))
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
		nc.Write(frame)
	}
}

func TestCheck(t *testing.T) {
	bad := says("This ZooKeeper instance is not currently serving requests\n")
	for name, tc := range map[string]struct {
		readOnly bool
		answers  []func(net.Conn, []byte)
		want     health
	}{
		"serves":                           {false, []func(net.Conn, []byte){says("Mode: leader\n")}, serving},
		"serves when asked again":          {false, []func(net.Conn, []byte){bad, says("Mode: leader\n")}, serving},
		"does not serve":                   {false, []func(net.Conn, []byte){bad, bad, says("Mode: leader\n")}, down},
		"refuses":                          {false, nil, down},
		"is silent":                        {false, []func(net.Conn, []byte){silent, silent}, down},
		"no srvr, serves":                  {false, []func(net.Conn, []byte){says(notAllowed), welcomes(t, false)}, serving},
		"no srvr, read-only":               {true, []func(net.Conn, []byte){says(notAllowed), welcomes(t, true)}, readOnly},
		"no srvr, read-only, not asked so": {false, []func(net.Conn, []byte){says(notAllowed), welcomes(t, true), says(notAllowed), welcomes(t, true)}, down},
		"no srvr, hangs up":                {false, []func(net.Conn, []byte){says(notAllowed), says(""), says(notAllowed), says("")}, down},
		"no srvr, says much":               {false, []func(net.Conn, []byte){says(notAllowed), says("\x7f\xff\xff\xff"), says(notAllowed), says("\x00\x00\x01\x01" + strings.Repeat("\x00", 257))}, down},
		"no srvr, says little":             {false, []func(net.Conn, []byte){says(notAllowed), says("\x00\x00\x00\x04abcd"), says(notAllowed), says("\x00\x00\x00\x08abc")}, down},
		"no srvr, is silent":               {false, []func(net.Conn, []byte){says(notAllowed), silent, says(notAllowed), silent}, down},
		"does not stop talking": {false, []func(net.Conn, []byte){says(strings.Repeat("x", maxAnswer) + "\nMode: leader\n"),
			says(strings.Repeat("x", maxAnswer) + "\nMode: leader\n")}, down},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, err := scripted(t, tc.readOnly, tc.answers...).check(t.Context())
			if h != tc.want || (err == nil) != (h != down) {
				t.Errorf("%s: %v, %v", name, h, err)
			}
		})
	}
}
