package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
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
	r.publishHooks(server.URL(), 0, n)
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

// twoAccounts is a provider that knows who asks, and refuses the first while its
// credentials are revoked.
type twoAccounts struct {
	revoked       atomic.Bool
	first, second atomic.Int64
	mu            sync.Mutex
	times         map[string]int // guarded by mu: that each send was taken
}

func (p *twoAccounts) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.Header.Get("X-Account") == "second":
		p.second.Add(1)
	case p.revoked.Load():
		w.WriteHeader(http.StatusUnauthorized)
		return
	default:
		p.first.Add(1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times[req.URL.Path]++
}

// Of two accounts the first has its credentials revoked: all goes by the second, and
// by the first again when it is well. Nothing fails, and nothing goes twice.
func TestFailoverToTheSecondAccount(t *testing.T) {
	const n = 300
	p := &twoAccounts{times: map[string]int{}}
	addr := freeAddr(t)
	receiver := &http.Server{Addr: addr, Handler: p}
	go func() { _ = receiver.ListenAndServe() }()
	t.Cleanup(func() { _ = receiver.Shutdown(context.Background()) })
	_, r := refusing(t)
	ch := r.cfg.Channels["webhook"]
	other := ch.Accounts["default"]
	other.Settings = maps.Clone(other.Settings)
	other.Settings["headers"] = map[string]any{"X-Account": "second"}
	other.Priority = 1
	ch.Accounts["second"] = other
	r.start()
	published := 0
	publish := func(more int) {
		r.publishHooks("http://"+addr, published, published+more)
		published += more
	}
	publish(n)
	r.statuses(untilOutcomes(published))
	if p.first.Load() != n || p.second.Load() != 0 {
		t.Errorf("while all is well %d go by the first account, %d by the second", p.first.Load(), p.second.Load())
	}
	p.revoked.Store(true)
	began := time.Now()
	publish(n)
	r.statuses(untilOutcomes(published))
	if p.first.Load() != n || p.second.Load() != n {
		t.Errorf("of the first account %d, of the second %d, want %d each", p.first.Load(), p.second.Load(), n)
	}
	t.Logf("all %d sent after %v", n, time.Since(began).Round(time.Millisecond))
	if got := r.metric(`carillon_diverted_total{account="second",channel="webhook"}`); got < n/2 {
		t.Errorf("%v were diverted", got)
	}
	p.revoked.Store(false)
	for p.first.Load() < n+50 { // until a probe has shown it
		if publish(1); published > 4*n {
			t.Fatalf("%d go by the first account once it is well", p.first.Load()-n)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for id, states := range outcomes(r.statuses(untilOutcomes(published))) {
		if states["sent"] != 1 || len(states) != 1 {
			t.Errorf("%s: %v", id, states)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, times := range p.times {
		if times != 1 {
			t.Errorf("%s was taken %d times", id, times)
		}
	}
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

func (r *rig) publishHooks(url string, from, to int) {
	r.t.Helper()
	for i := from; i < to; i++ {
		rec := record(fmt.Sprint("u", i), fmt.Sprintf(
			`{"id":"m%d","app":"shop","to":{"id":"u%d","webhook":"%s/%d"},"channels":["webhook"],"content":{"body":"B"}}`, i, i, url, i))
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
