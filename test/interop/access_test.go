package interop

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/paddock-io/paddock/test/interop/golden"
	"github.com/paddock-io/paddock/test/interop/peers"
)

const provider = "org.apache.zookeeper.server.auth."

// accessSettings are zoo.cfg lines under which a Java and a Paddock server are asked the same.
var accessSettings = map[string]map[string]string{
	"default":   {},
	"no digest": {"DigestAuthenticationProvider.enabled": "false"},
	"providers": {
		"authProvider.1": provider + "SASLAuthenticationProvider", "authProvider.2": provider + "X509AuthenticationProvider",
		"authProvider.3": provider + "EnsembleAuthenticationProvider", "authProvider.4": provider + "KeyAuthenticationProvider",
		"ensembleAuthName": "prod, stage", "letAnySaslUserDoX": "any", "X509AuthenticationProvider.superUser": "CN=root",
	},
	"SHA-256": {
		"DigestAuthenticationProvider.digestAlg":   "SHA-256",
		"DigestAuthenticationProvider.superDigest": "bob:huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE=",
	},
	"skipACL":  {"skipACL": "yes"},
	"enforced": {"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest", "enableEagerACLCheck": "true"},
	"enforced by sasl or digest": {
		"enforce.auth.enabled": "true", "enforce.auth.schemes": "sasl, digest", "authProvider.1": provider + "SASLAuthenticationProvider",
	},
}

