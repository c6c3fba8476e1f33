package send_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func TestCheckAddress(t *testing.T) {
	hex := strings.Repeat("0f", 32)
	local64 := strings.Repeat("a", 64)
	cases := []struct {
		name, kind, value string
		ok                bool
	}{
		{"plain", "email", "ana@example.com", true},
		{"all of atext", "email", "a!#$%&'*+-/=?^_`{|}~b@example.com", true},
		{"dots between atoms", "email", "ana.maria@mail.example.com", true},
		{"a host of one label", "email", "ana@localhost", true},
		{"quoted local part", "email", `"ana maria"@example.com`, true},
		{"quoted pair", "email", `"a\"b"@example.com`, true},
		{"quoted @", "email", `"a@b"@example.com`, true},
		{"IPv4 literal", "email", "ana@[192.0.2.1]", true},
		{"IPv6 literal", "email", "ana@[IPv6:2001:db8::1]", true},
		{"internationalised domain", "email", "ana@münchen.example", true},
		{"internationalised local part", "email", "josé@example.com", true},
		{"local part of 64 bytes", "email", local64 + "@example.com", true},
		{"local part of 65 bytes", "email", local64 + "a@example.com", false},
		{"more than 254 bytes", "email", "a@" + strings.Repeat("abcdefghi.", 26) + "com", false},
		{"empty", "email", "", false},
		{"no @", "email", "ana.example.com", false},
		{"no local part", "email", "@example.com", false},
		{"no domain", "email", "ana@", false},
		{"two @", "email", "a@b@example.com", false},
		{"leading dot", "email", ".ana@example.com", false},
		{"trailing dot", "email", "ana.@example.com", false},
		{"two dots", "email", "ana..maria@example.com", false},
		{"a space", "email", "ana maria@example.com", false},
		{"an empty name, quoted", "email", `""@example.com`, false},
		{"open quote", "email", `"ana@example.com`, false},
		{"quote inside quotes", "email", `"a"b"@example.com`, false},
		{"display name", "email", "Ana <ana@example.com>", false},
		{"two addresses", "email", "a@example.com,b@example.com", false},
		{"line break", "email", "ana@example.com\r\nBcc: b@example.com", false},
		{"underscore in the domain", "email", "ana@exa_mple.com", false},
		{"label with a hyphen first", "email", "ana@-example.com", false},
		{"empty label", "email", "ana@example..com", false},
		{"label of 64 bytes", "email", "ana@" + local64 + ".com", false},
		{"literal that is no address", "email", "ana@[example]", false},
		{"IPv6 literal without its tag", "email", "ana@[2001:db8::1]", false},
		{"IPv6 literal with a zone", "email", "ana@[IPv6:fe80::1%eth0]", false},
		{"zero width joiner that IDNA refuses", "email", "ana@a\u200db.example", false},

		{"E.164", "phone", "+351912345678", true},
		{"15 digits", "phone", "+123456789012345", true},
		{"16 digits", "phone", "+1234567890123456", false},
		{"6 digits", "phone", "+123456", false},
		{"no plus", "phone", "351912345678", false},
		{"country code 0", "phone", "+051912345678", false},
		{"spaces", "phone", "+351 912 345 678", false},
		{"other digits", "phone", "+35191234567٨", false},

		{"https", "webhook", "https://example.com/hook?x=1", true},
		{"http and a port", "webhook", "http://127.0.0.1:8080/", true},
		{"IPv6 host", "webhook", "http://[::1]:8080/", true},
		{"another scheme", "webhook", "ftp://example.com/", false},
		{"no scheme", "webhook", "example.com/hook", false},
		{"no host", "webhook", "https:///hook", false},
		{"a port and no host", "webhook", "https://:443/", false},
		{"user info", "webhook", "https://user:secret@example.com/", false},
		{"port past the last", "webhook", "https://example.com:65536/", false},
		{"backslash", "webhook", `https://example.com\@other.example/`, false},
		{"a space", "webhook", "https://example.com/a b", false},

		{"APNs", "push.apns", hex, true},
		{"APNs in upper case", "push.apns", strings.ToUpper(hex), true},
		{"APNs, odd", "push.apns", hex + "0", false},
		{"APNs, not hex", "push.apns", hex[1:] + "g", false},
		{"FCM", "push.fcm", "c1:APA91b" + strings.Repeat("x-_Z", 30), true},
		{"FCM, short", "push.fcm", "c1:APA91b", false},
		{"FCM, a slash", "push.fcm", strings.Repeat("a/", 60), false},
		{"Web Push", "push.webpush", "https://push.example.com/send/abc", true},
		{"Web Push over http", "push.webpush", "http://push.example.com/send/abc", false},
		{"Web Push, long", "push.webpush", "https://push.example.com/" + strings.Repeat("a", 2048), false},
		{"Huawei", "push.huawei", "IQAAAACy0000", true},
		{"Huawei, not ASCII", "push.huawei", "IQé", false},

		{"chat", "chat.telegram", "12345", true},
		{"chat, long", "chat.telegram", strings.Repeat("1", 257), false},
		{"chat, control character", "chat.slack", "U1\n", false},
		{"recipient", "recipient", "u1", true},
		{"recipient, empty", "recipient", "", false},
		{"a kind of a plugin's own", "pager", "anything in one line", true},
		{"a kind of a plugin's own, two lines", "pager", "a\nb", false},
	}
	for _, c := range cases {
		t.Run(c.kind+"/"+c.name, func(t *testing.T) {
			err := send.CheckAddress(c.kind, c.value)
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			var invalid *send.Invalid
			if err != nil && (!errors.As(err, &invalid) || invalid.Code != send.CodeBadValue) {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// TestMailboxesAgainstNetMail: what we take, net/mail reads as one address, and
// as the same one.
func TestMailboxesAgainstNetMail(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a", "b1", ".", "..", "@", `"`, `\`, " ", "+", "-", "_", ",", "<", ">", "(", ")", "example", "com", "é", "[", "]", "192.0.2.1"})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for _, p := range rapid.SliceOfN(piece, 1, 6).Draw(t, "local") {
			b.WriteString(p)
		}
		b.WriteByte('@')
		for _, p := range rapid.SliceOfN(piece, 1, 4).Draw(t, "domain") {
			b.WriteString(p)
		}
		value := b.String()
		if send.CheckAddress("email", value) != nil {
			return
		}
		got, err := mail.ParseAddress(value)
		if err != nil {
			t.Fatalf("net/mail refuses %q: %v", value, err)
		}
		if !strings.HasPrefix(value, `"`) && got.Address != value {
			t.Fatalf("net/mail reads %q as %q", value, got.Address)
		}
	})
}

func TestAddress(t *testing.T) {
	to := full().To
	for kind, want := range map[string]string{
		"email": to.Email, "phone": to.Phone, "webhook": to.Webhook, "recipient": "u1",
		"push.apns": "t1", "push.webpush": "https://push.example.com/1", "chat.telegram": "12345", "chat.slack": "U1",
		"push.fcm": "", "chat.other": "", "pager": "", // none of these
	} {
		got, ok := send.Address(to, kind)
		if ok != (want != "") || got.GetValue() != want {
			t.Errorf("%s: got %v, %t", kind, got, ok)
		}
	}
	if a, _ := send.Address(to, "push.webpush"); a.P256Dh != "BA" || a.Auth != "AA" {
		t.Errorf("Web Push keys: got %v", a)
	}
	if a, ok := send.Address(&carillonv1.Recipient{}, "email"); ok || a != nil {
		t.Errorf("no address: got %v", a)
	}
}
