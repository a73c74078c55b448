// Command goclient is one client's story with go-zookeeper; ../PROTOCOL.md says what each printed line
// means.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const patience = 30 * time.Second // for anything that waits on a server

var acl = zk.WorldACL(zk.PermAll)

func main() {
	if len(os.Args) != 4 {
		say("fail usage: goclient connect-string root timeout-ms")
		os.Exit(2)
	}
	timeoutMs, err := strconv.Atoi(os.Args[3])
	if err == nil {
		s := &story{root: os.Args[2]}
		err = s.run(strings.Split(os.Args[1], ","), time.Duration(timeoutMs)*time.Millisecond)
	}
	if err != nil {
		say("fail " + strings.ReplaceAll(err.Error(), "\n", " "))
		os.Exit(1)
	}
}

func say(line string) { fmt.Println(line) }

// story is the two sessions and the path they work under.
type story struct {
	root string
	a, b *zk.Conn
}

func (s *story) run(hosts []string, timeout time.Duration) error {
	var err error
	if s.a, err = open(hosts, timeout); err != nil {
		return err
	}
	defer s.a.Close()
	if s.b, err = open(hosts, timeout); err != nil {
		return err
	}
	defer s.b.Close()
	session := s.a.SessionID()
	say(fmt.Sprintf("connected 0x%x", uint64(session)))
	for _, chapter := range []func() error{s.create, s.read, s.watch} {
		if err := chapter(); err != nil {
			return err
		}
	}
	lockA, lockB := zk.NewLock(s.a, s.root+"/lock", acl), zk.NewLock(s.b, s.root+"/lock", acl)
	if err := s.lock(lockA, lockB); err != nil {
		return err
	}
	_, _, events, err := s.a.GetW(s.root + "/node")
	if err != nil {
		return err
	}
	say("ready")
	if line, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil || line != "go\n" {
		return fmt.Errorf("expected the line go, got %q, %v", line, err)
	}
	if err := s.afterTheKill(session, events, lockA, lockB); err != nil {
		return err
	}
	s.a.Close()
	s.b.Close()
	say("ok")
	return nil
}

func open(hosts []string, timeout time.Duration) (*zk.Conn, error) {
	conn, events, err := zk.Connect(hosts, timeout, zk.WithLogger(log.New(os.Stderr, "", log.LstdFlags)))
	if err != nil {
		return nil, err
	}
	late := time.After(patience)
	for {
		select {
		case ev := <-events:
			if ev.State == zk.StateHasSession {
				return conn, nil
			}
		case <-late:
			return nil, errors.New("not connected")
		}
	}
}

// again calls operation until the connection no longer gets lost under it.
func again(operation func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := operation()
		if !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrNoServer) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *story) create() error {
	for _, n := range []struct {
		path, data string
		flags      int32
		want       string
	}{
		{s.root, "root", 0, s.root},
		{s.root + "/node", "one", 0, s.root + "/node"},
		{s.root + "/seq-", "", zk.FlagSequence, s.root + "/seq-0000000001"},
		{s.root + "/ephemeral", "mine", zk.FlagEphemeral, s.root + "/ephemeral"},
	} {
		if got, err := s.a.Create(n.path, []byte(n.data), n.flags, acl); err != nil || got != n.want {
			return fmt.Errorf("create %s: %q, %w", n.path, got, err)
		}
	}
	say("created")
	return nil
}

