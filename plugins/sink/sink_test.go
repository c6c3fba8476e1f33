package sink

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillonhq/carillon/sdk"
	"github.com/carillonhq/carillon/sdk/sdktest"
)

func TestConform(t *testing.T) {
	one := func(share, want string) sdktest.Case {
		return sdktest.Case{
			Name: share, Settings: `{"` + share + `": 1, "retry_after": "30s"}`,
			Attempt: sdktest.Attempt(1), Want: want,
		}
	}
	sdktest.Conform(t, New, sdktest.Suite{
		Settings: `{"latency": "1ms", "latency_jitter": "2ms", "ledger": "` + filepath.Join(t.TempDir(), "ledger") + `"}`,
		Good:     func(i int) *sdk.Attempt { return sdktest.Attempt(i) },
		Refused: []sdktest.Refusal{
			{Settings: `{"latency": "-1s"}`, Path: "latency"},
			{Settings: `{"latency": 5}`, Path: "latency"},
			{Settings: `{"failures": 1.5}`, Path: "failures"},
			{Settings: `{"failures": 0.5, "rejects": 0.6}`, Path: "failures"},
			{Settings: `{"seed": -1}`, Path: "seed"},
			{Settings: `{"ledger": "/no/such/directory/ledger"}`, Path: "ledger"},
		},
		Cases: []sdktest.Case{
			one("failures", "failed sink"),
			one("throttles", "throttled 30s sink"),
			one("rejects", "rejected message sink"),
			one("unknowns", "unknown sink"),
		},
	})
}

func open(t *testing.T, settings string) sdk.Account {
	t.Helper()
	acct, err := New().Open(t.Context(), sdk.AccountConfig{Settings: []byte(settings)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = acct.Close() })
	return acct
}

func attempts(n int) []*sdk.Attempt {
	batch := make([]*sdk.Attempt, n)
	for i := range batch {
		batch[i] = sdktest.Attempt(i)
	}
	return batch
}

// deliver returns the first words of the verdicts.
func deliver(ctx context.Context, acct sdk.Account, batch []*sdk.Attempt) []string {
	verdicts := make([]string, len(batch))
	acct.Deliver(ctx, sdk.NewBatch(batch, func(i int, v sdk.Verdict) { verdicts[i] = v.String() }))
	return verdicts
}

// TestShares: each share comes out within five standard deviations, the same
// with the same seed, and another with another seed or at the next attempt.
func TestShares(t *testing.T) {
	const n = 20000
	batch := attempts(n)
	settings := func(seed string) string {
		return `{"failures": 0.1, "throttles": 0.05, "rejects": 0.02, "unknowns": 0.2, "seed": ` + seed + `}`
	}
	first := deliver(t.Context(), open(t, settings("1")), batch)
	counts := map[string]int{}
	for _, v := range first {
		counts[v]++
	}
	for verdict, share := range map[string]float64{
		"failed sink": 0.1, "throttled 1s sink": 0.05, "rejected message sink": 0.02, "unknown sink": 0.2, "accepted": 0.63,
	} {
		got, off := float64(counts[verdict]), 5*math.Sqrt(n*share*(1-share))
		if math.Abs(got-n*share) > off {
			t.Errorf("%v of %d are %q, want %v ± %.0f", got, n, verdict, n*share, off)
		}
	}
	if !slices.Equal(first, deliver(t.Context(), open(t, settings("1")), batch)) {
		t.Error("the same seed decides otherwise")
	}
	if slices.Equal(first, deliver(t.Context(), open(t, settings("2")), batch)) {
		t.Error("another seed decides the same")
	}
	for _, a := range batch {
		a.Attempt++
	}
	if slices.Equal(first, deliver(t.Context(), open(t, settings("1")), batch)) {
		t.Error("the next attempts are decided like the first")
	}
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acct := open(t, `{"latency": "100ms", "latency_jitter": "50ms"}`)
		batch := attempts(200)
		began := time.Now()
		var at []time.Duration
		acct.Deliver(t.Context(), sdk.NewBatch(batch, func(int, sdk.Verdict) { at = append(at, time.Since(began)) }))
		if len(at) != 200 || at[0] < 100*time.Millisecond || at[199] > 150*time.Millisecond || at[199] < 145*time.Millisecond {
			t.Errorf("%d answers, from %v to %v, want 200 from 100ms to 150ms", len(at), at[0], at[len(at)-1])
		}
		if !slices.IsSorted(at) {
			t.Error("answers are given late")
		}

		ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
		defer cancel()
		began = time.Now()
		answered := slices.DeleteFunc(deliver(ctx, acct, batch), func(v string) bool { return v == "" })
		if len(answered) == 0 || len(answered) == 200 || time.Since(began) != 120*time.Millisecond {
			t.Errorf("given up after 120ms: %d answers after %v", len(answered), time.Since(began))
		}
	})
}

// TestRefusedWhile: a provider that lets nobody in, for as long as a file is there.
func TestRefusedWhile(t *testing.T) {
	dir := t.TempDir()
	lock, path := filepath.Join(dir, "locked"), filepath.Join(dir, "ledger")
	acct := open(t, `{"refused_while": "`+lock+`", "unknowns": 1, "ledger": "`+path+`"}`)
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if v := deliver(t.Context(), acct, attempts(1)); v[0] != "rejected credential sink" {
		t.Errorf("%q while the file is there", v[0])
	}
	if e, err := ReadLedger(path); err != nil || len(e) != 1 || e[0].Verdict != "refused" || e[0].Sent() {
		t.Errorf("the ledger has %+v, %v", e, err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if v := deliver(t.Context(), acct, attempts(1)); v[0] != "unknown sink" {
		t.Errorf("%q once it is gone", v[0])
	}
}

func TestManual(t *testing.T) {
	sdktest.Manual(t, New, nil, "../../docs/channels/sink.md", "../../configs/dev.yaml", "../../configs/bench.yaml")
}
