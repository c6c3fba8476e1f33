package email

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, x := range []struct {
		name, in, want string
		utf8           bool
	}{
		{name: "plain", in: "ana@example.com", want: "ana@example.com"},
		{name: "tag and dots", in: "a.n+x_y@mail.example.com", want: "a.n+x_y@mail.example.com"},
		{name: "IDN to A-labels", in: "ana@bücher.example", want: "ana@xn--bcher-kva.example"},
		{name: "upper-case domain", in: "Ana@EXAMPLE.com", want: "Ana@example.com"},
		{name: "local part that is not ASCII", in: "björn@example.com", want: "björn@example.com", utf8: true},
		{name: "quoted", in: `"a b"@example.com`, want: `"a b"@example.com`},
		{name: "quoted at sign", in: `"a@b"@example.com`, want: `"a@b"@example.com`},
		{name: "address literal", in: "ana@[192.0.2.1]", want: "ana@[192.0.2.1]"},
		{name: "longest local part", in: long + "@example.com", want: long + "@example.com"},
		{name: "local part too long", in: long + "a@example.com"},
		{name: "domain too long", in: "a@" + strings.Repeat(long[:60]+".", 5) + "example"},
		{name: "empty", in: ""},
		{name: "no at sign", in: "ana.example.com"},
		{name: "no local part", in: "@example.com"},
		{name: "no domain", in: "ana@"},
		{name: "two", in: "a@example.com,b@example.com"},
		{name: "a name", in: "Ana <ana@example.com>"},
		{name: "a comment", in: "ana(x)@example.com"},
		{name: "a blank", in: "ana @example.com"},
		{name: "a second command", in: "ana@example.com>\r\nRCPT TO:<b@example.com"},
		{name: "a tab", in: "\"a\tb\"@example.com"},
		{name: "two dots", in: "a..b@example.com"},
		{name: "an empty label", in: "a@example..com"},
		{name: "an angle bracket", in: "a@example.com>"},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, err := parseAddress(x.in)
			if got.String() != x.want || got.utf8 != x.utf8 || (err == nil) != (x.want != "") {
				t.Errorf("%q: %q utf8=%v err=%v, want %q utf8=%v", x.in, got, got.utf8, err, x.want, x.utf8)
			}
		})
	}
}

// No address may bring a line end, a bracket or a blank out of quotes into an
// SMTP command.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"ana@example.com", `"a b"@example.com`, "a@bücher.example", "a>\r\n@b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		a, err := parseAddress(in)
		if err != nil {
			return
		}
		s := a.String()
		if !plain(s) || strings.ContainsAny(a.domain, " <>") || !strings.HasPrefix(a.local, `"`) && strings.ContainsAny(a.local, " <>@") {
			t.Errorf("%q is taken as %q", in, s)
		}
	})
}
