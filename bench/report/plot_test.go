package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func labels(a axis) string {
	var all []string
	for _, t := range a.Ticks {
		all = append(all, t.Label)
	}
	return strings.Join(all, " ")
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name string
		axis axis
		want string
	}{
		{"round numbers about the values", linear(0, 128_000, 4, false), "0 50,000 100,000 150,000"},
		{"as many digits as the step has", linear(0, 0.9, 4, false), "0.0 0.5 1.0"},
		{"below 0 as well", linear(-12, 30, 4, false), "-20 0 20 40"},
		{"a clock's nanoseconds, which a float64 can't tell apart", linear(1763863200000000000, 1763863200000000500, 4, false), "1,750,000,000,000,000,000 1,800,000,000,000,000,000 1,850,000,000,000,000,000 1,900,000,000,000,000,000 1,950,000,000,000,000,000"},
		{"all values are 0", linear(0, 0, 4, false), "0 1"},
		{"no half nodes", linear(1, 3, 6, true), "1 2 3"},
		{"seconds", clock(29.75), "0 5 10 15 20 25"},
		{"minutes", clock(600), "0 2 4 6 8 10"},
		{"hours", clock(4 * 3600), "0 1 2 3 4"},
		{"no time", clock(0), "0"},
		{"a decade in three", logarithmic(1.1, 271, 10), "1 2 5 10 20 50 100 200 500"},
		{"many decades, each by its power of ten", logarithmic(1e5, 1e7, 6), "100,000 1,000,000 10,000,000"},
		{"less than one, without empty digits", logarithmic(0.6, 4, 10), "0.5 1 2 5"},
		{"one value", logarithmic(10, 10, 10), "10 20"},
		{"twelve decades and no more", logarithmic(1e-320, 1, 5), "0.000000000001 0.00000000001 0.0000000001 0.000000001 0.00000001 0.0000001 0.000001 0.00001 0.0001 0.001 0.01 0.1 1"},
		{"percentiles", rarity(99.99), "0% 50% 90% 99% 99.9% 99.99%"},
		{"percentiles of few values", rarity(50), "0% 50% 90%"},
	} {
		if got := labels(c.axis); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Whatever the values, they are between the ends, the ticks go up, and their
// labels neither are the same nor touch (a digit takes 7 of the drawing's units).
func TestAxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.Float64Range(1e-3, 1e9).Draw(t, "low"), rapid.Float64Range(1e-3, 1e9).Draw(t, "high")
		low, high = min(low, high), max(low, high)
		k := rapid.SampledFrom([]kind{{}, {x: "nodes"}}).Draw(t, "kind")
		p := plot{}
		p.frame(xAxis(k, low, high, false), linear(0, high, 4, false))
		if rapid.Bool().Draw(t, "rare") {
			p.frame(rarity(100-100*min(low/1e9, 1)), logarithmic(low, high, 10))
		}
		checkTicks(t, p.X, func(a, b tick) px { return b.At - a.At - px(7*(len(a.Label)+len(b.Label)))/2 })
		checkTicks(t, p.Y, func(a, b tick) px { return a.At - b.At - 12 })
		for _, v := range []float64{low, high} {
			if at := p.Y.at(v); at < p.Top-.01 || at > p.Bottom+.01 {
				t.Fatalf("%v is at %v, outside of %v to %v", v, at, p.Top, p.Bottom)
			}
		}
		if last := p.X.Ticks[len(p.X.Ticks)-1]; last.At+px(7*len(last.Label))/2 > p.W {
			t.Fatalf("%q at %v leaves the drawing", last.Label, last.At)
		}
	})
}

func checkTicks(t *rapid.T, a axis, between func(a, b tick) px) {
	if len(a.Ticks) == 0 {
		t.Fatal("no tick")
	}
	for i := 1; i < len(a.Ticks); i++ {
		before, after := a.Ticks[i-1], a.Ticks[i]
		if before.value >= after.value || before.Label == after.Label || between(before, after) < 0 {
			t.Fatalf("%q at %v, then %q at %v", before.Label, before.At, after.Label, after.At)
		}
	}
}

// However many points there are, few are drawn, in order, and the least and the
// most are among them.
func TestThin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const columns = 20
		ys := rapid.SliceOfN(rapid.Float64Range(-100, 100), 1, 2000).Draw(t, "ys")
		points := make([][2]float64, len(ys))
		for i, y := range ys {
			points[i] = [2]float64{float64(i) / 3, y}
		}
		got := thin(points, columns)
		kept := make([]float64, len(got))
		for i, at := range got {
			kept[i] = at[1]
			if i > 0 && at[0] <= got[i-1][0] {
				t.Fatalf("%v comes after %v", at, got[i-1])
			}
		}
		if slices.Min(kept) != slices.Min(ys) || slices.Max(kept) != slices.Max(ys) || got[0] != points[0] || got[len(got)-1] != points[len(points)-1] {
			t.Fatal("an end, the least or the most is gone")
		}
		if len(got) > 4*(columns+1) {
			t.Fatalf("%d points are left", len(got))
		}
	})
}

func TestLine(t *testing.T) {
	p := plot{}
	p.frame(clock(10), linear(0, 100, 4, false))
	p.add("engine", "", 0, [][2]float64{{0, 0}, {5, 50}, {10, 100}})
	p.fill()
	left, right, middle := p.Left.String(), p.Right.String(), ((p.Left + p.Right) / 2).String()
	want := "M" + left + " 236L" + middle + " 131L" + right + " 26"
	if p.Lines[0].D != want || p.Lines[0].Area != want+"L"+right+" 236L"+left+" 236Z" || len(p.Lines[0].Dots) != 3 {
		t.Errorf("%+v, want %s", p.Lines[0], want)
	}
}

func TestPercentilesAt(t *testing.T) {
	d := Percentiles{Points: []Percentile{{50, 1}, {98.9, 5}, {99.2, 6}, {100, 9}}}
	none := math.NaN()
	for percentile, want := range map[float64]float64{40: 1, 50: 1, 60: none, 98.8: 5, 99: 6, 99.9: none, 100: 9} {
		if got := d.at(percentile); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("p%v: %v, want %v", percentile, got, want)
		}
	}
	if got := (Percentiles{}).at(50); !math.IsNaN(got) {
		t.Errorf("of nothing: %v", got)
	}
	if got := strconv.FormatFloat(tidyPercentile(99.90234375), 'f', -1, 64); got != "99.9023" {
		t.Error(got)
	}
}
