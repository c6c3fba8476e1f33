package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/engine/config"
	"github.com/carillonhq/carillon/plugins/webhook/webhooksim"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

// A provider that refuses everything: none of the sends fails, though each has four
// attempts and three seconds for them; they are parked and say so, the provider is hardly asked, and
// when it is well again all of them are sent.
func TestProviderRefusesEverything(t *testing.T) {
	const n = 300
	server, r := refusing(t)
	r.start()
	r.publishHooks(server, n)
	r.waitFor("breaker_state", `carillon_breaker_state{account="default",channel="webhook"}`, func(v int) bool { return v > 0 })
	time.Sleep(3500 * time.Millisecond) // several probes, each of which fails
	asked := server.Counts().Received
	if n, _ := http.Get("http://" + r.cfg.HTTP.Listen + "/readyz"); n == nil || n.StatusCode != http.StatusOK {
		t.Error("an account that is left alone must not keep the node from being ready")
	} else {
		_ = n.Body.Close()
	}
	server.Fail(webhooksim.Fault{})
	all := r.statuses(untilOutcomes(n))
	parked := 0
	for _, s := range all {
		if s.Status == carillonv1.State_STATE_PARKED && s.Reason.GetClass() == "provider" && s.Reason.GetCode() == "breaker_open" && s.NextAt != nil {
			parked++
		}
	}
	for id, states := range outcomes(all) {
		if states["sent"] != 1 || len(states) != 1 {
			t.Errorf("%s: %v", id, states)
		}
	}
	if parked == 0 || asked > 200 {
		t.Errorf("%d parked events say why; the provider was asked %d times while it refused", parked, asked)
	}
	if got := r.metric(`carillon_breaker_opened_total{account="default",channel="webhook",reason="provider"}`); got < 1 {
		t.Errorf("opened %d times", got)
	}
	r.waitFor("breaker_state", `carillon_breaker_state{account="default",channel="webhook"}`, func(v int) bool { return v == 0 })
	t.Logf("asked %d times, %d parked events of %d sends", asked, parked, n)
}

// refusing is a receiver that answers 401 and a channel that takes that for a
// failure, whose sends have two attempts.
func refusing(t *testing.T) (*webhooksim.Server, *rig) {
	t.Helper()
	server, err := webhooksim.Start("127.0.0.1:0", webhooksim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.Fail(webhooksim.Fault{Status: http.StatusUnauthorized})
	r := newRig(t)
	r.channel("webhook", map[string]any{"allow_private": true, "allow_http": true, "client_errors": "retry", "max_connections_per_host": 16},
		map[string]config.SecretRef{"signing_key": signingKey(t)})
	ch := r.cfg.Channels["webhook"]
	ch.Retry.MaxAttempts, ch.Retry.Base, ch.Retry.Max = 4, time.Second, time.Second
	acct := ch.Accounts["default"]
	acct.Rate.Count, acct.Rate.Per, acct.Burst = 200, time.Second, 10
	acct.Breaker.Pause, acct.Breaker.MaxPause = 200*time.Millisecond, 500*time.Millisecond
	ch.Accounts["default"] = acct
	r.cfg.Channels["webhook"] = ch
	return server, r
}

func (r *rig) publishHooks(server *webhooksim.Server, n int) {
	r.t.Helper()
	for i := range n {
		rec := record(fmt.Sprint("u", i), fmt.Sprintf(
			`{"id":"m%d","app":"shop","to":{"id":"u%d","webhook":"%s/%d"},"channels":["webhook"],"content":{"body":"B"}}`, i, i, server.URL(), i))
		if i%2 == 0 {
			rec.Topic = "sends.bulk"
		}
		r.publish(rec)
	}
}

// waitFor polls a metric of the node.
func (r *rig) waitFor(what, series string, is func(int) bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(r.page("/metrics")) {
			if value, ok := strings.CutPrefix(line, series+" "); ok && is(number(r.t, strings.TrimSpace(value))) {
				return
			}
		}
	}
	r.t.Fatalf("%s did not come to be as it should within 30 s", what)
}
