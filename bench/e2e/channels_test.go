package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	svix "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/carillonhq/carillon/engine"
	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/plugins/email/emailsim"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func (r *rig) channel(name string, settings map[string]any, secrets map[string]config.SecretRef) {
	ch := config.DefaultChannel()
	ch.Retry.Base, ch.Retry.Max = 20*time.Millisecond, 200*time.Millisecond
	acct := config.DefaultAccount()
	acct.Settings, acct.Secrets = settings, secrets
	ch.Accounts = map[string]config.Account{"default": acct}
	r.cfg.Channels[name] = ch
}

// Mail over real SMTP: what the producer wrote arrives, refusals have their
// codes, and a greylisting server is tried again.
func TestEmail(t *testing.T) {
	server, err := emailsim.Start("127.0.0.1:0", emailsim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	host, port, _ := strings.Cut(server.Addr(), ":")
	r := newRig(t)
	r.channel("email", map[string]any{
		"host": host, "port": number(t, port), "tls": map[string]any{"mode": "none"},
		"from": map[string]any{"address": "news@shop.example", "name": "Shop"},
	}, nil)
	r.start()
	mail := func(id, to string) string {
		return fmt.Sprintf(`{"id":%q,"app":"shop","to":{"id":%q,"email":%q},"channels":["email"],"content":{"title":"Olá","body":"Olá, %s","html":"<p>Olá</p>"}}`, id, id, to, id)
	}
	r.publish(
		record("ana", mail("ana", "ana@example.com")),
		record("gone", mail("gone", "bounce@example.com")),
		record("busy", mail("busy", "rcpt-450-4.2.0@example.com")),
	)
	got := outcomes(r.statuses(untilOutcomes(3)))
	if got["ana"]["sent"] != 1 || got["gone"]["rejected"] != 1 || got["busy"]["failed"] != 1 {
		t.Errorf("outcomes %v", got)
	}
	messages := server.Messages()
	if len(messages) != 1 || messages[0].Subject != "Olá" || !strings.Contains(messages[0].Text, "Olá, ana") {
		t.Errorf("the server has %d messages: %+v", len(messages), messages)
	}
	for _, s := range r.statuses(untilOutcomes(3)) {
		if s.Id == "gone" && (s.Reason.GetClass() != "recipient" || s.Reason.GetCode() != "5.1.1") {
			t.Errorf("reason %v, want recipient 5.1.1", s.Reason)
		}
	}
}

// Webhooks over real HTTP; the receiver verifies every signature with an
// implementation that is not ours.
func TestWebhook(t *testing.T) {
	server, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	verified, refused := verifier(t, webhookKey)
	r := newRig(t)
	r.channel("webhook", map[string]any{"allow_private": true, "allow_http": true},
		map[string]config.SecretRef{"signing_key": signingKey(t)})
	r.start()
	hook := func(id, url string) string {
		return fmt.Sprintf(`{"id":%q,"app":"shop","to":{"id":"u1","webhook":%q},"channels":["webhook"],"content":{"body":"B"}}`, id, url)
	}
	server.Fail(webhooksim.Fault{Status: http.StatusGone})
	r.publish(record("u1", hook("a", verified.url)), record("u1", hook("b", server.URL())))
	got := outcomes(r.statuses(untilOutcomes(2)))
	if got["a"]["sent"] != 1 || got["b"]["rejected"] != 1 {
		t.Errorf("outcomes %v", got)
	}
	if verified.n.Load() != 1 || refused.Load() != 0 {
		t.Errorf("%d requests verified, %d refused", verified.n.Load(), refused.Load())
	}
}

const webhookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// signingKey puts webhookKey where a configuration can name it.
func signingKey(t *testing.T) config.SecretRef {
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte(webhookKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.SecretRef("file:" + secret)
}

type counter struct {
	url string
	n   atomic.Int64
}

// verifier is a receiver that checks signatures with the reference library.
func verifier(t *testing.T, key string) (*counter, *atomic.Int64) {
	check, err := svix.NewWebhook(strings.TrimPrefix(key, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	var ok counter
	var refused atomic.Int64
	addr := freeAddr(t)
	server := &http.Server{Addr: addr, Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || check.Verify(body, req.Header) != nil {
			refused.Add(1)
			w.WriteHeader(http.StatusForbidden)
			return
		}
		ok.n.Add(1)
	})}
	go func() { _ = server.ListenAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) })
	ok.url = "http://" + addr + "/hook"
	return &ok, &refused
}

