module github.com/paddock-io/paddock

go 1.26
