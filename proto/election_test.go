package proto

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/jute"
)

const configC = "server.1=zk1:2888:3888:participant;0.0.0.0:2181\n" +
	"server.2=zk2:2888:3888:participant;0.0.0.0:2181\n" +
	"server.3=zk3:2888:3888:participant;0.0.0.0:2181\n" +
	"version=0"

// Bytes that ZooKeeper 3.8.0 classes read and wrote.
const (
	goldenV1 = "ffffffff ffff0000 00000000 00000003 0000000e 3132372e 302e302e 313a3338 3838"
	goldenV2 = "ffffffff ffff0001 00000000 00000003 0000001b 31302e30 2e302e33 3a333838" +
		"387c3130 2e312e30 2e333a33 383838"
	goldenVote = "000000c5 00000000 00000000 00000003 00000000 00000000 00000000 00000001" +
		"00000000 00000000 00000002 00000099 73657276 65722e31 3d7a6b31 3a323838" +
		"383a3338 38383a70 61727469 63697061 6e743b30 2e302e30 2e303a32 3138310a" +
		"73657276 65722e32 3d7a6b32 3a323838 383a3338 38383a70 61727469 63697061" +
		"6e743b30 2e302e30 2e303a32 3138310a 73657276 65722e33 3d7a6b33 3a323838" +
		"383a3338 38383a70 61727469 63697061 6e743b30 2e302e30 2e303a32 3138310a" +
		"76657273 696f6e3d 30"
	goldenObserverVote = "0000002c 00000000 80000000 00000000 80000000 00000000 00000000 00000001" +
		"80000000 00000000 00000002 00000000"
)

func peerBytes(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInitialMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		bytes string
		want  InitialMessage
	}{
		"V1": {goldenV1, InitialMessage{3, []string{"127.0.0.1:3888"}}},
		"V2": {goldenV2, InitialMessage{3, []string{"10.0.0.3:3888", "10.1.0.3:3888"}}},
	} {
		b := peerBytes(t, tc.bytes)
		if got := tc.want.Append(nil); !bytes.Equal(got, b) {
			t.Errorf("%s: Append = %x, want %x", name, got, b)
		}
		if got, err := DecodeInitialMessage(b); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: Decode = %v, %v, want %v", name, got, err, tc.want)
		}
		for n, want := range map[int]int{0: 8, 7: 8, 8: 20, 19: 20, 20: len(b), len(b): len(b)} {
			if got, err := InitialMessageSize(b[:n]); got != want || err != nil {
				t.Errorf("%s: size seen from %d bytes = %d, %v, want %d", name, n, got, err, want)
			}
		}
	}
	if got, err := DecodeInitialMessage([]byte{0, 0, 0, 0, 0, 0, 0, 9}); err != nil || got.Peer != 9 || got.Addrs != nil {
		t.Errorf("3.4 form: %v, %v", got, err)
	}
}

func TestBadInitialMessage(t *testing.T) {
	v1 := peerBytes(t, goldenV1)
	withLength := func(n uint32) []byte {
		b := bytes.Clone(v1)
		b[16], b[17], b[18], b[19] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		return b
	}
	for name, b := range map[string][]byte{
		"other version":   append(peerBytes(t, "fffffffffffefffe"), v1[8:]...),
		"no address":      withLength(0),
		"negative length": withLength(math.MaxUint32),
		"long address":    withLength(MaxElectionAddr + 1),
		"cut":             v1[:len(v1)-1],
		"too long":        append(bytes.Clone(v1), 0),
		"empty":           nil,
	} {
		if m, err := DecodeInitialMessage(b); !errors.Is(err, ErrInitialMessage) {
			t.Errorf("%s: %v, %v, want ErrInitialMessage", name, m, err)
		}
	}
}

func TestInitialMessageLengthIsCheckedFirst(t *testing.T) {
	header := peerBytes(t, goldenV1)[:initialHeaderSize]
	for length, ok := range map[int32]bool{-1: false, 0: false, 1: true, MaxElectionAddr: true, MaxElectionAddr + 1: false} {
		if n, err := InitialMessageSize(jute.AppendInt(bytes.Clone(header[:16]), length)); (err == nil) != ok {
			t.Errorf("address of %d bytes: size %d, %v", length, n, err)
		}
	}
}

