package jute

import "encoding/binary"

// AppendInt appends v as four big-endian bytes.
func AppendInt(b []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v))
}

// AppendLong appends v as eight big-endian bytes.
func AppendLong(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

// AppendBool appends one byte, 1 for true and 0 for false.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendString appends s with its length. It never writes the null string.
func AppendString(b []byte, s string) []byte {
	return append(AppendInt(b, int32(len(s))), s...)
}

// AppendBuffer appends p with its length, or the null buffer if p is nil.
func AppendBuffer(b, p []byte) []byte {
	if p == nil {
		return AppendInt(b, -1)
	}
	return append(AppendInt(b, int32(len(p))), p...)
}

// AppendStrings appends a vector of strings, or the null vector if v is nil.
func AppendStrings(b []byte, v []string) []byte {
	if v == nil {
		return AppendInt(b, -1)
	}
	b = AppendInt(b, int32(len(v)))
	for _, s := range v {
		b = AppendString(b, s)
	}
	return b
}
