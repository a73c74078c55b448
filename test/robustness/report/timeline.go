package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/robustness/history"
	"github.com/paddock-io/paddock/test/robustness/nemesis"
)

// column is the time that one character of the timeline stands for.
const column = 250 * time.Millisecond

// Timeline draws the requests that were answered and those that were not, and
// under them the faults:
//
//	answered  ..::||||...
//	unknown      x x
//	             [--]         1.2s kill leader: server 2
func Timeline(log []nemesis.Entry, h *history.History) string {
	end := time.Duration(0)
	for i := range h.Records {
		end = max(end, h.Records[i].Return)
	}
	width := int(end/column) + 1
	answered, unknown := make([]int, width), make([]int, width)
	for i := range h.Records {
		if r := &h.Records[i]; r.Outcome == history.Unknown {
			unknown[r.Return/column]++
		} else {
			answered[r.Return/column]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "one character is %v\n", column)
	fmt.Fprintf(&b, "answered %s\n", strip(answered))
	fmt.Fprintf(&b, "unknown  %s\n", strip(unknown))
	for _, e := range log {
		fmt.Fprintf(&b, "         %s  %v %s\n", bar(e, width), e.At.Round(time.Millisecond), e.Text)
	}
	return b.String()
}

// strip draws numbers by how large they are.
func strip(counts []int) string {
	var b strings.Builder
	for _, n := range counts {
		switch {
		case n == 0:
			b.WriteByte(' ')
		case n < 10:
			b.WriteByte('.')
		case n < 100:
			b.WriteByte(':')
		default:
			b.WriteByte('|')
		}
	}
	return b.String()
}

func bar(e nemesis.Entry, width int) string {
	from := min(int(e.At/column), width-1)
	if e.Until <= e.At {
		return strings.Repeat(" ", from) + "!" + strings.Repeat(" ", max(0, width-from-1))
	}
	to := min(int(e.Until/column), width-1)
	text := strings.Repeat(" ", from) + "["
	if to > from {
		text += strings.Repeat("-", to-from-1) + "]"
	}
	return text + strings.Repeat(" ", max(0, width-len(text)))
}
