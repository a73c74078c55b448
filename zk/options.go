package zk

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Options tune a Conn; the zero value is ready to use.
type Options struct {
	// SessionTimeout is how long the ensemble keeps the session alive without
	// hearing from this client; the server bounds it, see Conn.Timeout. 0
	// means 30 s. Silence of 2/3 of it makes the client try another server.
	SessionTimeout time.Duration

	// Resume continues a session of an earlier Conn instead of starting one.
	Resume Session

	// ReadOnly allows the Conn to use a server that has lost the quorum and
	// serves reads from what it knows, possibly outdated. The state is then
	// ConnectedReadOnly, and writes fail with ErrNotReadOnly. Meanwhile the Conn
	// asks one server after another, at first after 100 ms and at last every
	// minute, whether it takes writes, and moves there; what is under way at that
	// moment fails with ErrConnectionLoss. There is no session, and SessionID is
	// 0, until such a server was found. Servers do this only with
	// readonlymode.enabled and, to clients that have no session yet, with
	// localSessionsEnabled. A session that began with a quorum is not accepted by
	// read-only servers: it waits for a quorum, or expires.
	ReadOnly bool

	// FollowConfig makes the Conn keep to the servers that the ensemble's
	// configuration names: it reads /zookeeper/config on every connection, watches
	// it, and hands the client addresses of all servers to UpdateServers. A server
	// line that has none counts for nothing, and a configuration without any leaves
	// the list as it is. An address such as 0.0.0.0 stands for the host that the
	// server's peers use. Clients must be able to reach these addresses: it is not
	// for those that go through a balancer or a translation of addresses.
	FollowConfig bool

	// Auth holds credentials that are presented on every connection.
	Auth []Auth

	// OnState is told each change of state, in order. It must neither block
	// nor call a method of Conn that does. nil tells nobody.
	OnState func(State)

	// Dial opens a connection to host:port; hosts come as written in the
	// connect string. nil resolves names and tries every address by TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Logger hears of connections made and lost; nil discards.
	Logger *slog.Logger

	// MaxFrame bounds a request and a reply, in bytes; a longer reply loses
	// the connection. 0 means 4 MiB. (Servers take 1 MiB unless told otherwise.)
	MaxFrame int

	// WatchBacklog is how many events a persistent watch keeps for a reader that
	// lags behind, before it replaces what follows by an EventGap. Their memory,
	// 48 bytes each, is taken when the watch is made. 0 means 1024.
	WatchBacklog int

	// MaxInFlight bounds the requests sent and not yet answered. 0 means 8192.
	MaxInFlight int
}

// Session names a session that may be resumed.
type Session struct {
	ID       SessionID // 0 starts a new session
	Passwd   []byte    // as given by Conn.Passwd
	LastZxid Zxid      // a server that has not got this far is not used
}

// Auth is a credential, for instance {"digest", []byte("user:password")}.
type Auth struct {
	Scheme string
	Data   []byte
}

func (o Options) withDefaults() Options {
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxFrame <= 0 {
		o.MaxFrame = 4 << 20
	}
	if o.WatchBacklog <= 0 {
		o.WatchBacklog = 1024
	}
	if o.MaxInFlight <= 0 {
		o.MaxInFlight = 8192
	}
	return o
}
