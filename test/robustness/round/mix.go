package round

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/paddock-io/paddock/test/robustness/cluster"
)

// Mix says what each server of an ensemble runs, in the order of their ids: p is
// Paddock and j is Java; the capital letters behind the others are observers.
type Mix string

// Mixes of one kind, which rounds take turns with.
var paddockMixes = []Mix{"ppp", "ppppp", "pppPP"}

// JavaMixes are those that rounds with Java members take turns with.
var JavaMixes = []Mix{"jpp", "ppj", "jjp", "jpjpp"}

// ParseMixes reads mixes with commas between them.
func ParseMixes(text string) ([]Mix, error) {
	var mixes []Mix
	for word := range strings.SplitSeq(text, ",") {
		m := Mix(word)
		if m.voters() == 0 || strings.Trim(word, "pjPJ") != "" || strings.ContainsAny(word[m.voters():], "pj") {
			return nil, fmt.Errorf("mix %q is not letters p and j, and behind them P and J for observers", word)
		}
		mixes = append(mixes, m)
	}
	return mixes, nil
}

func (m Mix) observers() int { return len(m) - m.voters() }

func (m Mix) voters() int {
	at := strings.IndexFunc(string(m), unicode.IsUpper)
	if at < 0 {
		return len(m)
	}
	return at
}

// others returns which servers run Java.
func (m Mix) others(java cluster.Software) map[int]cluster.Software {
	others := map[int]cluster.Software{}
	for i, kind := range strings.ToLower(string(m)) {
		if kind == 'j' {
			others[i+1] = java
		}
	}
	return others
}
