package tree

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Quota holds the numbers of a quota: limits, or what is used. -1 means that
// there is none.
type Quota struct {
	Count, Bytes         int64 // what is used, or a limit that only warns
	CountHard, BytesHard int64 // a limit that refuses
}

// noQuota has no numbers.
var noQuota = Quota{-1, -1, -1, -1}

// Keys of a quota's text. Source: StatsTrack.
const (
	countKey     = "count"
	bytesKey     = "bytes"
	countHardKey = "countHardLimit"
	bytesHardKey = "byteHardLimit"
)

// maxUsageText is the length above which a text of what is used is not read,
// since that costs every write below the path: what is used is counted instead.
// One with every key has a hundred bytes; ZooKeeper has no such limit. Limits
// are read once, whatever their length, so that nothing can hide one.
const maxUsageText = 1024

// parseQuota reads "count=7,bytes=5" or "count=7,bytes=5=;byteHardLimit=9".
// ZooKeeper fails on a pair that does not parse, and with it the request or the
// server; here such a pair counts for nothing. Source: StatsTrack.
func parseQuota(text []byte) Quota {
	q := noQuota
	eachPair(text, func(pair []byte) bool {
		if len(pair) < len(countKey+"=1") {
			return true // no key of these is so short; a text may be long
		}
		key, v, ok := cutPair(pair)
		if !ok {
			return true
		}
		switch string(key) {
		case countKey:
			q.Count = v
		case bytesKey:
			q.Bytes = v
		case countHardKey:
			q.CountHard = v
		case bytesHardKey:
			q.BytesHard = v
		}
		return true
	})
	return q
}

// eachPair calls fn for every pair of a text until it returns false. Pairs are
// separated by runs of commas and semicolons, of which those at the end do not
// matter.
func eachPair(text []byte, fn func(pair []byte) bool) {
	for len(text) > 0 && separates(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	for len(text) > 0 {
		end := 0
		for end < len(text) && !separates(text[end]) {
			end++
		}
		if !fn(text[:end]) {
			return
		}
		for end < len(text) && separates(text[end]) {
			end++
		}
		text = text[end:]
	}
}

func separates(b byte) bool { return b == ',' || b == ';' }

// cutPair returns the key and number of a pair, ok false if ZooKeeper would
// fail on it. A key without number is -1 if it has more than one "=" and
// something behind, which is also all that can follow a number.
func cutPair(pair []byte) (key []byte, v int64, ok bool) {
	key, rest, _ := bytes.Cut(pair, []byte("="))
	number, behind, _ := bytes.Cut(rest, []byte("="))
	if len(number) == 0 {
		for len(behind) > 0 && behind[0] == '=' {
			behind = behind[1:]
		}
		return key, -1, len(behind) > 0
	}
	v, err := strconv.ParseInt(string(number), 10, 64)
	return key, v, err == nil
}

// parseUsage is parseQuota for what is used. A text that nobody would write
// says nothing.
func parseUsage(text []byte) Quota {
	if len(text) > maxUsageText {
		return noQuota
	}
	return parseQuota(text)
}

// addUsage appends to dst the text of what is used after count and bytes more,
// keeping what else the text says. ok is false if ZooKeeper could not read the
// text, or it is longer than maxUsageText. Source: DataTree.updateQuotaStat,
// StatsTrack.toString.
func addUsage(dst, text []byte, count, size int64) (_ []byte, ok bool) {
	type number struct {
		key []byte
		v   int64
	}
	var others []number
	was := noQuota
	if text == nil || len(text) > maxUsageText {
		return dst, false
	}
	ok = true
	eachPair(text, func(pair []byte) bool {
		key, v, good := cutPair(pair)
		ok = good && utf8.Valid(key)
		switch string(key) {
		case countKey:
			was.Count = v
		case bytesKey:
			was.Bytes = v
		default:
			others = append(others, number{key, v})
		}
		return ok
	})
	if !ok {
		return dst, false
	}
	dst = appendUsage(dst, was.Count+count, was.Bytes+size)
	slices.SortStableFunc(others, func(a, b number) int { return bytes.Compare(a.key, b.key) })
	for i, p := range others {
		if i == 0 {
			dst = append(dst, '=') // stops the parsers of 3.4.3 and before
		}
		if i+1 < len(others) && bytes.Equal(p.key, others[i+1].key) {
			continue // the last of equal ones counts
		}
		dst = append(append(dst, ';'), p.key...)
		dst = strconv.AppendInt(append(dst, '='), p.v, 10)
	}
	return dst, true
}

// appendUsage appends the text of what is used.
func appendUsage(dst []byte, count, size int64) []byte {
	dst = append(append(dst, countKey...), '=')
	dst = strconv.AppendInt(dst, count, 10)
	dst = append(append(append(dst, ','), bytesKey...), '=')
	return strconv.AppendInt(dst, size, 10)
}
