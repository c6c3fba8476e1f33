package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/carillonhq/carillon/bench/report"
)

// flowOf is 100 sends a second, of which the ith took so many ms.
func flowOf(n int, ms func(i int) int) *flow {
	f := &flow{rate: 100, began: time.Unix(1000, 0), took: make([]uint32, n)}
	for i := range f.took {
		f.took[i] = uint32(ms(i) * 1000)
	}
	return f
}

// A stall counts for every send that was due in it, not only for the one that
// met it: 1 s without an outcome in 100 s is half a second or more for 0.5 %.
func TestStallCounts(t *testing.T) {
	f := flowOf(10_000, func(i int) int {
		if i < 5000 || i >= 5100 {
			return 1
		}
		return 1 + 10*(5100-i) // it ends at the same moment for all
	})
	all := f.within(0, f.length())
	if got := all.ms(99.5); math.Abs(got-500) > 20 {
		t.Errorf("p99.5 is %v ms, want about 500", got)
	}
	if got := all.ms(50); math.Abs(got-1) > 0.01 {
		t.Errorf("p50 is %v ms, want 1", got)
	}
}

func TestWithin(t *testing.T) {
	f := flowOf(1000, func(i int) int { return i }) // the first one has no outcome
	for _, c := range []struct {
		name     string
		from, to time.Duration
		count    int64
	}{
		{"all, but for the one without an outcome", 0, f.length(), 999},
		{"from the middle on", 5 * time.Second, f.length(), 500},
		{"a second", 3 * time.Second, 4 * time.Second, 100},
		{"nothing was due then", time.Minute, time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := f.within(c.from, c.to).TotalCount(); got != c.count {
				t.Errorf("%d sends, want %d", got, c.count)
			}
		})
	}
}

// A percentile that a handful of sends decide is left out.
func TestReportLeavesOutNoise(t *testing.T) {
	f := flowOf(1001, func(int) int { return 7 })
	p := f.within(0, f.length()).report("")
	if p.Count != 1001 {
		t.Error(p)
	}
	for _, q := range p.Points {
		if q.Percentile > 99 && q.Percentile < 100 {
			t.Errorf("p%v of 1001 sends is there", q.Percentile)
		}
	}
	if last := p.Points[len(p.Points)-1]; last.Percentile != 100 || math.Abs(last.Ms-7) > 0.01 {
		t.Errorf("the maximum is %+v", last)
	}
}

// Figures, tables and plots leave out the same, whatever the number of sends.
func TestPercentilesByOneRule(t *testing.T) {
	for _, c := range []struct {
		sends int
		first string // of the figures that are left out; "": none
		key   string
	}{
		{33, "p90", "p50"},
		{100, "p99", "p90"}, // ten are beyond p90
		{600, "p99", "p90"},
		{1000, "p999", "p99"},
		{20_000, "p9999", "p99"},
		{100_000, "", "p99"},
	} {
		all := flowOf(c.sends, func(int) int { return 7 }).within(0, time.Hour)
		r := &report.Result{}
		addTimes(r, "", []times{all})
		points := all.report("").Points
		left := false
		for _, q := range []struct {
			name string
			at   float64
		}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"p9999", 99.99}} {
			left = left || q.name == c.first
			f := r.Figure(q.name + "_ms")
			drawn := slices.ContainsFunc(points, func(p report.Percentile) bool { return p.Percentile == q.at })
			if (f == nil) != left || drawn == left || (all.cell(q.at) == nil) != left {
				t.Errorf("%s of %d sends: figure %v, drawn %v, in a table %v; left out should be %v", q.name, c.sends, f != nil, drawn, all.cell(q.at), left)
			}
			if f != nil && f.Key != (q.name == c.key) {
				t.Errorf("%s of %d sends is shown big: %v", q.name, c.sends, f.Key)
			}
		}
		if r.Figure("max_ms") == nil {
			t.Errorf("%d sends have no maximum", c.sends)
		}
	}
}

// Each window has a point, and one without sends a gap.
func TestOverTime(t *testing.T) {
	f := flowOf(400, func(i int) int {
		if i/100 == 2 {
			return 0 // none of these has an outcome
		}
		return 1 + i/100
	})
	lines := f.overTime("", time.Second)
	want := [][2]float64{{1, 1}, {2, 2}, {4, 4}}
	for _, l := range lines {
		if len(l.Points) != len(want) {
			t.Fatalf("%s: %v, want %v", l.Name, l.Points, want)
		}
		for i := range want {
			if l.Points[i] != want[i] {
				t.Errorf("%s: %v, want %v", l.Name, l.Points, want)
			}
		}
	}
}
