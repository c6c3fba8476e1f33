package report

import (
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{
		{0, "0"}, {7, "7"}, {-12, "-12"},
		{1234567, "1,234,567"}, {-1000, "-1,000"}, {121034.5, "121,034"},
		{9.656, "9.66"}, {97.31, "97.3"}, {497.2, "497"}, {9.999, "10"}, {999.7, "1,000"}, // three digits
		{0.01234, "0.0123"}, {-0.3, "-0.3"},
		{1e-9, "1e-09"}, {3e18, "3e+18"}, // too small and too large to be written out
	} {
		if got := number(c.v); got != c.want {
			t.Errorf("%v: %s, want %s", c.v, got, c.want)
		}
	}
}

// What is written is what it was, to three digits.
func TestNumberIsNear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e12, 1e12).Draw(t, "v")
		got, err := strconv.ParseFloat(strings.ReplaceAll(number(v), ",", ""), 64)
		if err != nil || max(got-v, v-got) > max(v, -v)*0.0051 {
			t.Fatalf("%v is written as %s", v, number(v))
		}
	})
}

func TestLabel(t *testing.T) {
	for _, c := range []struct {
		name, unit, want string
	}{
		{"sends_per_second", "sends/s", "sends per second"},
		{"engine_cpu_us_per_send", "µs", "engine CPU per send"}, // the unit is beside the value
		{"engine_peak_rss_mib", "MiB", "engine peak RSS"},
		{"idle_p99_ms", "ms", "idle p99"},
		{"ratio_min", "", "ratio least"},
		{"rest_ms", "", "rest ms"}, // nothing else names the unit
	} {
		if got := label(Figure{Name: c.name, Unit: c.unit}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{
		{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 2, 3}, 2.5}, // between the two in the middle
	} {
		if got := median(c.all); got != c.want {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
}

func TestWordsForCounts(t *testing.T) {
	for got, want := range map[string]string{
		Plural(1, "node"):      "1 node",
		Plural(0, "node"):      "0 nodes",
		Plural(50_000, "send"): "50,000 sends",
		Whole(71_726.6):        "71,727",
		Whole(0.4):             "0",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
