module github.com/paddock-io/paddock/test/interop

go 1.26.0

replace github.com/paddock-io/paddock => ../..

require (
	github.com/go-zookeeper/zk v1.0.4
	github.com/paddock-io/paddock v0.0.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
