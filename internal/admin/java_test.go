package admin

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// javaVersion is that of the server the transcripts were captured from.
const javaVersion = "3.9.5-293c895a8d966a3ecb92872be4a1daf87d725da2, built on 2026-02-11 20:18 UTC"

// situations of capture.py that are compared, and what is like them here.
var situations = map[string]struct {
	role    zab.Role
	clients int // one on this server, the others elsewhere
	words   string
}{
	"fresh":       {zab.RoleStandalone, 0, all},
	"standalone":  {zab.RoleStandalone, 1, all},
	"noquorum":    {zab.RoleNone, 0, all},
	"freshleader": {zab.RoleLeader, 0, "srvr dump mntr"},
	"leader":      {zab.RoleLeader, 4, all},
	"follower":    {zab.RoleFollower, 4, all},
	"observer":    {zab.RoleObserver, 4, all},
}

const all = "ruok srvr stat conf cons envi dump wchs wchc wchp mntr isro dirs hash gtmk crst srst"

func worldLike(t *testing.T, situation string) *world {
	t.Helper()
	s := situations[situation]
	members, self := "", int64(0)
	if s.role != zab.RoleStandalone {
		_, members, _ = strings.Cut(javaAnswer(t, "leader", "conf"), "membership: \n")
		self = 2
		if s.role == zab.RoleObserver {
			self = 4
		}
	}
	w := newWorld(t, s.role, members, self)
	w.probe()
	if s.clients == 0 {
		return w
	}
	w.apply(1, proto.OpCreate, &proto.CreateTxn{Path: "/plain", Data: []byte("hello"), ACL: proto.OpenACL, ParentCversion: -1})
	paths := []string{"/e0", "/e1", "/e2", "/e3"}
	for i := range s.clients {
		w.open(proto.SessionID(i+1)<<56|0x3cd5f00000, paths[i])
	}
	w.connect(1<<56|0x3cd5f00000, 1, "/plain", "/none0")
	w.src.Proposals = &fakeSizes{88, 48, 95}
	return w
}

// TestJavaTranscripts compares the shape of every answer with Java's in a like
// situation: everything but numbers, dates and directories.
func TestJavaTranscripts(t *testing.T) {
	for situation, s := range situations {
		for word := range strings.FieldsSeq(s.words) {
			if word == "mntr" && s.role != zab.RoleNone || word == "envi" {
				continue // below
			}
			t.Run(situation+"/"+word, func(t *testing.T) {
				got, want := shape(word, worldLike(t, situation).answer(word)), shape(word, javaAnswer(t, situation, word))
				if got != want {
					t.Errorf("the answer has the shape\n%q\nJava's has\n%q", got, want)
				}
			})
		}
	}
}

var (
	reDir     = regexp.MustCompile(`(?m)^(dataDir|dataLogDir)=/.*/version-2$`)
	reExpiry  = regexp.MustCompile(`expire at [A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]{3,4} \d{4}:`)
	reHex     = regexp.MustCompile(`0x[0-9a-f]+`)
	reLatency = regexp.MustCompile(`(?m)^(Latency.*/)\d+\.\d{1,4}/`)
	reDecimal = regexp.MustCompile(`\d+\.\d{1,4}\b`)
	reNumber  = regexp.MustCompile(`\d+`)
)

// shape is what two answers of like servers have in common.
func shape(word, answer string) string {
	answer = reDir.ReplaceAllString(answer, "$1=DIR")
	answer = reExpiry.ReplaceAllString(answer, "expire at DATE:")
	answer = reHex.ReplaceAllString(answer, "HEX")
	answer = reLatency.ReplaceAllString(answer, "${1}DECIMAL/")
	answer = strings.NewReplacer("[0]", "[idle]", "[1]", "[reads]").Replace(answer)
	if word != "ruok" && word != "gtmk" {
		answer = reNumber.ReplaceAllString(answer, "N")
	}
	switch word {
	case "stat", "cons", "dump", "wchp", "wchc": // in Java partly in the order of hash maps
		lines := strings.SplitAfter(answer, "\n")
		slices.Sort(lines)
		answer = strings.Join(lines, "")
	}
	return answer
}

