package load

import (
	"strings"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

// A flow of 1000 sends a second for a minute, of which f(t) have ended t seconds
// after the first was due.
func TestKeepup(t *testing.T) {
	const rate = 1000
	late := func(seconds float64) func(float64) float64 {
		return func(t float64) float64 { return rate * (t - seconds) }
	}
	for _, c := range []struct {
		name   string
		answer time.Duration // what the provider takes
		ended  func(t float64) float64
		lost   bool
		gaveUp float64 // seconds
	}{
		{"at once", 0, late(0.002), false, 0},
		{"a second later each", 0, late(1), false, 0},
		{"the provider takes ten seconds", 10 * time.Second, late(10), false, 0},
		{"a stall of three seconds in the middle", 0, func(t float64) float64 {
			if t > 30 && t < 33 {
				return rate * 30
			}
			return rate * t
		}, false, 0},
		{"a stall of two seconds at the end", 0, func(t float64) float64 { return rate * min(t, 58) }, false, 0},
		{"half of the rate", 0, func(t float64) float64 { return rate * t / 2 }, true, 12},
		{"a twentieth too slow", 0, func(t float64) float64 { return rate * t * 19 / 20 }, true, 0},
		{"nothing ends", 0, func(float64) float64 { return 0 }, true, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKeepup(60*rate, rate, c.answer)
			for at := time.Duration(0); at < 90*time.Second; at += 20 * time.Millisecond {
				if k.hopeless(at, int64(min(60*rate, max(0, c.ended(at.Seconds()))))) {
					break
				}
			}
			if k.lost() != c.lost || c.gaveUp == 0 && k.gaveUp != 0 || c.gaveUp > 0 && k.gaveUp.Seconds()/c.gaveUp > 1.02 {
				t.Errorf("lost %v, given up after %v; %+v", k.lost(), k.gaveUp, k)
			}
		})
	}
}

// A rate that no machine reaches is said, and soon; there is no latency, and
// what was published until then is accounted for.
func TestRateNotReached(t *testing.T) {
	c := small(t, 0)
	c.Workload.Provider.Latency = 100 * time.Millisecond // and 4096 in flight: 41,000 a second at most
	r, err := Latency(t.Context(), c, 400_000, 5*time.Second, 2)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(r.Problems, "; ")
	if r.Passed || len(r.Problems) != 1 || !strings.Contains(text, "round 1: the rate was not reached: 400000 sends a second were due") {
		t.Errorf("passed %v: %s", r.Passed, text)
	}
	for _, f := range r.Figures {
		if strings.HasPrefix(f.Name, "latency_") {
			t.Errorf("there is a figure %s", f.Name)
		}
	}
	if n := r.Figure("sends").Value; n == 0 || n >= 2_040_000 || r.Figure("lost").Value != 0 || len(r.Percentiles) > 0 {
		t.Errorf("%v sends, %v lost, %v", n, r.Figure("lost").Value, r.Percentiles)
	}
}

// A run that is short has no middle and no end to be compared.
func TestReached(t *testing.T) {
	f := &flow{rate: 400, keepup: newKeepup(400, 400, 0)}
	f.keepup.hopeless(time.Second, 10)
	if r := (&report.Result{Passed: true}); !f.reached(r, "", nil) || !r.Passed {
		t.Errorf("%v", r.Problems)
	}
}
