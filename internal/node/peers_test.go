package node

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/paddock-io/paddock/internal/config"
	"github.com/paddock-io/paddock/internal/ensemble"
	"github.com/paddock-io/paddock/internal/quorum"
	"github.com/paddock-io/paddock/internal/replica"
	"github.com/paddock-io/paddock/internal/zab"
)

// TestPeerOptions: what zoo.cfg says of the servers among themselves reaches them.
func TestPeerOptions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"myid": "1\n",
		"zoo.cfg": "dataDir=" + dir + `
clientPort=2181
tickTime=1000
initLimit=10
syncLimit=5
connectToLearnerMasterLimit=7
server.1=a:1:2|b:1:2
server.2=c:1:2
multiAddress.enabled=true
observerMasterPort=3
observerMaster.sizeLimit=4000
observer.reconnectDelayMs=50
observer.election.DelayMs=60
leader.maxConcurrentSnapSyncs=7
leader.maxConcurrentDiffSyncs=8
leader.maxTimeToWaitForEpoch=900
leaderConnectDelayDuringRetryMs=110
quorumCnxnTimeoutMs=1200
snapshotSizeFactor=0.75
commitLogCount=1300
electionPortBindRetry=14
quorumListenOnAllIPs=true
oraclePath=/an/oracle
testingonly.initialZxid=15
test.allowDiscontinuousProposals=true
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := config.Load(filepath.Join(dir, "zoo.cfg"), nil)
	if err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	got := peerOptions(c, nil)
	want := quorum.Options{
		DialTimeout: 7 * time.Second, BindRetries: 14, ListenAll: true, ObserverMasterPort: 3,
		ReconnectDelay: 50 * ms, ElectionDelay: 60 * ms, HandshakeTimeout: 1200 * ms, SnapshotSizeFactor: 0.75, History: 1300,
		OraclePath: "/an/oracle", EditRules: ensemble.EditRules{StandaloneEnabled: true, MultiAddress: true},
		Zab: replica.ZabOptions{
			Feeding:      zab.Feeding{MaxSnapSyncs: 7, MaxDiffSyncs: 8, MaxHeldBytes: 4000},
			Rollover:     zab.Rollover{FirstCounter: 15, AnyFirst: true},
			EpochTimeout: 900 * ms, RedialPause: 110 * ms,
		},
	}
	same := quorum.Options{ // of which this test is not
		Self: got.Self, Ensemble: got.Ensemble, Tick: got.Tick, InitTimeout: got.InitTimeout, SyncTimeout: got.SyncTimeout, Election: got.Election,
		CnxTimeout: got.CnxTimeout, Prep: got.Prep, Reap: got.Reap, MaxOutstanding: got.MaxOutstanding, MaxBatch: got.MaxBatch,
		MemberFiles: got.MemberFiles, SnapCount: got.SnapCount, SnapBySize: true, SnapBytes: got.SnapBytes,
	}
	same.DialTimeout, same.BindRetries, same.ListenAll, same.ObserverMasterPort = want.DialTimeout, want.BindRetries, want.ListenAll, want.ObserverMasterPort
	same.ReconnectDelay, same.ElectionDelay, same.HandshakeTimeout = want.ReconnectDelay, want.ElectionDelay, want.HandshakeTimeout
	same.SnapshotSizeFactor, same.History, same.OraclePath, same.Zab, same.EditRules = want.SnapshotSizeFactor, want.History, want.OraclePath, want.Zab, want.EditRules
	if !reflect.DeepEqual(got, same) {
		t.Errorf("got  %+v\nwant %+v", got, same)
	}
	if n := len(got.Ensemble.Members[0].QuorumAddrs); n != 2 {
		t.Errorf("server 1 has %d addresses", n)
	}
}
