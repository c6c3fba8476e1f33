package plugin_test

import (
	"io"
	"strings"
	"testing"

	"github.com/carillonhq/carillon/bench/plugin"
	"github.com/carillonhq/carillon/bench/plugin/hostile"
	"github.com/carillonhq/carillon/sdk/conform"
)

func bench(t *testing.T, kind string) plugin.Bench {
	t.Helper()
	s, err := conform.Read([]byte("settings: {host: localhost}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return plugin.Bench{
		Plugin: executable(t, "hostile", kind), Bare: executable(t, "serve", "sink"), Suite: s,
		Sends: 2000, Rounds: 1, Progress: io.Discard,
	}
}

// A plugin written without the SDK is measured beside the sink.
func TestBench(t *testing.T) {
	b := bench(t, hostile.Honest)
	res, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]float64{}
	for _, f := range res.Figures {
		figures[f.Name] = f.Value
	}
	for _, name := range []string{"ratio", "sends_per_second", "bare_sends_per_second", "p99_ms"} {
		if figures[name] <= 0 {
			t.Errorf("%s is %v", name, figures[name])
		}
	}
	if p50, p99 := figures["p50_ms"], figures["p99_ms"]; p50 > p99 {
		t.Errorf("p50 is %v, p99 %v", p50, p99)
	}
}

// What answers wrongly is not measured.
func TestBenchRefuses(t *testing.T) {
	for kind, want := range map[string]string{
		hostile.Twice:      "which was never made or has one",
		hostile.EndsEarly:  ": EOF",
		hostile.HugeAnswer: "received message larger than max",
	} {
		b := bench(t, kind)
		if _, err := b.Run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
	}
	if err := (&plugin.Bench{}).Check(); err == nil || !strings.Contains(err.Error(), "config: is missing") {
		t.Errorf("a bench of nothing: %v", err)
	}
}
