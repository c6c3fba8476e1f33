package report

import (
	"math"
	"strconv"
)

// axis places values along a side of a plot.
type axis struct {
	Ticks    []tick
	Label    string
	low      float64 // in scale
	high     float64
	from, to px // where low and high are
	scale    func(float64) float64
}

// tick is a labelled place on an axis.
type tick struct {
	At    px
	Label string
	value float64
}

// px is a length in the units of a drawing.
type px float64

func (p px) String() string { return strconv.FormatFloat(math.Round(float64(p)*10)/10, 'f', -1, 64) }

// at returns where a value is; what lies beyond an end is put there.
func (a axis) at(v float64) px {
	share := (a.scale(v) - a.low) / (a.high - a.low)
	return a.from + px(min(max(share, 0), 1))*(a.to-a.from)
}

// span gives the axis its place in the drawing.
func (a axis) span(from, to px) axis {
	a.from, a.to = from, to
	for i := range a.Ticks {
		a.Ticks[i].At = a.at(a.Ticks[i].value)
	}
	return a
}

func same(v float64) float64 { return v }

// linear is an axis about low and high, with about n ticks at round numbers.
func linear(low, high float64, n int, whole bool) axis {
	size := max(math.Abs(low), math.Abs(high))
	if high-low <= size*1e-12 { // one value, or as good as one: a float64 has no numbers between
		high, whole = low+max(1, size/10), true
	}
	step := round125((high - low) / float64(n))
	if whole {
		step = max(1, step)
	}
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	a := axis{low: first * step, high: last * step, scale: same}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for i := first; i <= last; i++ {
		a.Ticks = append(a.Ticks, tick{value: i * step, Label: grouped(i*step, digits)})
	}
	return a
}

// round125 returns the least of 1, 2 and 5 times a power of ten that is not
// less.
func round125(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logarithmic is an axis about low and high, which must be more than 0, with
// about n ticks at most.
func logarithmic(low, high float64, n int) axis {
	top := round125(high)
	bottom := 1 / round125(1/max(low, high*1e-12)) // what is less is at the bottom
	if bottom >= top {
		top = round125(bottom * 1.5)
	}
	a := axis{low: math.Log10(bottom), high: math.Log10(top), scale: func(v float64) float64 { return math.Log10(max(v, bottom)) }}
	for v := bottom; v <= top*(1+1e-9); v = round125(v * 1.5) {
		a.Ticks = append(a.Ticks, tick{value: v, Label: exact(tidy(v))})
	}
	if whole := decades(a.Ticks); len(a.Ticks) > n && len(whole) > 1 {
		a.Ticks = whole
	}
	return a
}

// tidy removes what arithmetic left behind the first digit.
func tidy(v float64) float64 {
	out, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return out
}

// decades keeps the powers of ten.
func decades(all []tick) []tick {
	var kept []tick
	for _, t := range all {
		if power := math.Log10(t.value); math.Abs(power-math.Round(power)) < 1e-6 {
			kept = append(kept, t)
		}
	}
	return kept
}

// rarity is an axis of percentiles to the highest below 100, on which each next
// nine takes as much room as the one before.
func rarity(highest float64) axis {
	scale := func(percentile float64) float64 { return -math.Log10(max(1-percentile/100, 1e-12)) }
	a := axis{high: max(1, scale(highest)), scale: scale, Label: "percentile, on a logarithmic scale"}
	a.Ticks = []tick{{value: 0, Label: "0%"}, {value: 50, Label: "50%"}, {value: 90, Label: "90%"}}
	for nines := 2; float64(nines) <= a.high+1e-9; nines++ {
		v := 100 * (1 - math.Pow(10, -float64(nines)))
		a.Ticks = append(a.Ticks, tick{value: v, Label: strconv.FormatFloat(v, 'f', nines-2, 64) + "%"})
	}
	return a
}

// clock is an axis of seconds from the start, told in what suits their number.
func clock(seconds float64) axis {
	unit, name := 1.0, "seconds"
	switch {
	case seconds > 3*3600:
		unit, name = 3600, "hours"
	case seconds > 180:
		unit, name = 60, "minutes"
	}
	a := linear(0, seconds/unit, 6, false)
	a.Label = name + " from the start"
	a.high = max(seconds/unit, 1e-3) // the room is for the run, not for the next round number
	for len(a.Ticks) > 0 && a.Ticks[len(a.Ticks)-1].value > a.high {
		a.Ticks = a.Ticks[:len(a.Ticks)-1]
	}
	for i := range a.Ticks {
		a.Ticks[i].value *= unit
	}
	a.scale = func(v float64) float64 { return v / unit }
	return a
}
