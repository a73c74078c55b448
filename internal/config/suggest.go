package config

import "strings"

// suggest returns the known name closest to an unknown one, for a "did you mean", or "".
func suggest(name string) string {
	if len(name) > 100 {
		return ""
	}
	best, limit := "", 1+min(3, len(name)/4)
	for _, k := range Keys() {
		if strings.EqualFold(k.Name, name) {
			return k.Name
		}
		if d := distance(name, k.Name, limit); d < limit && !strings.HasSuffix(k.Name, ".") {
			best, limit = k.Name, d
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements that turn a into b, or returns limit when there are at
// least that many.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(row[len(b)], limit)
}
