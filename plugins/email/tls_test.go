package email

import (
	"testing"

	"github.com/carillonhq/carillon/plugins/email/emailsim"
)

func TestTLSAndLogin(t *testing.T) {
	const who = `"username": "carillon"`
	for _, x := range []struct {
		name string
		opts emailsim.Options
		mode string // "" trusts nobody
		auth string
		pass string
		want string
	}{
		{"STARTTLS and AUTH PLAIN", emailsim.Options{STARTTLS: true, Username: "carillon", Password: "p w"}, tlsRequired, `"auth": {` + who + `}`, "p w", "accepted"},
		{"implicit TLS and AUTH LOGIN", emailsim.Options{ImplicitTLS: true, Username: "carillon", Password: "p w"}, tlsImplicit, `"auth": {"mechanism": "login", ` + who + `}`, "p w", "accepted"},
		{"optional STARTTLS, offered", emailsim.Options{STARTTLS: true}, tlsOptional, "", "", "accepted"},
		{"optional STARTTLS, not offered", emailsim.Options{}, tlsOptional, "", "", "accepted"},
		{"in the clear where that was said", emailsim.Options{Username: "carillon", Password: "p"}, tlsNone, `"auth": {` + who + `}`, "p", "accepted"},
		{"STARTTLS needed and not offered", emailsim.Options{}, tlsRequired, "", "", "failed tls"},
		{"no password in the clear by chance", emailsim.Options{Username: "carillon", Password: "p"}, tlsOptional, `"auth": {` + who + `}`, "p", "failed tls"},
		{"a certificate that nobody trusts", emailsim.Options{STARTTLS: true}, "", "", "", "failed tls"},
		{"TLS to a server that speaks none", emailsim.Options{}, tlsImplicit, "", "", "failed tls"},
		{"a wrong password", emailsim.Options{STARTTLS: true, Username: "carillon", Password: "p"}, tlsRequired, `"auth": {` + who + `}`, "q", "rejected credential 5.7.8"},
		{"a login that is needed and not given", emailsim.Options{STARTTLS: true, Username: "carillon", Password: "p"}, tlsRequired, "", "", "rejected credential 5.7.0"},
		{"a login that the server does not know", emailsim.Options{STARTTLS: true}, tlsRequired, `"auth": {` + who + `}`, "p", "rejected credential auth_unsupported"},
	} {
		t.Run(x.name, func(t *testing.T) {
			sim := simulator(t, x.opts)
			more := []string{`"tls": {}`}
			if x.mode != "" {
				more = []string{trusting(t, sim, x.mode)}
			}
			if x.auth != "" {
				more = append(more, x.auth)
			}
			var secrets []string
			if x.pass != "" {
				secrets = []string{secretPassword, x.pass}
			}
			v := deliver(t, open(t, settingsFor(sim.Addr(), more...), secrets...), numbered(1)...)[0]
			if v.String() != x.want {
				t.Fatalf("%s, want %s", v, x.want)
			}
			for _, m := range sim.Messages() {
				if m.TLS != (x.opts.STARTTLS || x.opts.ImplicitTLS) || m.User != x.opts.Username {
					t.Errorf("TLS %v, user %q", m.TLS, m.User)
				}
			}
		})
	}
}
