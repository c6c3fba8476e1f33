package webhook

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

const (
	oldKey   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newKey   = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	loopback = `"allow_http": true, "allow_networks": ["127.0.0.0/8"], "timeout": "2s", "connect_timeout": "1s"`
)

func receiver(t *testing.T, o webhooksim.Options) *webhooksim.Server {
	t.Helper()
	s, err := webhooksim.Start("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// deadURL is the address of a port that nobody listens on.
func deadURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String() + "/"
}

func TestConform(t *testing.T) {
	sim := receiver(t, webhooksim.Options{Keys: []string{newKey}})
	to := sdktest.To(sim.URL())
	cases := slices.Concat(statusCases(sim), answerCases(sim), addressCases(t, sim))
	for i := range cases {
		if cases[i].Attempt == nil {
			cases[i].Attempt = sdktest.Attempt(1, to)
		}
	}
	sdktest.Conform(t, New, sdktest.Suite{
		Settings: `{` + loopback + `}`,
		Secrets:  map[string]string{"signing_key": newKey, "signing_key_previous": oldKey},
		Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i, to) },
		Refused:  refusals,
		Cases:    cases,
	})
}

// answers has the receiver answer the next attempts so.
func answers(sim *webhooksim.Server, f webhooksim.Fault) func(*testing.T) {
	return func(*testing.T) { sim.Fail(f) }
}

// statusCases are answers that are nothing but a status.
func statusCases(sim *webhooksim.Server) (cases []sdktest.Case) {
	for _, x := range []struct {
		name   string
		status int
		want   string
	}{
		{"200", 200, "accepted"},
		{"202", 202, "accepted"},
		{"a client error that stays", 400, "rejected message 400"},
		{"the receiver's key, not ours", 401, "rejected message 401"},
		{"not found", 404, "rejected message 404"},
		{"a client error that may pass", 409, "failed 409"},
		{"request timeout", 408, "throttled 408"},
		{"gone", 410, "rejected recipient 410"},
		{"server error", 500, "failed 500"},
		{"gateway timeout", 504, "failed 504"},
	} {
		cases = append(cases, sdktest.Case{Name: x.name, Prepare: answers(sim, webhooksim.Fault{Status: x.status}), Want: x.want})
	}
	return cases
}

// answerCases are other answers, and what the settings make of one.
func answerCases(sim *webhooksim.Server) []sdktest.Case {
	answers := func(f webhooksim.Fault) func(*testing.T) { return answers(sim, f) }
	return []sdktest.Case{
		{Name: "redirect", Want: "rejected message redirect",
			Prepare: answers(webhooksim.Fault{Status: 302, Location: "http://169.254.169.254/latest"})},
		{Name: "too many", Want: "throttled 1m30s 429", Prepare: answers(webhooksim.Fault{Status: 429, RetryAfter: "90"})},
		{Name: "busy until", Want: "throttled 24h0m0s 503",
			Prepare: answers(webhooksim.Fault{Status: 503, RetryAfter: "Fri, 31 Dec 2100 23:59:59 GMT"})},
		{Name: "hangs up after reading", Want: "unknown reset", Prepare: answers(webhooksim.Fault{Drop: true})},
		{Name: "no answer in time", Want: "unknown timeout", Settings: `{` + strings.Replace(loopback, `"2s", "connect_timeout": "1s"`,
			`"100ms", "connect_timeout": "100ms"`, 1) + `}`, Prepare: answers(webhooksim.Fault{Delay: time.Minute, Times: 1})},
		{Name: "a long answer counts by its status", Want: "accepted",
			Prepare: answers(webhooksim.Fault{Status: 200, Body: make([]byte, 1<<20)})},
		{Name: "its own message id", Want: "accepted", Check: wantID("req-7"),
			Prepare: answers(webhooksim.Fault{Headers: map[string]string{"X-Request-Id": "req-7"}})},
		{Name: "else the key", Want: "accepted", Check: wantID("00000000000000000000000000000002"), Prepare: answers(webhooksim.Fault{})},
		{Name: "all client errors end", Want: "rejected message 409", Settings: `{"client_errors": "reject", ` + loopback + `}`,
			Prepare: answers(webhooksim.Fault{Status: 409})},
		{Name: "no client error ends", Want: "failed 400", Settings: `{"client_errors": "retry", ` + loopback + `}`,
			Prepare: answers(webhooksim.Fault{Status: 400})},
		{Name: "but gone is gone", Want: "rejected recipient 410", Settings: `{"client_errors": "retry", ` + loopback + `}`,
			Prepare: answers(webhooksim.Fault{Status: 410})},
	}
}

// addressCases don't get as far as an answer.
func addressCases(t *testing.T, sim *webhooksim.Server) []sdktest.Case {
	return []sdktest.Case{
		{Name: "nobody listens", Want: "failed refused", Attempt: sdktest.Attempt(1, sdktest.To(deadURL(t)))},
		{Name: "no TLS there", Want: "failed tls",
			Attempt: sdktest.Attempt(1, sdktest.To(strings.Replace(sim.URL(), "http:", "https:", 1)))},
		{Name: "no such host", Want: "failed dns", Attempt: sdktest.Attempt(1, sdktest.To("https://receiver.invalid/"))},
		{Name: "metadata service", Want: "rejected policy ssrf_refused",
			Attempt: sdktest.Attempt(1, sdktest.To("http://169.254.169.254/latest/meta-data"))},
		{Name: "loopback by IPv6", Want: "rejected policy ssrf_refused", Attempt: sdktest.Attempt(1, sdktest.To("http://[::1]/"))},
		{Name: "http is off", Want: "rejected policy https_required", Settings: `{"allow_private": true}`},
		{Name: "loopback is off", Want: "rejected policy ssrf_refused", Settings: `{"allow_http": true}`},
		{Name: "no URL", Want: "rejected recipient bad_address", Attempt: sdktest.Attempt(1, sdktest.To("example.com"))},
		{Name: "another scheme", Want: "rejected recipient bad_address", Attempt: sdktest.Attempt(1, sdktest.To("file:///etc/passwd"))},
		{Name: "CR LF in the URL", Want: "rejected recipient bad_address",
			Attempt: sdktest.Attempt(1, sdktest.To(sim.URL()+" HTTP/1.1\r\nX: y"))},
		{Name: "data that is no JSON", Want: "rejected message bad_data",
			Attempt: sdktest.Attempt(1, sdktest.To(sim.URL()), func(a *sdk.Attempt) { a.Data = []byte(`{`) })},
	}
}

