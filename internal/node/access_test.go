package node

import (
	"context"
	"errors"
	"testing"

	"github.com/paddock-io/paddock/zk"
)

func entry(scheme, id string) []zk.ACL {
	return []zk.ACL{{Perms: zk.PermAll, ID: zk.ID{Scheme: scheme, ID: id}}}
}

// What zoo.cfg says of schemes reaches both those who check writes and those who
// answer reads, on a follower too.
func TestSchemesFromTheConfiguration(t *testing.T) {
	const prefix = "org.apache.zookeeper.server.auth."
	ctx := testContext(t)
	ms := newEnsemble(t, 3, "authProvider.1="+prefix+"SASLAuthenticationProvider", "authProvider.2="+prefix+"KeyAuthenticationProvider",
		"DigestAuthenticationProvider.digestAlg=SHA-256",
		"DigestAuthenticationProvider.superDigest=bob:huAluaVu3uER4LIpielGv9Qqk5x3YVDr6I2R/mXf2wE=")
	for _, m := range ms {
		m.start()
	}
	c := connect(t, ctx, ms[0].client) // a follower, since the highest id leads
	for scheme, want := range map[string]error{"sasl": nil, "key": nil, "x509": zk.ErrInvalidACL, "ensemble": zk.ErrInvalidACL, "super": zk.ErrInvalidACL} {
		id := "CN=x"
		if _, err := c.Create(ctx, "/"+scheme, []byte("6"), 0, entry(scheme, id)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", scheme, err, want)
		}
	}
	if _, _, err := c.Get(ctx, "/sasl"); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("read: %v", err)
	}
	if err := c.AddAuth(ctx, "digest", []byte("bob:secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Set(ctx, "/sasl", nil, zk.AnyVersion); err != nil {
		t.Errorf("super user by SHA-256: %v", err)
	}

	d := connect(t, ctx, ms[0].client)
	if err := d.AddAuth(ctx, "key", []byte("12")); err != nil {
		t.Errorf("a multiple of /key: %v", err)
	}
	if _, err := d.Create(ctx, "/kept", nil, 0, entry("auth", "")); err != nil {
		t.Error(err)
	}
	if acl, _, err := d.GetACL(ctx, "/kept"); err != nil || len(acl) != 1 || acl[0].ID != (zk.ID{Scheme: "key"}) {
		t.Errorf("auth of key is %v, %v", acl, err)
	}
	if err := connect(t, ctx, ms[0].client).AddAuth(ctx, "key", []byte("13")); !errors.Is(err, zk.ErrAuthFailed) {
		t.Errorf("no multiple of /key: %v", err)
	}
}

// An ensemble checks early if it is told to, a server alone never: its only
// check would be the same twice. Both enforce authentication.
func TestEarlyAndEnforcedChecksFromTheConfiguration(t *testing.T) {
	ctx := testContext(t)
	for _, n := range []int{1, 3} {
		ms := newEnsemble(t, n, "enableEagerACLCheck=true", "enforce.auth.enabled=true", "enforce.auth.schemes=digest")
		for _, m := range ms {
			m.start()
		}
		stranger := connect(t, ctx, ms[0].client)
		if _, _, err := stranger.Get(ctx, "/"); err == nil || errors.Is(err, zk.ErrNoNode) {
			t.Errorf("%d servers: a client without identity reads: %v", n, err)
		}
		stranger.Close()

		amy, bob := connectAs(t, ctx, ms[0].client, "amy:a"), connectAs(t, ctx, ms[0].client, "bob:b")
		if _, err := amy.Create(ctx, "/amy", nil, 0, entry("auth", "")); err != nil {
			t.Fatal(err)
		}
		before := amy.LastZxid()
		if _, err := bob.Set(ctx, "/amy", nil, zk.AnyVersion); !errors.Is(err, zk.ErrNoAuth) {
			t.Errorf("%d servers: %v", n, err)
		}
		if _, err := amy.Set(ctx, "/amy", nil, zk.AnyVersion); err != nil {
			t.Error(err)
		}
		want := before + 2 // bob's refusal and amy's write
		if n > 1 {
			want = before + 1
		}
		if got := amy.LastZxid(); got != want {
			t.Errorf("%d servers: last zxid %v, want %v", n, got, want)
		}
	}
}

func connectAs(t *testing.T, ctx context.Context, addr, credentials string) *zk.Conn {
	t.Helper()
	c, err := zk.Connect(ctx, addr, zk.Options{Auth: []zk.Auth{{Scheme: "digest", Data: []byte(credentials)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
