package load

import (
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

func TestFlat(t *testing.T) {
	const length = 100 * time.Second
	for _, c := range []struct {
		name string
		at   func(x float64) float64 // the value x seconds in
		flat bool
	}{
		{"always the same", func(float64) float64 { return 100 }, true},
		{"a saw", func(x float64) float64 { return 100 + float64(int(x)%10) }, true},
		{"growing while it warms up", func(x float64) float64 { return min(100, 20*x) }, true},
		{"falling", func(x float64) float64 { return 200 - x }, true},
		{"within the noise of the first third", func(x float64) float64 {
			if x > 20 && x < 22 || x > 50 {
				return 120
			}
			return 100
		}, true},
		{"one peak at the end", func(x float64) float64 {
			if x > 95 {
				return 1000
			}
			return 100
		}, true},
		{"growing slowly", func(x float64) float64 { return 100 + x/2 }, false},
		{"a step in the middle", func(x float64) float64 {
			if x > 50 {
				return 110
			}
			return 100
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var points [][2]float64
			for x := range 100 {
				points = append(points, [2]float64{float64(x), c.at(float64(x))})
			}
			r := &report.Result{Passed: true}
			addFlat(r, "engine_rss", "MiB", points, length, 0.05)
			if r.Passed != c.flat {
				t.Errorf("passed: %v, %v", r.Passed, r.Problems)
			}
			if r.Figure("engine_rss_first_mib") == nil || r.Figure("engine_rss_last_mib") == nil {
				t.Error("the figures are not there")
			}
		})
	}
}

// Where nothing was measured, nothing is said.
func TestFlatOfNothing(t *testing.T) {
	r := &report.Result{Passed: true}
	addFlat(r, "engine_rss", "MiB", nil, time.Second, 0)
	if !r.Passed || len(r.Figures) != 0 {
		t.Errorf("%+v", r)
	}
}

// Memory is that of all nodes, and of nothing else.
func TestEngineMemory(t *testing.T) {
	got := engineMemory([]report.Series{
		{Name: "node-0", Unit: "cores", Points: [][2]float64{{1, 9}}},
		{Name: "node-0", Unit: "MiB", Points: [][2]float64{{1, 10}, {2, 11}}},
		{Name: "node-1", Unit: "MiB", Points: [][2]float64{{1, 20}, {2, 22}}},
		{Name: "node-1's plugin", Unit: "MiB", Points: [][2]float64{{1, 40}, {2, 40}}},
		{Name: "broker", Unit: "MiB", Points: [][2]float64{{1, 50}, {2, 50}}},
	})
	if len(got) != 2 || got[0] != [2]float64{1, 30} || got[1] != [2]float64{2, 33} {
		t.Error(got)
	}
}
