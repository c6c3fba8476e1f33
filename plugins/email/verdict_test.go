package email

import (
	"testing"
)

func TestVerdictFor(t *testing.T) {
	for _, x := range []struct {
		name    string
		at      step
		code    int
		e       string
		text    string
		attempt uint32
		want    string
	}{
		{"closing: the relay is busy as a whole", stepRcpt, 421, "4.3.2", "", 1, "throttled 4.3.2"},
		{"closing, Gmail's rate limit after the message", stepDot, 421, "4.7.28", "", 1, "throttled 4.7.28"},
		{"closing in place of a greeting", stepGreeting, 421, "", "", 1, "throttled 421"},
		{"greylisting slows one domain for five minutes", stepRcpt, 451, "4.7.1", "", 1, "throttled 5m0s limit=domain 4.7.1"},
		{"greylisting after the message", stepDot, 450, "4.7.1", "", 1, "throttled 5m0s limit=domain 4.7.1"},
		{"policy about the recipient's domain", stepRcpt, 450, "4.7.500", "", 1, "throttled limit=domain 4.7.500"},
		{"policy about us, before any recipient", stepMail, 450, "4.7.0", "", 1, "throttled 4.7.0"},
		{"too many recipients for now: the relay's own limit", stepRcpt, 452, "4.5.3", "", 1, "throttled 4.5.3"},
		{"mailbox busy", stepRcpt, 450, "4.2.0", "", 1, "failed 4.2.0"},
		{"mailbox full for now", stepRcpt, 452, "4.2.2", "", 1, "failed 4.2.2"},
		{"system full", stepDot, 452, "4.3.1", "", 1, "failed 4.3.1"},
		{"no answer from the next host", stepDot, 451, "4.4.1", "", 1, "failed 4.4.1"},
		{"transient without an enhanced code", stepRcpt, 451, "", "", 1, "failed 451"},
		{"TLS is down for now", stepTLS, 454, "4.7.0", "", 1, "failed 4.7.0"},
		{"login is down for now", stepAuth, 454, "4.7.0", "", 1, "failed 4.7.0"},
		{"STARTTLS offered and refused", stepTLS, 502, "5.5.1", "", 1, "failed tls"},

		{"no such user", stepRcpt, 550, "5.1.1", "", 1, "rejected recipient 5.1.1"},
		{"no such user, said after the message", stepDot, 550, "5.1.1", "", 1, "rejected recipient 5.1.1"},
		{"the enhanced code wins over the basic one", stepRcpt, 554, "5.1.2", "", 1, "rejected recipient 5.1.2"},
		{"null MX", stepRcpt, 556, "5.1.10", "", 1, "rejected recipient 5.1.10"},
		{"mailbox disabled", stepRcpt, 550, "5.2.1", "", 1, "rejected recipient 5.2.1"},
		{"account disabled", stepRcpt, 525, "5.7.13", "", 1, "rejected recipient 5.7.13"},
		{"ambiguous mailbox", stepRcpt, 550, "5.1.4", "", 1, "rejected message 5.1.4"},
		{"bad sender, said at RCPT", stepRcpt, 553, "5.1.8", "", 1, "rejected credential 5.1.8"},
		{"a bad address at MAIL is ours: no recipient may be suppressed", stepMail, 550, "5.1.0", "", 1, "rejected credential 5.1.0"},
		{"MAIL refused without an enhanced code", stepMail, 550, "", "", 1, "rejected credential 550"},
		{"too large, said at MAIL", stepMail, 552, "5.3.4", "", 1, "rejected message 5.3.4"},
		{"too large, said at MAIL without an enhanced code", stepMail, 552, "", "", 1, "rejected message 552"},
		{"mailbox full for good: not dead", stepRcpt, 552, "5.2.2", "", 1, "rejected policy 5.2.2"},
		{"too large for the mailbox", stepRcpt, 552, "5.2.3", "", 1, "rejected message 5.2.3"},
		{"too large", stepDot, 552, "5.3.4", "", 1, "rejected message 5.3.4"},
		{"no route: once more", stepRcpt, 550, "5.4.4", "", 1, "failed 5.4.4"},
		{"no route, again", stepRcpt, 550, "5.4.4", "", 2, "rejected message 5.4.4"},
		{"5.4.1 in general is a fault of the network", stepRcpt, 550, "5.4.1", "", 1, "failed 5.4.1"},
		{"5.4.1 at Exchange Online is an unknown recipient", stepRcpt, 550, "5.4.1", "Recipient address rejected: Access denied.", 1, "rejected recipient 5.4.1"},
		{"syntax", stepRcpt, 501, "5.5.2", "", 1, "rejected message 5.5.2"},
		{"conversion", stepDot, 554, "5.6.0", "", 1, "rejected message 5.6.0"},
		{"policy at RCPT: a blocklist or relaying denied, never dead", stepRcpt, 554, "5.7.1", "", 1, "rejected policy 5.7.1"},
		{"policy after the message: spam", stepDot, 554, "5.7.1", "", 1, "rejected message 5.7.1"},
		{"policy at MAIL", stepMail, 550, "5.7.1", "", 1, "rejected credential 5.7.1"},
		{"DMARC", stepDot, 550, "5.7.26", "", 1, "rejected credential 5.7.26"},
		{"bulk rules of Outlook", stepDot, 550, "5.7.515", "", 1, "rejected credential 5.7.515"},
		{"login needed", stepMail, 530, "5.7.0", "", 1, "rejected credential 5.7.0"},
		{"login needed, said at RCPT without an enhanced code", stepRcpt, 530, "", "", 1, "rejected credential 530"},
		{"wrong password", stepAuth, 535, "5.7.8", "", 1, "rejected credential 5.7.8"},
		{"no service for us", stepGreeting, 554, "", "", 1, "rejected credential 554"},
		{"bare 550 at RCPT", stepRcpt, 550, "", "", 1, "rejected recipient 550"},
		{"bare 552 at RCPT: over its storage", stepRcpt, 552, "", "", 1, "rejected policy 552"},
		{"bare 554 at RCPT", stepRcpt, 554, "", "", 1, "rejected message 554"},
		{"bare 550 after the message is about the message", stepDot, 550, "", "", 1, "rejected message 550"},
		{"an answer out of place", stepRcpt, 354, "", "", 1, "failed bad_reply"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := verdictFor(x.at, reply{x.code, x.e, x.text}, x.attempt).String(); got != x.want {
				t.Errorf("%d %s at step %d: %q, want %q", x.code, x.e, x.at, got, x.want)
			}
		})
	}
}