// TestAccess compares byte by byte what Java and Paddock answer about ACLs and identities, standalone, under
// each of the settings.
func TestAccess(t *testing.T) {
	in := peers.Require(t)
	paddock := peers.RequirePaddock(t)
	for name, settings := range accessSettings {
		t.Run(name, func(t *testing.T) {
			transcripts := [2]string{}
			for i, software := range []peers.Software{peers.Java{Installation: in}, paddock} {
				s := peers.StartServer(t, software, peers.Config{Settings: settings})
				transcript := &golden.Transcript{}
				if err := golden.Catch(func() { askAboutAccess(transcript, s.Addr()) }); err != nil {
					t.Fatalf("%v: %v\nso far:\n%s", software, err, transcript.Text())
				}
				transcripts[i] = transcript.Text()
			}
			if err := golden.Compare(transcripts[0], transcripts[1]); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// askAboutAccess goes through all schemes twice, as ACL and as credentials. A connection that a server has cut
// off ends its part.
func askAboutAccess(t *golden.Transcript, addr string) {
	for _, id := range []golden.Entry{
		golden.Allow(31, "world", "anyone"), golden.Allow(31, "world", "x"), golden.Allow(31, "digest", "u:h"), golden.Allow(31, "digest", "u"), golden.Allow(31, "digest", "a:b:c"),
		golden.Allow(31, "ip", "127.0.0.1"), golden.Allow(31, "ip", "127.0.0.0/8"), golden.Allow(31, "ip", "10.0.0.0/8"), golden.Allow(31, "ip", "::1"), golden.Allow(31, "ip", "::ffff:127.0.0.1"), golden.Allow(31, "ip", "x"),
		golden.Allow(31, "sasl", "u"), golden.Allow(31, "sasl", "any"), golden.Allow(31, "sasl", "a@b@c"), golden.Allow(31, "x509", "CN=a"), golden.Allow(31, "x509", "a"), golden.Allow(31, "super", ""),
		golden.Allow(31, "ensemble", "prod"), golden.Allow(31, "key", ""), golden.Allow(31, "auth", ""), golden.Allow(31, "", ""), golden.Allow(0, "world", "anyone"), golden.Allow(32, "world", "anyone"), golden.Allow(-1, "world", "anyone"),
	} {
		s := golden.Connect(t, addr, "new session")
		what := id.Scheme + ":" + id.ID
		tryAccess(s, golden.OpCreate, golden.Create("/a", nil, []golden.Entry{id, id}, 0), "create with "+what)
		tryAccess(s, golden.OpGetACL, golden.Record{}.Ustring("/a"), "getACL of "+what)
		tryAccess(s, golden.OpSetData, golden.Record{}.Ustring("/a").Buffer([]byte("x")).Int(-1), "setData of "+what)
		tryAccess(s, golden.OpSetACL, golden.Record{}.Ustring("/a").ACL(golden.Open).Int(-1), "setACL of "+what)
		tryAccess(s, golden.OpDelete, golden.Record{}.Ustring("/a").Int(-1), "delete of "+what)
		s.Drop()
	}
	for _, scheme := range []string{"world", "digest", "ip", "sasl", "x509", "super", "auth"} { // key would break Java
		s := golden.Connect(t, addr, "new session")
		record := golden.Record{}.Ustring("/null").Buffer(nil).Int(1).Int(31).Ustring(scheme).Buffer(nil).Int(0)
		tryAccess(s, golden.OpCreate, record, "create with a null id of "+scheme)
		tryAccess(s, golden.OpExists, golden.Watched("/null", false), "exists after a null id of "+scheme)
		s.Drop()
	}
	for _, c := range []struct {
		scheme string
		data   []byte
	}{
		{"digest", []byte("bob:secret")},
		{"digest", []byte{}},
		{"digest", []byte("no colon")},
		{"digest", nil},
		{"ip", nil},
		{"sasl", []byte("x")},
		{"x509", []byte("x")},
		{"ensemble", []byte("stage")},
		{"ensemble", nil},
		{"ensemble", []byte("other")},
		{"key", []byte("12")},
		{"key", []byte("x")},
		{"key", nil},
		{"super", []byte("x")},
		{"world", []byte("anyone")},
		{"auth", nil},
		{"", nil},
	} {
		s := golden.Connect(t, addr, "new session")
		what := c.scheme + " " + string(c.data)
		packet := golden.Record{}.Int(0).Ustring(c.scheme).Buffer(c.data)
		if tryAccess(s, golden.OpAuth, packet, "auth "+what) {
			tryAccess(s, golden.OpWhoAmI, nil, "whoAmI of "+what)
			tryAccess(s, golden.OpCreate, golden.Create("/mine", nil, []golden.Entry{golden.Allow(31, "auth", "x"), golden.Allow(1, "auth", "")}, 0), "create with auth of "+what)
			tryAccess(s, golden.OpGetACL, golden.Record{}.Ustring("/mine"), "getACL of "+what)
			tryAccess(s, golden.OpSetData, golden.Record{}.Ustring("/zookeeper/config").Buffer([]byte("x")).Int(-1), "setData of the configuration by "+what)
			tryAccess(s, golden.OpDelete, golden.Record{}.Ustring("/mine").Int(-1), "delete by "+what)
		}
		s.Drop()
	}
	s := golden.Connect(t, addr, "new session")
	for i := range 14 { // more than a set of Java's has room for without a change of its order
		tryAccess(s, golden.OpAuth, golden.Record{}.Int(0).Ustring("digest").Buffer(fmt.Append(nil, "user", i)), "auth again")
	}
	tryAccess(s, golden.OpWhoAmI, nil, "whoAmI of many")
	tryAccess(s, golden.OpCreate, golden.Create("/many", nil, []golden.Entry{golden.Allow(31, "auth", "")}, 0), "create with auth of many")
	tryAccess(s, golden.OpGetACL, golden.Record{}.Ustring("/many"), "getACL of many")
	s.Drop()

	s = golden.Connect(t, addr, "new session")
	s.AskAs(7, golden.OpSasl, golden.Record{}.Buffer([]byte("x")), "sasl without a mechanism")
	tryAccess(s, 500, nil, "unknown operation")
	s.Drop()
}

// tryAccess asks unless the server has ended the connection, and says whether it still stands.
func tryAccess(s *golden.Session, op int32, body golden.Record, comment string) bool {
	if s.Ended() {
		return false
	}
	reply, ok := s.TryAsk(op, body, comment)
	if !ok {
		return false
	}
	switch int32(binary.BigEndian.Uint32(reply[12:])) {
	case -6, -115, -124: // unimplemented, authentication failed, authentication required
		s.ExpectClose()
		return false
	}
	return true
}
