package differential

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/paddock-io/paddock/test/interop/peers"
)

var (
	seedFlag     = flag.Uint64("differential.seed", 0, "run the stream of this seed only")
	fromFlag     = flag.Uint64("differential.from", 1, "the first seed; 0 takes one that has not been used, from the clock")
	requestsFlag = flag.Int("differential.n", 0, "how many requests to send in all; 0 is what continuous integration has time for")
	serversFlag  = flag.Int("differential.servers", 0, "1 for single servers, 3 for ensembles of three; 0 is both")
	shrinkFlag   = flag.Duration("differential.shrink", time.Minute, "how long to make a stream that shows a difference shorter")
	moreFlag     = flag.Int("differential.differences", 1, "how many differences to look for before giving up")
)

func TestMain(m *testing.M) {
	code := m.Run()
	peers.RemoveBuilt()
	os.Exit(code)
}

// TestDifferential sends the same to Java and to Paddock and wants the same from both. In an ensemble
// the sessions are spread over the servers.
func TestDifferential(t *testing.T) {
	for _, tc := range []struct {
		name              string
		servers, requests int
	}{{"server", 1, 8_000}, {"ensemble", 3, 1_200}} {
		if *serversFlag != 0 && *serversFlag != tc.servers {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			r := newRunner(t, tc.servers)
			switch {
			case *seedFlag != 0:
				r.seeds(*seedFlag, 1)
			case *requestsFlag != 0:
				r.seeds(first(), streams(*requestsFlag))
			default:
				r.seeds(first(), streams(tc.requests))
			}
		})
	}
}

// streams returns how many streams make so many requests.
func streams(requests int) int { return (requests + perStream - 1) / perStream }

// first returns the first seed.
func first() uint64 {
	if *fromFlag == 0 {
		return uint64(time.Now().Unix())
	}
	return *fromFlag
}
