package main

import (
	"context"
	"errors"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// client is a gRPC connection of its own, to one server at a time.
type client struct {
	conn *grpc.ClientConn
	kv   etcdserverpb.KVClient
}

// dial returns a client of the first of these servers that answers. If that one
// is lost, gRPC goes on to the next; requests wait for it meanwhile.
func dial(servers []string) (*client, error) {
	r := manual.NewBuilderWithScheme("etcd")
	var state resolver.State
	for _, s := range servers {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: s})
	}
	r.InitialState(state)
	conn, err := grpc.NewClient("etcd:///servers", grpc.WithResolvers(r),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	if err != nil {
		return nil, err
	}
	return &client{conn, etcdserverpb.NewKVClient(conn)}, nil
}

var errNoKey = errors.New("no such key")

// get reads a key: what the server has, or what a majority has agreed on.
func (c *client) get(ctx context.Context, key string, linearizable bool) error {
	r, err := c.kv.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte(key), Serializable: !linearizable})
	if err == nil && len(r.Kvs) == 0 {
		err = errNoKey
	}
	return err
}

func (c *client) put(ctx context.Context, key string, value []byte) error {
	_, err := c.kv.Put(ctx, &etcdserverpb.PutRequest{Key: []byte(key), Value: value})
	return err
}

// putAll puts one value under many keys at once.
func (c *client) putAll(ctx context.Context, keys []string, value []byte) error {
	txn := new(etcdserverpb.TxnRequest)
	for _, key := range keys {
		put := &etcdserverpb.PutRequest{Key: []byte(key), Value: value}
		txn.Success = append(txn.Success, &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: put}})
	}
	_, err := c.kv.Txn(ctx, txn)
	return err
}

// catchUp has the client's server come as far as the others.
func (c *client) catchUp(ctx context.Context) error {
	_, err := c.kv.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte("/")})
	return err
}

// deleteBelow deletes all keys below a path.
func (c *client) deleteBelow(ctx context.Context, path string) error {
	_, err := c.kv.DeleteRange(ctx, &etcdserverpb.DeleteRangeRequest{Key: []byte(path + "/"), RangeEnd: []byte(path + "0")}) // 0 follows /
	return err
}

// hostsOf returns the servers that client i uses, in order: its own one, and the
// others too unless each client is to stay where it is.
func hostsOf(servers []string, i int, spread bool) []string {
	at := i % len(servers)
	if spread {
		return servers[at : at+1]
	}
	return slices.Concat(servers[at:], servers[:at])
}
