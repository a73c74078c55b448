package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

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

// withTTL turns on what containers and nodes with a time to live need.
var withTTL = map[string]string{"zookeeper.extendedTypesEnabled": "true"}

// captureClient runs every case against one standalone server and writes a file each.
func captureClient(c *capture) error {
	s, err := startStandalone(c.peers, filepath.Join(c.work, "client"), withTTL)
	if err != nil {
		return err
	}
	defer s.Kill()
	for _, cc := range clientCases {
		t := &transcript{}
		t.note("%s: Java %s, standalone, tickTime 500, extendedTypesEnabled", cc.name, c.peers.Version())
		if err := catch(func() { cc.run(t, s.Addr()) }); err != nil {
			return fmt.Errorf("case %s: %w\nso far:\n%s", cc.name, err, t.text())
		}
		if err := t.save(c.path("proto/testdata/java", cc.name+".frames")); err != nil {
			return err
		}
	}
	return c.noteFile("proto/testdata/java", "client,programs,quorum", "Frames of the client port (*.frames), recorded sessions of real clients (sessions/), "+
		"frames of the quorum port (quorum/).")
}

// catch runs f and returns the captureError it ended with.
func catch(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case captureError:
			err = r.err
		default:
			panic(r)
		}
	}()
	f()
	return nil
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
	err = catch(func() {
		quiet := &transcript{}
		one := connect(quiet, s.Addr(), "")
		one.ask(opCreate, create("/words", []byte("x"), open, 0), "")
		one.ask(opCreate, create("/words/e", nil, open, 1), "")
		two := connect(quiet, s.Addr(), "")
		two.ask(opGetData, watched("/words", true), "")
		two.ask(opGetChildren, watched("/words", true), "")
		two.ask(opGetData, watched("/words/e", true), "")
	})
	if err != nil {
		return err
	}
	for _, w := range words {
		text, err := s.Word(context.Background(), w)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if err := save(c.path("proto/testdata/java/words", w+".txt"), []byte(c.anonymous(text))); err != nil {
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
