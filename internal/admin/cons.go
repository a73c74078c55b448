package admin

import (
	"bufio"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/proto"
)

// cons: one line for every connection. Source: ConsCommand,
// ServerCnxn.dumpConnectionInfo.
func (w *Words) cons(b *bufio.Writer) {
	for _, c := range w.connections() {
		b.WriteString(brief(&c))
		if c.Session != 0 {
			printSession(b, &c)
		}
		b.WriteString(")\n")
	}
	b.WriteString("\n")
}

// connections returns all connections, the oldest first.
func (w *Words) connections() []server.ConnInfo {
	all := w.src.Server.Connections()
	slices.SortFunc(all, func(a, b server.ConnInfo) int {
		return cmp.Or(a.Opened.Compare(b.Opened), a.Remote.Compare(b.Remote))
	})
	return all
}

// brief is the part of a connection's line that stat and cons have in common,
// without the closing parenthesis.
func brief(c *server.ConnInfo) string {
	return fmt.Sprintf(" %s[%d](queued=%d,recved=%d,sent=%d",
		address(c.Remote), interestOps(c), c.Queued, c.PacketsReceived, c.PacketsSent)
}

// interestOps is what Java's selector waits for on a connection: 1 for bytes to
// read, 0 while a four-letter word or a connect request is being answered.
func interestOps(c *server.ConnInfo) int {
	if c.Session == 0 && c.PacketsReceived > 0 {
		return 0
	}
	return 1
}

func printSession(b *bufio.Writer, c *server.ConnInfo) {
	lastZxid, average := c.LastZxid, int64(0)
	if c.LastOp == proto.OpNotification {
		lastZxid = -1 // as in Java before the first reply and after crst
	}
	if c.Replies > 0 {
		average = c.SumLatency.Milliseconds() / c.Replies
	}
	fmt.Fprintf(b, ",sid=%s,lop=%s,est=%d,to=%d",
		hex(c.Session), lastOperation(c.LastOp), c.Opened.UnixMilli(), c.Timeout.Milliseconds())
	if c.LastCxid >= 0 {
		fmt.Fprintf(b, ",lcxid=0x%x", c.LastCxid)
	}
	fmt.Fprintf(b, ",lzxid=%s,lresp=%d,llat=%d,minlat=%d,avglat=%d,maxlat=%d",
		hex(lastZxid), c.LastResponse.Milliseconds(), floorMs(c.LastLatency), floorMs(c.MinLatency), average, ceilMs(c.MaxLatency))
}

// operations are the codes of lop. Source: FinalRequestProcessor.processRequest.
var operations = map[proto.OpCode]string{
	proto.OpCreateSession: "SESS", proto.OpCloseSession: "CLOS", proto.OpPing: "PING", proto.OpSync: "SYNC",
	proto.OpCreate: "CREA", proto.OpCreate2: "CREA", proto.OpCreateTTL: "CREA", proto.OpCreateContainer: "CREA",
	proto.OpDelete: "DELE", proto.OpDeleteContainer: "DELE", proto.OpCheck: "CHEC",
	proto.OpMulti: "MULT", proto.OpMultiRead: "MLTR", proto.OpReconfig: "RECO",
	proto.OpExists: "EXIS", proto.OpGetData: "GETD", proto.OpSetData: "SETD",
	proto.OpGetACL: "GETA", proto.OpSetACL: "SETA",
	proto.OpGetChildren: "GETC", proto.OpGetChildren2: "GETC", proto.OpGetAllChildren: "GETACN",
	proto.OpSetWatches: "SETW", proto.OpSetWatches2: "STW2", proto.OpAddWatch: "ADDW",
	proto.OpRemoveWatches: "REMW", proto.OpCheckWatches: "CHKW",
	proto.OpWhoAmI: "HOMI", proto.OpGetEphemerals: "GETE",
}

func lastOperation(op proto.OpCode) string {
	if code, ok := operations[op]; ok {
		return code
	}
	return "NA"
}

// address prints an address as Java does: a slash where a host name would be,
// and all eight groups of IPv6. Source: InetSocketAddress.toString.
func address(a netip.AddrPort) string {
	ip := a.Addr().Unmap()
	if !ip.Is6() {
		return fmt.Sprintf("/%s:%d", ip, a.Port())
	}
	b, groups := ip.As16(), make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", uint16(b[2*i])<<8|uint16(b[2*i+1]))
	}
	host := strings.Join(groups, ":")
	if ip.Zone() != "" {
		host += "%" + ip.Zone()
	}
	return fmt.Sprintf("/[%s]:%d", host, a.Port())
}
