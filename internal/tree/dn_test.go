package tree

import "testing"

// The answers are those of javax.security.auth.x500.X500Principal, OpenJDK 17.
var dnTests = []struct {
	dn   string
	want bool
}{
	{"", true},
	{" ", false},
	{"CN=a", true},
	{"cn=a", true},
	{"CN=a,O=b", true},
	{"CN=a;O=b", true},
	{"CN=a+OU=b,O=c", true},
	{"a", false},
	{"CN", false},
	{"CN=", true},
	{"=a", false},
	{"CN=a,", false},
	{",CN=a", false},
	{"CN=a,,O=b", false},
	{"XX=a", false},
	{"1.2.3=a", true},
	{"OID.1.2.3=a", true},
	{"oid.2.5.4.3=a", true},
	{"1=a", false},
	{"1.2=a", true},
	{"3.1=a", false},
	{"1.40=a", false},
	{"CN=a=b", true},
	{"CN=\"a,b\"", true},
	{"CN=\"a", false},
	{"CN=a\\,b", true},
	{"CN=a\\", false},
	{"CN=#0401ff", true},
	{"CN=#048101ff", true},
	{"CN=#04840000000 1ff", false},
	{"CN=#048400000001ff", true},
	{"CN=#04850000000001ff", false},
	{"CN=#048101ffff", false},
	{"CN=#0481", false},
	{"CN=#0484ffffffff", false},
	{"CN=#04ff", false},
	{"CN=#0480ff0000", false},
	{"CN=#1f0161", false}, // a tag of more than one byte
	{"CN=#0401ff ", false},
	{"CN=#0401ff\n,O=b", false},
	{"CN=#04", false},
	{"CN=#", false},
	{"CN=#zz", false},
	{"CN=#040", false},
	{" CN = a , O = b ", true},
	{"CN=a\u000aO=b", true},
	{"CN=a\\41", true},
	{"CN=a\\4", false},
	{"CN=a\\g", false},
	{"EMAILADDRESS=x@y", true},
	{"E=x@y", false},
	{"DNQ=1", true},
	{"SERIALNUMBER=1", true},
	{"UID=u", true},
	{"DC=x", true},
	{"S=x", true},
	{"ST=x", true},
	{"T=x", true},
	{"IP=1.2.3.4", true},
	{"STREET=x", true},
	{"GIVENNAME=x", true},
	{"SURNAME=x", true},
	{"INITIALS=x", true},
	{"GENERATION=x", true},
	{"EMAIL=x", true},
	{"DNQUALIFIER=x", true},
	{"SN=x", false},
	{"OU=", true},
	{"CN=a+", false},
	{"+CN=a", false},
	{"CN=\"a\"b", false},
	{"CN=\"a\" ", true},
	{"CN=a\"b\"", false},
	{"C=\u00e9", true},
	{"CN=<a>", false},
	{"CN=a;", false},
	{"CN=\"\"", true},
	{"CN=a b", true},
	{"C N=a", false},
	{"CN=  ", true},
	{"O=b, CN = #0401ff", true},
	{"CN=a,O", false},
	{"CN=#0401ffzz", false},
	{"CN=a#b", true},
	{"CN=a\\#", true},
	{"2.5.4.3=#0401", false},
	{"2.5.4.03=a", true},
	{"2.=a", false},
	{".2=a", false},
	{"CN=a\\ ", true},
	{"CN=\\ a", true},
	{"CN=a\"", false},
	{"CN=\"a\\\"b\"", true},
	{"CN=\"a\\,b\"", true},
	{"CN=\"a+b\"", true},
	{"CN=a\\+b", true},
	{"CN=\"a\\qb\"", false},
	{"CN=,O=b", true},
	{"CN=a<b", false},
	{"CN=a>b", false},
	{"CN=a\u0001", true},
	{"2.999=a", true},
	{"0.39=a", true},
	{"2.5.4.99999999999999999=a", true},
	{"EMAILADDRESS=\u00e9", true},
	{"DC=\u00e9", true},
	{"CN=\\", false},
}

func TestValidDN(t *testing.T) {
	for _, tc := range dnTests {
		if got := validDN(tc.dn); got != tc.want {
			t.Errorf("validDN(%q) = %v, want %v", tc.dn, got, tc.want)
		}
	}
}

func FuzzValidDN(f *testing.F) {
	for _, tc := range dnTests {
		f.Add(tc.dn)
	}
	f.Fuzz(func(t *testing.T, s string) { validDN(s) })
}
