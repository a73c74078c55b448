package shell

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Where quotas live. Source: Quotas.
const (
	quotaRoot = "/zookeeper/quota"
	limitNode = "zookeeper_limits"
	statNode  = "zookeeper_stats"
)

func limitPath(path string) string { return quotaRoot + path + "/" + limitNode }
func statPath(path string) string  { return quotaRoot + path + "/" + statNode }

// quota is the text in a znode of limits or counters, taken apart. What is missing counts as -1, which
// is no limit. Source: StatsTrack.
type quota map[string]int64

// parseQuota reads "count=1,bytes=2=;byteHardLimit=3;countHardLimit=4".
func parseQuota(text []byte) (quota, error) {
	q := quota{}
	for _, pair := range strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ';' }) {
		parts := strings.Split(pair, "=")
		value := int64(-1)
		if len(parts) > 1 && parts[1] != "" {
			var err error
			if value, err = strconv.ParseInt(parts[1], 10, 64); err != nil {
				return nil, fail("For input string: \"" + parts[1] + "\"")
			}
		}
		q[parts[0]] = value
	}
	return q, nil
}

func (q quota) get(key string) int64 {
	if v, ok := q[key]; ok {
		return v
	}
	return -1
}

// String has count and bytes first and a stray "=" behind them, at which servers before 3.7 stop
// reading. Source: StatsTrack.toString.
func (q quota) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "count=%d,bytes=%d", q.get("count"), q.get("bytes"))
	var more []string
	for key := range q {
		if key != "count" && key != "bytes" {
			more = append(more, key)
		}
	}
	slices.SortFunc(more, compareJava)
	for i, key := range more {
		if i == 0 {
			b.WriteByte('=')
		}
		fmt.Fprintf(&b, ";%s=%d", key, q[key])
	}
	return b.String()
}

// warn returns what is to say of limits that are passed already. Source: SetQuotaCommand.checkQuota.
func (q quota) warn(used quota) string {
	var b strings.Builder
	for _, l := range []struct{ name, soft, hard string }{
		{"count", "count", "countHardLimit"}, {"bytes", "bytes", "byteHardLimit"},
	} {
		have, soft, hard := used.get(l.name), q.get(l.soft), q.get(l.hard)
		if soft > -1 && soft < have || hard > -1 && hard < have {
			fmt.Fprintf(&b, "[Warning]: the %s quota you create is less than the existing %s:%d\n", l.name, l.name, have)
		}
	}
	return b.String()
}
