//go:build !linux

package server

import "errors"

const maxArrivals = 0

type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) add(*conn) error                       { return errors.ErrUnsupported }
func (*poller) remove(*conn)                          {}
func (*poller) wait(list []arrival) ([]arrival, bool) { return list, false }
func (*poller) read(*conn) *buffer                    { return nil }
func (*poller) give()                                 {}
func (*poller) close()                                {}