// ownKeys are lines of mntr that are not in Java's.
var ownKeys = []string{
	"zk_p50_latency", "zk_p95_latency", "zk_p99_latency", "zk_p999_latency",
	"zk_followers", // of 3.4
}

func TestMntrLikeJava(t *testing.T) {
	for situation, s := range situations {
		if s.role == zab.RoleNone {
			continue
		}
		t.Run(situation, func(t *testing.T) {
			got, order := mntrKinds(t, worldLike(t, situation).answer("mntr"))
			want, javaOrder := mntrKinds(t, javaAnswer(t, situation, "mntr"))
			for key, kind := range got {
				if slices.Contains(ownKeys, key) {
					continue
				}
				if want[key] == "" || want[key] != kind {
					t.Errorf("%s is %q, Java's is %q", key, kind, want[key])
				}
			}
			// Java prints what is set by hand, then gauges, then counters and
			// summaries, of which this is the first.
			gauges := slices.Index(javaOrder, "zk_watch_bytes")
			if gauges < 0 {
				t.Fatal("the transcript has no zk_watch_bytes")
			}
			for _, key := range javaOrder[:gauges] {
				if got[key] == "" {
					t.Errorf("%s is missing", key)
				}
			}
			fixed := map[zab.Role]int{zab.RoleStandalone: 2, zab.RoleLeader: 3, zab.RoleFollower: 3, zab.RoleObserver: 4}[s.role]
			if !slices.Equal(order[:fixed], javaOrder[:fixed]) {
				t.Errorf("begins with %v, Java's with %v", order[:fixed], javaOrder[:fixed])
			}
		})
	}
}

// mntrKinds parses an answer to mntr into its keys and what kind of value they
// have: a whole number, a decimal, or this text.
func mntrKinds(t *testing.T, answer string) (kinds map[string]string, order []string) {
	t.Helper()
	kinds = make(map[string]string)
	for line := range strings.Lines(answer) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || kinds[key] != "" {
			t.Fatalf("line %q", line)
		}
		switch {
		case regexp.MustCompile(`^-?\d+$`).MatchString(value):
			value = "whole"
		case regexp.MustCompile(`^` + reDecimal.String() + `$`).MatchString(value):
			value = "decimal"
		}
		kinds[key] = value
		order = append(order, key)
	}
	return kinds, order
}

func TestEnviLikeJava(t *testing.T) {
	for situation, s := range situations {
		if !strings.Contains(s.words, "envi") {
			continue
		}
		got, want := worldLike(t, situation).answer("envi"), javaAnswer(t, situation, "envi")
		value := regexp.MustCompile(`(?m)=.*$`)
		if g, w := value.ReplaceAllString(got, "="), value.ReplaceAllString(want, "="); g != w {
			t.Errorf("%s: keys\n%s\nJava's are\n%s", situation, g, w)
		}
		if line := "\nzookeeper.version=" + javaVersion + "\n"; !strings.Contains(want, line) || !strings.Contains(got, line) {
			t.Errorf("%s: no line %q in both\n%s\nand Java's\n%s", situation, line, got, want)
		}
		if !regexp.MustCompile(`(?m)^os\.memory\.total=[1-9]\d*MB$`).MatchString(got) {
			t.Errorf("%s: no memory in\n%s", situation, got)
		}
	}
}

func TestEveryWordIsCompared(t *testing.T) {
	known := slices.Sorted(maps.Keys(New(Source{}).answers))
	compared := strings.Fields(all) // stmk has a test of its own
	slices.Sort(compared)
	if !slices.Equal(known, compared) {
		t.Errorf("words %v, compared %v", known, compared)
	}
}
