package differential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// String shows what was sent and what both answered.
func (d *Difference) String() string {
	var b strings.Builder
	if d.Err != nil {
		fmt.Fprintf(&b, "%v\n", d.Err)
	}
	if d.Text != "" {
		fmt.Fprintf(&b, "%s\n", d.Text)
		return b.String()
	}
	fmt.Fprintf(&b, "step %d: %sconnection %d shows\n", d.At, describeStep(&d.Step), d.Conn)
	for i, list := range [][]frame{d.Java, d.Paddock} {
		for n, f := range list {
			mark := " "
			if n == d.Where {
				mark = "!"
			}
			if n < d.Where-1 || n > d.Where+3 {
				continue
			}
			fmt.Fprintf(&b, "%s %-8s%s\n", mark, []string{"java", "paddock"}[i], describeFrame(&d.Step, f))
		}
		if len(list) <= d.Where {
			fmt.Fprintf(&b, "! %-8snothing more\n", []string{"java", "paddock"}[i])
		}
	}
	return b.String()
}

// describeStep shows a step, a line for each request.
func describeStep(s *Step) string {
	var b strings.Builder
	switch {
	case s.Restart:
		return "restart\n"
	case s.Drop:
		return fmt.Sprintf("connection %d: drop\n", s.Conn)
	case s.Connect != nil:
		fmt.Fprintf(&b, "connection %d: connect %+v\n", s.Conn, *s.Connect)
	default:
		fmt.Fprintf(&b, "connection %d sends\n", s.Conn)
	}
	for i := range s.Requests {
		fmt.Fprintf(&b, "    %s\n", describeRequest(&s.Requests[i]))
	}
	return b.String()
}

var opNames = map[int32]string{
	1: "create", 2: "delete", 3: "exists", 4: "getData", 5: "setData", 6: "getACL", 7: "setACL", 8: "getChildren", 9: "sync",
	11: "ping", 12: "getChildren2", 13: "check", 14: "multi", 15: "create2", 16: "reconfig", 17: "checkWatches",
	18: "removeWatches", 19: "createContainer", 20: "deleteContainer", 21: "createTTL", 22: "multiRead", 100: "auth",
	101: "setWatches", 102: "sasl", 103: "getEphemerals", 104: "getAllChildrenNumber", 105: "setWatches2", 106: "addWatch",
	107: "whoAmI", -10: "createSession", -11: "closeSession", -1: "error",
}

func opName(op int32) string {
	if name, ok := opNames[op]; ok {
		return name
	}
	return fmt.Sprintf("operation %d", op)
}

func describeRequest(r *Request) string {
	if r.Raw != nil {
		return fmt.Sprintf("the bytes %x", r.Raw)
	}
	b := newDescriber(r.Body)
	fmt.Fprintf(b, "xid %d %s", r.Xid, opName(r.Op))
	if r.Op == golden.OpMulti || r.Op == golden.OpMultiRead {
		b.parts()
	} else {
		b.record(r.Op)
	}
	if r.HasRelative {
		fmt.Fprintf(b, " (zxid %d behind)", r.Relative)
	}
	b.rest()
	return b.String()
}

func newDescriber(b []byte) *describer { return &describer{r: bytes.NewReader(b)} }

// describer reads a record field by field into text; where it ends early, so does the text.
type describer struct {
	strings.Builder
	r   *bytes.Reader
	bad bool
}

func (d *describer) take(n int) []byte {
	if n < 0 || n > d.r.Len() {
		d.bad = true
		return make([]byte, min(max(n, 0), 8))
	}
	b := make([]byte, n)
	_, _ = d.r.Read(b)
	return b
}

func (d *describer) int() int32 { return int32(binary.BigEndian.Uint32(d.take(4))) }

// text shows a ustring or buffer.
func (d *describer) text() {
	if d.bad {
		return
	}
	switch n := d.int(); {
	case d.bad:
	case n == -1:
		d.WriteString(" null")
	case n < 0 || int(n) > d.r.Len():
		fmt.Fprintf(d, " length %d", n)
		d.bad = true
	default:
		b := d.take(int(n))
		if len(b) > 60 {
			fmt.Fprintf(d, " %q... of %d", b[:40], len(b))
		} else {
			fmt.Fprintf(d, " %q", b)
		}
	}
}

