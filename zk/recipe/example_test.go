package recipe_test

import (
	"context"
	"fmt"
	"log"

	"github.com/paddock-io/paddock/zk"
	"github.com/paddock-io/paddock/zk/internal/fake"
	"github.com/paddock-io/paddock/zk/recipe"
)

func ExampleLock() {
	ctx := context.Background()
	c, err := zk.Connect(ctx, "localhost:2181", zk.Options{Dial: fake.New().Dial}) // no Dial against real servers
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	lock := recipe.NewLock(c, "/locks/printer", recipe.LockOptions{})
	held, err := lock.Acquire(ctx)
	if err != nil {
		log.Fatal(err)
	}
	select {
	case <-held.Lost():
		fmt.Println("somebody else may hold it now")
	default:
		fmt.Println("printing")
	}
	if err := held.Release(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: printing
}
