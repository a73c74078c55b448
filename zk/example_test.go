package zk_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"github.com/paddock-io/paddock/zk"
	"github.com/paddock-io/paddock/zk/internal/fake"
)

// options is what the examples need to run without an ensemble.
func options() zk.Options { return zk.Options{Dial: fake.New().Dial} }

func Example() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost:2181,localhost:2182,localhost:2183", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	path, err := c.Create(ctx, "/greeting", []byte("hello"), zk.Persistent, zk.OpenACL)
	if err != nil {
		log.Fatal(err)
	}
	data, stat, err := c.Get(ctx, path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is %q, version %d\n", path, data, stat.Version)

	_, err = c.Set(ctx, path, []byte("bye"), 7)
	fmt.Println(err, errors.Is(err, zk.ErrBadVersion))
	// Output:
	// /greeting is "hello", version 0
	// zk: setData /greeting: BadVersion true
}

func ExampleConn_GetW() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	_, _, watch, err := c.GetW(ctx, "/")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Set(ctx, "/", []byte("news"), zk.AnyVersion); err != nil {
		log.Fatal(err)
	}
	event, err := watch.Wait(ctx) // or: event := <-watch.C()
	fmt.Println(event.Type, event.Path, err)
	// Output: NodeDataChanged / <nil>
}

func ExampleConn_Multi() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	results, err := c.Multi(ctx,
		zk.CreateOp("/jobs", nil, zk.Persistent, zk.OpenACL),
		zk.CreateOp("/jobs/job-", []byte("sweep"), zk.PersistentSequential, zk.OpenACL),
		zk.CheckOp("/jobs", 0),
	)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(results[1].Path)

	_, err = c.Multi(ctx, zk.DeleteOp("/jobs/job-0000000000", zk.AnyVersion), zk.CheckOp("/jobs", 5))
	fmt.Println(err)
	// Output:
	// /jobs/job-0000000000
	// zk: check /jobs: BadVersion
}

// Many requests in flight, without a goroutine for each.
func ExampleConn_Go() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	var wg sync.WaitGroup
	var last string // written by one goroutine: results come in order
	for range 100 {
		wg.Add(1)
		op := zk.CreateOp("/n-", nil, zk.PersistentSequential, zk.OpenACL)
		if err := c.Go(op, func(r zk.Result) { last = r.Path; wg.Done() }); err != nil {
			log.Fatal(err)
		}
	}
	wg.Wait()
	fmt.Println(last)
	// Output: /n-0000000099
}

// A copy of a znode's data that follows its changes. The same goes for a whole
// tree with WatchPersistentRecursive.
func ExampleConn_AddWatch() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	watch, err := c.AddWatch(ctx, "/flags", zk.WatchPersistent) // first, so that nothing is missed
	if err != nil {
		log.Fatal(err)
	}
	defer watch.Stop()
	for _, flags := range []string{"blue", "red"} { // somebody else's work
		if _, err := c.Create(ctx, "/flags", []byte(flags), zk.Persistent, zk.OpenACL); err != nil {
			c.Set(ctx, "/flags", []byte(flags), zk.AnyVersion)
		}
	}
	for range 2 {
		event, err := watch.Next(ctx) // or: event := <-watch.C()
		if err != nil {
			log.Fatal(err)
		}
		switch event.Type {
		case zk.EventNodeDeleted:
			fmt.Println("no flags")
		default: // created, changed, or a gap
			data, stat, err := c.Get(ctx, "/flags")
			fmt.Println(event.Type, string(data), event.Zxid < stat.Mzxid, err)
		}
	}
	// Output:
	// NodeCreated red true <nil>
	// NodeDataChanged red false <nil>
}

func ExampleConn_GetLatest() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	// Whatever was written and answered before this call is seen, by whoever
	// and through whichever server it was.
	_, stat, err := c.GetLatest(ctx, "/")
	fmt.Println(stat.Version, err)
	// Output: 0 <nil>
}

func ExampleConn_MultiRead() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost", options())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	results, err := c.MultiRead(ctx, zk.GetOp("/"), zk.ChildrenOp("/none"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Stat.Version, r.Err)
	}
	// Output:
	// 0 <nil>
	// 0 zk: getChildren /none: NoNode
}