func (d *describer) number() {
	if v := d.int(); !d.bad {
		fmt.Fprintf(d, " %d", v)
	}
}

func (d *describer) long() {
	if v := int64(binary.BigEndian.Uint64(d.take(8))); !d.bad {
		fmt.Fprintf(d, " %d", v)
	}
}

func (d *describer) acl() {
	n := d.int()
	fmt.Fprintf(d, " acl[%d]", n)
	for ; n > 0 && !d.bad; n-- {
		d.WriteString(" {")
		d.number()
		d.text()
		d.text()
		d.WriteString(" }")
	}
}

func (d *describer) texts() {
	n := d.int()
	fmt.Fprintf(d, " [%d", n)
	for ; n > 0 && !d.bad; n-- {
		d.text()
	}
	d.WriteString("]")
}

// record shows the record of an operation.
func (d *describer) record(op int32) {
	switch op {
	case golden.OpCreate, golden.OpCreate2, golden.OpCreateContainer, golden.OpCreateTTL:
		d.text()
		d.text()
		d.acl()
		d.WriteString(" flags")
		d.number()
		if op == golden.OpCreateTTL {
			d.WriteString(" ttl")
			d.long()
		}
	case golden.OpDelete, golden.OpCheck, golden.OpAddWatch, golden.OpCheckWatches, golden.OpRemoveWatches:
		d.text()
		d.number()
	case golden.OpExists, golden.OpGetData, golden.OpGetChildren, golden.OpGetChildren2:
		d.text()
		if b := d.take(1); !d.bad && b[0] != 0 {
			fmt.Fprintf(d, " watch")
		}
	case golden.OpSetData:
		d.text()
		d.text()
		d.number()
	case golden.OpGetACL, golden.OpSync, golden.OpGetEphemerals, golden.OpGetAllChildrenCount, golden.OpDeleteContainer:
		d.text()
	case golden.OpSetACL:
		d.text()
		d.acl()
		d.number()
	case golden.OpAuth:
		d.number()
		d.text()
		d.text()
	case golden.OpSetWatches, golden.OpSetWatches2:
		d.take(8)
		for range map[int32]int{golden.OpSetWatches: 3, golden.OpSetWatches2: 5}[op] {
			d.texts()
		}
	}
}

// parts shows the operations of a multi.
func (d *describer) parts() {
	for !d.bad && d.r.Len() > 0 {
		op, done, err := d.int(), d.take(1), d.int()
		switch {
		case d.bad:
			return
		case done[0] != 0:
			if op != -1 || err != -1 {
				fmt.Fprintf(d, " end(%d %d)", op, err)
			}
			return
		}
		fmt.Fprintf(d, "\n        %s", opName(op))
		d.record(op)
	}
}

// rest says how the record ends when it does not end as it should.
func (d *describer) rest() {
	if d.bad {
		d.WriteString(" (cut short)")
	} else if n := d.r.Len(); n > 0 {
		fmt.Fprintf(d, " (%d bytes more)", n)
	}
}

// describeFrame shows what a server said.
func describeFrame(s *Step, f frame) string {
	switch f.kind {
	case closed:
		return "closes"
	case silent:
		return fmt.Sprintf("says nothing (at zxid %d)", f.zxid)
	case connect:
		return fmt.Sprintf("connect response %x", f.body)
	case event:
		d := newDescriber([]byte(f.body))
		fmt.Fprintf(d, "event at zxid %d:", f.zxid)
		d.number()
		d.number()
		d.text()
		d.rest()
		return d.String()
	}
	what := "nothing that was asked"
	if f.request >= 0 && f.request < len(s.Requests) {
		what = opName(s.Requests[f.request].Op)
	}
	return fmt.Sprintf("to %s: xid %d zxid %d err %d body %x", what, f.xid, f.zxid, f.err, f.body)
}
