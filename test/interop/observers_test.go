package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// whoFeedsWhom returns three voters and two observers of every kind.
func whoFeedsWhom(t *testing.T) map[string][]peers.Software {
	java := peers.Java{Installation: peers.Require(t)}
	paddock := peers.RequirePaddock(t)
	return map[string][]peers.Software{
		"paddock feeds java":    {paddock, paddock, paddock, java, java},
		"java feeds paddock":    {java, java, java, paddock, paddock},
		"both feed both":        {paddock, java, paddock, java, paddock},
		"paddock feeds paddock": {paddock, paddock, paddock, paddock, paddock},
	}
}

// TestObserverMasters runs three voters and two observers, which are fed by followers instead of the leader: Paddock
// feeds Java's and Java feeds Paddock's. Every voter in turn dies, so that observers lose who feeds them, and what is
// written anywhere, through observers too, must be everywhere.
func TestObserverMasters(t *testing.T) {
	for name, software := range whoFeedsWhom(t) {
		t.Run(name, func(t *testing.T) { observersAreFed(t, software) })
	}
}

func observersAreFed(t *testing.T, software []peers.Software) {
	ports, err := peers.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	shapes := make([]peers.Shape, len(software))
	for i, sw := range software {
		// The port is the same on all servers, so each needs an address of its own.
		shapes[i] = peers.Shape{Software: sw, Observer: i >= 3, Host: fmt.Sprintf("127.0.0.%d", i+1)}
	}
	e := peers.StartShaped(t, peers.Config{Settings: map[string]string{
		"observerMasterPort": strconv.Itoa(ports[0]), "observer.election.DelayMs": "50",
	}}, shapes...)
	w := &witness{t: t, e: e, acked: map[string]string{}}
	w.writeEverywhere("fresh")
	w.agree()
	w.fedByFollowers()
	w.sessionMoves(e.Server(4), e.Server(5))
	w.sessionMoves(e.Server(5), e.Server(1))
	for id := 1; id <= 3; id++ {
		victim := e.Server(id)
		victim.Kill()
		w.writeEverywhere(fmt.Sprintf("without%d", id))
		w.agree()
		w.start(victim)
		w.agree()
	}
	w.fedByFollowers()
	w.digestsMatch()
}

// fedByFollowers waits until followers, and no leader, say that they serve all observers.
func (w *witness) fedByFollowers() {
	w.t.Helper()
	ctx, cancel := w.within()
	defer cancel()
	err := peers.Await(ctx, "observers to be fed by followers", func(ctx context.Context) error {
		fed := map[string]int{}
		for _, s := range w.e.Servers {
			text, err := s.Word(ctx, "mntr")
			if err != nil {
				return err
			}
			state := mntr(text, "zk_server_state")
			n, _ := strconv.Atoi(strings.TrimSuffix(mntr(text, "zk_synced_observers"), ".0"))
			fed[state] += n
		}
		if fed["leader"] != 0 || fed["follower"] != 2 {
			return fmt.Errorf("observers by the role of who serves them: %v", fed)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// sessionMoves opens a session at one server, with an ephemeral znode, and takes it to another, through which it
// goes on: the servers that feed observers ask the leader whether it lives. A write by the old connection is refused.
func (w *witness) sessionMoves(from, to *peers.Server) {
	w.t.Helper()
	err := golden.Catch(func() {
		path := fmt.Sprintf("/moves-%d-%d", from.ID, to.ID)
		old := golden.Connect(&golden.Transcript{}, from.Addr(), "")
		old.Ask(golden.OpCreate, golden.Create(path, nil, golden.Open, 1), "create "+path)
		now := golden.Dial(&golden.Transcript{}, to.Addr())
		now.Handshake(golden.Handshake{TimeoutMs: 10000, ID: old.ID, Password: old.Password}, "")
		if now.ID != old.ID {
			w.t.Fatalf("%v does not take over the session of %v", to, from)
		}
		now.Ask(golden.OpSync, golden.Record{}.Ustring(path), "sync")
		reply := now.Ask(golden.OpGetData, golden.Watched(path, false), "getData "+path)
		if code := int32(binary.BigEndian.Uint32(reply[12:])); code != 0 {
			w.t.Fatalf("%v does not have the znode of the session: error %d", to, code)
		}
		now.Close()
	})
	if err != nil {
		w.t.Fatalf("a session moves from %v to %v: %v", from, to, err)
	}
}

// mntr finds a value in the answer to that word.
func mntr(text, key string) string {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			return f[1]
		}
	}
	return ""
}
