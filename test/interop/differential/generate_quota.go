package differential

import (
	"fmt"
	"strings"

	"github.com/paddock-io/paddock/test/interop/golden"
)

// quotaRoot is where the limits of znodes below root are.
const quotaRoot = "/zookeeper/quota" + root

// quota works on the limits of some znode: it sets, changes, removes or reads them. None of its requests
// is spoilt, because they go together.
func (g *generator) quota() {
	g.fails = false
	node := g.known()
	if g.oneIn(3) {
		node = pick(g, root, parent(node))
	}
	for !strings.HasPrefix(node, root) || strings.Count(node, "/") > 3 {
		if node = parent(node); node == "/" {
			node = root
		}
	}
	limits := "/zookeeper/quota" + node + "/zookeeper_limits"
	stats := "/zookeeper/quota" + node + "/zookeeper_stats"
	switch g.IntN(10) {
	case 0, 1, 2, 3:
		g.chain(parent(limits))
		g.plant(limits, g.limits())
		g.plant(stats, "count=0,bytes=0")
	case 4:
		g.send(golden.OpSetData, golden.Record{}.Ustring(limits).Buffer([]byte(g.limits())).Int(-1))
	case 5:
		path := pick(g, limits, stats, parent(limits))
		g.send(golden.OpDelete, golden.Record{}.Ustring(path).Int(-1))
		if g.model.removable(path) {
			g.model.forget(path)
		}
	default:
		g.send(golden.OpGetData, golden.Watched(stats, g.oneIn(3)))
	}
}

// chain creates the znodes down to path. Nothing counts towards a quota there.
func (g *generator) chain(path string) {
	if g.model.nodes[path] != nil {
		return
	}
	if above := parent(path); above != "/" {
		g.chain(above)
	}
	g.plant(path, "")
}

func (g *generator) plant(path, data string) {
	g.send(golden.OpCreate, golden.Create(path, []byte(data), golden.Open, 0))
	if g.model.creatable(path) {
		g.model.create(path, -1)
	}
}

// limits draws the text of a quota, soft or hard.
func (g *generator) limits() string {
	if g.OneByOne && g.oneIn(2) {
		return fmt.Sprintf("count=-1,bytes=-1=;byteHardLimit=%d;countHardLimit=%d", pick(g, -1, 100, 400, 1500), pick(g, -1, 4, 12, 25))
	}
	return pick(g,
		"count=5,bytes=100", "count=-1,bytes=-1", "count=3,bytes=-1=;byteHardLimit=200;countHardLimit=6",
		"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=8", "count=-1,bytes=-1=;byteHardLimit=1000;countHardLimit=-1",
		"count=100,bytes=100000=;byteHardLimit=5000;countHardLimit=30", "count=1", "bytes=7", "", "countHardLimit=12", "byteHardLimit=900",
		"x=1,count=4,y=2")
}

// quotaData draws data for the limits and counters of a quota, and returns nil for other paths. What is
// no quota there stops a Java server as soon as it comes to count.
func (g *generator) quotaData(path string) []byte {
	switch {
	case strings.HasSuffix(path, "/zookeeper_limits"):
		return []byte(g.limits())
	case strings.HasSuffix(path, "/zookeeper_stats"):
		return []byte(pick(g, "count=0,bytes=0", "count=7,bytes=70", "count=1,bytes=-1", "bytes=3", "count=2,bytes=9=;x=4;countHardLimit=1"))
	}
	return nil
}