func (s *story) read() error {
	data, stat, err := s.a.Get(s.root + "/node")
	if err != nil || string(data) != "one" || stat.Version != 0 || stat.DataLength != 3 {
		return fmt.Errorf("first read %q %+v: %w", data, stat, err)
	}
	if _, stat, err := s.a.Exists(s.root + "/ephemeral"); err != nil || stat.EphemeralOwner != s.a.SessionID() {
		return fmt.Errorf("owner of the ephemeral node %+v: %w", stat, err)
	}
	if there, _, err := s.a.Exists(s.root + "/nothing"); err != nil || there {
		return fmt.Errorf("exists on a missing node: %v, %w", there, err)
	}
	names, _, err := s.a.Children(s.root)
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"ephemeral", "node", "seq-0000000001"}) {
		return fmt.Errorf("children %q: %w", names, err)
	}
	if stat, err := s.a.Set(s.root+"/node", []byte("two"), 0); err != nil || stat.Version != 1 {
		return fmt.Errorf("set: %+v, %w", stat, err)
	}
	if _, err := s.a.Set(s.root+"/node", []byte("three"), 0); !errors.Is(err, zk.ErrBadVersion) {
		return fmt.Errorf("set with a stale version: %w", err)
	}
	say("read")
	return nil
}

func (s *story) watch() error {
	_, _, data, err := s.a.GetW(s.root + "/node")
	if err != nil {
		return err
	}
	if _, err := s.b.Set(s.root+"/node", []byte("seen"), -1); err != nil {
		return err
	}
	if err := expect(data, zk.EventNodeDataChanged, s.root+"/node"); err != nil {
		return err
	}
	_, _, children, err := s.a.ChildrenW(s.root)
	if err != nil {
		return err
	}
	if _, err := s.b.Create(s.root+"/child", nil, 0, acl); err != nil {
		return err
	}
	if err := expect(children, zk.EventNodeChildrenChanged, s.root); err != nil {
		return err
	}
	say("watched")
	return nil
}

func expect(events <-chan zk.Event, kind zk.EventType, path string) error {
	select {
	case ev := <-events:
		if ev.Type != kind || ev.Path != path {
			return fmt.Errorf("event %+v, expected %v on %s", ev, kind, path)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("watch on %s did not fire", path)
	}
}

func (s *story) lock(lockA, lockB *zk.Lock) error {
	if err := lockA.Lock(); err != nil {
		return fmt.Errorf("A could not lock: %w", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- lockB.Lock() }()
	if err := keptOut(locked, "B"); err != nil {
		return err
	}
	if err := lockA.Unlock(); err != nil {
		return fmt.Errorf("A could not let go: %w", err)
	}
	if err := <-locked; err != nil {
		return fmt.Errorf("B could not lock: %w", err)
	}
	say("locked")
	return nil
}

// keptOut returns an error unless the lock stays out of reach for a while.
func keptOut(locked <-chan error, who string) error {
	select {
	case err := <-locked:
		return fmt.Errorf("%s locked while the other held it: %w", who, err)
	case <-time.After(300 * time.Millisecond):
		return nil
	}
}

func (s *story) afterTheKill(session int64, events <-chan zk.Event, lockA, lockB *zk.Lock) error {
	var data []byte
	err := again(func() (err error) { data, _, err = s.a.Get(s.root + "/node"); return err })
	if err != nil || string(data) != "seen" {
		return fmt.Errorf("read after the server's death %q: %w", data, err)
	}
	if s.a.SessionID() != session {
		return fmt.Errorf("another session 0x%x", s.a.SessionID())
	}
	var stat *zk.Stat
	err = again(func() (err error) { _, stat, err = s.a.Exists(s.root + "/ephemeral"); return err })
	if err != nil || stat.EphemeralOwner != session {
		return fmt.Errorf("ephemeral node %+v: %w", stat, err)
	}
	say("survived")

	if err := again(func() error { _, err := s.b.Set(s.root+"/node", []byte("after"), -1); return err }); err != nil {
		return fmt.Errorf("set by B: %w", err)
	}
	if err := expect(events, zk.EventNodeDataChanged, s.root+"/node"); err != nil {
		return err
	}
	say("rewatched")

	locked := make(chan error, 1)
	go func() { locked <- lockA.Lock() }()
	if err := keptOut(locked, "A"); err != nil {
		return err
	}
	if err := again(lockB.Unlock); err != nil {
		return fmt.Errorf("B could not let go: %w", err)
	}
	if err := <-locked; err != nil {
		return fmt.Errorf("A could not lock: %w", err)
	}
	say("relocked")
	return nil
}
