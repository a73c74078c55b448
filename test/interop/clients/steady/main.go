// Command steady works steadily with Paddock's own Go client while servers come and go; ../PROTOCOL.md says what
// each printed line means.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paddock-io/paddock/zk"
)

const (
	patience = 60 * time.Second // for anything that waits on a server
	pace     = 5 * time.Millisecond
)

func main() {
	if len(os.Args) != 4 {
		say("fail usage: steady connect-string root timeout-ms")
		os.Exit(2)
	}
	timeoutMs, err := strconv.Atoi(os.Args[3])
	if err == nil {
		s := &steady{root: os.Args[2]}
		err = s.run(os.Args[1], time.Duration(timeoutMs)*time.Millisecond)
	}
	if err != nil {
		fail(err)
	}
}

func say(line string) { fmt.Println(line) }

func fail(err error) {
	say("fail " + strings.ReplaceAll(err.Error(), "\n", " "))
	os.Exit(1)
}

// steady is two sessions, and what their goroutines have done.
type steady struct {
	root     string
	a, b     *zk.Conn
	stopping atomic.Bool
	work     sync.WaitGroup

	mu             sync.Mutex
	wrote, flagged int
	last           time.Time     // of the writes
	longest        time.Duration // between two of them, since the last mark
}

func (s *steady) run(servers string, timeout time.Duration) error {
	var err error
	for _, c := range []**zk.Conn{&s.a, &s.b} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		*c, err = zk.Connect(ctx, servers, zk.Options{SessionTimeout: timeout})
		cancel()
		if err != nil {
			return err
		}
		defer (*c).Close()
	}
	say(fmt.Sprintf("connected 0x%x", uint64(s.a.SessionID())))
	for _, dir := range []string{"", "/writes", "/flags", "/lock"} {
		if err := s.create(s.root+dir, ""); err != nil {
			return err
		}
	}
	if err := s.create(s.root+"/counter", "0"); err != nil {
		return err
	}
	mine, freed, err := s.lock()
	if err != nil {
		return err
	}
	s.last = time.Now()
	for _, activity := range []func() error{s.write, func() error { return s.read(s.a) }, func() error { return s.read(s.b) }, s.flag} {
		s.work.Go(func() {
			if err := activity(); err != nil {
				fail(err)
			}
		})
	}
	say("working")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() && in.Text() != "stop" {
		s.mark(in.Text())
	}
	s.stopping.Store(true)
	s.work.Wait()
	say(fmt.Sprintf("wrote %d flagged %d", s.wrote, s.flagged))
	if err := s.unlock(mine, freed); err != nil {
		return err
	}
	say("held")
	say("ok")
	return nil
}

// again calls operation until the connection no longer gets lost under it.
func again(operation func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := operation(ctx)
		if !errors.Is(err, zk.ErrConnectionLoss) || ctx.Err() != nil {
			return err
		}
	}
}

// create makes a znode; that it is there already is the work of an attempt whose answer was lost.
func (s *steady) create(path, data string) error {
	err := again(func(ctx context.Context) error {
		_, err := s.a.Create(ctx, path, []byte(data), zk.Persistent, zk.OpenACL)
		return err
	})
	if errors.Is(err, zk.ErrNodeExists) {
		return nil
	}
	return err
}

func (s *steady) write() error {
	for i := 0; !s.stopping.Load(); i++ {
		text := strconv.Itoa(i)
		if err := s.create(s.root+"/writes/w"+text, text); err != nil {
			return err
		}
		err := again(func(ctx context.Context) error {
			_, err := s.a.Set(ctx, s.root+"/counter", []byte(text), zk.AnyVersion)
			return err
		})
		if err != nil {
			return err
		}
		now := time.Now()
		s.mu.Lock()
		s.longest = max(s.longest, now.Sub(s.last))
		s.last, s.wrote = now, i+1
		s.mu.Unlock()
		time.Sleep(pace)
	}
	return nil
}

// read reads what is written: it may be old, and never goes back within a session.
func (s *steady) read(c *zk.Conn) error {
	value, mzxid := 0, zk.Zxid(0)
	for !s.stopping.Load() {
		var data []byte
		var st zk.Stat
		err := again(func(ctx context.Context) (err error) {
			data, st, err = c.Get(ctx, s.root+"/counter")
			return err
		})
		if err != nil {
			return err
		}
		seen, err := strconv.Atoi(string(data))
		if err != nil || seen < value || st.Mzxid < mzxid {
			return fmt.Errorf("read %q of %v after %d of %v", data, st.Mzxid, value, mzxid)
		}
		value, mzxid = seen, st.Mzxid
		time.Sleep(pace)
	}
	return nil
}

// flag has B leave one-shot watches: every one must tell, once, of what A then does.
func (s *steady) flag() error {
	for i := 0; !s.stopping.Load(); i++ {
		path := s.root + "/flags/f" + strconv.Itoa(i)
		var w *zk.Watch
		err := again(func(ctx context.Context) error {
			_, there, watch, err := s.b.ExistsW(ctx, path)
			if there {
				return fmt.Errorf("a flag that nobody raised: %s", path)
			}
			w = watch
			return err
		})
		if err != nil {
			return err
		}
		if err := s.create(path, ""); err != nil {
			return err
		}
		select {
		case ev := <-w.C():
			if ev.Type != zk.EventNodeCreated || ev.Path != path {
				return fmt.Errorf("event %v %s, not of %s", ev.Type, ev.Path, path)
			}
		case <-time.After(patience):
			return fmt.Errorf("no event of %s", path)
		}
		s.mu.Lock()
		s.flagged = i + 1
		s.mu.Unlock()
		time.Sleep(4 * pace)
	}
	return nil
}

// lock puts A at the head of a line, in which B waits.
func (s *steady) lock() (mine zk.Stat, freed *zk.Watch, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	path := s.root + "/lock/holder"
	if _, mine, err = s.a.CreateStat(ctx, path, nil, zk.Ephemeral, zk.OpenACL); err != nil {
		return mine, nil, err
	}
	if err := s.b.Sync(ctx, path); err != nil {
		return mine, nil, err
	}
	_, there, freed, err := s.b.ExistsW(ctx, path)
	if err == nil && !there {
		err = errors.New("B does not see A's lock")
	}
	return mine, freed, err
}

// unlock checks that A has held the lock all the time, and that B is told when it lets go.
func (s *steady) unlock(mine zk.Stat, freed *zk.Watch) error {
	path := s.root + "/lock/holder"
	err := again(func(ctx context.Context) error {
		st, there, err := s.a.Exists(ctx, path)
		if err == nil && (!there || st.Czxid != mine.Czxid || st.EphemeralOwner != s.a.SessionID() || len(freed.C()) > 0) {
			err = errors.New("the lock was lost")
		}
		return err
	})
	if err != nil {
		return err
	}
	err = again(func(ctx context.Context) error { return s.a.Delete(ctx, path, zk.AnyVersion) })
	if err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	select {
	case <-freed.C():
		return nil
	case <-time.After(patience):
		return errors.New("B was not told that the lock is free")
	}
}

func (s *steady) mark(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := max(s.longest, time.Since(s.last))
	s.longest = 0
	say(fmt.Sprintf("mark %s wrote %d flagged %d pause %d", name, s.wrote, s.flagged, longest.Milliseconds()))
}
