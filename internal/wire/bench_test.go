package wire

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/paddock-io/paddock/internal/zab"
	"github.com/paddock-io/paddock/proto"
)

// The benchmarks read what comes when much is written: packets of 1 KB in bursts;
// one op is one packet.

func benchmarkRead(b *testing.B, m zab.Message, fromLeader bool) {
	const burst = 60
	var packets []byte
	for range burst {
		packets = AppendMessage(packets, m, fromLeader)
	}
	decode := FromLearner
	if fromLeader {
		decode = FromLeader
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(packets) / burst))
	source := bytes.NewReader(packets)
	br := bufio.NewReaderSize(source, 64<<10)
	r := NewReader(br)
	for range b.N {
		if source.Len() == 0 && br.Buffered() == 0 {
			source.Reset(packets)
		}
		p, err := r.ReadPacket(1 << 20)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := decode(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadProposal(b *testing.B) {
	txn, body := proto.NewSetData()
	txn.Type = proto.OpSetData
	*body = proto.SetDataTxn{Path: "/bench/node", Data: make([]byte, 1024)}
	txn.Encode(0)
	benchmarkRead(b, zab.Proposal{Txn: txn}, true)
}

func BenchmarkReadRequest(b *testing.B) {
	raw := (&proto.SetDataRequest{Path: "/bench/node", Data: make([]byte, 1024), Version: -1}).Append(nil)
	benchmarkRead(b, &zab.Forward{Op: proto.OpSetData, Raw: raw, IDs: []proto.ID{{Scheme: "ip", ID: "127.0.0.1"}}}, false)
}
