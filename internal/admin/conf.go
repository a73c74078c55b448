package admin

import (
	"bufio"
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/zab"
)

// electionAlgorithm is the only one there is, fast leader election over TCP.
const electionAlgorithm = 3

// conf: how the server is set up. Source: ZooKeeperServer.dumpConf,
// QuorumZooKeeperServer.dumpConf.
func (w *Words) conf(b *bufio.Writer) {
	c := w.src.Config
	port := c.ClientPort
	if w.src.ClientPort != nil {
		port = cmp.Or(w.src.ClientPort(), port)
	}
	snapDir, logDir := versionDir(c.DataDir), versionDir(c.DataLogDir)
	fmt.Fprintf(b, "clientPort=%d\nsecureClientPort=-1\n", port)
	fmt.Fprintf(b, "dataDir=%s\ndataDirSize=%d\n", snapDir, dirSize(snapDir))
	fmt.Fprintf(b, "dataLogDir=%s\ndataLogSize=%d\n", logDir, dirSize(logDir))
	fmt.Fprintf(b, "tickTime=%d\nmaxClientCnxns=%d\n", c.TickTime.Milliseconds(), c.MaxClientCnxns)
	fmt.Fprintf(b, "minSessionTimeout=%d\nmaxSessionTimeout=%d\n", c.MinSessionTimeout.Milliseconds(), c.MaxSessionTimeout.Milliseconds())
	fmt.Fprintf(b, "clientPortListenBacklog=%d\nserverId=%d\n", c.ClientPortListenBacklog, c.MyID)
	if c.Standalone {
		return
	}
	members := w.src.Peer.Ensemble()
	self, _ := members.Member(c.MyID)
	fmt.Fprintf(b, "initLimit=%d\nsyncLimit=%d\nelectionAlg=%d\n", c.InitLimit, c.SyncLimit, electionAlgorithm)
	fmt.Fprintf(b, "electionPort=%s\nquorumPort=%s\n", ports(self.ElectionAddrs), ports(self.QuorumAddrs))
	fmt.Fprintf(b, "peerType=%d\n", self.Role)
	if w.src.Server.Role() != zab.RoleReadOnly {
		fmt.Fprintf(b, "membership: \n%s", members.Text()) // no newline at the end
	}
}

// dirs: bytes on disk. Source: DirsCommand.
func (w *Words) dirs(b *bufio.Writer) {
	c := w.src.Config
	fmt.Fprintf(b, "datadir_size: %d\nlogdir_size: %d\n", dirSize(versionDir(c.DataDir)), dirSize(versionDir(c.DataLogDir)))
}

func ports(addrs []ensemble.Addr) string {
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = strconv.Itoa(a.Port)
	}
	return strings.Join(list, "|")
}

// versionDir is the directory in dataDir or dataLogDir that the files are in.
func versionDir(dir string) string {
	dir = filepath.Join(dir, "version-2")
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// dirSize adds up the files below dir; what cannot be read, or goes away
// meanwhile, counts nothing. Source: ZooKeeperServer.getDirSize.
func dirSize(dir string) int64 {
	var size int64
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}
