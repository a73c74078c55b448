package wire

import (
	"bufio"
	"bytes"
	"reflect"
	"runtime"
	"testing"
)

// fuzzPackets adds the golden packets, alone and in a row.
func fuzzPackets(f *testing.F) {
	var all []byte
	for _, tc := range golden {
		raw := fromHex(f, tc.hex)
		all = append(all, raw...)
		f.Add(raw)
	}
	f.Add(all)
}

// FuzzReadPacket: no input makes the reader panic or allocate far more than it
// was given.
func FuzzReadPacket(f *testing.F) {
	fuzzPackets(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		br := bufio.NewReaderSize(bytes.NewReader(b), 64)
		read := 0
		for {
			p, err := ReadPacket(br, 1<<24)
			if err != nil {
				break
			}
			read += 16 + len(p.Data)
		}
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(16*len(b)+4<<20); n > most {
			t.Errorf("%d bytes allocated for %d", n, len(b))
		}
		if read > len(b) {
			t.Errorf("read %d bytes of %d", read, len(b))
		}
	})
}

// FuzzPackets: what can be decoded is encoded and decoded to the same.
func FuzzPackets(f *testing.F) {
	fuzzPackets(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ReadPacket(bufio.NewReader(bytes.NewReader(b)), 1<<20)
		if err != nil {
			return
		}
		for _, leader := range []bool{false, true} {
			decode := FromLearner
			if leader {
				decode = FromLeader
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := decode(p)
			runtime.ReadMemStats(&after)
			if n, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(b)+64<<10); n > most {
				t.Fatalf("%d bytes allocated for %d", n, len(b))
			}
			if err != nil || m == nil {
				continue
			}
			again := AppendMessage(nil, m, leader)
			q, err := ReadPacket(bufio.NewReader(bytes.NewReader(again)), 1<<21)
			if err != nil {
				t.Fatalf("%+v is written as %x: %v", m, again, err)
			}
			n, err := decode(q)
			if err != nil || !reflect.DeepEqual(m, n) {
				t.Fatalf("%+v became %+v, %v", m, n, err)
			}
		}
	})
}