func TestNotificationBytes(t *testing.T) {
	for name, tc := range map[string]struct {
		bytes string
		want  Notification
	}{
		"vote":     {goldenVote, Notification{PeerLooking, 3, 0, 1, 0, 2, configC}},
		"observer": {goldenObserverVote, Notification{PeerLooking, math.MinInt64, math.MinInt64, 1, math.MinInt64, 2, ""}},
	} {
		frame := peerBytes(t, tc.bytes)
		if got := tc.want.AppendFrame(nil); !bytes.Equal(got, frame) {
			t.Errorf("%s: AppendFrame = %x, want %x", name, got, frame)
		}
		if got, err := DecodeNotification(frame[4:]); err != nil || got != tc.want {
			t.Errorf("%s: Decode = %+v, %v, want %+v", name, got, err, tc.want)
		}
	}
}

// Source of the lengths: FastLeaderElection.Messenger.WorkerReceiver.run.
func TestNotificationOfOtherLengths(t *testing.T) {
	n := Notification{PeerLeading, 3, MakeZxid(5, 7), 2, 6, 2, configC}
	body := n.AppendFrame(nil)[4:]
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(body)) }
	without := func(n Notification, version int32) Notification {
		n.Version, n.Config = version, ""
		return n
	}
	before34 := without(n, 0)
	before34.PeerEpoch = 5
	for name, tc := range map[string]struct {
		body []byte
		want Notification // zero: skipped
	}{
		"too short":                   {body[:27], Notification{}},
		"before 3.4":                  {body[:28], before34},
		"between":                     {body[:29], Notification{}},
		"3.4.0, skipped as Java does": {body[:36], Notification{}},
		"3.4.6":                       {body[:40], without(n, 0)},
		"length missing":              {body[:43], Notification{}},
		"version 1 and no length":     {edit(func(b []byte) []byte { b[39] = 1; return b[:43] }), without(n, 1)},
		"version 1 and trailing":      {edit(func(b []byte) []byte { b[39] = 1; return b }), without(n, 1)},
		"config cut":                  {body[:len(body)-1], Notification{}},
		"config longer than body":     {edit(func(b []byte) []byte { b[41] = 1; return b }), Notification{}},
		"config length -1":            {edit(func(b []byte) []byte { copy(b[40:], "\xff\xff\xff\xff"); return b }), Notification{}},
		"trailing bytes":              {append(bytes.Clone(body), 1, 2, 3), n},
		"unknown state":               {edit(func(b []byte) []byte { b[3] = 4; return b }), Notification{}},
		"negative state":              {edit(func(b []byte) []byte { b[0] = 0x80; return b }), Notification{}},
		"empty":                       {nil, Notification{}},
	} {
		got, err := DecodeNotification(tc.body)
		if got != tc.want || (err == nil) != (tc.want != Notification{}) || err != nil && !errors.Is(err, ErrNotification) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tc.want)
		}
	}
}

func FuzzInitialMessage(f *testing.F) {
	f.Add(peerBytes(f, goldenV1))
	f.Add(peerBytes(f, goldenV2))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m InitialMessage
		var err error
		// As it is read: no length is believed that is beyond the limit.
		bounded(t, len(b), func() {
			for had := 0; err == nil; {
				var size int
				if size, err = InitialMessageSize(b[:min(had, len(b))]); err == nil && (size <= had || size > len(b)) {
					break
				}
				if size > initialHeaderSize+MaxElectionAddr {
					t.Fatalf("%d bytes are to be read", size)
				}
				had = size
			}
			m, err = DecodeInitialMessage(b)
		})
		if err != nil && !errors.Is(err, ErrInitialMessage) && !errors.Is(err, jute.ErrShort) && !errors.Is(err, jute.ErrLength) {
			t.Fatal(err)
		}
		if err != nil || len(m.Addrs) == 0 {
			return
		}
		back, err := DecodeInitialMessage(m.Append(nil))
		if len(strings.Join(m.Addrs, "|")) > MaxElectionAddr {
			return // replacing malformed UTF-8 made the text longer than may be sent
		}
		if err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%v came back as %v, %v", m, back, err)
		}
	})
}

func FuzzNotification(f *testing.F) {
	f.Add(peerBytes(f, goldenVote)[4:])
	f.Add(peerBytes(f, goldenObserverVote)[4:])
	f.Add(peerBytes(f, goldenVote)[4:44])
	f.Add(peerBytes(f, goldenVote)[4:32])
	f.Fuzz(func(t *testing.T, b []byte) {
		var n Notification
		var err error
		bounded(t, len(b), func() { n, err = DecodeNotification(b) })
		if err != nil {
			if !errors.Is(err, ErrNotification) {
				t.Fatal(err)
			}
			return
		}
		n.Version = NotificationVersion
		if back, err := DecodeNotification(n.AppendFrame(nil)[4:]); err != nil || back != n {
			t.Fatalf("%+v came back as %+v, %v", n, back, err)
		}
	})
}
