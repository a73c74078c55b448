// Command etcd is what bench/compare needs to measure etcd beside ZooKeeper and
// Paddock: a server, and a program that makes the loads of paddock bench over
// etcd's gRPC API and reports them in the same way.
//
//	etcd server ARGS    the arguments of etcd itself
//	etcd load FLAGS     the flags of paddock bench; the report is JSON
//
// It is a module of its own, so that what etcd needs is no business of Paddock's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/etcdmain"

	"github.com/paddock-io/paddock/internal/bench"
)

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "server":
		etcdmain.Main(os.Args[1:]) // it drops the name of the program, here "server"
	case len(os.Args) > 1 && os.Args[1] == "load":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if err := loadMain(ctx, os.Args[2:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "etcd load:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "Usage: etcd server ARGS | etcd load FLAGS")
		os.Exit(2)
	}
}

// loadMain makes a load and writes its report.
func loadMain(ctx context.Context, args []string, out io.Writer) error {
	var cfg bench.Config
	fs := flag.NewFlagSet("etcd load", flag.ContinueOnError)
	cfg.Flags(fs)
	fs.Bool("json", true, "print the report as JSON; there is no other form")
	if err := fs.Parse(args); err != nil {
		return err
	}
	report, err := run(ctx, cfg)
	if err != nil {
		return err
	}
	return report.WriteJSON(out)
}
