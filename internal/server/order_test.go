package server

import (
	"fmt"
	"sync"
	"testing"

	"github.com/paddock-io/paddock/proto"
)

// TestWatchOrder holds the two promises about events under load: the reply that
// left a watch comes before its event, and the event comes before any reply
// that shows the change. Requests are pipelined and cross each other; each
// client checks every frame it gets.
func TestWatchOrder(t *testing.T) {
	const clients, writes = 6, 2000
	w := newWorld(t, 0, nil)
	writer := w.connect()
	writer.create("/n", "", proto.OpenACL, 0)
	var wg sync.WaitGroup
	for i := range clients {
		c := w.connect()
		wg.Go(func() {
			if err := watchInOrder(c, writes); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Go(func() {
		for i := range writes { // as many outstanding as the socket takes
			writer.xid = int32(i)
			writer.send(setData("/n", "x"))
		}
	})
	for i := range writes {
		if r := writer.next(); r.Err != proto.OK || r.Xid != int32(i+1) {
			t.Fatalf("write %d: %+v", i, r)
		}
	}
	wg.Wait()
}

// watchInOrder reads and watches /n, several requests ahead, until it has seen
// the last version.
func watchInOrder(c *client, last int32) error {
	const ahead = 8
	go func() {
		op, req := getData("/n", true)
		for range ahead {
			if _, err := c.nc.Write(frameOf(1, op, req)); err != nil {
				return
			}
		}
	}()
	watching, version := false, int32(-1)
	for {
		r := c.next()
		if r.Xid == proto.XidNotification {
			if !watching {
				return fmt.Errorf("an event at %v overtook the reply to the read that left the watch", r.Zxid)
			}
			watching = false
			continue
		}
		_, st := r.dataOf(c.t)
		switch {
		case watching && st.Version > version:
			return fmt.Errorf("version %d shows before the event of the watch left at %d", st.Version, version)
		case st.Version < version:
			return fmt.Errorf("version %d after %d", st.Version, version)
		}
		if version = st.Version; version == last {
			return nil
		}
		watching = true
		c.send(getData("/n", true))
	}
}

// Every session sees its own writes and reads in order while others do the same
// to the same znodes.
func TestPipelinesInOrder(t *testing.T) {
	for _, broke := range []bool{false, true} {
		t.Run(fmt.Sprintf("broke %t", broke), func(t *testing.T) { pipelinesInOrder(t, broke) })
	}
}

func pipelinesInOrder(t *testing.T, broke bool) {
	const clients, rounds = 4, 300
	w := newWorld(t, 0, nil)
	w.do(func() { w.broke = broke })
	root := w.connect()
	var wg sync.WaitGroup
	for i := range clients {
		c := w.connect()
		path := fmt.Sprintf("/p%d", i)
		root.create(path, "", proto.OpenACL, 0)
		wg.Go(func() {
			for round := range rounds {
				data := fmt.Sprint(round)
				c.send(setData(path, data))
				c.send(getData(path, true))
				c.send(proto.OpSync, &proto.PathRequest{Path: path})
				c.send(getData(path, false))
			}
		})
		wg.Go(func() {
			xid := int32(0)
			for round := range rounds {
				if round > 0 { // the watch of the last round fires before the reply
					if r := c.next(); r.Xid != proto.XidNotification {
						t.Errorf("%s round %d: %+v before the event", path, round, r.ReplyHeader)
						return
					}
				}
				for step := range 4 {
					r := c.next()
					if xid++; r.Xid != xid || r.Err != proto.OK {
						t.Errorf("%s round %d step %d: %+v", path, round, step, r.ReplyHeader)
						return
					}
					if step == 1 || step == 3 {
						if data, _ := r.dataOf(t); data != fmt.Sprint(round) {
							t.Errorf("%s round %d step %d: read %q", path, round, step, data)
						}
					}
				}
			}
		})
	}
	wg.Wait()
}

// A persistent watch sees every transaction once and in order, whoever writes,
// and before the client can see the result.
func TestPersistentWatchOrder(t *testing.T) {
	const writers, watchers, writes = 4, 3, 500
	w := newWorld(t, 0, nil)
	root := w.connect()
	root.create("/n", "", proto.OpenACL, 0)
	var wg sync.WaitGroup
	for i := range watchers {
		c := w.connect()
		c.must(proto.OpAddWatch, &proto.AddWatchRequest{Path: "/n", Mode: proto.AddWatchMode(i % 2)})
		c.must(proto.OpAddWatch, &proto.AddWatchRequest{Path: "/", Mode: proto.AddWatchPersistentRecursive})
		wg.Go(func() {
			if err := c.everyVersion(writers * writes); err != nil {
				t.Errorf("watcher %d: %v", i, err)
			}
		})
	}
	for range writers {
		c := w.connect()
		wg.Go(func() {
			for range writes {
				c.send(setData("/n", "x"))
			}
		})
		wg.Go(func() {
			for range writes {
				c.next()
			}
		})
	}
	wg.Wait()
}

// everyVersion reads /n, several requests ahead, and counts the events between.
func (c *client) everyVersion(last int32) error {
	const ahead = 8
	for range ahead {
		c.send(getData("/n", false))
	}
	version, zxid := int32(0), proto.Zxid(0)
	for version < last {
		r := c.next()
		if r.Xid == proto.XidNotification {
			if r.Zxid <= zxid {
				return fmt.Errorf("an event at %v after one at %v", r.Zxid, zxid)
			}
			zxid = r.Zxid
			version++
			continue
		}
		if _, st := r.dataOf(c.t); st.Version != version {
			return fmt.Errorf("version %d shows after %d events", st.Version, version)
		}
		c.send(getData("/n", false))
	}
	return nil
}
