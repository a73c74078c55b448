package zk

import (
	"context"
	"strings"

	"github.com/paddock-io/paddock/jute"
	"github.com/paddock-io/paddock/proto"
)

// ConfigPath is the znode that holds the ensemble's configuration: a line
// server.N=... for each server, and version=... in hexadecimal. It lies outside
// of every chroot.
const ConfigPath = "/zookeeper/config"

// GetConfigOp reads the ensemble's configuration like GetOp.
func GetConfigOp() Op { return Op{code: proto.OpGetData, path: ConfigPath, rooted: true} }

// GetConfig returns the ensemble's configuration and the metadata of its znode;
// that of a server alone is empty.
func (c *Conn) GetConfig(ctx context.Context) ([]byte, Stat, error) {
	res, err := c.Do(ctx, GetConfigOp())
	return res.Data, res.Stat, err
}

// GetConfigW is GetConfig with a watch for the next configuration. The watch is
// nil if there is an error.
func (c *Conn) GetConfigW(ctx context.Context) ([]byte, Stat, *Watch, error) {
	res, w, err := c.do(ctx, watched(GetConfigOp()))
	if err != nil {
		return nil, Stat{}, nil, err
	}
	return res.Data, res.Stat, w, nil
}

// Reconfiguration says how an ensemble's configuration is to change: either by
// Joining and Leaving, or to Members.
type Reconfiguration struct {
	Joining []string // servers to add or change: server.4=host:2888:3888;2181
	Leaving []string // ids of servers to remove
	Members []string // all servers of the new configuration, in the form of Joining
}

// AnyConfig lets Reconfig start from whatever the configuration is.
const AnyConfig Zxid = -1

// reconfig is the record of op 16. Source: ReconfigRequest.
type reconfig struct {
	change Reconfiguration
	from   Zxid
}

func (r *reconfig) append(b []byte) []byte {
	for _, list := range [][]string{r.change.Joining, r.change.Leaving, r.change.Members} {
		if len(list) == 0 {
			b = jute.AppendInt(b, -1) // null, which differs from none
			continue
		}
		b = jute.AppendString(b, strings.Join(list, ","))
	}
	return jute.AppendLong(b, int64(r.from))
}

// ReconfigOp changes the ensemble's configuration, as Conn.Reconfig does;
// Result.Data is the new one, Result.Stat the metadata of its znode.
func ReconfigOp(change Reconfiguration, from Zxid) Op {
	return Op{code: proto.OpReconfig, change: &reconfig{change, from}}
}

// Reconfig changes the ensemble's configuration if its version is from, or
// whatever it is if from is AnyConfig, and returns the new one. The version is
// the last line of the configuration. Servers refuse this with
// ErrReconfigDisabled unless they are configured to allow it.
// Source: ZooKeeperAdmin.reconfigure.
func (c *Conn) Reconfig(ctx context.Context, change Reconfiguration, from Zxid) ([]byte, Stat, error) {
	res, err := c.Do(ctx, ReconfigOp(change, from))
	return res.Data, res.Stat, err
}