// The plugin's process is killed under load: it is back, nothing is lost, and
// what is doubled had an attempt open at the kill.
func TestPluginKilled(t *testing.T) {
	r := newRig(t)
	// About 1,500 attempts are open at any moment, for four seconds.
	r.settings(map[string]any{"latency": "300ms"})
	acct := r.cfg.Channels["sink"].Accounts["default"]
	acct.Rate.Count, acct.Rate.Per = 5000, time.Second
	r.cfg.Channels["sink"].Accounts["default"] = acct
	e := r.start()
	const n = 20000
	for i := range n {
		r.enqueue(sinkSend("sends", i))
	}
	done := untilOutcomes(n)
	all := r.statuses(func(all []*carillonv1.Status) bool {
		if len(all) == n/4 || len(all) == n/2 {
			kill(t, e)
		}
		return done(all)
	})
	got, received := outcomes(all), r.received()
	lost, doubled := 0, 0
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		if len(got[id]) != 1 || got[id]["sent"] != 1 || received[id] == 0 {
			lost++
		}
		doubled += max(0, received[id]-1)
	}
	open := r.metric(`carillon_attempts_total{account="default",channel="sink",verdict="lost"}`)
	if lost > 0 || doubled > open || open == 0 {
		t.Errorf("lost %d, doubled %d, and %d attempts were open at the kills", lost, doubled, open)
	}
	t.Logf("of %d: %d attempts open at the kills, %d doubled", n, open, doubled)
}

// A channel that holds never doubles: what was open at the kill is in doubt, and
// stays with the operator.
func TestHoldNeverDoubles(t *testing.T) {
	r := newRig(t)
	ch := r.cfg.Channels["sink"]
	ch.OnUnknown, ch.HoldFor = "hold", time.Hour
	acct := ch.Accounts["default"] // about 300 attempts are open at any moment, for four seconds
	acct.Rate.Count, acct.Rate.Per = 1000, time.Second
	ch.Accounts["default"] = acct
	r.cfg.Channels["sink"] = ch
	r.settings(map[string]any{"latency": "300ms"})
	e := r.start()
	const n = 4000
	for i := range n {
		r.enqueue(sinkSend("sends", i))
	}
	settled, held := map[string]bool{}, 0
	r.statuses(func(all []*carillonv1.Status) bool {
		if len(all) == n/4 {
			kill(t, e)
		}
		s := all[len(all)-1]
		if s.Status == carillonv1.State_STATE_IN_DOUBT {
			held++
		}
		settled[s.Id] = true
		return len(settled) == n
	})
	for id, times := range r.received() {
		if times > 1 {
			t.Errorf("%s reached the receiver %d times", id, times)
		}
	}
	if held == 0 {
		t.Error("nothing was in doubt: the kill came too late")
	}
}

// metric returns the value that the engine shows under a series' full name.
func (r *rig) metric(series string) int {
	r.t.Helper()
	for line := range strings.Lines(r.page("/metrics")) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return number(r.t, strings.TrimSpace(value))
		}
	}
	r.t.Fatalf("no metric %s", series)
	return 0
}

// kill kills the process group of the only plugin, once it is up.
func kill(t *testing.T, e *engine.Engine) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if st := e.Plugins()[0]; st.Up && st.PID > 0 {
			if err := syscall.Kill(-st.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the plugin did not come back within 30 s")
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
