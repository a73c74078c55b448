module github.com/paddock-io/paddock/docs/gen

go 1.26.0

require github.com/paddock-io/paddock v0.0.0

replace github.com/paddock-io/paddock => ../..
