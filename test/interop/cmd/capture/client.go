package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

// startStandalone starts a Java server of its own below home and waits until it serves.
func startStandalone(in *peers.Installation, home string, properties map[string]string) (*peers.Server, error) {
	ports, err := peers.FreePorts(1)
	if err != nil {
		return nil, err
	}
	s, err := peers.NewServer(peers.Java{Installation: in}, peers.Config{Home: home, ClientPort: ports[0], Properties: properties})
	if err != nil {
		return nil, err
	}
	return s, startAndWait(s)
}

// startAndWait starts the servers and waits until all serve.
func startAndWait(servers ...*peers.Server) error {
	for _, s := range servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), peers.StartTimeout)
	defer cancel()
	for _, s := range servers {
		if _, err := s.AwaitServing(ctx); err != nil {
			return err
		}
	}
	return nil
}

// captureClient runs every case, or the one that was asked for, against a fresh standalone server of its own and writes a file each.
func captureClient(c *capture) error {
	for _, cc := range golden.Cases {
		if c.only != "" && c.only != cc.Name {
			continue
		}
		s, err := startStandalone(c.peers, filepath.Join(c.work, cc.Name), golden.Properties)
		if err != nil {
			return err
		}
		t := &golden.Transcript{}
		t.Note("%s: Java %s, standalone, tickTime 500, extendedTypesEnabled, at %d ms", cc.Name, c.peers.Version(), time.Now().UnixMilli())
		err = golden.Catch(func() { cc.Run(t, s.Addr()) })
		s.Kill()
		if err != nil {
			return fmt.Errorf("case %s: %w\nso far:\n%s", cc.Name, err, t.Text())
		}
		if err := t.Save(c.path("proto/testdata/java", cc.Name+".frames")); err != nil {
			return err
		}
	}
	return c.noteFile("proto/testdata/java", "client,programs,quorum", "Frames of the client port (*.frames), each case on a fresh server;\n"+
		"recorded sessions of real clients (sessions/); frames of the quorum port (quorum/).")
}

// words are the four-letter words whose text is worth having, in an order in which they do not spoil
// each other.
var words = []string{"ruok", "isro", "srvr", "stat", "conf", "cons", "envi", "dump", "wchs", "wchc", "wchp", "mntr", "dirs", "crst", "srst", "gtmk", "hash"}

// captureWords records the answers of a standalone server with a few sessions and watches.
func captureWords(c *capture) error {
	s, err := startStandalone(c.peers, filepath.Join(c.work, "words"), nil)
	if err != nil {
		return err
	}
	defer s.Kill()
	err = golden.Catch(func() {
		quiet := &golden.Transcript{}
		one := golden.Connect(quiet, s.Addr(), "")
		one.Ask(golden.OpCreate, golden.Create("/words", []byte("x"), golden.Open, 0), "")
		one.Ask(golden.OpCreate, golden.Create("/words/e", nil, golden.Open, 1), "")
		two := golden.Connect(quiet, s.Addr(), "")
		two.Ask(golden.OpGetData, golden.Watched("/words", true), "")
		two.Ask(golden.OpGetChildren, golden.Watched("/words", true), "")
		two.Ask(golden.OpGetData, golden.Watched("/words/e", true), "")
	})
	if err != nil {
		return err
	}
	for _, w := range words {
		text, err := s.Word(context.Background(), w)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := golden.Save(c.path("proto/testdata/java/words", w+".txt"), []byte(c.anonymous(text))); err != nil {
			return err
		}
	}
	return c.noteFile("proto/testdata/java/words", "words", "Answers to the four-letter words by a standalone server with two sessions, "+
		"one ephemeral node and three watches. What names the machine of the capture has been replaced: the values of envi but zookeeper.version, "+
		"and the directories of conf.")
}

// machineFacts are the lines of envi that differ from machine to machine.
var machineFacts = regexp.MustCompile(`(?m)^((?:host|java|os|user)\.[a-z.]+)=.*$`)

// anonymous takes from text what names this machine.
func (c *capture) anonymous(text string) string {
	return machineFacts.ReplaceAllString(strings.ReplaceAll(text, c.work, "/capture"), "$1=VALUE")
}

// eventually polls ready until it is nil, for half a minute.
func eventually(what string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return peers.Await(ctx, what, ready)
}
