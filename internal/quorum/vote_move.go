package quorum

// Move lets the port listen elsewhere, and tells peers so from now on.
// Connections stay. It blocks while it retries; a port that cannot be bound is a
// *BindError, and the old one is closed then.
func (n *voteNet) Move(listen, advertise []string) error {
	n.mu.Lock()
	old := n.listeners
	n.listeners = nil
	opts := n.opts
	n.mu.Unlock()
	for _, ln := range old {
		ln.Close() // before the new one is open, which may be the same port at another address
	}
	opts.Listen = listen
	lns, err := bindAll(opts)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.advertise, n.listeners = advertise, lns
	for _, ln := range lns {
		if n.closed {
			ln.Close()
			continue
		}
		n.wg.Go(func() { n.accept(ln) })
	}
	return nil
}
