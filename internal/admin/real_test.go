package admin

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/server"
	"github.com/paddock-io/paddock/internal/storage"
)

// served tells when the server begins to serve.
type served struct {
	*server.Server
	ready chan struct{}
}

func (s served) Serve(role replica.Role) {
	s.Server.Serve(role)
	close(s.ready)
}

// TestRealServer asks a server of the real parts every word over its client
// port and compares with a Java server that is as fresh.
func TestRealServer(t *testing.T) {
	dir, metrics := t.TempDir(), new(storage.Metrics)
	store, err := storage.Open(storage.Options{DataDir: dir, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := quorum.New(quorum.Options{
		Standalone: true, Tick: time.Second, InitTimeout: 10 * time.Second, SyncTimeout: 5 * time.Second,
	}, store)
	if err != nil {
		t.Fatal(err)
	}
	var words *Words
	srv := server.New(server.Options{
		Tree: peer.Tree(), Proposer: peer, Whitelist: []string{"*"},
		Words: func(word string, out io.Writer) { words.Answer(word, out) },
	})
	words = New(Source{
		Config: &config.Config{
			DataDir: dir, DataLogDir: dir, ClientPortListenBacklog: -1, TickTime: time.Second, Standalone: true, DigestEnabled: true,
		},
		Server: srv, Peer: peer, Store: metrics, Version: javaVersion, ClientPort: func() int { return 2181 }, Started: time.Now(),
	})
	ctx, stop := context.WithCancel(t.Context())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- peer.Run(ctx, served{srv, ready}) }()
	defer func() {
		if err := srv.Close(context.Background()); err != nil {
			t.Errorf("close the server: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run the peer: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	}()
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the peer ended: %v", err)
	}
	for word := range strings.FieldsSeq(all) {
		got, want := ask(t, addr.String(), word), javaAnswer(t, "fresh", word)
		if word == "mntr" || word == "envi" {
			got, want = got[:strings.Index(got, javaVersion)], want[:strings.Index(want, javaVersion)]
		}
		// The connection of the word before may not be quite gone; its line is
		// then like the one of this word.
		lines := slices.Compact(strings.SplitAfter(shape(word, got), "\n"))
		if want := strings.SplitAfter(shape(word, want), "\n"); !slices.Equal(lines, want) {
			t.Errorf("%s: the answer has the shape\n%q\nJava's has\n%q", word, lines, want)
		}
	}
}

func ask(t *testing.T, addr, word string) string {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, word); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
