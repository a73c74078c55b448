package proto

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// The bytes are those of the protocol description and of Java's recordings.
func TestWatchRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		op  OpCode
		hex string
		req Request
	}{
		"addWatch, persistent":    {OpAddWatch, "000000022f70 00000000", &AddWatchRequest{"/p", AddWatchPersistent}},
		"G17 addWatch, recursive": {OpAddWatch, "000000022f70 00000001", &AddWatchRequest{"/p", AddWatchPersistentRecursive}},
		"checkWatches":            {OpCheckWatches, "000000022f70 00000001", &WatchesRequest{"/p", WatcherChildren}},
		"removeWatches":           {OpRemoveWatches, "000000022f70 00000005", &WatchesRequest{"/p", WatcherPersistentRecursive}},
		"setWatches": {
			OpSetWatches, "0000000100000005 00000001000000022f61 00000000 00000001000000022f62",
			&SetWatchesRequest{RelativeZxid: 0x100000005, Data: []string{"/a"}, Exist: []string{}, Child: []string{"/b"}},
		},
		"G16 setWatches2": {
			OpSetWatches2, "0000000100000005 00000001000000022f61 00000000 00000000 00000001000000022f70 00000000",
			&SetWatchesRequest{
				RelativeZxid: 0x100000005, V2: true, Data: []string{"/a"}, Exist: []string{}, Child: []string{},
				Persist: []string{"/p"}, Recursive: []string{},
			},
		},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tc.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRequest(tc.op, b)
		if err != nil || !reflect.DeepEqual(got, tc.req) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if enc := tc.req.Append(nil); !bytes.Equal(enc, b) {
			t.Errorf("%s: encoded %x, want %x", name, enc, b)
		}
	}
}

func TestWatchRecordsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		op  OpCode
		hex string
	}{
		"addWatch, mode 2":                {OpAddWatch, "000000022f70 00000002"},
		"addWatch, mode -1":               {OpAddWatch, "000000022f70 ffffffff"},
		"addWatch, truncated":             {OpAddWatch, "000000022f70"},
		"checkWatches, type 0":            {OpCheckWatches, "000000022f70 00000000"},
		"removeWatches, type 6":           {OpRemoveWatches, "000000022f70 00000006"},
		"setWatches2, more than there is": {OpSetWatches2, "0000000000000000 00000000 00000000 00000000 7fffffff 00000000"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tc.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeRequest(tc.op, b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, tc := range map[string]struct {
		op   OpCode
		hex  string
		want SetWatchesRequest
	}{
		"a null list":         {OpSetWatches, "0000000000000000 000000010000000161 ffffffff 00000000", SetWatchesRequest{Data: []string{"a"}, Cut: true}},
		"a null path":         {OpSetWatches, "0000000000000000 00000002000000016100000000 00000001ffffffff 00000000", SetWatchesRequest{Data: []string{"a", ""}, Exist: []string{}, Cut: true}},
		"the last is null":    {OpSetWatches2, "0000000000000000 00000000 00000000 00000000 00000000 ffffffff", SetWatchesRequest{Data: []string{}, Exist: []string{}, Child: []string{}, Persist: []string{}, V2: true, Cut: true}},
		"persistent and null": {OpSetWatches2, "0000000000000000 00000000 00000000 00000000 00000001ffffffff 00000000", SetWatchesRequest{Data: []string{}, Exist: []string{}, Child: []string{}, Persist: []string{""}, Recursive: []string{}, V2: true}},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tc.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRequest(tc.op, b)
		if err != nil || !reflect.DeepEqual(got, &tc.want) {
			t.Errorf("setWatches, %s: %+v, %v, want %+v", name, got, err, tc.want)
		}
	}
	for op, null := range map[OpCode]string{OpAddWatch: "ffffffff00000000", OpRemoveWatches: "ffffffff00000003"} {
		b, _ := hex.DecodeString(null)
		if _, err := DecodeRequest(op, b); err != nil {
			t.Errorf("%s with a null path: %v", op, err)
		}
	}
}

// FuzzWatchRecords decodes arbitrary bytes; what decodes says the same when it is
// encoded and decoded again.
func FuzzWatchRecords(f *testing.F) {
	ops := []OpCode{OpAddWatch, OpCheckWatches, OpRemoveWatches, OpSetWatches, OpSetWatches2}
	for i, r := range []Request{
		&AddWatchRequest{"/p", AddWatchPersistentRecursive},
		&WatchesRequest{"/p", WatcherAny},
		&WatchesRequest{"", WatcherData},
		&SetWatchesRequest{RelativeZxid: 7, Data: []string{"/a", "/b"}},
		&SetWatchesRequest{V2: true, Persist: []string{"/a"}, Recursive: []string{"/", ""}},
	} {
		f.Add(byte(i), r.Append(nil))
	}
	f.Fuzz(func(t *testing.T, op byte, b []byte) {
		code := ops[int(op)%len(ops)]
		req, err := DecodeRequest(code, b)
		if err != nil {
			return
		}
		again, err := DecodeRequest(code, req.Append(nil))
		if err != nil || !reflect.DeepEqual(again, req) {
			t.Errorf("%s %x: %+v, then %+v, %v", code, b, req, again, err)
		}
	})
}
