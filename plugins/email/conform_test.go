package email_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

func TestConform(t *testing.T) {
	sim, err := emailsim.Start("127.0.0.1:0", emailsim.Options{Username: "carillon", Password: "canary-password", Slow: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	host, port, _ := net.SplitHostPort(sim.Addr())
	settings := func(more string) string {
		return fmt.Sprintf(`{"host": %q, "port": %s, "tls": {"mode": "none"}, "auth": {"username": "carillon"}, "from": {"address": "news@shop.example", "name": "Shop"}%s}`, host, port, more)
	}
	to := func(local string, changes ...func(*sdk.Attempt)) *sdk.Attempt {
		return sdktest.Attempt(1, append([]func(*sdk.Attempt){sdktest.To(local + "@example.com")}, changes...)...)
	}
	late := to("slow")
	sdktest.Conform(t, email.New, sdktest.Suite{
		Settings: settings(""),
		Secrets:  map[string]string{"password": "canary-password"},
		Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i, sdktest.To(fmt.Sprintf("user%d@example.com", i))) },
		Refused: []sdktest.Refusal{
			{Settings: `{}`, Path: "host"},
			{Settings: `{}`, Path: "from.address"},
			{Settings: settings(`, "port": 70000`), Path: "port"},
			{Settings: settings(`, "port": "25"`), Path: "port"},
			{Settings: settings(`, "tls": {"mode": "ssl"}`), Path: "tls.mode"},
			{Settings: settings(`, "tls": {"ca_file": "/nonexistent.pem"}`), Path: "tls.ca_file"},
			{Settings: settings(`, "auth": {"mechanism": "cram-md5", "username": "u"}`), Path: "auth.mechanism"},
			{Settings: settings(`, "auth": {"mechanism": "none"}`), Path: "auth.mechanism"},
			{Settings: settings(""), Secrets: map[string]string{}, Path: "secrets.password"},
			{Settings: settings(`, "from": {"address": "nobody"}`), Path: "from.address"},
			{Settings: settings(`, "from": {"address": "björn@shop.example"}`), Path: "from.address"},
			{Settings: settings(`, "from": {"address": "a@shop.example", "name": "a\r\nBcc: b"}`), Path: "from.name"},
			{Settings: settings(`, "reply_to": "a@b@c"`), Path: "reply_to"},
			{Settings: settings(`, "envelope_from": "x"`), Path: "envelope_from"},
			{Settings: settings(`, "helo": "a\r\nMAIL"`), Path: "helo"},
			{Settings: settings(`, "message_id_domain": "a b"`), Path: "message_id_domain"},
			{Settings: settings(`, "list_unsubscribe": {"url": "ftp://x/{id}"}`), Path: "list_unsubscribe.url"},
			{Settings: settings(`, "list_unsubscribe": {"url": "https://x/{user}"}`), Path: "list_unsubscribe.url"},
			{Settings: settings(`, "list_unsubscribe": {"mailto": "u@x"}`), Path: "list_unsubscribe.mailto"},
			{Settings: settings(`, "list_unsubscribe": {"url": "http://x/{id}", "one_click": true}`), Path: "list_unsubscribe.one_click"},
			{Settings: settings(`, "dkim": {"domain": "shop.example", "selector": "s"}`), Path: "secrets.dkim_key"},
			{Settings: settings(`, "dkim": {"domain": "shop.example"}`), Path: "dkim.selector"},
			{Settings: settings(""), Secrets: map[string]string{"password": "canary-password", "dkim_key": "canary-key"}, Path: "secrets.dkim_key"},
			{Settings: settings(`, "connections": 0`), Path: "connections"},
			{Settings: settings(`, "messages_per_connection": -1`), Path: "messages_per_connection"},
			{Settings: settings(`, "timeouts": {"idle": "soon"}`), Path: "timeouts.idle"},
			{Settings: settings(`, "timeouts": {"answer": "5s"}`), Path: "timeouts.answer"},
		},
		Cases: []sdktest.Case{
			{Name: "accepted under the queue's id", Attempt: to("ana"), Want: "accepted", Check: hasID},
			{Name: "no such mailbox", Attempt: to("bounce"), Want: "rejected recipient 5.1.1"},
			{Name: "mailbox full", Attempt: to("full"), Want: "failed 4.2.2"},
			{Name: "greylisted", Attempt: to("grey"), Want: "throttled 5m0s limit=domain 4.7.1"},
			{Name: "greylisted, again", Attempt: to("grey"), Want: "accepted"},
			{Name: "busy", Attempt: to("busy"), Want: "throttled 4.4.5"},
			{Name: "too large", Attempt: to("toolarge"), Want: "rejected message 5.3.4"},
			{Name: "spam", Attempt: to("spam"), Want: "rejected message 5.7.1"},
			{Name: "no answer after the final dot", Attempt: to("drop"), Want: "unknown lost_answer"},
			{Name: "a deadline after the final dot", Prepare: func(*testing.T) { late.DeadlineMs = time.Now().Add(time.Second).UnixMilli() }, Attempt: late, Want: "unknown deadline"},
			{Name: "faults of the relay", Prepare: func(*testing.T) { sim.FailNext(1, 451, "4.3.0") }, Attempt: to("ana"), Want: "failed 4.3.0"},
			{Name: "a bare code", Attempt: to("rcpt-553"), Want: "rejected recipient 553"},
			{Name: "a code after the final dot", Attempt: to("dot-550-5.7.26"), Want: "rejected credential 5.7.26"},
			{Name: "a header in the title", Attempt: to("ana", func(a *sdk.Attempt) { a.Content.Title = "a\r\nBcc: b@example.com" }), Want: "rejected message control_character"},
			{Name: "no address", Attempt: sdktest.Attempt(1, sdktest.To("ana")), Want: "rejected recipient invalid_address"},
			{Name: "a server without SMTPUTF8", Attempt: to("björn"), Want: "rejected recipient smtputf8"},
		},
	})
}

func hasID(t *testing.T, v sdk.Verdict) {
	if v.ProviderID() == "" {
		t.Error("no provider id")
	}
}