var refusals = []sdktest.Refusal{
	{Settings: `{"timeout": "5m"}`, Path: "timeout"},
	{Settings: `{"timeout": 5}`, Path: "timeout"},
	{Settings: `{"timeout": "1s", "connect_timeout": "2s"}`, Path: "connect_timeout"},
	{Settings: `{"idle_timeout": "0s"}`, Path: "idle_timeout"},
	{Settings: `{"type": "message sent"}`, Path: "type"},
	{Settings: `{"max_connections_per_host": 0}`, Path: "max_connections_per_host"},
	{Settings: `{"client_errors": "ignore"}`, Path: "client_errors"},
	{Settings: `{"headers": {"X-A": "b\r\nX-C: d"}}`, Path: "headers.X-A"},
	{Settings: `{"headers": {"X A": "b"}}`, Path: "headers.X A"},
	{Settings: `{"headers": {"Webhook-Signature": "v1,x"}}`, Path: "headers.Webhook-Signature"},
	{Settings: `{"user_agent": "a\nb"}`, Path: "user_agent"},
	{Settings: `{"allow_networks": ["10.0.0.0/8", "10.0.0.1"]}`, Path: "allow_networks.1"},
	{Settings: `{}`, Secrets: map[string]string{}, Path: "secrets.signing_key"},
	{Settings: `{}`, Secrets: map[string]string{"signing_key": "whsec_c2hvcnQ="}, Path: "secrets.signing_key"},
	{Settings: `{}`, Secrets: map[string]string{"signing_key": newKey, "signing_key_previous": "whpk_" + newKey[6:]},
		Path: "secrets.signing_key_previous"},
}

func wantID(id string) func(*testing.T, sdk.Verdict) {
	return func(t *testing.T, v sdk.Verdict) {
		if v.ProviderID() != id {
			t.Errorf("provider id %q, want %q", v.ProviderID(), id)
		}
	}
}

// open opens an account with a key and the settings besides those of loopback.
func open(t *testing.T, key, more string) *account {
	t.Helper()
	acct, err := New().Open(t.Context(), sdk.AccountConfig{
		Settings: []byte(`{` + loopback + more + `}`),
		Secrets:  map[string]sdk.Secret{"signing_key": sdk.NewSecret(key), "signing_key_previous": sdk.NewSecret(oldKey)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = acct.Close() })
	return acct.(*account)
}

func TestWhatArrives(t *testing.T) {
	sim := receiver(t, webhooksim.Options{Keys: []string{newKey}})
	acct := open(t, newKey, `, "type": "order.shipped", "headers": {"X-Tenant": "seven"}, "user_agent": "shop/1.0"`)
	at := sdktest.Attempt(4, sdktest.To(sim.URL()+"/a%2Fb/../c?x=1&y=%20"), func(a *sdk.Attempt) { a.Content.Body = "<b> & Olá \u2028" })
	for range 2 { // the second time as a retry would
		if v := acct.deliver(t.Context(), at); v.String() != "accepted" {
			t.Fatal(v)
		}
	}
	got := sim.Received()
	if len(got) != 2 || got[0].ID != at.Key || got[1].ID != at.Key {
		t.Fatalf("received %v", got)
	}
	if c := sim.Counts(); c != (webhooksim.Counts{Received: 2, Duplicates: 1}) {
		t.Errorf("counts %+v", c)
	}
	headers := map[string]string{}
	for _, h := range got[0].Headers {
		headers[h[0]] = h[1]
	}
	for name, want := range map[string]string{"x-tenant": "seven", "user-agent": "shop/1.0", "content-type": "application/json"} {
		if headers[name] != want {
			t.Errorf("header %s: %q, want %q", name, headers[name], want)
		}
	}
	var body struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	if err := json.Unmarshal(got[0].Raw, &body); err != nil {
		t.Fatal(err)
	}
	if body.Type != "order.shipped" || time.Since(body.Timestamp).Abs() > time.Minute {
		t.Errorf("type %q at %v", body.Type, body.Timestamp)
	}
	for name, want := range map[string]any{
		"id": "send-4", "app": "shop", "recipient": "recipient-4", "title": "Your order",
		"body": "<b> & Olá \u2028", "class": "transactional", "attempt": 1.0,
	} {
		if body.Data[name] != want {
			t.Errorf("data.%s is %v, want %v", name, body.Data[name], want)
		}
	}
	if nested, _ := body.Data["data"].(map[string]any); nested["order"] != 17.0 {
		t.Errorf("data.data is %v", body.Data["data"])
	}
}

func TestManual(t *testing.T) {
	sdktest.Manual(t, New, map[string]string{"signing_key": newKey},
		"../../docs/channels/webhook.md", "../../configs/dev.yaml", "../../configs/production.yaml")
}
