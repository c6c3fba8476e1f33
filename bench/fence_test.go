package bench

import (
	"slices"
	"testing"

	"github.com/carillonhq/carillon/bench/rig"
)

// BenchmarkFence is what the reservation costs: the engine as it is and one
// that reserves so far ahead that hardly ever a commit is made for it, in turn.
// ratio is the rate with the fence as a share of that without, the median of
// all rounds. sends/commit counts all commits, those of the interval too.
func BenchmarkFence(b *testing.B) {
	on, off := fence(b, *sends, *rounds)
	var ratios, cpu []float64
	for i := range on {
		ratios = append(ratios, on[i].rate/off[i].rate)
		cpu = append(cpu, float64(on[i].cpu)/float64(max(1, off[i].cpu)))
		b.Logf("round %d\n  with      %+v\n  without   %+v", i+1, on[i], off[i])
	}
	b.ReportMetric(0, "ns/op") // says nothing here: hide it
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "ratio-min")
	b.ReportMetric(slices.Max(ratios), "ratio-max")
	b.ReportMetric(median(cpu), "cpu-ratio")
	b.ReportMetric(float64(*sends)/on[0].commits, "sends/commit")
}

// The fence's benchmark does what it measures.
func TestFenceSmoke(t *testing.T) {
	on, off := fence(t, 5000, 1)
	if on[0].commits == 0 || off[0].commits == 0 {
		t.Errorf("%+v with the fence and %+v without; want commits", on, off)
	}
}

func fence(t testing.TB, sends, rounds int) (on, off []figures) {
	t.Helper()
	s := newStage(t, sends)
	with := func(change func(rig.Config), to *[]figures) func() {
		return func() {
			f, _, err := s.round(t.Context(), change)
			if err != nil {
				t.Fatal(err)
			}
			*to = append(*to, f)
		}
	}
	steps := []func(){
		with(nil, &on),
		with(func(c rig.Config) { c.Set(1<<20, "engine", "reserve") }, &off),
	}
	for range rounds {
		for _, step := range steps {
			step()
		}
		slices.Reverse(steps)
	}
	return on, off
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2] // of an even number the upper one: a value that was seen
}
