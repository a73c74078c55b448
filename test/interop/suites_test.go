package interop

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/paddock-io/paddock/test/interop/peers"
	"github.com/paddock-io/paddock/test/interop/suites"
)

// TestSuites runs a part of each suite with Paddock. All of these tests pass with Java's server; `make suites` runs
// whole suites, with both.
//
// TestIntegration_IncrementalReconfig is left to that: it removes a server, which may be the leader, and then every
// server sends its clients away for a moment, as in Java. This client drops a request that waits while all servers
// refuse it once, and the test allows for a closed connection only. Of two running at a time it failed with
// Paddock, whose servers are back after some 30 ms, 6 times of 12, and with Java, which closes the connections one
// server after the other, once of 12. That servers 1 and 2 cannot bind a client port is TestIntegration_Reconfig's own
// doing, with either server: it gives all three the port of server 3.
func TestSuites(t *testing.T) {
	in := peers.Require(t)
	kazoo := suites.Kazoo{Label: "kazoo", Python: suites.DebianPython}
	if _, err := kazoo.Tests(); err != nil {
		if os.Getenv("PADDOCK_REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, tc := range []struct {
		suite suites.Suite
		only  []string
	}{
		{kazoo, []string{
			"test_barrier.py", "test_client.py::TestAuthentication", "test_client.py::TestClientTransactions", "test_client.py::TestConnection",
			"test_client.py::TestNonChrootClient", "test_client.py::TestClient", "test_counter.py", "test_election.py", "test_lease.py", "test_lock.py",
			"test_client.py::TestReconfig", "test_party.py", "test_queue.py", "test_watchers.py::KazooDataWatcherTests",
		}},
		{suites.GoZooKeeper{}, []string{
			"TestIntegration_Auth", "TestIntegration_BasicCluster", "TestIntegration_ChildWatch", "TestIntegration_Create",
			"TestIntegration_CreateContainer", "TestIntegration_CreateTTL", "TestIntegration_GetSetACL", "TestIntegration_IfAuthdataSurvivesReconnect",
			"TestIntegration_Lock", "TestIntegration_MaxBufferSize", "TestIntegration_MultiFailures", "TestIntegration_Reconfig", "TestIntegration_SetWatchers",
		}},
	} {
		t.Run(tc.suite.Name(), func(t *testing.T) {
			t.Parallel()
			server, err := suites.PaddockServer(in, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			runPart(t, tc.suite, server, tc.only)
		})
	}
}

// runPart runs tests of a suite, all of which must pass. The output is shown when one does not.
func runPart(t *testing.T, suite suites.Suite, server suites.Server, only []string) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	results, err := suite.Run(t.Context(), server, only, t.TempDir(), log)
	if err != nil {
		t.Error(err)
	}
	t.Log(results.Summary())
	for test, o := range results {
		if o != suites.Passed {
			t.Errorf("%v %s", o, test)
		}
	}
	if t.Failed() {
		text, _ := os.ReadFile(path)
		t.Logf("the end of the output:\n%s", text[max(0, len(text)-20_000):])
	}
}
