package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

// counters are the lines of mntr that say what a server holds.
var counters = []string{"zk_znode_count", "zk_watch_count", "zk_ephemerals_count", "zk_global_sessions", "zk_local_sessions"}

// compareWords compares what both servers say of themselves. A server learns a little later that a
// connection was dropped, so a difference must last.
func (p *pair) compareWords() *Difference {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var differ error
	err := peers.Await(ctx, "both servers to say the same", func(context.Context) error {
		differ = p.wordsDiffer(context.Background())
		return differ
	})
	if err != nil {
		return &Difference{Text: differ.Error()}
	}
	return nil
}

// wordsDiffer asks once.
func (p *pair) wordsDiffer(ctx context.Context) error {
	java, err := p.java.account(ctx)
	if err != nil {
		return fmt.Errorf("java: %w", err)
	}
	paddock, err := p.paddock.account(ctx)
	if err != nil {
		return fmt.Errorf("paddock: %w", err)
	}
	for i := range java {
		if java[i] != paddock[i] {
			return fmt.Errorf("java says\n%s\npaddock says\n%s", java[i], paddock[i])
		}
	}
	return nil
}

// account asks every server the words whose answers are the same on servers that hold the same.
func (s *side) account(ctx context.Context) ([]string, error) {
	var all []string
	for _, addr := range s.addrs {
		var said [3]string
		for i, word := range []string{"wchs", "dump", "mntr"} {
			var err error
			if said[i], err = peers.Word(ctx, addr, word); err != nil {
				return nil, err
			}
		}
		all = append(all, said[0], s.owners(said[1]), counts(said[2]))
	}
	return all, nil
}

// owners is the part of dump that lists the sessions with ephemerals, sorted, with mapped ids. The
// number in its title is left out: Java counts sessions that have had ephemerals, too.
func (s *side) owners(dump string) string {
	_, list, _ := strings.Cut(dump, "Sessions with Ephemerals")
	lines := strings.Split(list, "\n")
	var all []string
	owner := ""
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, "Connections") {
			break
		}
		if path, ok := strings.CutPrefix(line, "\t"); ok {
			all = append(all, owner+path)
		} else if line != "" {
			owner = line
			for n, known := range s.sessions[s.first:] {
				owner = strings.ReplaceAll(owner, fmt.Sprintf("0x%x", uint64(known.id)), fmt.Sprintf("session %d ", n))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// counts picks the counters out of mntr.
func counts(mntr string) string {
	var all []string
	for line := range strings.Lines(mntr) {
		key, _, _ := strings.Cut(line, "\t")
		if slices.Contains(counters, key) {
			all = append(all, strings.TrimSpace(line))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
